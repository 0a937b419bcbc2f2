"""Files below a `root` (ngx_http_static_module, ngx_http_index_module)."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from reverseproxy.config import (
    HTTP_SERVER_LOCATION,
    Args,
    BadValue,
    directive,
    flag,
    number,
    one,
    settings,
    size,
    text,
)
from reverseproxy.errors import Refusal
from reverseproxy.web.response import Response
from reverseproxy.wire.conditional import http_date, precondition

from .files import OpenFile, send

if TYPE_CHECKING:
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request

Types = Mapping[bytes, bytes]

#: nginx's own, where no `types` stands.
DEFAULT_TYPES: Types = MappingProxyType(
    {b"html": b"text/html", b"gif": b"image/gif", b"jpg": b"image/jpeg"}
)


def types(args: Args) -> Types:
    """`types { TYPE EXTENSION…; … }`."""
    found: dict[bytes, bytes] = {}
    for statement in args.block or ():
        if not statement.args:
            raise BadValue(f'"{statement.name.text}" needs at least one extension', statement.name)
        for word in statement.args:
            found[word.text.lower().encode()] = statement.name.text.encode()
    return found


def root(args: Args) -> bytes:
    """`root DIR`, from the prefix."""
    word = args.words[0]
    if "$" in word.text:
        raise BadValue("variables in root are not there yet", word)
    return args.paths.in_prefix(word.text).encode().rstrip(b"/")


def index(args: Args) -> tuple[bytes, ...]:
    """`index FILE…`."""
    for word in args.words:
        if "$" in word.text:
            raise BadValue("variables in index are not there yet", word)
    return tuple(word.text.encode() for word in args.words)


@settings
class StaticSettings:
    """Files (ngx_http_core_module, ngx_http_index_module)."""

    root: bytes = directive(
        root,
        "html",
        HTTP_SERVER_LOCATION,
        doc="The directory that the request's path is appended to.",
        syntax="directory",
    )
    index: tuple[bytes, ...] = directive(
        index,
        "index.html",
        HTTP_SERVER_LOCATION,
        args="1+",
        doc="The files that stand for a directory; the first that is there.",
        syntax="file ...",
    )
    types: tuple[Types, ...] = directive(
        types,
        None,
        HTTP_SERVER_LOCATION,
        args=0,
        block=True,
        many=True,
        doc="Which extensions have which media type.",
        syntax="{ type extension ...; }",
    )
    default_type: str = directive(
        one(text), "text/plain", HTTP_SERVER_LOCATION, doc="The media type of other files."
    )
    types_hash_max_size: int | None = directive(
        one(size), None, HTTP_SERVER_LOCATION, no_effect=True, doc="Types are in a dictionary."
    )
    types_hash_bucket_size: int | None = directive(
        one(size), None, HTTP_SERVER_LOCATION, no_effect=True, doc="Types are in a dictionary."
    )
    sendfile: bool = directive(
        one(flag), "off", HTTP_SERVER_LOCATION, doc="Sends files from the kernel, uncopied."
    )
    max_ranges: int | None = directive(
        one(number(0)),
        None,
        HTTP_SERVER_LOCATION,
        doc="How many ranges one request may ask for; 0 is none, no limit by default.",
    )


def media_types(settings: StaticSettings) -> Callable[[bytes], bytes]:
    """The function from a path to the media type of what is there."""
    types: dict[bytes, bytes] = {}
    for block in settings.types or (DEFAULT_TYPES,):
        types.update(block)
    default = settings.default_type.encode()

    def media_type(path: bytes) -> bytes:
        name = path[path.rfind(b"/") + 1 :]
        dot = name.rfind(b".")
        return default if dot < 0 else types.get(name[dot + 1 :].lower(), default)

    return media_type


#: Errors of open(2) that are nobody's fault but the request's.
_NOT_FOUND = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG})
_ALLOW = ((b"Allow", b"GET, HEAD"),)


class StaticResource(Resource):
    """Answers with the file at `root` + the decoded path."""

    isLeaf = True

    def __init__(self, place: Place) -> None:
        super().__init__()
        settings = place[StaticSettings]
        self.base = settings.root
        self.index = settings.index
        self.sendfile = settings.sendfile
        self.media_type = media_types(settings)

    def render(self, request: Request) -> int:
        """Serve a file, look for an index, or refuse."""
        uri = request.document_uri
        if request.head.method not in (b"GET", b"HEAD", b"POST"):
            raise _not_allowed(request)
        if uri.endswith(b"/"):
            self._find_index(request, uri)
        else:
            self._serve(request, uri)
        return NOT_DONE_YET

    def _serve(self, request: Request, uri: bytes) -> None:
        file = self._open(self.base + uri)
        if file.is_directory:
            request.add_slash()
            return
        if request.head.method == b"POST":
            # Only here, as nginx: what is missing is missing for every method.
            raise _not_allowed(request)
        if not file.is_file:
            raise Refusal(404, "RP-404-file", f'"{_shown(self.base + uri)}" is not a regular file')
        etag = b'"%x-%x"' % (file.mtime, file.size)
        status = precondition(request.head.method, request.head, etag, file.mtime)
        if status == 412:
            raise Refusal(
                412, "RP-412-precondition", "a precondition of the request failed", "info"
            )
        fields = [(b"Last-Modified", http_date(file.mtime)), (b"ETag", etag)]
        if status == 304:
            request.respond(Response(304, fields))
            request.finish()
            return
        fields.insert(0, (b"Content-Type", self.media_type(uri)))
        request.respond(Response(200, fields, file.size, ranges=True, mtime=file.mtime))
        send(request, file, self.sendfile)

    @staticmethod
    def _open(path: bytes) -> OpenFile:
        try:
            return OpenFile(path)
        except OSError as error:
            raise _refusal(error, path) from error

    def _find_index(self, request: Request, uri: bytes) -> None:
        for name in self.index:
            if name.startswith(b"/"):
                request.internal_redirect(name, request.query)
                return
            if os.path.isfile(self.base + uri + name):
                request.internal_redirect(uri + name, request.query)
                return
        directory = self._open(self.base + uri)
        if not directory.is_directory:
            raise Refusal(404, "RP-404-file", f'"{_shown(self.base + uri)}" is not a directory')
        names = ", ".join(_shown(name) for name in self.index)
        raise Refusal(
            403,
            "RP-403-directory",
            f'directory index of "{_shown(self.base + uri)}" is forbidden: '
            f"it has no {names} ({request.location.where('index')})",
        )


def _not_allowed(request: Request) -> Refusal:
    detail = f'"{request.head.method.decode()}" was asked of a file'
    return Refusal(405, "RP-405-static", detail, "info", _ALLOW)


def _refusal(error: OSError, path: bytes) -> Refusal:
    detail = f'open() "{_shown(path)}" failed ({error.errno}: {error.strerror})'
    if error.errno in _NOT_FOUND:
        return Refusal(404, "RP-404-file", detail)
    if error.errno in (errno.EACCES, errno.ELOOP):
        return Refusal(403, "RP-403-file", detail)
    return Refusal(500, "RP-500-file", detail, "crit")


def _shown(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")


def content(place: Place) -> StaticResource:
    """Files are what is there when nothing else is."""
    return StaticResource(place)
