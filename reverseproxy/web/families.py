"""Families of variables: `$http_…`, `$arg_…` and the like, a getter made for each name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .getters import Getter
from .steady import steady

if TYPE_CHECKING:
    from .request import Request


def _request_field(name: str) -> Getter:
    """`$http_NAME`: a field of the request; several are joined with a comma."""
    plain = name.encode()
    field = plain.replace(b"_", b"-")

    @steady
    def getter(request: Request) -> bytes | None:
        head = request.head
        found = head.joined(field) if head.repeated else head.named.get(field)
        if found is None and 0x5F in request.vhost.field_names:
            # Where underscores are taken, X_A and X-A are the same variable.
            for other in head.named:
                if other.replace(b"-", b"_") == plain:
                    return head.joined(other)
        return found

    return getter


def _sent_length(request: Request) -> bytes | None:
    length = None if request.response is None else request.response.length
    return None if length is None or request.code == 204 else b"%d" % length


def _sent_coding(request: Request) -> bytes | None:
    return b"chunked" if request.chunked else None


def _sent_connection(request: Request) -> bytes | None:
    if request.response is None:
        return None
    return b"keep-alive" if request.channel.persistent else b"close"


#: The fields of an answer that are made where it is framed.
_FRAMING: dict[str, Getter] = {
    "connection": _sent_connection,
    "content_length": _sent_length,
    "transfer_encoding": _sent_coding,
}


def _response_field(name: str) -> Getter:
    """`$sent_http_NAME`: a field of the answer."""
    if name in _FRAMING:
        return _FRAMING[name]
    field = name.replace("_", "-").encode()

    def getter(request: Request) -> bytes | None:
        response = request.response
        return None if response is None else response.get(field)

    return getter


def _trailer_field(name: str) -> Getter:
    """`$sent_trailer_NAME`: a field that came behind the answer; there when the answer is over."""
    field = name.replace("_", "-").encode()

    def getter(request: Request) -> bytes | None:
        for line in request.sent_trailers.split(b"\r\n"):
            key, colon, value = line.partition(b":")
            if colon and key.lower() == field:
                return value.strip()
        return None

    return getter


def _argument(name: str) -> Getter:
    """`$arg_NAME`: an argument of the request, as it was sent (not decoded)."""
    wanted = name.encode()

    def getter(request: Request) -> bytes | None:
        for pair in (request.query or b"").split(b"&"):
            key, equals, value = pair.partition(b"=")
            if equals and key.lower() == wanted:
                return value
        return None

    return getter


def _cookie(name: str) -> Getter:
    """`$cookie_NAME`: a cookie of the request."""
    wanted = name.encode()

    @steady
    def getter(request: Request) -> bytes | None:
        for line in request.head.get_all(b"cookie"):
            for pair in line.split(b";"):
                key, equals, value = pair.strip(b" ").partition(b"=")
                if equals and key.lower() == wanted:
                    return value
        return None

    return getter


FAMILIES: dict[str, Callable[[str], Getter]] = {
    "http_": _request_field,
    "sent_http_": _response_field,
    "sent_trailer_": _trailer_field,
    "arg_": _argument,
    "cookie_": _cookie,
}
