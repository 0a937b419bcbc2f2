"""Every error type of the house, and the one map from a failure to a status and a cause code.

Three families, by whose fault it was: the operator's (`ConfigurationError`), the client's
(`ClientError`), the upstream's (`UpstreamError`).
"""

from __future__ import annotations

import attrs


class ReverseProxyError(Exception):
    """The root of this project's errors."""


def placed(detail: str, offset: int | None, part: str) -> str:
    """What is wrong and where, as the error log has it."""
    return detail if offset is None else f"{detail} at byte {offset} of the {part}"


@attrs.define(eq=False)
class ClientError(ReverseProxyError):
    """What a client sent can't be served.

    `status` is the response's status code, `cause` the stable code shown to the client and
    explained in the error log, `detail` the sentence for the error log. `offset` is the position in
    bytes where it was noticed, or None, counted from the first byte of `part`: the head, the target
    in it, the path in that, or the body as it was sent. `close` says that the framing of what
    follows can't be trusted any more, so the connection ends with the answer. `field` is the name
    in lower case of the field that is to blame, for who has the head's bytes to find the offset.
    """

    status: int
    cause: str
    detail: str
    offset: int | None = None
    close: bool = True
    part: str = "head"
    field: bytes | None = None

    def __str__(self) -> str:
        return placed(self.detail, self.offset, self.part)


class UpstreamError(ReverseProxyError):
    """An upstream could not be reached, or what it sent can't be passed on.

    `status` is what the client gets when no byte of an answer went out yet.
    """

    status = 502
    cause = "RP-502-upstream"


class UpstreamRefused(UpstreamError):
    """No connection could be made."""

    cause = "RP-502-refused"


class UpstreamHandshake(UpstreamError):
    """The connection is there, and TLS could not be agreed upon."""

    cause = "RP-502-tls"


class UpstreamUntrusted(UpstreamError):
    """The certificate is not that of who was asked for, or nobody trusted vouches for it."""

    cause = "RP-502-untrusted"


class UpstreamUnresolved(UpstreamError):
    """The host that a request is to go to has no address."""

    cause = "RP-502-unresolved"


class NoLiveUpstream(UpstreamError):
    """Every server of a group is down, has failed of late or has been tried."""

    cause = "RP-502-no-live-upstream"


class NoConnectionLeft(UpstreamError):
    """`worker_connections` are taken: there is none for an upstream."""

    status = 500
    cause = "RP-500-connections"


class UpstreamTimeout(UpstreamError):
    """A connect, send or read took longer than its timeout."""

    status = 504
    cause = "RP-504-timeout"


class UpstreamClosed(UpstreamError):
    """The upstream closed before the answer was complete."""

    cause = "RP-502-closed"


class UpstreamUnanswered(UpstreamClosed):
    """The upstream closed before a single byte of an answer: it may not have seen the request."""


@attrs.define(eq=False)
class UpstreamProtocolError(UpstreamError):
    """The upstream sent something that is not well-formed HTTP/1 (RFC 9112).

    The attributes are those of `ClientError`; `part` is the head, or the body as it was sent.
    """

    cause = "RP-502-protocol"

    detail: str
    offset: int | None = None
    part: str = "head"
    field: bytes | None = None

    def __str__(self) -> str:
        return placed(self.detail, self.offset, f"answer's {self.part}")


class BrokenBody(ReverseProxyError):
    """An answer's body is not what its head says, and can't be converted."""


class SpoolError(ReverseProxyError):
    """A temporary file could not be made or written: the machine's fault.

    `directory` is the directive's directory, `error` the OSError.
    """

    status = 500
    cause = "RP-500-spool"

    def __init__(self, directory: str, error: OSError) -> None:
        super().__init__(f'spooling to "{directory}" failed: {error.strerror or error}')
        self.directory = directory
        self.error = error


class Refusal(ReverseProxyError):
    """The configuration says no, or there is nothing to answer with: 403, 404, 405 and the like.

    `level` is what the error log files it under; `log_not_found` and plain refusals differ there.
    """

    def __init__(
        self,
        status: int,
        cause: str,
        detail: str,
        level: str = "error",
        fields: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(detail)
        self.fields = fields
        self.status = status
        self.cause = cause
        self.level = level


@attrs.frozen
class Fault:
    """What follows from a failure.

    The status, the cause code and further fields for the client, the level for the error log, and
    whether the client's connection must end with the answer.
    """

    status: int
    cause: str
    level: str
    close: bool
    fields: tuple[tuple[bytes, bytes], ...] = ()


def blame(error: ReverseProxyError) -> Fault:
    """Map a failure to what follows from it: the one place that decides between 400, 413, 5xx."""
    match error:
        case ClientError():
            # 501 and 505 are as much the client's doing as any 4xx; 500 is the configuration's.
            level = "error" if error.status == 500 else "info"
            return Fault(error.status, error.cause, level, error.close)
        case Refusal():
            return Fault(error.status, error.cause, error.level, False, error.fields)
        case UpstreamError():
            return Fault(error.status, error.cause, "error", close=False)
        case SpoolError():
            return Fault(error.status, error.cause, "crit", close=True)
        case _:
            return Fault(500, "RP-500-internal", "alert", close=True)
