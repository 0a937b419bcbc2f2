"""`gzip_static`: a file that was compressed beforehand (ngx_http_gzip_static_module)."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TYPE_CHECKING

from reverseproxy.config import HTTP_SERVER_LOCATION, directive, enum, one, settings
from reverseproxy.errors import Refusal
from reverseproxy.filters.gzip import GzipSettings, acceptance
from reverseproxy.web.response import Fields, Response

from .files import OpenFile

if TYPE_CHECKING:
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request

#: For a request and a path: fields for the answer whatever it is, and the compressed file or None.
Packed = Callable[["Request", bytes], tuple[Fields, OpenFile | None]]
_QUIET = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG})
_VARY = (b"Vary", b"Accept-Encoding")


@settings
class GzipStaticSettings:
    """Files compressed beforehand (ngx_http_gzip_static_module)."""

    gzip_static: str = directive(
        one(enum("on", "off", "always")),
        "off",
        HTTP_SERVER_LOCATION,
        doc="Sends FILE.gz instead of FILE to clients that take gzip, or to all of them.",
    )


def finder(place: Place, open_file: Callable[[Request, bytes], OpenFile]) -> Packed | None:
    """What looks for a compressed file, in a place with `gzip_static`."""
    mode = place[GzipStaticSettings].gzip_static
    if mode == "off":
        return None
    always, vary = mode == "always", place[GzipSettings].gzip_vary
    accepted = acceptance(place)
    nothing_yet = Response(200, [])

    def packed(request: Request, path: bytes) -> tuple[Fields, OpenFile | None]:
        takes = always or accepted(request, nothing_yet)
        if not takes and not vary:
            return [], None
        name = path + b".gz"
        try:
            file = open_file(request, name)
        except OSError as error:
            if error.errno not in _QUIET:
                request.location.error_log.error(
                    f'open() "{name.decode("utf-8", "backslashreplace")}" failed '
                    f"({error.errno}: {error.strerror})",
                    request=request,
                )
            return [], None
        fields = [_VARY] if vary and not always else []
        if not takes or file.is_directory:
            return fields, None
        if not file.is_file:
            raise Refusal(404, "RP-404-file", f"{name!r} is not a regular file")
        return [*fields, (b"Content-Encoding", b"gzip")], file

    return packed
