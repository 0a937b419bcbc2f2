"""Logs that are written in blocks (`buffer=`, `flush=`, `gzip=`), and logs kept in memory."""

from __future__ import annotations

import gzip
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from .files import LogFile

if TYPE_CHECKING:
    from reverseproxy.web.request import Request

    from .access import Buffering


class BufferedLogFile(LogFile):
    """Gathers lines, and writes them when the next does not fit, or after `flush` seconds.

    Only whole lines are written, compressed to a gzip member a block where that is asked for. The
    sweep calls `check`.
    """

    def __init__(
        self,
        path: str,
        buffering: Buffering,
        seconds: Callable[[], float],
        complain: Callable[[str], None],
    ) -> None:
        super().__init__(path, complain)
        self.buffering = buffering
        self._seconds = seconds
        self._lines: list[bytes] = []
        self._size = 0
        self._since = 0.0
        self._whole = buffering.size

    def write(self, line: bytes, _request: Request | None = None) -> None:
        """Keep a line, after writing what it does not fit behind."""
        if self._size + len(line) > self._whole:
            self.flush()
        if not self._lines:
            self._since = self._seconds()
        self._lines.append(line)
        self._size += len(line)
        if not self._whole:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered."""
        if not self._lines:
            return
        block = b"".join(self._lines)
        self._lines.clear()
        self._size = 0
        if self.buffering.gzip is not None:
            block = gzip.compress(block, self.buffering.gzip)
        super().write(block)

    def check(self, now: float) -> None:
        """Write what is older than `flush`."""
        if self.buffering.flush and self._lines and now - self._since >= self.buffering.flush:
            self.flush()

    def adopt(self, fd: int) -> None:
        """As of the base class; what was gathered goes to the file that was renamed."""
        if self.fd >= 0:
            self.flush()
        super().adopt(fd)

    def retire(self) -> None:
        """Gather no more: only requests that are under way still write."""
        self._whole = 0
        self.flush()

    def close(self) -> None:
        """Write what was gathered, and close."""
        if self.fd >= 0:
            self.flush()
        super().close()


class MemoryLog:
    """`error_log memory:SIZE`: the last lines, `size` bytes of them at most."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.lines: deque[bytes] = deque()
        self._held = 0

    def write(self, line: bytes) -> None:
        """Keep a line, and forget the oldest for it."""
        self.lines.append(line)
        self._held += len(line)
        while self._held > self.size and self.lines:
            self._held -= len(self.lines.popleft())
