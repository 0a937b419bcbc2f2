"""An answer before it is written: what content makes, filters change and `Request` sends."""

from __future__ import annotations

from typing import Protocol

import attrs

Fields = list[tuple[bytes, bytes]]

#: The reason phrases that nginx has; other statuses have none, which RFC 9112 section 4 allows.
REASONS: dict[int, bytes] = {
    200: b"OK",
    201: b"Created",
    202: b"Accepted",
    204: b"No Content",
    206: b"Partial Content",
    301: b"Moved Permanently",
    302: b"Moved Temporarily",
    303: b"See Other",
    304: b"Not Modified",
    307: b"Temporary Redirect",
    308: b"Permanent Redirect",
    400: b"Bad Request",
    401: b"Unauthorized",
    402: b"Payment Required",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Not Allowed",
    406: b"Not Acceptable",
    408: b"Request Time-out",
    409: b"Conflict",
    410: b"Gone",
    411: b"Length Required",
    412: b"Precondition Failed",
    413: b"Request Entity Too Large",
    414: b"Request-URI Too Large",
    415: b"Unsupported Media Type",
    416: b"Requested Range Not Satisfiable",
    421: b"Misdirected Request",
    429: b"Too Many Requests",
    500: b"Internal Server Error",
    501: b"Not Implemented",
    502: b"Bad Gateway",
    503: b"Service Temporarily Unavailable",
    504: b"Gateway Time-out",
    505: b"HTTP Version Not Supported",
    507: b"Insufficient Storage",
}
#: Statuses whose answers never have a body (RFC 9110 section 6.4.1).
BODILESS = frozenset({204, 304})


@attrs.define(eq=False)
class Response:
    """A status, the fields that content sets, and how long the body is.

    `length` is in bytes, None when it is not known before the end. `ranges` says that parts of
    the body can be asked for; `parts` are those that were: (start, stop) in bytes, with the bytes
    to send before each and after the last.
    """

    status: int
    fields: Fields
    length: int | None = None
    reason: bytes | None = None
    ranges: bool = False
    parts: list[tuple[bytes, int, int]] | None = None
    tail: bytes = b""
    #: when the content was last changed, seconds since the epoch (for If-Range)
    mtime: int | None = None

    def get(self, lower_name: bytes) -> bytes | None:
        """The first value of a field, by its name in lower case."""
        for name, value in self.fields:
            if name.lower() == lower_name:
                return value
        return None

    def drop(self, lower_name: bytes) -> None:
        """Remove every field of that name."""
        self.fields = [pair for pair in self.fields if pair[0].lower() != lower_name]


class Transform(Protocol):
    """Changes a body on its way out, piece by piece."""

    def feed(self, data: bytes) -> bytes:
        """Take a piece of the body; what can be sent by now (often nothing)."""

    def flush(self) -> bytes:
        """Everything that was taken so far."""

    def finish(self) -> bytes:
        """The rest."""


class Chained:
    """One transform after another."""

    __slots__ = ("_first", "_second")

    def __init__(self, first: Transform, second: Transform) -> None:
        self._first = first
        self._second = second

    def feed(self, data: bytes) -> bytes:
        """Take a piece of the body; what can be sent by now."""
        data = self._first.feed(data)
        return self._second.feed(data) if data else b""

    def flush(self) -> bytes:
        """Everything that was taken so far."""
        data = self._first.flush()
        return (self._second.feed(data) if data else b"") + self._second.flush()

    def finish(self) -> bytes:
        """The rest."""
        data = self._first.finish()
        return (self._second.feed(data) if data else b"") + self._second.finish()


def chained(before: Transform | None, transform: Transform) -> Transform:
    """`transform` after what a body goes through already."""
    return transform if before is None else Chained(before, transform)
