"""Bodies come out the same however they are cut into pieces, and a broken one never passes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.wire.chunked import (
    LAST_CHUNK,
    MAX_EXTENSIONS,
    MAX_LINE,
    MAX_TRAILERS,
    BodyCut,
    ChunkedDecoder,
    ChunkError,
    CloseDecoder,
    Decoder,
    LengthDecoder,
    chunk,
    decoder_for,
)
from reverseproxy.wire.framing import CHUNKED, NO_BODY, UNTIL_CLOSE


def fed(decoder: Decoder, data: bytes, step: int) -> bytes:
    """Feed `data` in pieces of `step` bytes; return the body."""
    pieces: list[bytes] = []
    for at in range(0, len(data), step):
        pieces += decoder.feed(data[at : at + step])
    assert all(pieces), "an empty piece"
    return b"".join(pieces)


#: Encoded, body, trailers.
LEGAL: list[tuple[bytes, bytes, list[tuple[bytes, bytes]]]] = [
    (b"0\r\n\r\n", b"", []),
    (b"0000\r\n\r\n", b"", []),
    (b"5\r\nhello\r\n0\r\n\r\n", b"hello", []),
    (b"0000000000000005\r\nhello\r\n0\r\n\r\n", b"hello", []),
    (b"5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n", b"hello world", []),
    (b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", b"0123456789" * 2, []),
    (b"2\r\n\r\n\r\n0\r\n\r\n", b"\r\n", []),
    (b"5;a\r\nhello\r\n0;b=c;d\r\n\r\n", b"hello", []),
    (b'5;a="\\"; 0 \xff";b\r\nhello\r\n0\r\n\r\n', b"hello", []),
    (b'1;a=""\r\nx\r\n0\r\n\r\n', b"x", []),
    (b"0\r\nA: b\r\n\r\n", b"", [(b"A", b"b")]),
    (b"1\r\nx\r\n0\r\nA:\t b \r\nc:\r\n\r\n", b"x", [(b"A", b"b"), (b"c", b"")]),
    (b"0\r\nA:" + b"b" * (MAX_TRAILERS - 6) + b"\r\n\r\n", b"", [(b"A", b"b" * 8186)]),
    (b"1;" + b"a" * (MAX_LINE - 2) + b"\r\nx\r\n0\r\n\r\n", b"x", []),
]

BROKEN = [
    b"\r\n", b"\n", b"x", b";a\r\n", b" 5\r\nhello", b"+5\r\nhello", b"-5\r\nhello", b"0x5\r\n",
    b"5\nhello", b"5 \r\nhello", b"5\t\r\nhello", b"5 ;a\r\nhello", b"5; a\r\nhello", b"5\r\r\n",
    b"5;\r\nhello", b"5;a=\r\nhello", b"5;a b\r\nhello", b'5;a="\r\nhello', b'5;a="\x00"\r\nhello',
    b"55\nhello", b"5;ab\nhello",
    b"5;a\nhello", b"5;a\r\r\nhello", b"5;a\rb\r\nhello", b"5,\r\n", b"5_0\r\n", b"5.0\r\n",
    b"00000000000000005\r\nhello", b"10000000000000000\r\n", b"8000000000000000\r\n",
    b"ffffffffffffffff\r\n", b"5\r\nhelloX", b"5\r\nhello\n", b"5\r\nhello\rX", b"5\r\nhello0\r\n",
    b"5\r\nhello\r\n\r\n", b"5\r\nhello\r\n5\n", b"\xd9\xa5\r\nhello",
    b"0\r\nA : b\r\n\r\n", b"0\r\nA\r\n\r\n", b"0\r\n: b\r\n\r\n", b"0\r\nA: b\r\n c\r\n\r\n",
    b"0\r\nA: b\x00\r\n\r\n", b"0\r\nA: b\nB: c\r\n\r\n", b"0\r\nA: b\rc\r\n\r\n",
    b"0\r\n\nA: b\r\n\r\n", b"0\r\ncontent-length: 5\r\n\r\n", b"0\r\nHost: a\r\n\r\n",
    b"0\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"1;" + b"a" * (MAX_LINE - 1) + b"\r\nx", b"1;" + b"a" * (MAX_LINE + 9),
    b"0\r\nA:" + b"b" * (MAX_TRAILERS - 5) + b"\r\n\r\n", b"0\r\n" + b"A: b\r\n" * MAX_TRAILERS,
    (b"1;" + b"a" * 1000 + b"\r\nx\r\n") * (MAX_EXTENSIONS // 1000 + 1),
]  # fmt: skip


class ChunkedTests(SynchronousTestCase):
    def test_legal(self) -> None:
        """Each body is read the same whole, byte by byte, and in steps between."""
        for raw, body, trailers in LEGAL:
            for step in (1, 2, 3, 7, len(raw)):
                decoder = ChunkedDecoder()
                self.assertEqual(fed(decoder, raw, step), body, (raw, step))
                self.assertTrue(decoder.done)
                self.assertEqual(decoder.unused, b"")
                self.assertEqual(decoder.trailers, trailers)
                self.assertEqual(decoder.received, len(body))
                decoder.eof()

    def test_unused(self) -> None:
        """What comes after the body is kept, whole and in order, however it was cut."""
        for raw, body, _ in LEGAL:
            for step in (1, 5, 9999):
                decoder = ChunkedDecoder()
                self.assertEqual(fed(decoder, raw + b"GET / HTTP/1.1\r\n", step), body)
                self.assertEqual(decoder.unused, b"GET / HTTP/1.1\r\n", (raw, step))

    def test_broken(self) -> None:
        """Whatever is not of the grammar is refused, whole and byte by byte."""
        for raw in BROKEN:
            for step in (1, 2, len(raw)):
                decoder = ChunkedDecoder()
                self.assertRaises(ChunkError, fed, decoder, raw, step)
                self.assertFalse(decoder.done, raw)

    def test_cut(self) -> None:
        """A body that ends before its last byte is cut, wherever that is."""
        for raw, _, _ in LEGAL[:-2]:
            for size in range(len(raw)):
                decoder = ChunkedDecoder()
                decoder.feed(raw[:size])
                self.assertFalse(decoder.done, raw[:size])
                self.assertRaises(BodyCut, decoder.eof)

    def test_notCopied(self) -> None:
        """Within a chunk, the very object that was fed comes out."""
        decoder = ChunkedDecoder()
        decoder.feed(b"ffff\r\n")
        piece = b"x" * 1000
        self.assertIs(decoder.feed(piece)[0], piece)
        self.assertEqual(decoder.received, 1000)

    def test_nothing(self) -> None:
        """To feed nothing gives nothing, in every state."""
        decoder = ChunkedDecoder()
        for data in (b"5\r\n", b"hello", b"\r\n", b"0\r\n", b"\r\n"):
            self.assertEqual(decoder.feed(b""), [])
            decoder.feed(data)
        self.assertEqual(decoder.feed(b""), [])
        self.assertTrue(decoder.done)

    def test_held(self) -> None:
        """Between feeds no more is held than a line or a trailer section."""
        decoder = ChunkedDecoder()
        decoder.feed(b"1;" + b"a" * (MAX_LINE - 2))
        self.assertLessEqual(len(decoder._held), MAX_LINE + 2)
        decoder = ChunkedDecoder()
        decoder.feed(b"0\r\nA:" + b"b" * (MAX_TRAILERS - 10))
        self.assertLessEqual(len(decoder._held), MAX_TRAILERS)

    def test_framing(self) -> None:
        """What `chunk` and LAST_CHUNK frame is read back."""
        raw = b"".join([chunk(piece) + piece + b"\r\n" for piece in (b"a", b"b" * 300)])
        decoder = ChunkedDecoder()
        self.assertEqual(b"".join(decoder.feed(raw + LAST_CHUNK)), b"a" + b"b" * 300)
        self.assertTrue(decoder.done)


class LengthTests(SynchronousTestCase):
    def test_read(self) -> None:
        """Exactly the length is body, what follows is unused, in every cut."""
        for step in (1, 2, 5, 8):
            decoder = LengthDecoder(5)
            self.assertEqual(fed(decoder, b"hellorest", step), b"hello")
            self.assertTrue(decoder.done)
            self.assertEqual((decoder.unused, decoder.received), (b"rest", 5))
            decoder.eof()

    def test_cut(self) -> None:
        """A shorter body is cut."""
        decoder = LengthDecoder(5)
        self.assertEqual(decoder.feed(b"hell"), [b"hell"])
        self.assertFalse(decoder.done)
        self.assertRaises(BodyCut, decoder.eof)

    def test_empty(self) -> None:
        """A body of no bytes is done before it is fed."""
        decoder = LengthDecoder(0)
        self.assertTrue(decoder.done)
        self.assertEqual((decoder.feed(b"x"), decoder.unused), ([], b"x"))
        self.assertEqual(LengthDecoder(1).feed(b""), [])

    def test_notCopied(self) -> None:
        """The very object that was fed comes out."""
        piece = b"x" * 1000
        self.assertIs(LengthDecoder(1000).feed(piece)[0], piece)


class CloseTests(SynchronousTestCase):
    def test_read(self) -> None:
        """All is body, and the end of the connection is its end."""
        decoder = CloseDecoder()
        self.assertEqual(fed(decoder, b"hello", 2), b"hello")
        self.assertEqual((decoder.done, decoder.feed(b"")), (False, []))
        decoder.eof()
        self.assertEqual((decoder.done, decoder.unused, decoder.received), (True, b"", 5))

    def test_choice(self) -> None:
        """Each framing has its decoder."""
        self.assertIsInstance(decoder_for(CHUNKED), ChunkedDecoder)
        self.assertIsInstance(decoder_for(UNTIL_CLOSE), CloseDecoder)
        self.assertTrue(decoder_for(NO_BODY).done)
        self.assertEqual(decoder_for(3).feed(b"abcd"), [b"abc"])
