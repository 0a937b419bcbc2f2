r"""The head of a request or of a response: from bytes to a method, a target and fields.

Theory. A head is a start line, field lines and an empty line (RFC 9112 §2.1). `head_end` finds
where it ends in what has arrived; only then is it parsed, once, as a whole. Its field lines are
the matter of `fieldlines`.

The heads of one connection mostly repeat the fields of the one before: it is the same client.
Whoever keeps the last head passes it as `before`; where version and the bytes of the fields are
the same, what was read from them is taken from there, and so is whatever else was `made` of them.
Where all bytes are the same it is the same head once more. Only a `SHORT` one should be kept.

Lenience is exactly this: a bare LF ends a line (RFC 9112 §2.2), one empty line may precede a
request line (RFC 9112 §2.2), and a status line may lack the blank before an empty reason.
"""

from __future__ import annotations

import re
from typing import Any

from reverseproxy.errors import ClientError, UpstreamProtocolError
from reverseproxy.wire.fieldlines import Fields, field_offset, patient_fields, quick_fields, shown
from reverseproxy.wire.grammar import TOKEN, is_token
from reverseproxy.wire.hosts import parse_host

#: RFC 9112 §3: request-line = method SP request-target SP HTTP-version. The target's own syntax is
#: wire.target's matter; here it is visible ASCII, which is all a URI can consist of.
_REQUEST_LINE = re.compile(rb"((" + TOKEN + rb") ([!-~]++) HTTP/1\.([0-9]))\r?\n")

#: RFC 9112 §4: status-line = HTTP-version SP status-code SP [ reason-phrase ];
#: status-code = 3DIGIT; reason-phrase = 1*( HTAB / SP / VCHAR / obs-text )
_STATUS_LINE = re.compile(rb"(HTTP/1\.([0-9]) ([1-9][0-9][0-9])(?: ([\t -~\x80-\xff]*+))?)\r?\n")

#: RFC 9112 §2.1 and §2.2: the line end before an empty line, and the empty line.
_EMPTY_LINE = re.compile(rb"\n\r?\n")

#: RFC 9112 §2.3: HTTP-version = HTTP-name "/" DIGIT "." DIGIT
_VERSION = re.compile(rb"HTTP/([0-9])\.[0-9]")


#: A longer head, in bytes, is not worth what it costs to keep while a connection idles.
SHORT = 4096
#: So much may be made of the fields of one connection.
MADE = 16


class _Head:
    """What requests and responses have in common.

    `fields` are (name, value) in the order and case they came, values without the white space
    around them. `named` maps a lower-case name to its *last* value. `repeated` says that some name
    stands more than once, so that `get_all` and `joined` can be quick when none does.

    `raw` are the bytes that it was read from, and `block` those of its fields and the empty line;
    None if the fields are not what came. `made` is for whoever makes something of the fields, under
    a key of its own: a head of the same version and block has the same one.
    """

    __slots__ = ("block", "fields", "line", "made", "named", "raw", "repeated", "version")

    version: bytes
    line: bytes
    fields: Fields
    named: dict[bytes, bytes]
    repeated: bool
    raw: bytes | None
    block: bytes | None
    made: dict[object, Any]

    @property
    def kept(self) -> dict[object, Any]:
        """What was made, for the next head; nothing once it is much: each place adds its own."""
        return self.made if len(self.made) <= MADE else {}

    def part(self) -> None:
        """Share nothing with the heads before and after: the fields are about to be changed."""
        self.fields, self.named = [*self.fields], {**self.named}
        self.raw, self.block, self.made = None, None, {}

    def get(self, lower_name: bytes) -> bytes | None:
        """Return the last value of a field, or None."""
        return self.named.get(lower_name)

    def get_all(self, lower_name: bytes) -> list[bytes]:
        """Return every value of a field, in order; empty if there is none."""
        if not self.repeated:
            value = self.named.get(lower_name)
            return [] if value is None else [value]
        return [value for name, value in self.fields if name.lower() == lower_name]

    def joined(self, lower_name: bytes) -> bytes | None:
        """Return the combined value of a list field (RFC 9110 §5.2), or None if there is none.

        Fields such as Connection may stand several times; `get` would see only the last.
        """
        if self.repeated and lower_name in self.named:
            return b", ".join(self.get_all(lower_name))
        return self.named.get(lower_name)

    def without(self, lower_names: frozenset[bytes]) -> Fields:
        """Return the fields of other names than these, in order."""
        fields, named = self.fields, self.named
        if not self.repeated and len(named) == len(fields):
            # The names are the same in the same order, and lower-case already.
            return [
                pair for pair, name in zip(fields, named, strict=True) if name not in lower_names
            ]
        return [pair for pair in fields if pair[0].lower() not in lower_names]


