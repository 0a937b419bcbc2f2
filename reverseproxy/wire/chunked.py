r"""Bodies as they arrive: chunked, of a known length, or up to the end of the connection.

Theory: each decoder is fed what the socket gave and returns the pieces of the body in it, until
`done`; what follows the body is in `unused`. A piece is the very object that was fed where all of
it is body, so that a large body passes without being copied. `eof` is called when the connection
ended; it raises if the body was cut, so that a truncated body never passes for a whole one.

The chunked format (RFC 9112 §7.1) is read strictly, for a lenient reader disagrees with somebody:
lines end in CRLF, a size is hexadecimal digits and nothing else, and extensions, which are dropped,
have the grammar of §7.1.1. All that is not body has a bound: a size line, all extensions
together, and the trailer section.

    chunked-body = *chunk last-chunk trailer-section CRLF
    chunk        = chunk-size [ chunk-ext ] CRLF chunk-data CRLF
"""

from __future__ import annotations

import re
from typing import Protocol

from reverseproxy.errors import ReverseProxyError, placed
from reverseproxy.wire.framing import CHUNKED, UNTIL_CLOSE
from reverseproxy.wire.grammar import FIELD_LINE, OWS, TOKEN

LAST_CHUNK = b"0\r\n\r\n"

#: The longest size line with its extensions, without its CRLF.
MAX_LINE = 1024
#: The most bytes of extensions in one body: they cost the reader time and are good for nothing.
MAX_EXTENSIONS = 16 * 1024
#: The longest trailer section, with its empty line.
MAX_TRAILERS = 8 * 1024

#: RFC 9112 §7.1: chunk-size = 1*HEXDIG. Sixteen digits are 64 bits.
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})\r\n")

#: RFC 9112 §7.1.1: chunk-ext = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] );
#: chunk-ext-val = token / quoted-string. RFC 9110 §5.6.4: quoted-string. Here BWS, the white space
#: of mistaken senders, is refused, as h11 and llhttp do: it is where readers of sizes differ.
_EXTENDED = re.compile(
    rb"([0-9A-Fa-f]{1,16})((?:;" + TOKEN + rb"(?:=(?:" + TOKEN + rb"|"
    rb'"(?:[\t !#-\[\]-~\x80-\xff]|\\[\t -~\x80-\xff])*"))?)*)'
)

#: RFC 9110 §6.5.1: a sender must not put these after the body; who believes them is misled.
_NOT_TRAILERS = frozenset((b"content-length", b"host", b"transfer-encoding"))

# Where the reader is. Inside a chunk it is `_left` that counts.
_SIZE, _DATA, _DATA_END, _TRAILERS = range(4)


class ChunkError(ReverseProxyError):
    """A body's framing is broken: the rest of the connection can't be understood.

    `offset` is where it was noticed, in bytes of the body as it was sent, framing included.
    """

    def __init__(self, detail: str, offset: int = 0) -> None:
        super().__init__(detail)
        self.detail = detail
        self.offset = offset

    def __str__(self) -> str:
        return placed(self.detail, self.offset, "body")


class BodyCut(ChunkError):
    """The connection ended before the body did."""


class Decoder(Protocol):
    """What every decoder of a body has."""

    done: bool
    unused: bytes
    received: int
    trailers: list[tuple[bytes, bytes]]

    def feed(self, data: bytes) -> list[bytes]:
        """Return the pieces of the body in `data`."""

    def eof(self) -> None:
        """Say that the connection ended. Raises BodyCut if the body has not."""


