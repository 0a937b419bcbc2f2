"""Log files: opened once each, written with one system call a line."""

from __future__ import annotations

import os
from collections.abc import Callable


class LogFile:
    """A file opened for appending. A write that fails is counted and told, and never raised."""

    def __init__(self, path: str, complain: Callable[[str], None] = lambda _why: None) -> None:
        self.path = path
        self._complain = complain
        self.fd = -1
        #: lines that could not be written
        self.lost = 0

    def open(self) -> None:
        """Open, or open again after the file was renamed. Raises OSError."""
        fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        old, self.fd = self.fd, fd
        if old >= 0:
            os.close(old)

    def write(self, line: bytes) -> None:
        """Append `line`, which ends in a line end, whole."""
        try:
            written = os.write(self.fd, line)
        except OSError as error:
            self.lost += 1
            self._complain(f'writing to "{self.path}" failed: {error.strerror}')
            return
        if written < len(line):
            self.lost += 1
            self._complain(f'"{self.path}" took {written} of {len(line)} bytes: is the disk full?')

    def close(self) -> None:
        """Close the file."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class LogFiles:
    """Every log file of the configuration, each path opened once however often it is named."""

    def __init__(self) -> None:
        self._files: dict[str, LogFile] = {}
        self.complain: Callable[[str], None] = lambda _why: None

    def at(self, path: str) -> LogFile:
        """The file at `path`; it is opened by `open_all`."""
        if path not in self._files:
            self._files[path] = LogFile(path, lambda why: self.complain(why))
        return self._files[path]

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter(self._files.values())

    def reopen(self) -> None:
        """Open every file anew, after a rotation."""
        for file in self:
            try:
                file.open()
            except OSError as error:
                self.complain(f'opening "{file.path}" failed: {error.strerror}')

    def close(self) -> None:
        """Close every file."""
        for file in self:
            file.close()