class RequestHead(_Head):
    """The head of a request. `version` is b"1.0" or b"1.1", `line` the request line for logs."""

    __slots__ = ("method", "target")

    def __init__(
        self,
        method: bytes,
        target: bytes,
        version: bytes,
        fields: Fields,
        named: dict[bytes, bytes],
        repeated: bool,
        line: bytes,
        raw: bytes | None = None,
        block: bytes | None = None,
        made: dict[object, Any] | None = None,
    ) -> None:
        self.method = method
        self.target = target
        self.version = version
        self.fields = fields
        self.named = named
        self.repeated = repeated
        self.line = line
        self.raw = raw
        self.block = block
        self.made = {} if made is None else made

    def __repr__(self) -> str:
        return f"<RequestHead {self.line!r}, {len(self.fields)} fields>"


class ResponseHead(_Head):
    """The head of a response. `version` is b"1.0" or b"1.1", `line` the status line for logs."""

    __slots__ = ("reason", "status")

    def __init__(
        self,
        version: bytes,
        status: int,
        reason: bytes,
        fields: Fields,
        named: dict[bytes, bytes],
        repeated: bool,
        line: bytes,
        raw: bytes | None = None,
        block: bytes | None = None,
        made: dict[object, Any] | None = None,
    ) -> None:
        self.version = version
        self.status = status
        self.reason = reason
        self.fields = fields
        self.named = named
        self.repeated = repeated
        self.line = line
        self.raw = raw
        self.block = block
        self.made = {} if made is None else made

    def __repr__(self) -> str:
        return f"<ResponseHead {self.line!r}, {len(self.fields)} fields>"


def head_end(buffer: bytes, start: int = 0, before: _Head | None = None) -> int:
    """Return the index just past the empty line that ends the head, or -1 if it has not come yet.

    `start` is how many bytes earlier calls have looked at already: pass the buffer's length of the
    last call, the line end that straddles it is found all the same.
    """
    if before is not None and before.block is not None:
        # The only empty line of a block is its last.
        after = buffer.find(b"\n") + 1
        if after and buffer.startswith(before.block, after):
            return after + len(before.block)
    match = _EMPTY_LINE.search(buffer, start - 2 if start > 2 else 0)
    return -1 if match is None else match.end()


def parse_request_head(
    head: bytes, max_fields: int = 1000, before: RequestHead | None = None
) -> RequestHead:
    """Parse a complete head, the empty line included (RFC 9112 §3 and §5).

    Raises ClientError: 400 for what is malformed, 400 for more than `max_fields` fields, 505 for
    another major version of HTTP. Host is checked here (RFC 9112 §3.2): it stands exactly once in
    HTTP/1.1, at most once in HTTP/1.0, and is valid; and Content-Length at most once.
    """
    if before is not None and head == before.raw:
        return before
    match = _REQUEST_LINE.match(head) or _patient_request_line(head)
    line, method, target, minor = match.groups()
    after = match.end()
    version = b"1.0" if minor == b"0" else b"1.1"
    fields, named, repeated, block, made = _fields(head, after, version, max_fields, before)
    if before is None or named is not before.named:
        if repeated:
            _refuse_repeated(head, fields)
        if b"host" in named:
            _check_host(head, named[b"host"])
    if version == b"1.1" and b"host" not in named:
        raise ClientError(400, "RP-400-host", "an HTTP/1.1 request has no Host field", after)
    return RequestHead(method, target, version, fields, named, repeated, line, head, block, made)


