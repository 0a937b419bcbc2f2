"""How long a message's body is, and whether its connection lives on: the one place that decides.

Theory: RFC 9112 §6.3 gives the rules in order of precedence. Where two readers of one message come
to different lengths, one of them reads a stranger's bytes as the next request: smuggling. So this
module takes only what leaves one reading. Content-Length and Transfer-Encoding never stand
together, neither stands twice, a transfer coding is exactly `chunked`, and there is none under
HTTP/1.0. What passes is sent on in a framing made anew for the other side.

A length is a plain int so that deciding costs a comparison: positive is the number of bytes, the
three names below are zero and negative.
"""

from __future__ import annotations

import re

from reverseproxy.errors import ClientError, UpstreamProtocolError
from reverseproxy.wire.fieldlines import field_offset
from reverseproxy.wire.grammar import TOKEN
from reverseproxy.wire.heads import RequestHead, ResponseHead

NO_BODY = 0
CHUNKED = -1
UNTIL_CLOSE = -2

_CODINGS = b"transfer-encoding"
_LENGTHS = b"content-length"

#: RFC 9110 §10.1.4: transfer-coding = token *transfer-parameter; here without parameters, which no
#: registered coding has.
_CODING = re.compile(TOKEN)

#: The longest body: what an off_t holds.
MAX_LENGTH = 2**63 - 1


def request_framing(head: RequestHead) -> int:
    """Return NO_BODY, CHUNKED or the positive length of a request's body (RFC 9112 §6.3).

    Raises ClientError: 400 for whatever is ambiguous or malformed, 501 for a well-formed list of
    codings that ends in chunked but holds others (RFC 9112 §6.1). It names the field, and
    `locate` finds that in the head.
    """
    named = head.named
    coding = named.get(b"transfer-encoding")
    length = named.get(b"content-length")
    if coding is None:
        if length is None:
            return NO_BODY
        return _length(length)
    if length is not None:
        raise _bad_framing("both Content-Length and Transfer-Encoding are given", _CODINGS)
    if head.version == b"1.0":
        raise _bad_framing("Transfer-Encoding is given under HTTP/1.0", _CODINGS)
    if head.repeated:
        coding = head.joined(b"transfer-encoding") or b""
    if coding.lower() == b"chunked":
        return CHUNKED
    raise _refused_coding(coding)


def response_framing(method: bytes, head: ResponseHead) -> int:
    """Return NO_BODY, CHUNKED, UNTIL_CLOSE or the positive length of a response's body.

    `method` is the request's. Raises UpstreamProtocolError for what leaves two readings; the fields
    are judged also where there is no body, for they would be sent on. CONNECT, whose success
    has rules of its own, is never sent to an upstream.
    """
    framing: int | None = head.made.get(_framed)
    if framing is None:
        framing = head.made[_framed] = _framed(head)
    status = head.status
    if status < 200 or status == 204 or status == 304 or method == b"HEAD":
        return NO_BODY
    return framing


def _framed(head: ResponseHead) -> int:
    """What the fields say of the body, if there is one."""
    coding = head.named.get(b"transfer-encoding")
    length = head.named.get(b"content-length")
    if coding is not None:
        if length is not None:
            raise _unreadable("both Content-Length and Transfer-Encoding are given", _CODINGS)
        if head.version == b"1.0":
            raise _unreadable("Transfer-Encoding is given under HTTP/1.0", _CODINGS)
        if coding.lower() != b"chunked" or _stands_twice(head, _CODINGS):
            raise _unreadable("a Transfer-Encoding that is not exactly chunked", _CODINGS)
        return CHUNKED
    if length is not None:
        if _stands_twice(head, _LENGTHS):
            raise _unreadable("Content-Length is given twice", _LENGTHS)
        try:
            return _length(length)
        except ClientError as error:
            raise _unreadable(error.detail, _LENGTHS) from None
    return UNTIL_CLOSE


def locate(head: bytes, error: ClientError | UpstreamProtocolError) -> None:
    """Give `error` the offset of the field that it names, looked for in the head's bytes."""
    if error.field is not None and error.offset is None:
        error.offset = field_offset(head, error.field)


def keeps_alive(head: RequestHead | ResponseHead) -> bool:
    """Return whether the connection persists after this message (RFC 9112 §9.3)."""
    persists: bool | None = head.made.get(keeps_alive)
    if persists is None:
        tokens = connection_tokens(head.joined(b"connection"))
        persists = b"close" not in tokens and (head.version == b"1.1" or b"keep-alive" in tokens)
        head.made[keeps_alive] = persists
    return persists


def connection_tokens(value: bytes | None) -> frozenset[bytes]:
    """Return the options of a combined Connection value in lower case (RFC 9110 §7.6.1)."""
    known = _KNOWN_OPTIONS.get(value)
    if known is not None:
        return known
    options = [option.strip(b" \t") for option in (value or b"").lower().split(b",")]
    return frozenset([option for option in options if option])


#: What nearly every Connection value is.
_KNOWN_OPTIONS: dict[bytes | None, frozenset[bytes]] = {
    None: frozenset(),
    b"keep-alive": frozenset((b"keep-alive",)),
    b"Keep-Alive": frozenset((b"keep-alive",)),
    b"close": frozenset((b"close",)),
    b"Close": frozenset((b"close",)),
    b"upgrade": frozenset((b"upgrade",)),
    b"Upgrade": frozenset((b"upgrade",)),
}


def _length(value: bytes) -> int:
    """Read a Content-Length (RFC 9110 §8.6: 1*DIGIT), or raise ClientError 400."""
    # bytes.isdigit knows ASCII digits only; 19 digits hold MAX_LENGTH.
    if not value.isdigit() or len(value) > 19:
        shown = ascii(value[:40].decode("latin-1"))
        raise _bad_framing(f"not a Content-Length: {shown}", _LENGTHS)
    length = int(value)
    if length > MAX_LENGTH:
        raise _bad_framing(f"Content-Length {length} is over {MAX_LENGTH}", _LENGTHS)
    return length


def _refused_coding(value: bytes) -> ClientError:
    """Return what to raise for a Transfer-Encoding other than chunked alone."""
    codings = [coding.strip(b" \t") for coding in value.lower().split(b",")]
    others = codings[:-1]
    if (
        codings[-1] == b"chunked"
        and b"chunked" not in others
        and all(_CODING.fullmatch(coding) for coding in others)
    ):
        detail = "a transfer coding other than chunked"
        return ClientError(501, "RP-501-coding", detail, field=_CODINGS)
    return _bad_framing(
        "a Transfer-Encoding that is malformed or does not end in chunked", _CODINGS
    )


def _stands_twice(head: ResponseHead, lower_name: bytes) -> bool:
    return head.repeated and len(head.get_all(lower_name)) > 1


def _bad_framing(detail: str, field: bytes) -> ClientError:
    return ClientError(400, "RP-400-framing", detail, field=field)


def _unreadable(detail: str, field: bytes) -> UpstreamProtocolError:
    return UpstreamProtocolError(detail, field=field)
