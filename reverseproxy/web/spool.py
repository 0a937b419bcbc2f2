"""Where a request's body waits until it is complete: memory first, then a file.

`client_body_buffer_size` bytes stay in memory. What is longer goes to a file below
`client_body_temp_path`, in as many levels of folders as the directive names, mode 0600. The file
has no other use than its descriptor, so it is unlinked as soon as it is open: whatever happens to
this process, nothing is left. (A file that was created but not yet unlinked when a process was
killed is swept at start.)
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import re
from collections.abc import Iterable

import attrs

from reverseproxy.errors import SpoolError

_serial = itertools.count(1)
#: What this module names its files: ten digits of a serial number, then the process.
_LEFT_OVER = re.compile(r"[0-9]{10}\.[0-9]+")


@attrs.frozen
class SpoolDirectory:
    """A directory for temporary files (`client_body_temp_path`, `proxy_temp_path`).

    `levels` are the lengths of the names of its hashed folders, one to three of them.
    """

    path: str
    levels: tuple[int, ...] = ()

    def create(self) -> int:
        """Open a new, already unlinked file; its descriptor. Raises SpoolError."""
        fd, path = self.create_renamed()
        try:
            os.unlink(path)
        except OSError as error:
            os.close(fd)
            raise SpoolError(self.path, error) from error
        return fd

    def create_renamed(self) -> tuple[int, str]:
        """Open a new file that is renamed or unlinked later, or swept. Raises SpoolError."""
        try:
            return self._open(f"{next(_serial):010d}.{os.getpid()}")
        except OSError as error:
            raise SpoolError(self.path, error) from error

    def create_named(self) -> tuple[int, str]:
        """Open a new file that keeps its name (`client_body_in_file_only`). Raises SpoolError.

        Without the process number the name is none that `sweep` removes.
        """
        while True:
            try:
                return self._open(f"{next(_serial):010d}")
            except FileExistsError:
                # Kept by a process before this one.
                continue
            except OSError as error:
                raise SpoolError(self.path, error) from error

    def _open(self, name: str) -> tuple[int, str]:
        folder, cut = self.path, 10
        for level in self.levels:
            folder = os.path.join(folder, name[cut - level : cut])
            cut -= level
        path = os.path.join(folder, name)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            return os.open(path, flags, 0o600), path
        except FileNotFoundError:
            # makedirs gives its mode to the last folder only.
            os.makedirs(self.path, 0o700, exist_ok=True)
            os.makedirs(folder, 0o700, exist_ok=True)
            return os.open(path, flags, 0o600), path

    def sweep(self) -> int:
        """Remove what killed processes left behind; how many files that were."""
        count = 0
        for folder, _, names in os.walk(self.path):
            for name in names:
                if _LEFT_OVER.fullmatch(name) and not _alive(int(name.partition(".")[2])):
                    os.unlink(os.path.join(folder, name))
                    count += 1
        return count


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return pid != os.getpid()


class Spool:
    """A body on its way in: `write` pieces, then read it as a whole, as often as wanted."""

    __slots__ = ("_directory", "_in_file_only", "_memory", "_memory_limit", "fd", "path", "size")

    def __init__(
        self, directory: SpoolDirectory, memory_limit: int, in_file_only: str = "off"
    ) -> None:
        """`in_file_only` is "off", or "clean" or "on": a named file, removed after use or kept."""
        self._directory = directory
        self._memory_limit = memory_limit if in_file_only == "off" else 0
        self._in_file_only = in_file_only
        #: the file's path, where it has one
        self.path: str | None = None
        self._memory: list[bytes] = []
        #: the file's descriptor, or -1 while all is in memory
        self.fd = -1
        self.size = 0

    def write(self, data: bytes | memoryview) -> None:
        """Take a piece. Raises SpoolError when the disk does not."""
        self.size += len(data)
        if self.fd < 0:
            self._memory.append(bytes(data))
            if self.size <= self._memory_limit:
                return
            if self._in_file_only == "off":
                self.fd = self._directory.create()
            else:
                self.fd, self.path = self._directory.create_named()
            pieces, self._memory = self._memory, []
            self._put(pieces)
        else:
            self._put((data,))

    def _put(self, pieces: Iterable[bytes | memoryview]) -> None:
        for piece in pieces:
            rest = memoryview(piece)
            while rest:
                try:
                    rest = rest[os.write(self.fd, rest) :]
                except OSError as error:
                    raise SpoolError(self._directory.path, error) from error

    def pieces(self) -> list[bytes]:
        """The body when it is in memory (`fd` is -1)."""
        return self._memory

    def open(self) -> io.BufferedIOBase:
        """The body as a file of its own that reads from the start (a resource's `content`)."""
        if self.fd < 0:
            return io.BytesIO(b"".join(self._memory))
        # A new description of the same file, so that its position is nobody else's.
        return open(f"/proc/self/fd/{self.fd}", "rb")

    def close(self) -> None:
        """Let go of memory and file."""
        self._memory = []
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
            if self.path is not None and self._in_file_only == "clean":
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.path)
