"""Rules for fields that pass through: which stop here, and how a head is written out.

Theory: a proxy owns its two connections, so the fields that speak of a connection end here (RFC
9110 §7.6.1), and with them what Connection names. A client could name fields away which the
upstream trusts this proxy to send, such as X-Forwarded-For; those can't be named.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from reverseproxy.wire.framing import connection_tokens
from reverseproxy.wire.grammar import FIELD_ALLOWED

if TYPE_CHECKING:
    from reverseproxy.wire.fieldlines import Fields
    from reverseproxy.wire.heads import RequestHead, ResponseHead

#: RFC 9110 §7.6.1, and Proxy-Connection, which is obsolete and still sent. Proxy-Authenticate and
#: Proxy-Authorization are not here: nginx passes them, and upstreams count on it.
HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)

#: What Connection can't name away: the fields of the message itself, and those a proxy vouches for.
_END_TO_END = frozenset(
    (
        b"accept",
        b"accept-encoding",
        b"authorization",
        b"cache-control",
        b"content-encoding",
        b"content-length",
        b"content-range",
        b"content-type",
        b"cookie",
        b"date",
        b"expect",
        b"forwarded",
        b"host",
        b"if-match",
        b"if-modified-since",
        b"if-none-match",
        b"if-range",
        b"if-unmodified-since",
        b"location",
        b"max-forwards",
        b"origin",
        b"pragma",
        b"range",
        b"referer",
        b"server",
        b"set-cookie",
        b"user-agent",
        b"vary",
        b"via",
        b"x-real-ip",
        b"x-request-id",
    )
)


def hop_by_hop(connection: bytes | None) -> frozenset[bytes]:
    """Return the lower-case names that stop here, given the combined value of Connection.

    HOP_BY_HOP and what Connection names, except the fields that can't be named away.
    """
    if connection is None:
        return HOP_BY_HOP
    named = connection_tokens(connection) - _OPTIONS
    if not named:
        return HOP_BY_HOP
    return HOP_BY_HOP.union(
        [n for n in named if n not in _END_TO_END and not n.startswith(b"x-forwarded-")]
    )


def passed_on(head: RequestHead | ResponseHead, stopped: frozenset[bytes]) -> Fields:
    """Return the fields that go on to the next hop, in order.

    Those of `stopped`, which has HOP_BY_HOP, do not, nor those that Connection names.
    """
    also = hop_by_hop(head.joined(b"connection"))
    return head.without(stopped if also is HOP_BY_HOP else stopped | also)


#: Connection options that name no further field.
_OPTIONS = HOP_BY_HOP | {b"close"}


def serialise(start_line: bytes, fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return a head: the start line (without a line end), the fields, and the empty line.

    Nothing is checked: names and values are parsed ones, or passed `safe_field_value` before.
    """
    return b"\r\n".join([start_line, *map(b": ".join, fields), b"", b""])


def safe_field_value(value: bytes) -> bool:
    """Return whether bytes may be sent as a field's value: no CR, LF, NUL or control byte but HTAB.

    RFC 9110 §5.5. For values the proxy makes itself, from a variable or a decoded path.
    """
    return not value.translate(None, FIELD_ALLOWED)
