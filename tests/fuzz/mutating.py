"""Seeds, mutated: for where atheris is not installed."""

from __future__ import annotations

import random
import time

from .targets import TARGETS, seeds

#: What means something to one of the readers.
WORDS = (
    b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b";", b",", b"%", b"..", b"//", b"{", b"}",
    b'"', b"'", b"$", b"#", b"\\", b"~", b"0", b"-1", b"0x", b"ffffffffffffffff", b"\xff", b"\x80",
    b"chunked", b"Content-Length: ", b"Transfer-Encoding: ", b"HTTP/1.1", b"%2e%2e", b"%00",
    b"include ", b"if ($a) {", b"server {", b"location ~ ^/(.*)$ {", b"9223372036854775808",
)  # fmt: skip


def mutated(random: random.Random, seed: bytes, other: bytes) -> bytes:
    """A seed with up to six changes; `other` is another one."""
    data = bytearray(seed)
    for _ in range(random.randint(1, 6)):
        at = random.randint(0, len(data))
        upto = min(len(data), at + random.randint(0, 8))
        match random.randrange(6):
            case 0:
                data[at:at] = random.choice(WORDS)
            case 1:
                data[at:upto] = b""
            case 2:
                data[at:upto] = random.choice(WORDS)
            case 3:
                data[at : at + 1] = bytes([random.randrange(256)])
            case 4:
                data[at:at] = data[random.randint(0, at) : at][:200]
            case _:
                start = random.randint(0, len(other))
                data[at:upto] = other[start : start + random.randint(0, 200)]
    return bytes(data)


def run(name: str, seconds: float, seed: int) -> tuple[int, bytes | None]:
    """Try for a time; how many were tried, and the first that failed."""
    target, known = TARGETS[name][0], seeds(name)
    generator = random.Random(seed)
    end = time.monotonic() + seconds
    count = 0
    while time.monotonic() < end:
        data = mutated(generator, generator.choice(known), generator.choice(known))
        count += 1
        try:
            target(data)
        except Exception:  # noqa: BLE001 - whatever it is, it is what is looked for
            return count, data
    return count, None
