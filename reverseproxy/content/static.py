"""Files below a `root` or `alias` (ngx_http_static_module, ngx_http_index_module).

nginx's order for a path with a slash at its end: `random_index`, `index`, `autoindex`; for others:
`gzip_static`, the file.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from reverseproxy.errors import Refusal
from reverseproxy.web.response import Response
from reverseproxy.wire.conditional import http_date, precondition

from . import autoindex, gzipstatic
from .documents import documents
from .files import OpenFile, send
from .filesettings import StaticSettings, media_types
from .opening import opener

if TYPE_CHECKING:
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request

#: Errors of open(2) that are nobody's fault but the request's; ENXIO is what a socket gives.
_NOT_FOUND = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ENXIO})
_FORBIDDEN = frozenset({errno.EACCES, errno.ELOOP, errno.EMLINK})
_ALLOW = ((b"Allow", b"GET, HEAD"),)


class StaticResource(Resource):
    """Answers with the file that a request's path stands for."""

    isLeaf = True

    def __init__(self, place: Place) -> None:
        super().__init__()
        settings = place[StaticSettings]
        self.path = documents(place).path
        self.open = opener(place)
        self.index = [
            (place.compile(name), name.text.startswith("/"))
            for names in settings.index
            for name in names
        ]
        self.packed = gzipstatic.finder(place, self.open)
        self.list = autoindex.lister(place)
        self.pick = autoindex.picker(place)
        #: how much one sendfile(2) may take; 0 is not to use it
        self.chunk = (settings.sendfile_max_chunk or 1 << 30) if settings.sendfile else 0
        self.etag = settings.etag
        self.if_modified_since = settings.if_modified_since
        self.media_type = media_types(place)
        self.missing_level = "error" if settings.log_not_found else "debug"

    def render(self, request: Request) -> int:
        """Serve a file, look for an index, or refuse."""
        if request.head.method not in (b"GET", b"HEAD", b"POST"):
            raise _not_allowed(request)
        if request.document_uri.endswith(b"/"):
            self._find_index(request)
        else:
            self._serve(request)
        return NOT_DONE_YET

    def _serve(self, request: Request) -> None:
        path = self.path(request)
        if self.packed is not None and request.head.method != b"POST":
            fields, packed = self.packed(request, path)
            if packed is not None:
                self._send(request, packed, fields)
                return
        else:
            fields = []
        file = self._open(request, path)
        if file.is_directory:
            request.add_slash()
            return
        if request.head.method == b"POST":
            # Only here, as nginx: what is missing is missing for every method.
            raise _not_allowed(request)
        if not file.is_file:
            raise Refusal(404, "RP-404-file", f'"{_shown(path)}" is not a regular file')
        self._send(request, file, fields)

    def _send(self, request: Request, file: OpenFile, fields: list[tuple[bytes, bytes]]) -> None:
        etag = b'"%x-%x"' % (file.mtime, file.size) if self.etag else b""
        head = request.head
        status = 200
        if request.status_override in (0, 200):
            # The page of an error is never "not modified": the error is news.
            status = precondition(head.method, head, etag, file.mtime, self.if_modified_since)
        if status == 412:
            raise Refusal(
                412, "RP-412-precondition", "a precondition of the request failed", "info"
            )
        fields = [(b"Last-Modified", http_date(file.mtime)), *fields]
        if etag:
            fields.append((b"ETag", etag))
        if status == 304:
            fields = [pair for pair in fields if pair[0] != b"Content-Encoding"]
            request.respond(Response(304, fields, mtime=file.mtime))
            request.finish()
            return
        fields.insert(0, (b"Content-Type", self.media_type(request.document_uri)))
        request.respond(Response(200, fields, file.size, ranges=True, mtime=file.mtime))
        send(request, file, self.chunk)

    def _open(self, request: Request, path: bytes) -> OpenFile:
        try:
            return self.open(request, path)
        except OSError as error:
            raise self._refusal(error, path) from error

    def _find_index(self, request: Request) -> None:
        base = self.path(request)
        if self.pick is not None and self._picked(request, base):
            return
        for render, is_absolute in self.index:
            name = render(request)
            if is_absolute:
                request.internal_redirect(name, request.query)
                return
            if self._is_there(request, base + name):
                request.internal_redirect(request.document_uri + name, request.query)
                return
        directory = self._open(request, base)
        if not directory.is_directory:
            detail = f'"{_shown(base)}" is not a directory'
            raise Refusal(500, "RP-500-directory", detail, "alert")
        if self.list is not None and request.head.method != b"POST":
            try:
                self.list(request, base)
            except OSError as error:
                raise self._refusal(error, base) from error
            return
        names = ", ".join(_shown(render(request)) for render, _ in self.index)
        raise Refusal(
            403,
            "RP-403-directory",
            f'directory index of "{_shown(base)}" is forbidden: '
            f"it has no {names} ({request.location.where('index')})",
        )

    def _picked(self, request: Request, base: bytes) -> bool:
        """Whether `random_index` found a file to go on to."""
        if self.pick is None:
            return False
        try:
            name = self.pick(base)
        except OSError as error:
            raise self._refusal(error, base) from error
        if name is None:
            return False
        request.internal_redirect(request.document_uri + name, request.query)
        return True

    def _is_there(self, request: Request, path: bytes) -> bool:
        """Whether a file can be opened; what is refused is an answer, not a reason to go on."""
        try:
            self.open(request, path)
        except OSError as error:
            if error.errno in _NOT_FOUND:
                return False
            raise self._refusal(error, path) from error
        return True

    def _refusal(self, error: OSError, path: bytes) -> Refusal:
        detail = f'open() "{_shown(path)}" failed ({error.errno}: {error.strerror})'
        if error.errno in _NOT_FOUND:
            return Refusal(404, "RP-404-file", detail, self.missing_level)
        if error.errno in _FORBIDDEN:
            return Refusal(403, "RP-403-file", detail)
        return Refusal(500, "RP-500-file", detail, "crit")


def _not_allowed(request: Request) -> Refusal:
    detail = f'"{request.head.method.decode()}" was asked of a file'
    return Refusal(405, "RP-405-static", detail, "info", _ALLOW)


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")


def content(place: Place) -> StaticResource:
    """Files are what is there when nothing else is."""
    return StaticResource(place)
