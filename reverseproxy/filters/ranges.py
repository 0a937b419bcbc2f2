"""Range requests (RFC 9110 section 14) of answers whose content can be had in parts."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

from reverseproxy.content.filesettings import StaticSettings
from reverseproxy.content.proxysettings import ProxySettings
from reverseproxy.errors import Refusal
from reverseproxy.web.response import Response
from reverseproxy.wire.ranges import if_range, parse_ranges

if TYPE_CHECKING:
    from reverseproxy.web.locations import HeaderFilter
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request

_serial = itertools.count(int.from_bytes(os.urandom(6), "big"))


def header_filter(place: Place) -> HeaderFilter | None:
    """The filter of a level, with its `max_ranges`; an upstream's answers are not cut by us."""
    if place[ProxySettings].proxy_pass is not None:
        return None
    limit = place[StaticSettings].max_ranges

    def ranges(request: Request, response: Response) -> None:
        size = response.length
        if not response.ranges or size is None:
            return
        if limit == 0:
            return
        wanted = None
        value = request.head.named.get(b"range")
        if value is not None and response.status == 200 and _still_valid(request, response):
            wanted = parse_ranges(value, size, limit)
        if wanted is None:
            response.fields.append((b"Accept-Ranges", b"bytes"))
        elif not wanted:
            raise Refusal(
                416,
                "RP-416-range",
                f"{value!r} is not within {size} bytes",
                "info",
                ((b"Content-Range", b"bytes */%d" % size),),
            )
        elif len(wanted) == 1:
            (start, stop) = wanted[0]
            response.status = 206
            response.length = stop - start
            response.parts = [(b"", start, stop)]
            response.fields.append((b"Content-Range", b"bytes %d-%d/%d" % (start, stop - 1, size)))
        else:
            _multipart(response, wanted, size)

    return ranges


def _still_valid(request: Request, response: Response) -> bool:
    """Whether If-Range, if it is there, fits the representation."""
    value = request.head.named.get(b"if-range")
    return value is None or if_range(value, response.get(b"etag") or b"", response.mtime)


def _multipart(response: Response, wanted: list[tuple[int, int]], size: int) -> None:
    """Several parts in one answer (RFC 9110 section 14.6)."""
    boundary = b"%020d" % next(_serial)
    kind = response.get(b"content-type") or b"application/octet-stream"
    response.parts = []
    length = 0
    for start, stop in wanted:
        before = b"\r\n--%b\r\nContent-Type: %b\r\nContent-Range: bytes %d-%d/%d\r\n\r\n" % (
            boundary,
            kind,
            start,
            stop - 1,
            size,
        )
        response.parts.append((before, start, stop))
        length += len(before) + stop - start
    response.tail = b"\r\n--%b--\r\n" % boundary
    response.status = 206
    response.length = length + len(response.tail)
    response.drop(b"content-type")
    response.fields.insert(0, (b"Content-Type", b"multipart/byteranges; boundary=%b" % boundary))
