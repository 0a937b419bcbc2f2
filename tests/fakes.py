"""A network of nothing: sockets that are driven by hand, and a reactor that does what it is told.

The transports are the real ones (`reverseproxy.web.transport`, or Twisted's own for comparison):
what they call of a socket and of a reactor is all that is replaced. A socket's `room` says how many
more bytes "the kernel" takes, so that a test decides to the byte how far a peer has read.
"""

from __future__ import annotations

import errno
import itertools
import os
import socket
from collections import deque
from collections.abc import Iterable
from math import inf
from typing import Any

from twisted.internet import error, main
from twisted.internet.task import Clock
from twisted.python.failure import Failure

_numbers = itertools.count(1_000_000)  # no descriptor of a process is as high
_by_number: dict[int, FakeSocket] = {}


class FakeSocket:
    """One end of a connection: `arrived` waits to be read, `sent` was taken for the peer."""

    family = socket.AF_INET

    def __init__(self, own: tuple[str, int], peer: tuple[str, int]) -> None:
        self._own, self._peer = own, peer
        self._number = next(_numbers)
        _by_number[self._number] = self
        self.room: float = inf
        self.sent = bytearray()
        self.arrived: deque[bytes] = deque()
        #: the peer has closed, or reset
        self.peer_closed = self.peer_reset = False
        #: we have closed, reset, or closed for writing only
        self.closed = self.reset = self.shut = False
        self.options: dict[tuple[int, int], Any] = {}
        #: what each call that sends was given: the sizes of its pieces, or "file"
        self.calls: list[Any] = []
        self.flags: list[int] = []
        #: connections that wait, if it listens
        self.waiting: deque[FakeSocket] = deque()

    # --- what a transport calls ---

    def fileno(self) -> int:
        return -1 if self.closed else self._number

    def setblocking(self, _flag: Any) -> None:
        pass

    def getsockname(self) -> tuple[str, int]:
        return self._own

    def getpeername(self) -> tuple[str, int]:
        return self._peer

    def setsockopt(self, level: int, name: int, value: Any) -> None:
        self.options[level, name] = value

    def getsockopt(self, level: int, name: int, *_size: int) -> Any:
        return self.options.get((level, name), 0)

    def send(self, data: Any, flags: int = 0) -> int:
        self.calls.append((len(data),))
        self.flags.append(flags)
        return self._take(bytes(data))

    def sendmsg(self, pieces: Iterable[Any]) -> int:
        joined = [bytes(piece) for piece in pieces]
        self.calls.append(tuple(map(len, joined)))
        return self._take(b"".join(joined))

    def take_file(self, fd: int, offset: int, count: int) -> int:
        self.calls.append("file")
        return self._take(os.pread(fd, int(min(count, self.room or 1)), offset))

    def check(self) -> None:
        """Raise what a call that sends would raise."""
        if self.closed or self.shut:
            raise OSError(errno.EBADF, "closed")
        if self.peer_reset:
            raise OSError(errno.EPIPE, "broken pipe")
        if not self.room:
            raise BlockingIOError(errno.EWOULDBLOCK, "full")

    def _take(self, data: bytes) -> int:
        if not data and not (self.closed or self.shut or self.peer_reset):
            return 0
        self.check()
        taken = data[: int(min(self.room, len(data)))]
        self.room -= len(taken)
        self.sent += taken
        return len(taken)

    def recv(self, size: int, flags: int = 0) -> bytes:
        if self.arrived:
            data = self.arrived.popleft()
            if flags & socket.MSG_PEEK:
                self.arrived.appendleft(data)
                return data[:size]
            if len(data) > size:
                self.arrived.appendleft(data[size:])
            return data[:size]
        if self.peer_reset:
            raise ConnectionResetError(errno.ECONNRESET, "reset")
        if self.peer_closed:
            return b""
        raise BlockingIOError(errno.EWOULDBLOCK, "nothing")

    def recv_into(self, buffer: memoryview, size: int) -> int:
        self.calls.append("into")
        data = self.recv(size)
        buffer[: len(data)] = data
        return len(data)

    def pour(self, pipe: int, size: int) -> int:
        """Move up to `size` bytes that arrived into a pipe, as far as it takes them."""
        data = self.recv(size)
        taken = 0
        try:
            taken = os.write(pipe, data) if data else 0
        finally:
            if taken < len(data):
                self.arrived.appendleft(data[taken:])
        return taken

    def accept(self) -> tuple[FakeSocket, tuple[str, int]]:
        if not self.waiting:
            raise BlockingIOError(errno.EWOULDBLOCK, "nobody")
        socket = self.waiting.popleft()
        return socket, socket.getpeername()

    def shutdown(self, how: int) -> None:
        if how == socket.SHUT_WR:
            self.shut = True

    def close(self) -> None:
        self.closed = True
        self.reset = (socket.SOL_SOCKET, socket.SO_LINGER) in self.options
        _by_number.pop(self._number, None)

    # --- what the reactor asks ---

    @property
    def readable(self) -> bool:
        return bool(self.arrived or self.peer_closed or self.peer_reset or self.waiting)

    @property
    def writable(self) -> bool:
        return self.room > 0 or self.peer_reset


