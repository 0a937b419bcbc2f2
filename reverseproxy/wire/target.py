"""The target of a request: its form, its parts, and the path a location is chosen by.

Theory: RFC 9112 §3.2 has four forms, told apart by the method and the first byte. The path is kept
twice: raw, as it may be sent on untouched, and normalised, as locations and files are found by.
Normalising follows nginx, for the operator's `location /admin/` must guard what nginx would guard:
percent escapes are decoded once, and only then are dot segments removed and slashes merged, so
`%2e%2e` and `%2f` are what they stand for. Nothing is decoded twice.

Stricter than nginx: a fragment is refused (RFC 9112 §3.2: a target has none; nginx cuts it off),
and of schemes only http and https are known.
"""

from __future__ import annotations

import re

import attrs

from reverseproxy.errors import ClientError
from reverseproxy.wire.hosts import parse_host


@attrs.define
class Target:
    """The parts of a request target, all raw.

    `form` is "origin", "absolute", "asterisk" or "authority". `authority` and `scheme` are None
    where the form has none. `path` is b"*" in asterisk form and b"" in authority form. `query` is
    None without a question mark, b"" with nothing behind it.
    """

    form: str
    authority: bytes | None
    path: bytes
    query: bytes | None
    scheme: bytes | None


#: RFC 9112 §3.2.2: absolute-form = absolute-URI; RFC 3986 §4.3, of http and https only:
#: scheme "://" authority path-abempty [ "?" query ]
_ABSOLUTE = re.compile(rb"([Hh][Tt][Tt][Pp][Ss]?)://([^/?]++)([^?]*+)(?:\?(.*))?")

_HEX_DIGITS = frozenset(b"0123456789abcdefABCDEF")

#: RFC 3986 §2.1: a percent sign that begins no escape.
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")
#: A segment of a path with the slash before it, however that is written. Nothing is possessive
#: here: Python 3.11.2 forgets what such a group has matched.
_SEGMENT = re.compile(rb"(?:/|%2[Ff])((?:[^/%]|%(?!2[Ff]))*)")

#: What nginx escapes in a URI it sends on (NGX_ESCAPE_URI, since 1.21.1): controls, space, 8-bit
#: bytes, and " # % < > ? \ ^ ` { | }
_UNSAFE = re.compile(rb"[\x00- \"#%<>?\\^`{|}\x7f-\xff]")


def split_target(method: bytes, target: bytes) -> Target:
    """Return the parts of a request target (RFC 9112 §3.2).

    Raises ClientError 400 for a form that doesn't go with the method, a fragment (a raw `#`), a
    scheme other than http and https, and an authority that is no host.
    """
    if b"#" in target:
        raise _bad_target("a fragment in the request target", target.index(b"#"))
    if target.startswith(b"/") and method != b"CONNECT":
        path, mark, query = target.partition(b"?")
        return Target("origin", None, path, query if mark else None, None)
    if method == b"CONNECT":
        _, port = _authority(target, 0)
        if port is None:
            raise _bad_target("the target of CONNECT has no port", len(target))
        return Target("authority", target, b"", None, None)
    if target == b"*":
        if method != b"OPTIONS":
            raise _bad_target("only OPTIONS has the target *")
        return Target("asterisk", None, b"*", None, None)
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        raise _bad_target("neither a path nor an absolute http URI")
    scheme, authority, path, query = match.groups()
    _authority(authority, match.start(2))
    return Target("absolute", authority, path or b"/", query, scheme.lower())


def _authority(value: bytes, at: int) -> tuple[bytes, int | None]:
    """Return the host and the port of an authority that stands at `at` in a target."""
    try:
        return parse_host(value)
    except ClientError as error:
        error.offset, error.part = at, "target"
        raise


def normalise_path(raw: bytes, merge_slashes: bool = True) -> bytes:
    """Return the decoded path without dot segments, and with single slashes if they are merged.

    As nginx makes `$uri`. Raises ClientError 400 for a path that doesn't begin with a slash, a
    percent sign that begins no escape, `%00`, and a path that climbs above the root. Offsets are
    those in the path, which in origin-form are those in the target.
    """
    path = raw
    # Looked for in the cheapest ways: for `in`, bytes are first tried as a number, and that raises.
    if 0x25 in path:
        path = _decoded(path)
    if path[:1] != b"/":
        raise _bad_path("the path does not begin with a slash", 0)
    if path.find(b"/.") < 0 and (path.find(b"//") < 0 or not merge_slashes):
        return path
    segments: list[bytes] = []
    *inner, last = path[1:].split(b"/")
    for segment in inner:
        if segment == b"..":
            _climb(segments, raw, merge_slashes)
        elif segment != b"." and (segment or not merge_slashes):
            segments.append(segment)
    if last == b"..":
        _climb(segments, raw, merge_slashes)
        last = b""
    elif last == b".":
        last = b""
    return b"/" + b"/".join([*segments, last])


def has_dots(raw: bytes) -> bool:
    """Return whether a segment of a path is `..`, however that is written."""
    return any(_ESCAPE.sub(_unquoted, match[1]) == b".." for match in _SEGMENT.finditer(raw))


def quote_path(path: bytes) -> bytes:
    """Return a decoded path as it may stand in a request target, escaped as nginx does."""
    if _UNSAFE.search(path) is None:
        return path
    return _UNSAFE.sub(_quoted, path)


#: What no request line and no Location can hold: controls, the blank, 8-bit bytes.
_UNSENDABLE = re.compile(rb"[\x00-\x20\x7f-\xff]")


def quote_unsendable(target: bytes) -> bytes:
    """Return a target with nothing in it that could end it; what is escaped already stays so.

    For a target that the proxy makes of what it was sent: a query, a Location.
    """
    if _UNSENDABLE.search(target) is None:
        return target
    return _UNSENDABLE.sub(_quoted, target)


def _quoted(match: re.Match[bytes]) -> bytes:
    return b"%%%02X" % match[0][0]


def _decoded(path: bytes) -> bytes:
    bad = _BAD_ESCAPE.search(path)
    if bad is not None:
        raise _bad_path("a bad percent escape in the path", bad.start())
    if b"%00" in path:
        raise _bad_path("%00 in the path", path.index(b"%00"))
    return _ESCAPE.sub(_unquoted, path)


def _unquoted(match: re.Match[bytes]) -> bytes:
    return _BYTES[match[1]]


#: Both cases of each digit, and mixtures: two hexadecimal digits -> the byte.
_BYTES = {
    bytes((high, low)): bytes((int(bytes((high, low)), 16),))
    for high in _HEX_DIGITS
    for low in _HEX_DIGITS
}


def _climb(segments: list[bytes], raw: bytes, merge_slashes: bool) -> None:
    if not segments:
        raise _bad_path("the path climbs above the root", _climbs_at(raw, merge_slashes))
    segments.pop()


def _climbs_at(raw: bytes, merge_slashes: bool) -> int:
    """Return where in a path that was refused the `..` stands that leaves the root."""
    depth = 0
    for match in _SEGMENT.finditer(raw):
        segment = _ESCAPE.sub(_unquoted, match[1])
        if segment == b"..":
            depth -= 1
        elif segment != b"." and (segment or not merge_slashes):
            depth += 1
        if depth < 0:
            return match.start(1)
    return 0


def _bad_path(detail: str, offset: int) -> ClientError:
    return ClientError(400, "RP-400-path", detail, offset, part="path")


def _bad_target(detail: str, offset: int = 0) -> ClientError:
    return ClientError(400, "RP-400-target", detail, offset, part="target")
