"""The reactor's poll, leaner and in a better order.

Twisted's epoll reactor puts a logging context around each event, three calls deep, for a prefix of
log lines that this daemon doesn't use: a tenth of a small request. Here events go to the reactor's
own dispatch at once. And listening sockets come last: a connection that closed is gone before new
ones are accepted, so that what it held (a place in `limit_conn`, in `worker_connections`) is free.
When all are handed out, what was put off to the end of the turn is done (`turns.py`).
"""

from __future__ import annotations

import time
from select import EPOLLIN
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.python import log

from reverseproxy.turns import TURN
from reverseproxy.web.accepting import Port


class Polling:
    """Stands for `EPollReactor.doPoll` of one reactor."""

    def __init__(self, reactor: Any) -> None:
        self._poller = reactor._poller
        self._selectables = reactor._selectables
        self._dispatch = reactor._doReadOrWrite
        self._disconnect = reactor._disconnectSelectable
        self._reads = reactor._reads
        self._writes = reactor._writes

    def poll(self, timeout: float | None) -> None:
        """Wait for events, `timeout` seconds at most (None: for ever), and hand them out."""
        selectables = self._selectables
        wait = -1 if timeout is None else timeout
        if TURN.calls:
            # A timer's. They may have set timers of their own, so this turn does not wait.
            TURN.end()
            wait = 0
        try:
            events = self._poller.poll(wait, len(selectables))
        except InterruptedError:
            return
        accepting: list[tuple[Port, int, int]] = []
        for fd, event in events:
            selectable = selectables.get(fd)
            if isinstance(selectable, Port):
                accepting.append((selectable, fd, event))
            elif selectable is None:
                continue
            elif event == EPOLLIN:
                # By far the most frequent one; as the reactor does it.
                try:
                    why = selectable.doRead()
                except Exception as error:  # noqa: BLE001 - its connection ends, the others go on
                    log.err()
                    why = error
                if why is not None:
                    self._disconnect(selectable, why, True)
            else:
                self._dispatch(selectable, fd, event)
        for port, fd, event in accepting:
            # An event before it may have closed the port.
            if selectables.get(fd) is port:
                self._dispatch(port, fd, event)
        TURN.end()

    def forget(self, selectable: Any) -> None:
        """Let go of a selectable whose descriptor is closed next: epoll lets go by itself."""
        fd = selectable.fileno()
        self._reads.discard(fd)
        self._writes.discard(fd)
        self._selectables.pop(fd, None)


def steady(reactor: Any) -> None:
    """Let a reactor's timers go by monotonic time, before the first of them is set.

    Twisted's go by the time of day: with a clock that is set back none would fire for as long.
    """
    if isinstance(reactor, EPollReactor):
        reactor.seconds = time.monotonic  # type: ignore[method-assign]  # the point


def install(reactor: Any) -> None:
    """Let an epoll reactor poll this way; any other is left as it is."""
    if isinstance(reactor, EPollReactor):
        polling = Polling(reactor)
        reactor.doIteration = polling.poll  # type: ignore[method-assign]  # the point
        TURN.ends, TURN.forget = True, polling.forget
        reactor.addSystemEventTrigger("after", "shutdown", _last_turn)


def _last_turn() -> None:
    TURN.ends, TURN.forget = False, None
    TURN.end()