def parse_response_head(
    head: bytes, max_fields: int = 1000, before: ResponseHead | None = None
) -> ResponseHead:
    """Parse a complete head, the empty line included (RFC 9112 §4 and §5).

    Raises UpstreamProtocolError for whatever is malformed, obs-fold and white space before a colon
    included: RFC 9112 §5.1 and §5.2 let a gateway repair them or answer 502, and this one doesn't
    guess.
    """
    if before is not None and head == before.raw:
        return before
    match = _STATUS_LINE.match(head)
    if match is None:
        raise UpstreamProtocolError(f"not a status line of HTTP/1: {shown(head)}", 0)
    line, minor, status, reason = match.groups()
    after = match.end()
    version = b"1.0" if minor == b"0" else b"1.1"
    try:
        fields, named, repeated, block, made = _fields(head, after, version, max_fields, before)
    except ClientError as error:
        raise UpstreamProtocolError(error.detail, error.offset) from None
    return ResponseHead(
        version,
        int(status),
        reason or b"",
        fields,
        named,
        repeated,
        line,
        head,
        block,
        made,
    )


def _fields(
    head: bytes, start: int, version: bytes, max_fields: int, before: _Head | None
) -> tuple[Fields, dict[bytes, bytes], bool, bytes, dict[object, Any]]:
    """Return the parts of a head that its fields are: those of `before`, or read anew.

    They are `fields`, `named`, `repeated`, `block` and `made`.
    """
    block = head[start:]
    if before is not None and block == before.block and version == before.version:
        return before.fields, before.named, before.repeated, block, before.kept
    fields = quick_fields(head, start)
    if fields is None or len(fields) > max_fields:
        fields = patient_fields(head, start, max_fields)
    named = {name.lower(): value for name, value in fields}
    return fields, named, len(named) != len(fields), block, {}


def _check_host(head: bytes, value: bytes) -> None:
    try:
        parse_host(value)
    except ClientError as error:
        error.offset = field_offset(head, b"host")
        raise


def _patient_request_line(head: bytes) -> re.Match[bytes]:
    """Match a request line after one empty line, or raise ClientError with what is wrong."""
    skipped = 2 if head.startswith(b"\r\n") else 1 if head.startswith(b"\n") else 0
    match = _REQUEST_LINE.match(head, skipped)
    if match is not None:
        return match
    raw = head[skipped : head.find(b"\n", skipped)]
    line = raw[:-1] if raw.endswith(b"\r") else raw
    method, _, rest = line.partition(b" ")
    target, _, version = rest.rpartition(b" ")
    major = _VERSION.fullmatch(version)
    if major is not None and major[1] != b"1" and is_token(method):
        raise ClientError(505, "RP-505-version", f"the request is in {shown(version)}", skipped)
    if not is_token(method):
        detail = f"not a method: {shown(method)}"
    elif not target:
        detail = f"the request line has not three parts: {shown(line)}"
    elif major is None:
        detail = f"not a version of HTTP: {shown(version)}"
    else:
        detail = f"white space, a control byte or a byte over 0x7e in the target: {shown(target)}"
    raise ClientError(400, "RP-400-request-line", detail, skipped)


#: Fields of which a second one makes a request ambiguous: the next server might heed the other.
#: Host and Content-Length for the sake of framing, the rest are those that nginx refuses as well
#: (If-Match and If-None-Match among them, which RFC 9110 section 13.1 has as lists).
_SINGLE = frozenset(
    (
        b"authorization",
        b"content-length",
        b"content-range",
        b"expect",
        b"host",
        b"if-match",
        b"if-modified-since",
        b"if-none-match",
        b"if-range",
        b"if-unmodified-since",
    )
)


_TWICE = {b"host": "RP-400-host", b"content-length": "RP-400-framing"}


def _refuse_repeated(head: bytes, fields: Fields) -> None:
    """Raise ClientError if a request has two of a field it may have one of."""
    seen = set()
    for name, _ in fields:
        lower = name.lower()
        if lower in _SINGLE:
            if lower in seen:
                cause = _TWICE.get(lower, "RP-400-repeated")
                offset = field_offset(head, lower, 2)
                raise ClientError(400, cause, f"field {shown(name)} stands twice", offset)
            seen.add(lower)
