"""`gunzip`: decompresses answers for clients that don't take gzip (ngx_http_gunzip_module)."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from reverseproxy.config import (
    HTTP_SERVER_LOCATION,
    Buffers,
    buffers,
    directive,
    flag,
    one,
    settings,
)
from reverseproxy.errors import BrokenBody
from reverseproxy.web.response import Response, chained

from .gzip import GzipSettings, acceptance, add_vary, reframed

if TYPE_CHECKING:
    from reverseproxy.web.locations import HeaderFilter
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request


@settings
class GunzipSettings:
    """Decompression (ngx_http_gunzip_module)."""

    gunzip: bool = directive(
        one(flag),
        "off",
        HTTP_SERVER_LOCATION,
        doc="Decompresses answers in gzip for clients that don't take it.",
    )
    gunzip_buffers: Buffers = directive(
        buffers,
        "32 4k",
        HTTP_SERVER_LOCATION,
        args=2,
        no_effect=True,
        doc="What is decompressed is sent at once.",
    )


class GunzipTransform:
    """A compressed body on its way through zlib; several members may follow each other."""

    __slots__ = ("_inflate",)

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(31)

    def feed(self, data: bytes) -> bytes:
        """Decompress a piece. Raises BrokenBody for what is no gzip."""
        made = []
        try:
            while data:
                if self._inflate.eof:
                    self._inflate = zlib.decompressobj(31)
                made.append(self._inflate.decompress(data))
                data = self._inflate.unused_data
        except zlib.error as error:
            raise BrokenBody(f"gunzip: {error}") from error
        return b"".join(made)

    def flush(self) -> bytes:
        """Nothing that could be decompressed is held back."""
        return b""

    def finish(self) -> bytes:
        """Nothing is left. Raises BrokenBody where the body was cut."""
        if not self._inflate.eof:
            raise BrokenBody("gunzip: the compressed body is not complete")
        return b""


def header_filter(place: Place) -> HeaderFilter | None:
    """The filter of a level with `gunzip on`."""
    if not place[GunzipSettings].gunzip:
        return None
    vary = place[GzipSettings].gzip_vary
    accepted = acceptance(place)

    def gunzip(request: Request, response: Response) -> None:
        if (response.get(b"content-encoding") or b"").lower() != b"gzip":
            return
        if vary:
            add_vary(response)
        if accepted(request, response):
            return
        reframed(response)
        response.drop(b"content-encoding")
        request.transform = chained(request.transform, GunzipTransform())

    return gunzip
