"""Accept-Encoding: whether the answer may be compressed with gzip.

Theory: RFC 9110 §12.5.3. A client lists codings with weights; a weight of 0 forbids, `*` stands for
every coding not listed. Without the field any coding is allowed, but a client that doesn't speak
of gzip is not sent any, as in nginx. What is malformed allows nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache

from reverseproxy.wire.grammar import TOKEN

#: RFC 9110 §12.5.3: codings = content-coding / "identity" / "*", and §12.4.2: weight = OWS ";" OWS
#: "q=" qvalue; qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] )
_MEMBER = re.compile(
    rb"[ \t]*+(" + TOKEN + rb")(?:[ \t]*+;[ \t]*+[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?))?[ \t]*+"
)

_REMEMBERED = 256


def accepts_gzip(accept_encoding: bytes | None) -> bool:
    """Return whether the combined value of Accept-Encoding allows gzip (or its old name x-gzip)."""
    if accept_encoding is None:
        return False
    if len(accept_encoding) > _REMEMBERED:
        return _accepts(accept_encoding)
    return _accepts_remembered(accept_encoding)


def _accepts(value: bytes) -> bool:
    any_coding = False
    named = None
    for member in value.split(b","):
        match = _MEMBER.fullmatch(member)
        if match is None:
            continue
        coding = match[1].lower()
        allowed = match[2] is None or match[2].strip(b"0.") != b""
        if coding in (b"gzip", b"x-gzip"):
            named = allowed
        elif coding == b"*":
            any_coding = allowed
    return any_coding if named is None else named


_accepts_remembered = lru_cache(maxsize=256)(_accepts)
