"""Bytes of one character set become those of another, piece by piece.

As nginx: what has no counterpart in a single-byte set is `?`, and a numeric reference (`&#8364;`)
where the source is UTF-8. The lower half of every set is ASCII.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence

from reverseproxy.web.response import Transform

from .charsetsettings import UTF8, CharsetMap


class ByteRecoder:
    """From one single-byte set to another: the length stays."""

    __slots__ = ("_table",)

    def __init__(self, table: bytes) -> None:
        self._table = table

    def feed(self, data: bytes) -> bytes:
        """Convert a piece."""
        return data.translate(self._table)

    def flush(self) -> bytes:
        """Nothing is ever held back."""
        return b""

    def finish(self) -> bytes:
        """Nothing is left."""
        return b""


class TextRecoder:
    """From or to UTF-8: a character of several bytes may come in two pieces."""

    __slots__ = ("_decode", "_encoding", "_table")

    def __init__(
        self,
        decoder: Callable[[str], codecs.IncrementalDecoder],
        target: str,
        table: dict[int, str],
    ) -> None:
        # "replace" makes U+FFFD of what is no UTF-8; single bytes are all characters of latin-1.
        self._decode = decoder("replace").decode
        self._encoding = target
        self._table = table

    def feed(self, data: bytes) -> bytes:
        """Convert a piece, up to its last whole character."""
        return self._decode(data).translate(self._table).encode(self._encoding)

    def flush(self) -> bytes:
        """Half a character can't be sent."""
        return b""

    def finish(self) -> bytes:
        """What was no whole character."""
        return self._decode(b"", True).translate(self._table).encode(self._encoding)


class _References(dict[int, str]):
    """A table from UTF-8: a character that isn't in it becomes its number, in HTML's form."""

    def __missing__(self, code: int) -> str:
        made = chr(code) if code < 0x80 else "?" if code == 0xFFFD else f"&#{code};"
        if len(self) < 4096:
            self[code] = made
        return made


#: Makes the transform of one answer; whether the length of a body stays what it was.
Recoding = tuple[Callable[[], Transform], bool]


def recodings(maps: Sequence[CharsetMap]) -> dict[tuple[str, str], Recoding]:
    """What each pair of character sets asks for, in both directions of each map."""
    made: dict[tuple[str, str], Recoding] = {}
    for one in maps:
        if one.target == UTF8:
            there = dict.fromkeys(range(0x80, 0x100), "?")
            there.update({byte: to.decode() for byte, to in one.pairs})
            back = _References({ord(to.decode()): chr(byte) for byte, to in one.pairs})
            made[one.source, UTF8] = _text("latin-1", "utf-8", there), False
            made[UTF8, one.source] = _text("utf-8", "latin-1", back), False
        else:
            forth, reverse = (bytearray(range(0x80)) + b"?" * 0x80 for _ in range(2))
            for byte, to in one.pairs:
                forth[byte] = to[0]
                reverse[to[0]] = byte
            made[one.source, one.target] = _bytes(bytes(forth)), True
            made[one.target, one.source] = _bytes(bytes(reverse)), True
    return made


def _text(source: str, target: str, table: dict[int, str]) -> Callable[[], Transform]:
    # Looked up now: a worker that gave up its rights may not be able to read Python's library.
    decoder = codecs.getincrementaldecoder(source)
    return lambda: TextRecoder(decoder, target, table)


def _bytes(table: bytes) -> Callable[[], Transform]:
    return lambda: ByteRecoder(table)
