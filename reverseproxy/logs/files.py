"""Log files: opened once each, written with one system call for the lines of one turn.

Where a turn of the reactor has an end (`turns.py`), a line is written then, together with the
others of that turn; anywhere else at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from reverseproxy.config import Diagnostic, Origin
from reverseproxy.turns import TURN

if TYPE_CHECKING:
    from reverseproxy.web.request import Request


#: No more lines than these wait for the end of a turn.
HELD = 256


class LogFile:
    """A file opened for appending. A write that fails is counted and told, and never raised."""

    #: the mode of a file that is made
    mode = 0o644

    def __init__(self, path: str, complain: Callable[[str], None] = lambda _why: None) -> None:
        self.path = path
        #: hears of what could not be written
        self.complain = complain
        self.fd = -1
        #: lines that could not be written
        self.lost = 0
        self._held: list[bytes] = []

    def open(self) -> None:
        """Open, or open again after the file was renamed. Raises OSError."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        self.adopt(os.open(self.path, flags, self.mode))

    def adopt(self, fd: int) -> None:
        """Write to `fd` from now on, which is the file's from here on."""
        self.write_held()
        old, self.fd = self.fd, fd
        if old >= 0:
            os.close(old)

    def __del__(self) -> None:
        # A configuration that is gone takes with it what only it wrote to.
        self.close()

    def write(self, line: bytes, _request: Request | None = None) -> None:
        """Append `line`, which ends in a line end, whole."""
        held = self._held
        if not TURN.ends:
            self.write_at_once(line)
            return
        if not held:
            TURN.calls.append(self.write_held)
        held.append(line)
        if len(held) >= HELD:
            self.write_held()

    def write_at_once(self, line: bytes) -> None:
        """The same now: what went wrong is there before anybody asks, and before a crash."""
        self.write_held()
        self._put(line, 1)

    def write_held(self) -> None:
        """Write the lines of this turn."""
        held = self._held
        if held:
            self._held = []
            self._put(held[0] if len(held) == 1 else b"".join(held), len(held))

    def _put(self, data: bytes, lines: int) -> None:
        try:
            written = os.write(self.fd, data)
        except OSError as error:
            self.lost += lines
            self.complain(f'writing to "{self.path}" failed: {error.strerror}')
            return
        if written < len(data):
            self.lost += 1 + data.count(b"\n", written, -1)
            self.complain(f'"{self.path}" took {written} of {len(data)} bytes: is the disk full?')

    def close(self) -> None:
        """Close the file."""
        if self.fd >= 0:
            self.write_held()
            os.close(self.fd)
            self.fd = -1


class LogFiles:
    """Every log file of the configuration, each path opened once however often it is named."""

    def __init__(self, previous: LogFiles | None = None) -> None:
        self._files: dict[str, LogFile] = {}
        self._before = {} if previous is None else previous._files
        self.complain: Callable[[str], None] = lambda _why: None
        #: where each path was first named, for the message when it can't be opened
        self.origins: dict[str, Origin | None] = {}

    def at(self, path: str) -> LogFile:
        """The file at `path`; it is opened by `open_all`."""
        if path not in self._files:
            before = self._before.get(path)
            if before is None or getattr(before, "buffering", None) is not None:
                before = LogFile(path, self.complain)
            self._files[path] = before
        return self._files[path]

    def known(self, path: str) -> LogFile | None:
        """The file at `path` if it was named before."""
        return self._files.get(path)

    def before(self, path: str) -> LogFile | None:
        """The file at `path` of the configuration before this one."""
        return self._before.get(path)

    def succeed(self) -> list[LogFile]:
        """The configuration before this one is gone: the files that only it had."""
        before, self._before = self._before, {}
        return [file for path, file in before.items() if self._files.get(path) is not file]

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

    def close_new(self) -> list[LogFile]:
        """Close the files that the configuration before has not; these."""
        new = [file for path, file in self._files.items() if self._before.get(path) is not file]
        for file in new:
            file.close()
        return new

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
