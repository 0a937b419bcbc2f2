"""An answer before it is written: what content makes, filters change and `Request` sends."""

from __future__ import annotations

from http import HTTPStatus
from typing import Protocol

import attrs

Fields = list[tuple[bytes, bytes]]

#: Reason phrases (RFC 9110 section 15), and nginx's own codes.
REASONS: dict[int, bytes] = {
    **{status.value: status.phrase.encode() for status in HTTPStatus},
    302: b"Moved Temporarily",
    405: b"Not Allowed",
    408: b"Request Time-out",
    413: b"Request Entity Too Large",
    414: b"Request-URI Too Large",
    416: b"Requested Range Not Satisfiable",
    499: b"Client Closed Request",
    503: b"Service Temporarily Unavailable",
    504: b"Gateway Time-out",
    505: b"HTTP Version Not Supported",
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
