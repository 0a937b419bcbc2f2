"""Open files, and sending them: from the kernel where that can be, piece by piece otherwise."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from reverseproxy.web.segments import FileSegment

if TYPE_CHECKING:
    from reverseproxy.web.request import Request

#: A file up to this size is read and leaves with its head in one system call.
SMALL = 32 * 1024
PIECE = 64 * 1024
#: How much one producer reads before the reactor's other work gets its turn.
TURN = 8


class OpenFile:
    """A descriptor that is closed when nobody holds the object any more.

    A segment of a file may wait in a transport's queue long after its request is over; the last
    to let go closes it. Raises OSError.
    """

    __slots__ = ("_data", "fd", "is_directory", "is_file", "kept", "mtime", "size", "status")

    def __init__(self, path: bytes, fd: int = -1) -> None:
        """Open `path`, or take `fd`, which is open already."""
        self.fd = fd
        if fd < 0:
            # O_NONBLOCK: opening a fifo must not wait for somebody to write to it.
            self.fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        status = self.status = os.fstat(self.fd)
        #: whether a cache keeps it: then its bytes may be kept, too
        self.kept = False
        self._data = b""
        self.size = status.st_size
        self.mtime = int(status.st_mtime)
        self.is_directory = stat.S_ISDIR(status.st_mode)
        self.is_file = stat.S_ISREG(status.st_mode)

    @property
    def identity(self) -> tuple[int, ...]:
        """What another file at the same path, or this one when it was changed, would not have."""
        status = self.status
        return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size

    def read(self) -> bytes:
        """All of it, for small files; a kept one is read once."""
        data = self._data
        if not data:
            data = os.pread(self.fd, self.size, 0)
            if self.kept and len(data) == self.size:
                self._data = data
        return data

    def __del__(self) -> None:
        if self.fd >= 0:
            os.close(self.fd)


@implementer(IPushProducer)
class FileProducer:
    """Reads parts of a file into an answer, as fast as the client takes them.

    For answers that can't leave from the kernel: compressed, chunked, `sendfile off`.
    """

    def __init__(
        self, request: Request, file: OpenFile, parts: list[tuple[bytes, int, int]], tail: bytes
    ) -> None:
        self._request = request
        self._file: OpenFile | None = file
        self._parts = list(parts)
        self._tail = tail
        self._paused = False
        self._scheduled: Any = None

    def start(self) -> None:
        """Begin to send."""
        self._request.watcher = self
        self._request.registerProducer(self, True)
        self._produce()

    def _produce(self) -> None:
        self._scheduled = None
        request, file = self._request, self._file
        if file is None:
            return
        for _ in range(TURN):
            if self._paused or self._file is None:
                return
            if not self._parts:
                self._stop()
                request.unregisterProducer()
                request.finish(self._tail)
                return
            before, start, stop = self._parts[0]
            if before:
                request.write(before)
            why = "the file became shorter while it was sent"
            try:
                data = os.pread(file.fd, min(PIECE, stop - start), start)
            except OSError as error:
                data, why = b"", f"reading a file failed ({error.errno}: {error.strerror})"
            if not data:
                # No length may have been promised (gzip): only a cut tells the client.
                self._stop()
                request.location.error_log.error(f"{why}: connection cut", request=request)
                request.abandon()
                return
            start += len(data)
            if start < stop:
                self._parts[0] = (b"", start, stop)
            else:
                self._parts.pop(0)
            request.write(data)
        if not self._paused:
            self._scheduled = request.site.sweep.clock.callLater(0, self._produce)

    def _stop(self) -> None:
        self._file = None
        self._request.watcher = None
        if self._scheduled is not None:
            self._scheduled.cancel()
            self._scheduled = None

    def pauseProducing(self) -> None:
        """The client does not read."""
        self._paused = True

    def resumeProducing(self) -> None:
        """The client reads again."""
        self._paused = False
        if self._scheduled is None:
            self._produce()

    def stopProducing(self) -> None:
        """The connection is gone; `client_gone` follows."""

    def client_gone(self) -> None:
        """The client left."""
        self._stop()


def send(request: Request, file: OpenFile, chunk: int) -> None:
    """Send the parts of `file` that the answer is to have, and finish it.

    `chunk` is how much of it one sendfile(2) may take; 0 means to read it and write it.
    """
    response = request.response
    if response is None:
        # The client left while the head was made.
        return
    parts = [(b"", 0, file.size)] if response.parts is None else response.parts
    if request.head.method == b"HEAD" or not file.size:
        request.finish()
    elif chunk and request.sends_files and file.size > SMALL:
        for before, start, stop in parts:
            if before:
                request.write(before)
            request.send_file(FileSegment(file.fd, start, stop - start, file, chunk))
        request.finish(response.tail)
    elif file.size <= SMALL:
        if response.parts is None:
            request.finish(file.read())
            return
        data = file.read()
        pieces = [before + data[start:stop] for before, start, stop in parts]
        request.finish(b"".join(pieces) + response.tail)
    else:
        FileProducer(request, file, parts, response.tail).start()
