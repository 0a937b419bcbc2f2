"""X-Forwarded-For: who sent the request, as each proxy on the way saw it.

Theory: a list field, each proxy appends the address it was reached from. The whole of it is only
as true as the first hop; what to believe is decided where the real address is looked for, here it
is only extended, as `$proxy_add_x_forwarded_for` does.
"""

from __future__ import annotations


def append_forwarded_for(existing: list[bytes], address: bytes) -> bytes:
    """Return the one value to send: every value that came, in order, and `address` at the end."""
    if not existing:
        return address
    return b", ".join([*[value for value in existing if value], address])
