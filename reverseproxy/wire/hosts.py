"""The Host field and the authority of a target: a name or an address, and a port.

Theory: RFC 9110 §7.2 gives Host = uri-host [ ":" port ], and RFC 3986 §3.2.2 gives the host. A
name is as much of that as a server can be called by: a reg-name without empty labels, so that no
`..` gets into a path made from `$host`. A trailing dot is dropped (it is the same name in the DNS)
and letters are lower-cased, so that virtual hosts are found by one dictionary. An address of IPv6
keeps its brackets, as `$host` does. IPvFuture (`[v1.x]`) has no users and is refused; so is
userinfo (RFC 9110 §4.2.4).

A daemon is asked for few hosts again and again: valid ones are remembered, in bounded number and
length. Invalid ones are not, so that nobody can push the good ones out for free.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

from reverseproxy.errors import ClientError

#: RFC 3986 §3.2.2: reg-name = *( unreserved / pct-encoded / sub-delims ), here of labels with dots
#: between; RFC 3986 §3.2.3: port = *DIGIT. Percent signs are checked by `_PERCENT`.
_NAME = re.compile(
    rb"([\-_~0-9A-Za-z%!$&'()*+,;=]++(?:\.[\-_~0-9A-Za-z%!$&'()*+,;=]++)*)\.?(?::([0-9]{0,5}))?"
)

#: RFC 3986 §2.1: pct-encoded = "%" HEXDIG HEXDIG; this finds a percent sign that is none.
_BAD_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")

#: RFC 3986 §3.2.2: IP-literal = "[" ( IPv6address / IPvFuture ) "]"; ipaddress judges the inside.
_LITERAL = re.compile(rb"\[([0-9A-Fa-f:.]{2,45})\](?::([0-9]{0,5}))?")

#: Longer values are parsed each time, so that the memory has a bound in bytes as well.
_REMEMBERED = 255


def parse_host(value: bytes) -> tuple[bytes, int | None]:
    """Return the lower-case host and the port (None if none, or an empty one, was given).

    An IPv6 address is in brackets, a trailing dot is gone. Raises ClientError 400 for a value that
    is empty or no host (RFC 9112 §3.2), or whose port is over 65535.
    """
    if len(value) > _REMEMBERED:
        return _parse(value)
    return _parse_remembered(value)


def _parse(value: bytes) -> tuple[bytes, int | None]:
    match = _NAME.fullmatch(value)
    if match is None:
        match = _LITERAL.fullmatch(value)
        if match is None or not _is_ipv6(match[1]):
            raise ClientError(400, "RP-400-host", f"not a host: {value[:80].decode('latin-1')!a}")
        host = b"[" + match[1].lower() + b"]"
    else:
        host = match[1].lower()
        if 0x25 in host and _BAD_PERCENT.search(host):
            raise ClientError(400, "RP-400-host", "a bad percent escape in the host")
    digits = match[2]
    port = int(digits) if digits else None
    if port is not None and port > 65535:
        raise ClientError(400, "RP-400-host", f"the host's port {port} is over 65535")
    return host, port


_parse_remembered = lru_cache(maxsize=1024)(_parse)


def _is_ipv6(literal: bytes) -> bool:
    try:
        ipaddress.IPv6Address(literal.decode("ascii"))
    except ValueError:
        return False
    return True
