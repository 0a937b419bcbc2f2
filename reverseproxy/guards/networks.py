"""Networks as nginx writes them: an address, a CIDR, `unix:` or `all` (ngx_ptocidr)."""

from __future__ import annotations

import socket

import attrs

from reverseproxy.config import Args, Word, expected

#: Families by the number of bytes in an address.
_FAMILIES = {4: socket.AF_INET, 16: socket.AF_INET6}
#: `::ffff:a.b.c.d`: an IPv4 client of a socket for both families.
_MAPPED = bytes(10) + b"\xff\xff"


@attrs.frozen
class Network:
    """Addresses of `size` bytes (4 or 16) that equal `value` under `mask`.

    Size 0 are unix sockets, size -1 is every client there is.
    """

    size: int
    value: int = 0
    mask: int = 0

    def holds(self, address: bytes) -> bool:
        """Whether a packed address (see `packed`) is in it."""
        size = len(address)
        if size != self.size:
            return self.size < 0
        return int.from_bytes(address) & self.mask == self.value


EVERYBODY = Network(-1)
UNIX = Network(0)


def packed(address: bytes) -> bytes:
    """An address in text as bytes: 4 or 16 of them, none for anything else (`unix:`)."""
    text = address.decode("latin-1")
    try:
        if ":" not in text:
            return socket.inet_pton(socket.AF_INET, text)
        value = socket.inet_pton(socket.AF_INET6, text)
    except (OSError, ValueError):
        return b""
    return value[12:] if value.startswith(_MAPPED) else value


def network(word: Word, args: Args) -> Network | None:
    """The address or CIDR in `word`, None if it is neither; warns of bits that mean nothing."""
    text, slash, length = word.text.partition("/")
    size = 16 if ":" in text else 4
    try:
        value = int.from_bytes(socket.inet_pton(_FAMILIES[size], text))
    except (OSError, ValueError):
        return None
    bits = size * 8
    if slash:
        if not length.isascii() or not length.isdigit() or int(length) > size * 8:
            raise expected(f"a prefix length from 0 to {size * 8} after the slash", word)
        bits = int(length)
    mask = ((1 << bits) - 1) << (size * 8 - bits)
    if value & ~mask:
        args.warn(f"low address bits of {word.text} are meaningless", word)
    return Network(size, value & mask, mask)
