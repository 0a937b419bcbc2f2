"""One attempt at one peer: how long it may take, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from reverseproxy.wire.heads import ResponseHead


@attrs.frozen
class Timeouts:
    """`proxy_connect_timeout`, `proxy_send_timeout`, `proxy_read_timeout`, in seconds."""

    connect: float
    send: float
    read: float


@attrs.define(eq=False)
class Try:
    """One attempt at one peer, for `$upstream_…` and the error log.

    `started` is when it began (seconds, monotonic), the times are seconds from then on; `first`
    says that a location's content began here, and did not try again.
    """

    addr: bytes
    url: str
    started: float = 0.0
    first: bool = True
    status: int = 502
    connect_time: float | None = None
    header_time: float | None = None
    response_time: float | None = None
    #: bytes of the answer's body, of all that was received, of all that was sent
    length: int = 0
    received: int = 0
    sent: int = 0
    head: ResponseHead | None = None
    #: the fields behind the body; they are here when the body is
    trailers: Sequence[tuple[bytes, bytes]] = ()
