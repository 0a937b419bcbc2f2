"""`$upstream_…`: what became of a request at its upstreams.

A request may have been tried several times: the values stand in order, with a comma between the
tries of one location and a colon where another location began again, as nginx has it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reverseproxy.web.request import Request

    from .attempt import Try

Getter = Callable[["Request"], bytes | None]


def _each(value_of: Callable[[Try], bytes]) -> Getter:
    """A getter that joins a value of each try."""

    def getter(request: Request) -> bytes | None:
        tries = request.upstream_tries
        if not tries:
            return None
        found = value_of(tries[0])
        for tried in tries[1:]:
            found += (b" : " if tried.first else b", ") + value_of(tried)
        return found

    return getter


def _seconds(name: str) -> Getter:
    """A time of each try, in seconds with milliseconds; "-" where it did not come to it."""

    def value_of(tried: Try) -> bytes:
        value: float | None = getattr(tried, name)
        return b"-" if value is None else b"%.3f" % max(value, 0.0)

    return _each(value_of)


def _count(name: str) -> Getter:
    return _each(lambda tried: b"%d" % getattr(tried, name))


GETTERS: dict[str, Getter] = {
    "upstream_addr": _each(lambda tried: tried.addr),
    "upstream_bytes_received": _count("received"),
    "upstream_bytes_sent": _count("sent"),
    "upstream_connect_time": _seconds("connect_time"),
    "upstream_header_time": _seconds("header_time"),
    "upstream_response_length": _count("length"),
    "upstream_response_time": _seconds("response_time"),
    "upstream_status": _each(lambda tried: b"%d" % tried.status),
}


def _field(name: str) -> Getter:
    """`$upstream_http_NAME`: a field of the last upstream's answer."""
    field = name.replace("_", "-").encode()

    def getter(request: Request) -> bytes | None:
        head = request.upstream_tries[-1].head if request.upstream_tries else None
        return None if head is None else head.joined(field)

    return getter


def _trailer(name: str) -> Getter:
    """`$upstream_trailer_NAME`: a field behind the last upstream's answer."""
    field = name.replace("_", "-").encode()

    def getter(request: Request) -> bytes | None:
        tries = request.upstream_tries
        found = [v for key, v in tries[-1].trailers if key.lower() == field] if tries else []
        return b", ".join(found) if found else None

    return getter


def _cookie(name: str) -> Getter:
    """`$upstream_cookie_NAME`: a cookie that the last upstream sets."""
    wanted = name.encode()

    def getter(request: Request) -> bytes | None:
        head = request.upstream_tries[-1].head if request.upstream_tries else None
        for line in head.get_all(b"set-cookie") if head is not None else ():
            key, equals, value = line.partition(b";")[0].partition(b"=")
            if equals and key.strip().lower() == wanted:
                return value.strip()
        return None

    return getter


FAMILIES: dict[str, Callable[[str], Getter]] = {
    "upstream_http_": _field,
    "upstream_trailer_": _trailer,
    "upstream_cookie_": _cookie,
}
