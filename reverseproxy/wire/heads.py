r"""The head of a request or of a response: from bytes to a method, a target and fields.

Theory. A head is a start line, field lines and an empty line (RFC 9112 §2.1). `head_end` finds
where it ends in what has arrived; only then is it parsed, once, as a whole. There are two readers
of field lines:

- The quick one is for heads as they nearly always are: each line ends in CRLF, there is no tab, no
  empty value and no blank at the end of one. One `findall` takes the names and values out. Whether
  it took *everything* is then a matter of counting: `bytes.translate` deletes every byte that may
  stand within a line, and what remains must be CR LF as often as there are lines. A control byte, a
  bare CR or LF, or a line that is no field line spoils the count.
- The patient one goes line by line. It reads the rare legal heads (a bare LF, a tab, an empty
  line in front), and it is the one that knows what is wrong and where.

The quick one never refuses, it passes on to the patient one; so what is refused, and why, is
written once. Both read the same: the tests compare them.

Lenience is exactly this: a bare LF ends a line (RFC 9112 §2.2), one empty line may precede a
request line (RFC 9112 §2.2), and a status line may lack the blank before an empty reason.
"""

from __future__ import annotations

import re
from typing import NoReturn

from reverseproxy.errors import ClientError, UpstreamProtocolError
from reverseproxy.wire.grammar import FIELD_ALLOWED, FIELD_LINE, OWS, TOKEN, is_token
from reverseproxy.wire.hosts import parse_host

Fields = list[tuple[bytes, bytes]]

#: RFC 9112 §3: request-line = method SP request-target SP HTTP-version. The target's own syntax is
#: wire.target's matter; here it is visible ASCII, which is all a URI can consist of.
_REQUEST_LINE = re.compile(rb"((" + TOKEN + rb") ([!-~]++) HTTP/1\.([0-9]))\r?\n")

#: RFC 9112 §4: status-line = HTTP-version SP status-code SP [ reason-phrase ];
#: status-code = 3DIGIT; reason-phrase = 1*( HTAB / SP / VCHAR / obs-text )
_STATUS_LINE = re.compile(rb"(HTTP/1\.([0-9]) ([1-9][0-9][0-9])(?: ([\t -~\x80-\xff]*+))?)\r?\n")

#: A field line with its CRLF and a value that neither is empty nor ends in a blank. `.` is any byte
#: but LF, whose run is the cheapest that `re` has; the bytes it should not have taken are found by
#: the count of what `_QUICK` leaves.
_QUICK_FIELDS = re.compile(rb"^(" + TOKEN + rb"): *+(.*[^ \r\n])\r\n", re.MULTILINE)

#: All that may stand within a line of a head the quick reader takes: no tab, no CR, no LF.
_QUICK = FIELD_ALLOWED.replace(b"\t", b"")

#: RFC 9112 §2.1 and §2.2: the line end before an empty line, and the empty line.
_EMPTY_LINE = re.compile(rb"\n\r?\n")

#: RFC 9112 §2.3: HTTP-version = HTTP-name "/" DIGIT "." DIGIT
_VERSION = re.compile(rb"HTTP/([0-9])\.[0-9]")


class _Head:
    """What requests and responses have in common.

    `fields` are (name, value) in the order and case they came, values without the white space
    around them. `named` maps a lower-case name to its *last* value. `repeated` says that some name
    stands more than once, so that `get_all` and `joined` can be quick when none does.
    """

    __slots__ = ("fields", "line", "named", "repeated", "version")

    version: bytes
    line: bytes
    fields: Fields
    named: dict[bytes, bytes]
    repeated: bool

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
    ) -> None:
        self.method = method
        self.target = target
        self.version = version
        self.fields = fields
        self.named = named
        self.repeated = repeated
        self.line = line

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
    ) -> None:
        self.version = version
        self.status = status
        self.reason = reason
        self.fields = fields
        self.named = named
        self.repeated = repeated
        self.line = line

    def __repr__(self) -> str:
        return f"<ResponseHead {self.line!r}, {len(self.fields)} fields>"


def head_end(buffer: bytes | bytearray, start: int = 0) -> int:
    """Return the index just past the empty line that ends the head, or -1 if it has not come yet.

    `start` is how many bytes earlier calls have looked at already: pass the buffer's length of the
    last call, the line end that straddles it is found all the same.
    """
    match = _EMPTY_LINE.search(buffer, start - 2 if start > 2 else 0)
    return -1 if match is None else match.end()


def parse_request_head(head: bytes, max_fields: int = 1000) -> RequestHead:
    """Parse a complete head, the empty line included (RFC 9112 §3 and §5).

    Raises ClientError: 400 for what is malformed, 400 for more than `max_fields` fields, 505 for
    another major version of HTTP. Host is checked here (RFC 9112 §3.2): it stands exactly once in
    HTTP/1.1, at most once in HTTP/1.0, and is valid; and Content-Length at most once.
    """
    match = _REQUEST_LINE.match(head) or _patient_request_line(head)
    line, method, target, minor = match.groups()
    after = match.end()
    fields = _quick_fields(head, after)
    if fields is None or len(fields) > max_fields:
        fields = _patient_fields(head, after, max_fields)
    named = {name.lower(): value for name, value in fields}
    repeated = len(named) != len(fields)
    if repeated:
        _refuse_repeated(head, fields)
    version = b"1.0" if minor == b"0" else b"1.1"
    host = named.get(b"host")
    if host is not None:
        try:
            parse_host(host)
        except ClientError as error:
            error.offset = field_offset(head, b"host")
            raise
    elif version == b"1.1":
        raise ClientError(400, "RP-400-host", "an HTTP/1.1 request has no Host field", after)
    return RequestHead(method, target, version, fields, named, repeated, line)


