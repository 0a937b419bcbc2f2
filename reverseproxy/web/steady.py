"""What stays the same from one request of a connection to the next.

A client repeats most of its fields with each request. What depends on them, and on the connection,
and on nothing else, is the same as long as they are: it is made once, and kept with the fields
(`RequestHead.made`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from .request import Request

G = TypeVar("G", bound=Callable[["Request"], bytes | None])


def steady(getter: G) -> G:
    """Mark a getter: all requests of a connection with the same fields have the same value.

    Nothing that the target, the location or a directive like `set` decides may be marked.
    """
    getter.__dict__["steady"] = True
    return getter


def is_steady(getter: Callable[[Request], bytes | None]) -> bool:
    """Whether a getter, or a compiled template, is marked so."""
    return "steady" in getter.__dict__


def kept(make: Callable[[Request], bytes]) -> Callable[[Request], bytes]:
    """A steady getter whose value is made once for all those requests: worth it for long ones."""

    def once(request: Request) -> bytes:
        made = request.head.made
        value: bytes | None = made.get(once)
        if value is None:
            value = made[once] = make(request)
        return value

    return steady(once)
