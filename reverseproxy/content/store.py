"""`proxy_store`: a complete answer becomes a file (ngx_http_upstream_module).

An answer is written to a temporary file of `proxy_temp_path` as it comes, and given its name when
it is complete, so that nobody ever reads half of it. Whatever fails on the way is told to the error
log, and costs the file, not the client's answer.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from reverseproxy.errors import Refusal, SpoolError
from reverseproxy.wire.conditional import parse_http_date

from .documents import based, inside
from .proxysettings import ProxySettings
from .storesettings import StoreSettings

if TYPE_CHECKING:
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request
    from reverseproxy.web.spool import SpoolDirectory
    from reverseproxy.wire.heads import ResponseHead


class Store:
    """Where a location keeps answers: `path` is a request's file, `access` the mode of each."""

    def __init__(
        self, path: Callable[[Request], bytes], access: int, directory: SpoolDirectory
    ) -> None:
        self._path = path
        self.access = access
        #: the mode of the directories that are made: who may read a file may search them (nginx's)
        self.folder_access = access | (access & 0o444) >> 2
        self.directory = directory

    def open(self, request: Request, head: ResponseHead) -> Copy | None:
        """Begin a file for an answer that may be kept; None for any other."""
        if head.status != 200:
            return None
        log = request.location.error_log
        try:
            path = self._path(request)
        except Refusal as error:
            log.log("error", f"an answer is not stored: {error}", request=request)
            return None
        if not path or path.endswith(b"/"):
            what = f"an answer is not stored: {path!r} is no file's name"
            log.log("error", what, request=request)
            return None
        date = head.named.get(b"last-modified")
        copy = Copy(self, request, path, None if date is None else parse_http_date(date))
        return copy if copy.begin() else None


class Copy:
    """One answer on its way to its file; `keep` or `drop` ends it."""

    __slots__ = ("_fd", "_mtime", "_path", "_request", "_store", "_temporary")

    def __init__(self, store: Store, request: Request, path: bytes, mtime: int | None) -> None:
        self._store = store
        self._request = request
        self._path = path
        self._mtime = mtime
        self._fd = -1
        self._temporary = ""

    def begin(self) -> bool:
        """Open the temporary file; whether that worked."""
        try:
            self._fd, self._temporary = self._store.directory.create_renamed()
        except SpoolError as error:
            self._failed(error.error)
        return self._fd >= 0

    def write(self, data: bytes) -> None:
        """Append; nothing is done any more once something has failed."""
        rest = memoryview(data)
        while rest and self._fd >= 0:
            try:
                rest = rest[os.write(self._fd, rest) :]
            except OSError as error:
                self._failed(error)

    def keep(self) -> None:
        """The answer is complete: give the file its name."""
        if self._fd < 0:
            return
        try:
            self._mark(self._fd)
            self._move()
        except OSError as error:
            self._failed(error)
            return
        os.close(self._fd)
        self._fd = -1

    def drop(self) -> None:
        """The answer will not be complete, or can't be kept."""
        if self._fd < 0:
            return
        os.close(self._fd)
        self._fd = -1
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._temporary)

    def _failed(self, error: OSError) -> None:
        shown = self._path.decode("utf-8", "backslashreplace")
        self._request.location.error_log.log(
            "crit", f'storing "{shown}" failed: {error.strerror or error}', request=self._request
        )
        self.drop()

    def _mark(self, fd: int) -> None:
        os.fchmod(fd, self._store.access)
        if self._mtime is not None:
            os.utime(fd, (time.time(), self._mtime))

    def _move(self) -> None:
        try:
            os.rename(self._temporary, self._path)
        except FileNotFoundError:
            make_folders(os.path.dirname(self._path), self._store.folder_access)
            self._rename()
        except OSError as error:
            self._other_device(error)

    def _rename(self) -> None:
        try:
            os.rename(self._temporary, self._path)
        except OSError as error:
            self._other_device(error)

    def _other_device(self, error: OSError) -> None:
        """Copy the file beside its place where it can't be moved to it."""
        if error.errno != errno.EXDEV:
            raise error
        beside = b"%b.%b" % (self._path, os.path.basename(self._temporary).encode())
        try:
            with open(beside, "xb") as target, open(self._temporary, "rb") as source:
                shutil.copyfileobj(source, target, 1024 * 1024)
                target.flush()
                self._mark(target.fileno())
            os.rename(beside, self._path)
        except OSError:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(beside)
            raise
        os.unlink(self._temporary)


def make_folders(folder: bytes, mode: int) -> None:
    """Make a directory and those above it that are missing, each with `mode`, whatever the umask.

    Raises OSError.
    """
    missing = []
    while not os.path.isdir(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for folder in reversed(missing):
        os.mkdir(folder, 0o700)
        os.chmod(folder, mode)


def store(place: Place) -> Store | None:
    """What `proxy_store` says of a location; None where nothing is stored."""
    settings = place[StoreSettings]
    where = settings.proxy_store
    if where is False:
        return None
    made = _document if where is True else based(place, where)

    def path(request: Request) -> bytes:
        return inside(made(request))

    return Store(path, settings.proxy_store_access, place[ProxySettings].proxy_temp_path)


def _document(request: Request) -> bytes:
    return request.location.documents.path(request)
