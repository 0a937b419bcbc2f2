"""Range requests (RFC 9110 section 14) of answers whose content can be had in parts."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

from reverseproxy.content.filesettings import StaticSettings
from reverseproxy.content.passingsettings import PassingSettings
from reverseproxy.content.proxysettings import ProxySettings
from reverseproxy.errors import Refusal
from reverseproxy.web.response import Response, chained
from reverseproxy.wire.conditional import parse_http_date
from reverseproxy.wire.ranges import if_range, parse_ranges

if TYPE_CHECKING:
    from reverseproxy.web.locations import HeaderFilter
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request

_serial = itertools.count(int.from_bytes(os.urandom(6), "big"))


def header_filter(place: Place) -> HeaderFilter | None:
    """The filter of a level, with its `max_ranges`.

    Of an upstream's answers one part is cut at most, as it passes, and where
    `proxy_force_ranges` says so.
    """
    limit = place[StaticSettings].max_ranges
    passes = place[ProxySettings].proxy_pass is not None
    if passes:
        if not place[PassingSettings].proxy_force_ranges:
            return None
        limit = 1 if limit is None else min(limit, 1)

    def ranges(request: Request, response: Response) -> None:
        size = response.length
        if not response.ranges or size is None or response.status != 200 or limit == 0:
            return
        wanted = None
        value = request.head.named.get(b"range")
        if value is not None and _still_valid(request, response):
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
            response.status, response.reason = 206, None
            response.length = stop - start
            if passes:
                request.transform = chained(request.transform, Part(start, stop))
            else:
                response.parts = [(b"", start, stop)]
            response.fields.append((b"Content-Range", b"bytes %d-%d/%d" % (start, stop - 1, size)))
        else:
            _multipart(response, wanted, size)

    return ranges


class Part:
    """Lets pass what lies from `start` up to `stop` in a body."""

    __slots__ = ("_left", "_skip")

    def __init__(self, start: int, stop: int) -> None:
        self._skip = start
        self._left = stop - start

    def feed(self, data: bytes) -> bytes:
        """What of a piece is in the part."""
        size = len(data)
        if self._skip >= size:
            self._skip -= size
            return b""
        if self._skip or size > self._left:
            data = data[self._skip : self._skip + self._left]
            self._skip = 0
        self._left -= len(data)
        return data

    def flush(self) -> bytes:
        """Nothing is ever held back."""
        return b""

    def finish(self) -> bytes:
        """Nothing is left."""
        return b""


def _still_valid(request: Request, response: Response) -> bool:
    """Whether If-Range, if it is there, fits the representation."""
    value = request.head.named.get(b"if-range")
    if value is None:
        return True
    mtime = response.mtime
    if mtime is None:
        mtime = parse_http_date(response.get(b"last-modified") or b"")
    return if_range(value, response.get(b"etag") or b"", mtime)


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
