"""The temporary file that takes what a slow reader leaves (`proxy_max_temp_file_size`)."""

from __future__ import annotations

import os

from reverseproxy.errors import SpoolError
from reverseproxy.web.spool import SpoolDirectory


class Overflow:
    """First in, first out, on disk. When all was read, the file begins anew."""

    __slots__ = ("_directory", "_fd", "_limit", "_read", "_written", "complete")

    def __init__(self, directory: SpoolDirectory, limit: int) -> None:
        self._directory = directory
        self._limit = limit
        self._fd = -1
        self._read = self._written = 0
        #: nothing more will be written
        self.complete = False

    @property
    def full(self) -> bool:
        """Whether the file has grown to its limit."""
        return self._written >= self._limit

    def write(self, data: bytes) -> None:
        """Append. Raises SpoolError."""
        if self._fd < 0:
            self._fd = self._directory.create()
        rest = memoryview(data)
        while rest:
            try:
                count = os.pwrite(self._fd, rest, self._written)
            except OSError as error:
                raise SpoolError(self._directory.path, error) from error
            self._written += count
            rest = rest[count:]

    def read(self, size: int) -> bytes:
        """The next piece, of `size` bytes at most; empty when there is none now.

        Raises SpoolError.
        """
        if self._read >= self._written:
            return b""
        try:
            data = os.pread(self._fd, min(size, self._written - self._read), self._read)
        except OSError as error:
            raise SpoolError(self._directory.path, error) from error
        self._read += len(data)
        return data

    def close(self) -> None:
        """Let go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