class ChunkedDecoder:
    """Reads the chunked transfer coding.

    `received` counts bytes of the body, framing excluded. `trailers` are for logs and for passing
    on as trailers; RFC 9110 §6.5.1 forbids to mix them into the header.
    """

    __slots__ = (
        "_extensions",
        "_held",
        "_left",
        "_overhead",
        "_state",
        "done",
        "received",
        "trailers",
        "unused",
    )

    #: how much of a chunk is to come; there is one in state _DATA
    _left: int

    def __init__(self) -> None:
        self.done = False
        self.unused = b""
        self.trailers: list[tuple[bytes, bytes]] = []
        self.received = 0
        self._state = _SIZE
        self._held = b""
        self._extensions = 0
        #: how many bytes of framing there were, for the place of an error
        self._overhead = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Return the pieces of the body in `data`, none of them empty. Raises ChunkError."""
        if self._state == _DATA and len(data) <= self._left:
            return self._all_body(data)
        if self.done:
            self.unused += data
            return []
        if self._held:
            data = self._held + data
            self._held = b""
        pieces: list[bytes] = []
        at, size, received = 0, len(data), self.received
        while at < size and not self.done:
            if self._state == _DATA:
                piece = data[at : at + self._left]
                pieces.append(piece)
                at += len(piece)
                self._took(len(piece))
                continue
            try:
                after = self._framing(data, at)
            except ChunkError as error:
                error.offset += self._overhead + received
                raise
            if after < 0:
                self._held = data[at:]
                break
            at = after
        if self.done:
            self.unused = data[at:]
        else:
            self._overhead += at - (self.received - received)
        return pieces

    def eof(self) -> None:
        """Say that the connection ended. Raises BodyCut if the last chunk has not come."""
        if not self.done:
            at = self._overhead + self.received + len(self._held)
            raise BodyCut("the connection ended within a chunked body", at)

    def _all_body(self, data: bytes) -> list[bytes]:
        if not data:
            return []
        self._took(len(data))
        return [data]

    def _took(self, count: int) -> None:
        self.received += count
        self._left -= count
        if not self._left:
            self._state = _DATA_END

    def _framing(self, data: bytes, at: int) -> int:
        """Read framing at `at`; return the index after it, or -1 if it is not all there."""
        if self._state == _DATA_END:
            if not data.startswith(b"\r\n", at):
                if data[at:] == b"\r":
                    return -1
                raise ChunkError(f"a chunk's data ends in {_shown(data, at, 2)}, not in CRLF,", at)
            self._state = _SIZE
            return at + 2
        if self._state == _SIZE:
            return self._size_line(data, at)
        return self._trailer_section(data, at)

    def _size_line(self, data: bytes, at: int) -> int:
        match = _SIZE_LINE.match(data, at)
        if match is not None:
            after = match.end()
        else:
            after = data.find(b"\n", at, at + MAX_LINE + 2) + 1
            if not after:
                if len(data) - at >= MAX_LINE + 2:
                    raise ChunkError(f"a chunk's size line is over {MAX_LINE} bytes", at)
                if not _may_begin_size(data, at):
                    raise ChunkError(f"not a chunk size: {_shown(data, at)}", at)
                return -1
            match = _EXTENDED.fullmatch(data, at, after - 2)
            if match is None or data[after - 2] != 13:
                raise ChunkError(f"not a chunk size line: {_shown(data, at)}", at)
            self._extensions += len(match[2])
            if self._extensions > MAX_EXTENSIONS:
                raise ChunkError(f"over {MAX_EXTENSIONS} bytes of chunk extensions", at)
        size = int(match[1], 16)
        if size > 2**63 - 1:
            raise ChunkError(f"a chunk's size does not fit in 63 bits: {_shown(data, at)}", at)
        self._left = size
        self._state = _DATA if size else _TRAILERS
        return after

    def _trailer_section(self, data: bytes, at: int) -> int:
        if data.startswith(b"\r\n", at):
            self.done = True
            return at + 2
        end = data.find(b"\r\n\r\n", at, at + MAX_TRAILERS)
        if end < 0:
            if len(data) - at >= MAX_TRAILERS:
                raise ChunkError(f"the trailer section is over {MAX_TRAILERS} bytes", at)
            return -1
        for line in data[at:end].split(b"\r\n"):
            field = FIELD_LINE.fullmatch(line)
            if field is None:
                shown = _shown(data, at)
                raise ChunkError(f"a line of the trailer section is no field: {shown}", at)
            if field[1].lower() in _NOT_TRAILERS:
                what = "a field of framing or routing in the trailer section"
                raise ChunkError(f"{what}: {_shown(data, at)}", at)
            self.trailers.append((field[1], field[2].rstrip(OWS)))
            at += len(line) + 2
        self.done = True
        return end + 4


def _may_begin_size(data: bytes, at: int) -> bool:
    """Return whether the line that begins at `at` has a digit where one must be."""
    return data[at : at + 1] in _HEX


def _shown(data: bytes, at: int, limit: int = 40) -> str:
    """What stands at `at`, up to the end of its line, as a short printable word."""
    return ascii(data[at : at + limit].partition(b"\n")[0].decode("latin-1"))


_HEX = frozenset(bytes([c]) for c in b"0123456789abcdefABCDEF")


class LengthDecoder:
    """Reads a body whose length is known. `length` is 0 or more."""

    __slots__ = ("done", "left", "received", "trailers", "unused")

    def __init__(self, length: int) -> None:
        self.done = not length
        self.unused = b""
        self.trailers: list[tuple[bytes, bytes]] = []
        self.received = 0
        #: how many bytes of the body are still to come
        self.left = length

    def feed(self, data: bytes) -> list[bytes]:
        """Return the pieces of the body in `data`: one, or none."""
        if self.done:
            self.unused += data
            return []
        count = len(data)
        if count > self.left:
            self.unused = data[self.left :]
            data = data[: self.left]
            count = self.left
        self.received += count
        self.left -= count
        self.done = not self.left
        return [data] if data else []

    def passed(self, count: int) -> None:
        """Say that `count` bytes of the body, `left` at most, went another way."""
        self.received += count
        self.left -= count
        self.done = not self.left

    def eof(self) -> None:
        """Say that the connection ended. Raises BodyCut if bytes are missing."""
        if not self.done:
            what = f"the connection ended {self.left} bytes before the body did"
            raise BodyCut(what, self.received)


class CloseDecoder:
    """Reads a body that ends with the connection. Only `eof` makes it `done`."""

    __slots__ = ("done", "received", "trailers", "unused")

    def __init__(self) -> None:
        self.done = False
        self.unused = b""
        self.trailers: list[tuple[bytes, bytes]] = []
        self.received = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Return all of `data`."""
        self.received += len(data)
        return [data] if data else []

    def eof(self) -> None:
        """Say that the connection ended, and with it the body. Never raises."""
        self.done = True


def decoder_for(framing: int) -> Decoder:
    """Return the decoder for what `framing.request_framing` or `response_framing` decided."""
    if framing == CHUNKED:
        return ChunkedDecoder()
    if framing == UNTIL_CLOSE:
        return CloseDecoder()
    return LengthDecoder(framing)


def chunk(data: bytes) -> bytes:
    """Return what precedes `data` as a chunk: its size and CRLF. After the data goes another CRLF.

    `data` must not be empty: that would be the last chunk, which is LAST_CHUNK.
    """
    return b"%x\r\n" % len(data)
