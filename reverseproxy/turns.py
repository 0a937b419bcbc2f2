"""The end of a turn of the reactor: what is put off until then, so that it is done once, or safely.

A reactor that polls as `process/polling.py` has it calls `end` when it has handed out its events,
and before it waits. With any other there is no such end (`TURN.ends`), and whoever would put
something off does it at once, or with a timer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.python import log


class Turn:
    """What is to be done before the reactor waits again."""

    def __init__(self) -> None:
        #: whether `end` will be called
        self.ends = False
        #: what is put off; what raises is told, and the others are done
        self.calls: list[Callable[[], None]] = []
        #: lets the reactor forget a selectable whose descriptor is closed next, which is all that
        #: epoll wants (it saves a system call); None where it must be asked the usual way
        self.forget: Callable[[Any], None] | None = None

    def end(self) -> None:
        """Do what was put off, and what that puts off in turn."""
        while self.calls:
            calls, self.calls = self.calls, []
            for call in calls:
                try:
                    call()
                except Exception:  # noqa: BLE001 - one connection's end is not the others'
                    log.err()


#: A process has one reactor.
TURN = Turn()
