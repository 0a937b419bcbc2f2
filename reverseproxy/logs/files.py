"""Log files: opened once each, written with one system call a line."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from reverseproxy.config import Diagnostic, Origin


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
        #: where each path was first named, for the message when it can't be opened
        self.origins: dict[str, Origin | None] = {}

    def at(self, path: str) -> LogFile:
        """The file at `path`; it is opened by `open_all`."""
        if path not in self._files:
            self._files[path] = LogFile(path, lambda why: self.complain(why))
        return self._files[path]

    def known(self, path: str) -> LogFile | None:
        """The file at `path` if it was named before."""
        return self._files.get(path)

    def add(self, file: LogFile) -> None:
        """Take a file that was made elsewhere."""
        self._files[file.path] = file

    def __iter__(self) -> Iterator[LogFile]:
        return iter(self._files.values())

    def open_all(self) -> list[Diagnostic]:
        """Open every file; what can't be opened, and what to do about it."""
        found = []
        for file in self:
            try:
                file.open()
            except OSError as error:
                hint = _advice(error, file.path)
                message = f'"{file.path}" can\'t be opened: {error.strerror}'
                found.append(Diagnostic(self.origins.get(file.path), message, hint))
        return found

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


def _advice(error: OSError, path: str) -> str:
    folder = os.path.dirname(path)
    if isinstance(error, FileNotFoundError):
        return f"make the directory: mkdir -p {folder}"
    if isinstance(error, PermissionError):
        return f"let this user write in {folder}, or name another file"
    return ""
