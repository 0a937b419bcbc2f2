"""Every error type of the house, and the one map from a failure to a status and a cause code.

Three families, by whose fault it was: the operator's (`ConfigurationError`), the client's
(`ClientError`), the upstream's (`UpstreamError`).
"""

from __future__ import annotations

import attrs


class ReverseProxyError(Exception):
    """The root of this project's errors."""


@attrs.define(eq=False)
class ClientError(ReverseProxyError):
    """What a client sent can't be served.

    `status` is the response's status code, `cause` the stable code shown to the client and
    explained in the error log, `detail` the sentence for the error log, `offset` the position in
    the head in bytes where it was noticed, or None. `close` says that the framing of what follows
    can't be trusted any more, so the connection ends with the answer.
    """

    status: int
    cause: str
    detail: str
    offset: int | None = None
    close: bool = True

    def __str__(self) -> str:
        where = "" if self.offset is None else f" at byte {self.offset}"
        return f"{self.detail}{where}"


class UpstreamError(ReverseProxyError):
    """An upstream could not be reached, or what it sent can't be passed on.

    `status` is what the client gets when no byte of an answer went out yet.
    """

    status = 502
    cause = "RP-502-upstream"


class UpstreamRefused(UpstreamError):
    """No connection could be made."""

    cause = "RP-502-refused"


class UpstreamTimeout(UpstreamError):
    """A connect, send or read took longer than its timeout."""

    status = 504
    cause = "RP-504-timeout"


class UpstreamClosed(UpstreamError):
    """The upstream closed before the answer was complete."""

    cause = "RP-502-closed"


class UpstreamProtocolError(UpstreamError):
    """The upstream sent something that is not well-formed HTTP/1 (RFC 9112)."""

    cause = "RP-502-protocol"
