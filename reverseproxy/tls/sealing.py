"""The way out of a connection over TLS: what is written becomes records, in order.

Theory. Records must leave in the order in which they were made. What can be sent at once is
encrypted at once; while anything waits, what comes after it waits in the clear (`_clear`), files as
well, and is made into records a piece at a time when the socket takes them. Memory holds what was
written, and the records of one piece. A rate (`limit_rate`) is kept by making records no faster.

An end in good order is `close_notify` and then the end of the stream; a connection that is cut has
no `close_notify`, by which the client can tell (RFC 8446 section 6.1).
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from OpenSSL import SSL
from twisted.internet import main, tcp

from reverseproxy.web.segments import TURN, FileSegment
from reverseproxy.web.transport import SendAtOnce

if TYPE_CHECKING:
    from reverseproxy.web.pacing import Pace

#: How much of what waits is made into records at once.
PIECE = 32 * 1024
#: The longest record, in the clear; and how much longer one may become (RFC 8446 section 5.2).
RECORD = 16 * 1024
OVERHEAD = 256


class Sealing(SendAtOnce):
    """The half of `Secure` that writes."""

    splices = False
    #: the connection's TLS; None: it began with something else, and goes on in the clear
    tls: SSL.Connection | None = None
    #: whether keys are agreed upon
    agreed = False
    #: how much goes into one record at most (`ssl_buffer_size`)
    record = RECORD
    _pace: Pace | None = None
    _parted = _pace_ends = False

    # There is something to be sent yet: close_notify.
    loseConnection = tcp.Connection.loseConnection

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        #: what waits to be encrypted
        self._clear: deque[memoryview | FileSegment] = deque()
        super().__init__(*args, **kwargs)

    def _flush(self) -> None:
        """Send what TLS itself has to say."""
        records = self._records(PIECE)
        if records and self.connected and not self._writeDisconnected:
            super().write(records)

    def _records(self, expected: int) -> bytes:
        """What was made so far, `expected` bytes or so."""
        tls = self.tls
        if tls is None:
            return b""
        found = []
        while True:
            try:
                found.append(tls.bio_read(expected))
            except SSL.Error:
                break
            if len(found[-1]) < expected:
                break
        return found[0] if len(found) == 1 else b"".join(found)

    def _sealed(self, data: bytes | memoryview) -> bytes:
        """Records of `data`."""
        tls, record, size = self.tls, self.record, len(data)
        if tls is None:
            return bytes(data)
        if size <= record:
            done = tls.send(data)
        else:
            done, whole = 0, memoryview(data)
            while done < size:
                done += tls.send(whole[done : done + record])
        return self._records(size + OVERHEAD * (size // record + 2))

    def write(self, data: bytes) -> None:
        """Encrypt and send, now as far as the kernel takes it."""
        if not self.connected or self._writeDisconnected or self._parted or not data:
            return
        if self._queue or self._clear or self._pace is not None:
            self._wait(memoryview(data))
        elif len(data) <= PIECE:
            super().write(self._sealed(data))
        else:
            self._wait(memoryview(data))
            self._try()

    def writeSequence(self, iovec: Iterable[bytes]) -> None:
        """Send pieces in as few records as they fit in."""
        self.write(b"".join(iovec))

    def write_file(self, head: bytes, segment: FileSegment, _cork: bool) -> None:
        """Send `head`, then a piece of a file, which is read as it leaves."""
        if not self.connected or self._writeDisconnected or self._parted:
            return
        waits = bool(self._queue or self._clear)
        if head:
            self._wait(memoryview(head))
        self._clear.append(segment)
        if waits:
            self.startWriting()
        else:
            self._try()

    def _wait(self, piece: memoryview) -> None:
        self._clear.append(piece)
        self._waits(len(piece))

    def _try(self) -> None:
        # The socket had room a moment ago: one try before epoll is asked.
        if self.doWrite() is not None or self.busy:
            self.startWriting()

    def doWrite(self) -> BaseException | None:  # type: ignore[override]  # the mixin says less
        """Send what is queued, encrypting it on the way (see `IWriteDescriptor.doWrite`)."""
        result, turn = None, self.taken + TURN
        while result is None and self.taken < turn:
            if not self._queue and self._clear:
                try:
                    if not self._fill():
                        return None
                except (EOFError, OSError):
                    # A file shrank under us, or can't be read: only a cut tells the client.
                    self.shrunk = True
                    return main.CONNECTION_LOST
            result = super().doWrite()
            if self._queue or not self._clear:
                break
        return result

    def _fill(self) -> bool:
        """Make records of the next that waits; False if its time has not come."""
        room = PIECE
        pace = self._pace
        if pace is not None:
            if pace.waiting is not None:
                self.stopWriting()
                return False
            room = min(room, pace.room())
            if room <= 0:
                self.stopWriting()
                pace.wait(room, self._go_on)
                return False
        data = self._taken(room)
        if pace is not None:
            pace.passed += len(data)
        records = memoryview(self._sealed(data))
        self._queue.append(records)
        self.pending += len(records)
        return True

    def _go_on(self) -> None:
        if self.connected:
            self.startWriting()

    def _taken(self, room: int) -> bytes | memoryview:
        """Take up to `room` bytes of what waits, small pieces together."""
        clear = self._clear
        pieces: list[bytes | memoryview] = []
        while clear and room > 0:
            first = clear[0]
            if isinstance(first, FileSegment):
                count = min(first.remaining, first.chunk, room)
                piece: bytes | memoryview = os.pread(first.fd, count, first.offset)
                if not piece and first.remaining:
                    if pieces:
                        break
                    raise EOFError
                first.offset += len(piece)
                first.remaining -= len(piece)
                if not first.remaining:
                    clear.popleft()
            else:
                piece = first[:room]
                self.pending -= len(piece)
                if len(piece) == len(first):
                    clear.popleft()
                else:
                    clear[0] = first[room:]
            pieces.append(piece)
            room -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _drained(self) -> BaseException | None:
        """What was encrypted is sent."""
        if self._clear:
            return None
        if self._pace_ends:
            self._pace, self._pace_ends = None, False
        resumes = self.producer is not None and (not self.streamingProducer or self.producerPaused)
        if (self.disconnecting or self._writeDisconnecting) and not resumes and not self._parted:
            self._part()
            if self._queue:
                return None
        return super()._drained()

    def _part(self) -> None:
        """Say that nothing more comes: `close_notify`."""
        self._parted = True
        if self.tls is None or not self.agreed:
            return
        try:
            self.tls.shutdown()
        except SSL.Error:
            return
        self._flush()

    @property
    def busy(self) -> bool:
        """Whether something waits to be sent, in memory or in a file."""
        return bool(self._queue or self._clear)

    def drain(self) -> bool:
        """Whether nothing is queued; if something is, the producer is resumed when it is sent."""
        if self.busy:
            self.producerPaused = True
            self._pace_ends = self._pace is not None
            return False
        self._pace = None
        return True

    def discard(self) -> None:
        """Forget what is queued."""
        self._forget_clear()
        super().discard()

    def _forget_clear(self) -> None:
        for piece in self._clear:
            if isinstance(piece, FileSegment):
                self.unsent += piece.remaining
            else:
                self.unsent += len(piece)
                self.pending -= len(piece)
        self._clear.clear()

    def paced(self, pace: Pace | None) -> None:
        """Send no faster than this from now on, up to the end of the answer."""
        self._pace = pace

    def connectionLost(self, reason: Any) -> None:
        if self._pace is not None:
            self._pace.stop()
        super().connectionLost(reason)
