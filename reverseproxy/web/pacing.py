"""Sending no faster than a rate: what `limit_rate` does to a connection.

A `Pace` counts; `upstream/intake.py` has one as well, for what is read.

While an answer is paced, its connection's transport is a `PacedServer`: everything goes through the
queue, and the queue leaves in instalments. The last byte of the answer makes it a `Server` again.
So connections without a limit do nothing for this feature, not even ask.

Theory, nginx's: of an answer that began at t0, by the time t at most `after + rate * (t - t0 + 1)`
bytes have passed. When that is used up, one waits for a quarter of a second's worth.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import attrs
from twisted.internet import main

from .accepted import Server
from .segments import FileSegment, Segment


@attrs.define(eq=False)
class Pace:
    """`rate` in bytes a second, for what passes beyond `after` bytes."""

    rate: int
    after: int
    seconds: Callable[[], float]
    clock: Any
    began: float
    passed: int = 0
    #: the timer, while one waits
    waiting: Any = None

    def room(self) -> int:
        """How many bytes may pass now."""
        elapsed = self.seconds() - self.began + 1
        return int(self.after + self.rate * elapsed) - self.passed

    def wait(self, room: int, then: Callable[[], None]) -> None:
        """Call `then` when it is worth while to go on; `room` is what `room()` said."""
        pause = (max(1, self.rate // 4) - room) / self.rate
        self.waiting = self.clock.callLater(pause, self._waited, then)

    def _waited(self, then: Callable[[], None]) -> None:
        self.waiting = None
        then()

    def stop(self) -> None:
        """Wait no more."""
        waiting, self.waiting = self.waiting, None
        if waiting is not None:
            waiting.cancel()


class PacedServer(Server):
    """An accepted connection whose answer is sent no faster than a rate."""

    splices = False
    pace: Pace
    _ending = False

    def write(self, data: bytes) -> None:
        """Send `data` when its time has come."""
        if self.connected and not self._writeDisconnected and data:
            self._enqueue(memoryview(data))

    def writeSequence(self, iovec: Iterable[bytes]) -> None:
        """Send pieces when their time has come."""
        for piece in iovec:
            self.write(piece)

    def write_file(self, head: bytes, segment: FileSegment, _cork: bool) -> None:
        """Send `head` and a piece of a file when their time has come."""
        self.write(head)
        if self.connected and not self._writeDisconnected:
            self._queue.append(segment)
            self.startWriting()

    def doWrite(self) -> BaseException | None:
        """Send as much as may be sent now; then wait, without epoll."""
        pace = self.pace
        if not self._queue:
            return self._drained()
        if pace.waiting is not None:
            self.stopWriting()
            return None
        room = pace.room()
        try:
            while self._queue and room > 0:
                sent = self._send_some(room)
                self.taken += sent
                pace.passed += sent
                room -= sent
        except (BlockingIOError, InterruptedError):
            return None
        except (OSError, EOFError):
            # The latter: a file shrank under us, see `SendAtOnce.doWrite`.
            return main.CONNECTION_LOST
        if not self._queue:
            return self._drained()
        self.stopWriting()
        pace.wait(room, self._go_on)
        return None

    def _send_some(self, most: int) -> int:
        first = self._queue[0]
        if isinstance(first, Segment):
            sent = first.send(self.socket, most)
            if not first.remaining:
                self._queue.popleft()
                first.sent()
            elif not sent:
                raise EOFError
            return sent
        sent = self.socket.send(first[:most])
        self.pending -= sent
        if sent == len(first):
            self._queue.popleft()
        else:
            self._queue[0] = first[sent:]
        return sent

    def _go_on(self) -> None:
        if self.connected:
            self.startWriting()

    def drain(self) -> bool:
        """As of the base class; the answer is complete, so the limit ends with it."""
        if super().drain():
            self._unpaced()
            return True
        self._ending = True
        return False

    def _drained(self) -> BaseException | None:
        if self._ending:
            self._unpaced()
        # Not super(): this may be no PacedServer any more.
        return Server._drained(self)

    def _unpaced(self) -> None:
        self._ending = False
        self.__class__ = Server  # type: ignore[assignment]  # see the module's theory

    def connectionLost(self, reason: Any) -> None:
        self.pace.stop()
        super().connectionLost(reason)


def begin(transport: Any, pace: Pace) -> None:
    """Pace what is written to `transport` from now on, up to the end of the answer.

    Transports of another kind (in tests) are left alone.
    """
    if type(transport) in (Server, PacedServer):
        transport.__class__ = PacedServer
        transport.pace = pace
    elif hasattr(transport, "paced"):
        # Over TLS.
        transport.paced(pace)


def end(transport: Any) -> None:
    """Take back `begin`, before anything was written."""
    if type(transport) is PacedServer:
        transport.__class__ = Server  # type: ignore[assignment]  # see the module's theory
    elif hasattr(transport, "paced"):
        transport.paced(None)
