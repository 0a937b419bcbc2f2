r"""Field lines: from bytes to names and values (RFC 9112 §5).

Theory. There are two readers:

- The quick one is for heads as they nearly always are: each line ends in CRLF, there is no tab, no
  empty value and no blank at the end of one. One `findall` takes the names and values out. Whether
  it took *everything* is then a matter of counting: `bytes.translate` deletes every byte that may
  stand within a line, and what remains must be CR LF as often as there are lines. A control byte, a
  bare CR or LF, or a line that is no field line spoils the count.
- The patient one goes line by line. It reads the rare legal heads (a bare LF, a tab, an empty
  line in front), and it is the one that knows what is wrong and where.

The quick one never refuses, it passes on to the patient one; so what is refused, and why, is
written once. Both read the same: the tests compare them.
"""

from __future__ import annotations

import re
from typing import NoReturn

from reverseproxy.errors import ClientError
from reverseproxy.wire.grammar import FIELD_ALLOWED, FIELD_LINE, OWS, TOKEN, is_token

Fields = list[tuple[bytes, bytes]]

#: A field line with its CRLF and a value that neither is empty nor ends in a blank. `.` is any byte
#: but LF, whose run is the cheapest that `re` has; the bytes it should not have taken are found by
#: the count of what `_QUICK` leaves.
_QUICK_FIELDS = re.compile(rb"^(" + TOKEN + rb"): *+(.*[^ \r\n])\r\n", re.MULTILINE)

#: All that may stand within a line of a head the quick reader takes: no tab, no CR, no LF.
_QUICK = FIELD_ALLOWED.replace(b"\t", b"")


def quick_fields(head: bytes, start: int) -> Fields | None:
    """Return the fields of an ordinary head whose field lines begin at `start`, or None."""
    fields: Fields = _QUICK_FIELDS.findall(head, start)
    if head.translate(None, _QUICK) == b"\r\n" * (len(fields) + 2) and head.endswith(b"\n\r\n"):
        return fields
    return None


def patient_fields(head: bytes, start: int, max_fields: int) -> Fields:
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
        detail, cause = f"a field line has no colon: {shown(line)}", "RP-400-field-name"
    elif name.rstrip(OWS) != name:
        detail = f"white space before the colon of field {shown(name.rstrip(OWS))}"
        cause = "RP-400-field-name"
        offset += len(name.rstrip(OWS))
    elif not is_token(name):
        detail, cause = f"not a field name: {shown(name)}", "RP-400-field-name"
    else:
        bad = value.translate(None, FIELD_ALLOWED)[:1]
        offset += len(name) + 1 + value.index(bad)
        detail = f"byte 0x{bad[0]:02x} in the value of field {shown(name)}"
        cause = "RP-400-field-value"
    raise ClientError(400, cause, detail, offset)


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


def shown(raw: bytes, limit: int = 60) -> str:
    """Return bytes from a stranger as one short, printable word for an error's sentence."""
    line = raw.partition(b"\n")[0]
    return ascii(line[:limit].decode("latin-1")) + ("..." if len(line) > limit else "")
