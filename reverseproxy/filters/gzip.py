"""Compression of answers (ngx_http_gzip_module)."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from reverseproxy.config import (
    HTTP_SERVER_LOCATION,
    Args,
    BadValue,
    Buffers,
    Regex,
    buffers,
    directive,
    enum,
    flag,
    number,
    one,
    settings,
    size,
)
from reverseproxy.web.browsers import MSIE6
from reverseproxy.web.response import Response, chained
from reverseproxy.wire.negotiation import accepts_gzip

from .deflating import Compressor, compressors

if TYPE_CHECKING:
    from reverseproxy.web.locations import HeaderFilter
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request

PROXIED = ("off", "expired", "no-cache", "no-store", "private", "no_last_modified", "no_etag")
#: Statuses whose answers nginx compresses.
STATUSES = frozenset({200, 403, 404})


def proxied(args: Args) -> frozenset[str]:
    """`gzip_proxied off | any | …`."""
    for word in args.words:
        if word.text not in (*PROXIED, "auth", "any"):
            raise BadValue(
                f'gzip_proxied takes {", ".join(PROXIED)}, auth or any, not "{word.text}"', word
            )
    return frozenset(word.text for word in args.words)


def gzip_types(args: Args) -> frozenset[bytes]:
    """`gzip_types TYPE…`; text/html is always one of them, `*` is any."""
    return frozenset({b"text/html", *(word.text.lower().encode() for word in args.words)})


def gzip_disable(args: Args) -> tuple[re.Pattern[bytes], ...]:
    """`gzip_disable REGEX…`: user agents that get no gzip."""
    found: list[re.Pattern[bytes]] = []
    for word in args.words:
        if word.text == "msie6":
            found.append(MSIE6)
        else:
            regex: Regex = args.regex(word, ignore_case=True)
            found.append(regex.pattern)
    return tuple(found)


@settings
class GzipSettings:
    """Compression (ngx_http_gzip_module)."""

    gzip: bool = directive(one(flag), "off", HTTP_SERVER_LOCATION, doc="Compresses answers.")
    gzip_http_version: str = directive(
        one(enum("1.0", "1.1")),
        "1.1",
        HTTP_SERVER_LOCATION,
        doc="The lowest version of HTTP whose requests get compressed answers.",
    )
    gzip_comp_level: int = directive(
        one(number(1, 9)), "1", HTTP_SERVER_LOCATION, doc="From 1, fast, to 9, small."
    )
    gzip_proxied: frozenset[str] = directive(
        proxied,
        "off",
        HTTP_SERVER_LOCATION,
        args="1+",
        doc="Which answers to requests from proxies (those with Via) are compressed.",
        syntax=" | ".join((*PROXIED, "auth", "any")),
    )
    gzip_min_length: int = directive(
        one(size),
        "20",
        HTTP_SERVER_LOCATION,
        doc="Shorter answers are left plain, as far as their length is known before.",
    )
    gzip_buffers: Buffers = directive(
        buffers,
        "32 4k",
        HTTP_SERVER_LOCATION,
        args=2,
        no_effect=True,
        doc="What is compressed is sent at once.",
    )
    gzip_types: frozenset[bytes] = directive(
        gzip_types,
        "text/html",
        HTTP_SERVER_LOCATION,
        args="1+",
        doc="The media types that are compressed beside text/html.",
        syntax="type ...",
    )
    gzip_disable: tuple[tuple[re.Pattern[bytes], ...], ...] = directive(
        gzip_disable,
        None,
        HTTP_SERVER_LOCATION,
        args="1+",
        many=True,
        doc="User agents that get plain answers.",
        syntax="regex ...",
    )
    gzip_vary: bool = directive(
        one(flag),
        "off",
        HTTP_SERVER_LOCATION,
        doc="Adds Vary: Accept-Encoding to answers that are, or could have been, compressed.",
    )


class GzipTransform:
    """A body on its way through a compressor."""

    __slots__ = ("_deflate", "_held", "given", "taken")

    def __init__(self, compressor: Compressor) -> None:
        self._deflate = compressor
        self._held = False
        #: bytes in and out, for `$gzip_ratio`
        self.taken = self.given = 0

    def feed(self, data: bytes) -> bytes:
        """Compress a piece; most of it stays in its window until there is more."""
        self._held = True
        self.taken += len(data)
        return self._counted(self._deflate.compress(data))

    def _counted(self, data: bytes) -> bytes:
        self.given += len(data)
        return data

    def flush(self) -> bytes:
        """Give out all that was taken, so that the client can read it now."""
        if not self._held:
            return b""
        self._held = False
        return self._counted(self._deflate.flush(zlib.Z_SYNC_FLUSH))

    def finish(self) -> bytes:
        """The end of the stream."""
        return self._counted(self._deflate.flush(zlib.Z_FINISH))


def acceptance(place: Place) -> Callable[[Request, Response], bool]:
    """The function that says whether a request gets gzip at all (nginx's ngx_http_gzip_ok)."""
    settings = place[GzipSettings]
    disabled = [pattern for patterns in settings.gzip_disable for pattern in patterns]
    only_11 = settings.gzip_http_version == "1.1"

    def accepted(request: Request, response: Response) -> bool:
        named = request.head.named
        if (
            b"accept-encoding" not in named
            or not accepts_gzip(request.head.joined(b"accept-encoding"))
            or (only_11 and request.head.version == b"1.0")
            or (b"via" in named and not _proxied(settings.gzip_proxied, request, response))
        ):
            return False
        agent = named.get(b"user-agent", b"")
        return not any(pattern.search(agent) for pattern in disabled)

    return accepted


def header_filter(place: Place) -> HeaderFilter | None:
    """The filter of a level with `gzip on`."""
    settings = place[GzipSettings]
    if not settings.gzip:
        return None
    any_type = b"*" in settings.gzip_types
    types = settings.gzip_types
    accepted = acceptance(place)
    compressor = compressors(settings.gzip_comp_level)

    def gzip(request: Request, response: Response) -> None:
        length = response.length
        if (
            response.status not in STATUSES
            or (length is not None and length < settings.gzip_min_length)
            or response.get(b"content-encoding") is not None
        ):
            return
        kind = (response.get(b"content-type") or b"").partition(b";")[0].strip().lower()
        if not any_type and kind not in types:
            return
        if settings.gzip_vary:
            add_vary(response)
        if not accepted(request, response):
            return
        reframed(response)
        response.fields.append((b"Content-Encoding", b"gzip"))
        request.transform = chained(request.transform, GzipTransform(compressor()))

    return gzip


def reframed(response: Response) -> None:
    """Take back what the head says of bytes that are about to change."""
    response.length = None
    response.ranges = False
    fields = []
    for name, value in response.fields:
        lower = name.lower()
        if lower == b"etag" and not value.startswith(b"W/"):
            # RFC 9110 section 8.8.1: the bytes are not the same any more.
            fields.append((name, b"W/" + value))
        elif lower != b"accept-ranges":
            fields.append((name, value))
    response.fields = fields


def add_vary(response: Response) -> None:
    """Say that the answer depends on Accept-Encoding, if it doesn't yet."""
    for name, value in response.fields:
        if name.lower() == b"vary":
            members = [member.strip() for member in value.lower().split(b",")]
            if b"accept-encoding" in members or b"*" in members:
                return
    response.fields.append((b"Vary", b"Accept-Encoding"))


def _proxied(wanted: frozenset[str], request: Request, response: Response) -> bool:
    """Whether an answer to a proxy's request is compressed (nginx's ngx_http_gzip_ok)."""
    if "off" in wanted:
        return False
    if "any" in wanted or ("auth" in wanted and b"authorization" in request.head.named):
        return True
    control = (response.get(b"cache-control") or b"").lower()
    if "expired" in wanted and response.get(b"expires") is not None:
        return True
    if any(
        word in wanted and word.encode() in control for word in ("no-cache", "no-store", "private")
    ):
        return True
    return ("no_last_modified" in wanted and response.get(b"last-modified") is None) or (
        "no_etag" in wanted and response.get(b"etag") is None
    )
