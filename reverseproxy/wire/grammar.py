"""The few rules of RFC 9110 and RFC 3986 which more than one module of this package is built on.

Theory: a rule is a fragment of a regular expression over bytes, quoted beside its grammar. The
modules compile whole expressions from these and use `fullmatch`. A fragment is a run of one
character class and no alternation, so that matching has one way to go and stays linear in the
length of what a stranger sent. Possessive quantifiers stand after single classes only: on groups
they were wrong in Python before 3.11.5, and Debian 12 has 3.11.2.
"""

from __future__ import annotations

import re

#: RFC 9110 §5.6.2: token = 1*tchar; tchar = "!" / "#" / "$" / "%" / "&" / "'" / "*" / "+" / "-" /
#: "." / "^" / "_" / "`" / "|" / "~" / DIGIT / ALPHA
TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"

#: RFC 9110 §5.5: field-value = *field-content, of VCHAR / obs-text with SP / HTAB between;
#: obs-text = %x80-FF. This is the class of every byte that may stand in one.
FIELD_BYTES = rb"[\t -~\x80-\xff]*+"

#: The same set as a deletion table: what `bytes.translate` leaves over may not stand in a value.
FIELD_ALLOWED = bytes([9, *range(0x20, 0x7F), *range(0x80, 0x100)])

#: RFC 9110 §5.6.3: OWS = *( SP / HTAB )
OWS = b" \t"

#: RFC 9112 §5: field-line = field-name ":" OWS field-value OWS, here without its line end. The
#: value's group may end in OWS, which the reader strips.
FIELD_LINE = re.compile(rb"(" + TOKEN + rb"):[ \t]*+(" + FIELD_BYTES + rb")")

#: RFC 9110 §5.6.2 as a test of its own.
is_token = re.compile(TOKEN).fullmatch