def parse_response_head(head: bytes, max_fields: int = 1000) -> ResponseHead:
    """Parse a complete head, the empty line included (RFC 9112 §4 and §5).

    Raises UpstreamProtocolError for whatever is malformed, obs-fold and white space before a colon
    included: RFC 9112 §5.1 and §5.2 let a gateway repair them or answer 502, and this one doesn't
    guess.
    """
    match = _STATUS_LINE.match(head)
    if match is None:
        raise UpstreamProtocolError(f"not a status line of HTTP/1: {_shown(head)}", 0)
    line, minor, status, reason = match.groups()
    after = match.end()
    fields = _quick_fields(head, after)
    if fields is None or len(fields) > max_fields:
        try:
            fields = _patient_fields(head, after, max_fields)
        except ClientError as error:
            raise UpstreamProtocolError(error.detail, error.offset) from None
    named = {name.lower(): value for name, value in fields}
    return ResponseHead(
        b"1.0" if minor == b"0" else b"1.1",
        int(status),
        reason or b"",
        fields,
        named,
        len(named) != len(fields),
        line,
    )


def field_offset(head: bytes, lower_name: bytes, turn: int = 1) -> int | None:
    """Return where in a head the `turn`-th line of a field begins; None if there are fewer.

    For who has refused the head: it is looked for line by line.
    """
    at = 0
    for raw in head.split(b"\n"):
        name, colon, _ = raw.partition(b":")
        if at and colon and name.lower() == lower_name:
            turn -= 1
            if not turn:
                return at
        at += len(raw) + 1
    return None


def _quick_fields(head: bytes, start: int) -> Fields | None:
    """Return the fields of an ordinary head whose field lines begin at `start`, or None."""
    fields: Fields = _QUICK_FIELDS.findall(head, start)
    if head.translate(None, _QUICK) == b"\r\n" * (len(fields) + 2) and head.endswith(b"\n\r\n"):
        return fields
    return None


def _patient_fields(head: bytes, start: int, max_fields: int) -> Fields:
    """Return the fields of any acceptable head, or raise ClientError: what is wrong, and where."""
    lines = head[start:].split(b"\n", max_fields + 2)
    fields: Fields = []
    for raw in lines:
        line = raw[:-1] if raw.endswith(b"\r") else raw
        if not line:
            break
        if len(fields) == max_fields:
            detail = f"the head has more than {max_fields} fields"
            raise ClientError(400, "RP-400-fields", detail, start)
        match = FIELD_LINE.fullmatch(line)
        if match is None:
            _refuse_line(line, start)
        name, value = match.groups()
        fields.append((name, value.rstrip(OWS)))
        start += len(raw) + 1
    if start + len(raw) + 1 != len(head):
        detail = "the head goes on after its empty line, or has none"
        raise ClientError(400, "RP-400-head", detail, start)
    return fields


def _refuse_line(line: bytes, offset: int) -> NoReturn:
    """Say what is wrong with a line that is no field line."""
    name, colon, value = line.partition(b":")
    if line[0] in OWS:
        detail, cause = "a line begins with white space: a folded field, or none", "RP-400-fold"
    elif not colon:
        detail, cause = f"a field line has no colon: {_shown(line)}", "RP-400-field-name"
    elif name.rstrip(OWS) != name:
        detail = f"white space before the colon of field {_shown(name.rstrip(OWS))}"
        cause = "RP-400-field-name"
        offset += len(name.rstrip(OWS))
    elif not is_token(name):
        detail, cause = f"not a field name: {_shown(name)}", "RP-400-field-name"
    else:
        bad = value.translate(None, FIELD_ALLOWED)[:1]
        offset += len(name) + 1 + value.index(bad)
        detail = f"byte 0x{bad[0]:02x} in the value of field {_shown(name)}"
        cause = "RP-400-field-value"
    raise ClientError(400, cause, detail, offset)


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
        raise ClientError(505, "RP-505-version", f"the request is in {_shown(version)}", skipped)
    if not is_token(method):
        detail = f"not a method: {_shown(method)}"
    elif not target:
        detail = f"the request line has not three parts: {_shown(line)}"
    elif major is None:
        detail = f"not a version of HTTP: {_shown(version)}"
    else:
        detail = f"white space, a control byte or a byte over 0x7e in the target: {_shown(target)}"
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
                raise ClientError(400, cause, f"field {_shown(name)} stands twice", offset)
            seen.add(lower)


def _shown(raw: bytes, limit: int = 60) -> str:
    """Return bytes from a stranger as one short, printable word for an error's sentence."""
    line = raw.partition(b"\n")[0]
    return ascii(line[:limit].decode("latin-1")) + ("..." if len(line) > limit else "")
