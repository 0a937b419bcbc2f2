"""`add_header`, `add_trailer` and `expires` on an answer's way out (ngx_http_headers_module)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from reverseproxy.web.response import BODILESS, Response
from reverseproxy.wire.conditional import parse_http_date
from reverseproxy.wire.fields import safe_field_value

from .expiry import Expiry, expiry_fields, expiry_of, last_modified
from .headersettings import AddedField, HeaderSettings, added

if TYPE_CHECKING:
    from reverseproxy.web.locations import HeaderFilter
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request
    from reverseproxy.web.variables import Rendered

#: The statuses whose answers get fields without `always`.
STATUSES = frozenset({200, 201, 204, 206, 301, 302, 303, 304, 307, 308})
#: Fields of which there is one: `add_header` sets them, and an empty value takes them away.
_SINGLE = frozenset({b"last-modified", b"etag"})

Ready = tuple[bytes, "Rendered", bool]


def _ready(place: Place, fields: Sequence[AddedField]) -> list[Ready]:
    return [(field.name.encode(), place.compile(field.value), field.always) for field in fields]


def header_filter(place: Place) -> HeaderFilter | None:
    """The filter of a level with `add_header` or `expires`."""
    fields = _ready(place, added(place.level, "add_header"))
    expiry = expiry_of(place, place[HeaderSettings].expires)
    if not fields and expiry is None:
        return None

    def headers(request: Request, response: Response) -> None:
        # So that $status in a value is this answer's.
        request.code = status = response.status
        safe = status in STATUSES
        if expiry is not None and safe:
            _expire(request, response, expiry)
        for name, render, always in fields:
            if safe or always:
                value = render(request)
                if safe_field_value(value):
                    _add(response, name, value)
                else:
                    _complain(request, "add_header", name, value)

    return headers


def _expire(request: Request, response: Response, expiry_of: Callable[[Request], Expiry]) -> None:
    expiry = expiry_of(request)
    if expiry.kind == "off":
        return
    now = int(request.site.dates.clock())
    expires, control = expiry_fields(expiry, now, last_modified(response))
    response.drop(b"expires")
    response.drop(b"cache-control")
    response.fields += [(b"Expires", expires), (b"Cache-Control", control)]


def _add(response: Response, name: bytes, value: bytes) -> None:
    lower = name.lower()
    if lower in _SINGLE:
        response.drop(lower)
        if lower == b"last-modified":
            response.mtime = parse_http_date(value)
    if value:
        response.fields.append((name, value))


def _complain(request: Request, directive: str, name: bytes, value: bytes) -> None:
    location = request.location
    location.error_log.error(
        f"a control byte in the value of {name.decode()} ({directive}, "
        f"{location.where(directive)}): {value!r}; the field is left out",
        request=request,
    )


def trailer_filter(place: Place) -> HeaderFilter | None:
    """The last filter of a level with `add_trailer`: it decides that the body goes in chunks."""
    fields = _ready(place, added(place.level, "add_trailer"))
    if not fields:
        return None

    def end(request: Request) -> bytes:
        lines: list[bytes] = []
        safe = request.code in STATUSES
        for name, render, always in fields:
            value = render(request) if safe or always else b""
            if not safe_field_value(value):
                _complain(request, "add_trailer", name, value)
            elif value:
                lines += (name, b": ", value, b"\r\n")
        return b"".join(lines)

    def trailers(request: Request, response: Response) -> None:
        head = request.head
        if (
            response.status in BODILESS
            or head.method == b"HEAD"
            or head.version == b"1.0"
            or not request.location.client.chunked_transfer_encoding
        ):
            return
        if response.status in STATUSES or any(always for _, _, always in fields):
            response.length = None
            request.trailers = end

    return trailers