def fake_sendfile(out_fd: int, in_fd: int, offset: int, count: int) -> int:
    """Stand for os.sendfile: from a real file to a FakeSocket."""
    return _by_number[out_fd].take_file(in_fd, offset, count)


def fake_splice(
    src: int, dst: int, count: int, offset_dst: int | None = None, flags: int = 0
) -> int:
    """Stand for os.splice: between a FakeSocket and a real pipe, or a real pipe and a file."""
    if src in _by_number:
        _by_number[src].calls.append("splice")
        return _by_number[src].pour(dst, count)
    if dst in _by_number:
        sink = _by_number[dst]
        sink.calls.append("splice")
        # Nothing leaves the pipe that is not taken.
        sink.check()
        return sink._take(os.read(src, int(min(count, sink.room))))
    return os.splice(src, dst, count, offset_dst=offset_dst, flags=flags)


class FakeReactor(Clock):
    """A clock, and readers and writers that are served when a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: dict[Any, None] = {}
        self.writers: dict[Any, None] = {}
        #: what connectTCP is given, for Twisted's own proxy
        self.connect: Any = None

    def addReader(self, reader: Any) -> None:
        self.readers[reader] = None

    def removeReader(self, reader: Any) -> None:
        self.readers.pop(reader, None)

    def addWriter(self, writer: Any) -> None:
        self.writers[writer] = None

    def removeWriter(self, writer: Any) -> None:
        self.writers.pop(writer, None)

    def callWhenRunning(self, _what: Any) -> None:
        """It never runs: a process's signals are not a test's."""

    def connectTCP(
        self, host: str, port: int, factory: Any, timeout: float = 30.0, **_: Any
    ) -> Any:
        return self.connect(self, host, port, factory, timeout)

    def settle(self) -> None:
        """Serve readers, writers and what is due, until nothing moves any more."""
        for _ in range(100_000):
            if not self._turn():
                return
        raise AssertionError("it never comes to rest")

    def _turn(self) -> bool:
        due = any(call.getTime() <= self.seconds() for call in self.getDelayedCalls())
        moved = due
        if due:
            self.advance(0)
        for reader in tuple(self.readers):
            if reader in self.readers and reader.socket.readable:
                moved = True
                self._after(reader, reader.doRead(), reading=True)
        for writer in tuple(self.writers):
            if writer in self.writers and writer.socket.writable:
                moved = True
                self._after(writer, writer.doWrite(), reading=False)
        return moved

    def _after(self, selectable: Any, why: Any, reading: bool) -> None:
        """What `twisted.internet.posixbase` does with the result of doRead and doWrite."""
        if why is None:
            return
        self.removeReader(selectable)
        if why is main.CONNECTION_DONE and reading:
            selectable.readConnectionLost(Failure(error.ConnectionDone()))
            return
        self.removeWriter(selectable)
        selectable.connectionLost(Failure(why))
