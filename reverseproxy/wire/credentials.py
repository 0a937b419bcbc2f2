"""The credentials of the Basic scheme (RFC 7617)."""

from __future__ import annotations

import base64
import re

#: What nginx takes for base64: complete or not, padded or not; what follows a "=" is nothing.
_BASE64 = re.compile(rb"([A-Za-z0-9+/]*)(?:=.*)?", re.DOTALL)


def basic_credentials(value: bytes | None) -> tuple[bytes, bytes] | None:
    """The user and the password in an Authorization field, None where there are none."""
    if value is None or value[:6].lower() != b"basic ":
        return None
    match = _BASE64.fullmatch(value[6:].lstrip(b" "))
    if match is None or len(match[1]) % 4 == 1:
        return None
    decoded = base64.b64decode(match[1] + b"=" * (-len(match[1]) % 4))
    user, colon, password = decoded.partition(b":")
    return (user, password) if colon else None
