"""An error says at which byte it was noticed, the same wherever the input was cut."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.errors import ClientError, UpstreamProtocolError
from reverseproxy.wire.chunked import BodyCut, ChunkedDecoder, ChunkError, LengthDecoder
from reverseproxy.wire.framing import locate, request_framing, response_framing
from reverseproxy.wire.heads import field_offset, parse_request_head, parse_response_head
from reverseproxy.wire.target import has_dots, normalise_path, split_target

#: A head up to where further fields begin, at byte 25.
START = b"POST / HTTP/1.1\r\nHost: a\r\n"
#: Fields behind that, and the offset of the one that is to blame.
FRAMINGS = {
    b"Content-Length: x\r\n": 26,
    b"A: b\r\ncontent-length: +1\r\nC: d\r\n": 32,
    b"X-Content-Length: 1\r\nContent-Length: 9223372036854775808\r\n": 47,
    b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n": 26,
    b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n": 45,
    b"A: Transfer-Encoding: x\nTransfer-Encoding: gzip, chunked\r\n": 50,
    b"Transfer-Encoding:\tgzip\r\n": 26,
}
#: Answers' heads, and the same.
ANSWERS = {
    b"HTTP/1.1 2 OK\r\n\r\n": 0,
    b"HTTP/1.1 200 OK\r\nA : b\r\n\r\n": 18,
    b"HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n": 21,
    b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 5x\r\n\r\n": 23,
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n": 36,
    b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n": 17,
}
PATHS = {
    b"/a%zz": 2,
    b"/a/%": 3,
    b"/a/%00": 3,
    b"/..": 1,
    b"/a/../../b": 6,
    b"/a/%2e%2E/b/..%2f../c": 17,
    b"/a//../../b": 7,
    b"a": 0,
}
TARGETS = {b"/a?b#c": 4, b"gopher://a/": 0, b"http://a..b/c": 7, b"*": 0}
BODIES = {
    b"x\r\n": 0,
    b"3\r\nabc\r\n5 \r\nhello\r\n": 8,
    b"3\r\nabcd\r\n": 6,
    b"3;a=b\r\nabc\r\n1\r\nx\r\n-1\r\n": 18,
    b"3\r\nabc\r\n0\r\nA: b\r\nnonsense\r\n\r\n": 17,
    b"3\r\nabc\r\n0\r\nContent-Length: 3\r\n\r\n": 11,
    b"3\r\nabc\r\nffffffffffffffff\r\n": 8,
    b"5;" + b"a" * 2000: 0,
}


class OffsetTests(SynchronousTestCase):
    def test_framing(self) -> None:
        """A length or a coding that is refused is found in the head."""
        for lines, offset in FRAMINGS.items():
            raw = START + lines + b"\r\n"
            error = self.assertRaises(ClientError, request_framing, parse_request_head(raw))
            locate(raw, error)
            self.assertEqual(error.offset, offset, raw)
            self.assertTrue(str(error).endswith(f" at byte {offset} of the head"), error)

    def test_host(self) -> None:
        """So is a Host that is none."""
        raw = b"GET / HTTP/1.1\r\nX-Host: b\r\nhost: a/b\r\n\r\n"
        error = self.assertRaises(ClientError, parse_request_head, raw)
        self.assertEqual(str(error), "not a host: 'a/b' at byte 27 of the head")

    def test_repeated(self) -> None:
        """Of a field that stands twice it is the second, whatever else begins like it."""
        raw = b"GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\nHost-Name: c\r\n\r\n"
        error = self.assertRaises(ClientError, parse_request_head, raw)
        self.assertEqual(error.offset, 25)

    def test_field(self) -> None:
        """A line that is not there has no place, and the first line is no field."""
        raw = b"Host: x\r\nHost: a\r\n\r\n"
        self.assertEqual(field_offset(raw, b"host"), 9)
        self.assertEqual(field_offset(raw, b"host", 2), None)

    def test_answers(self) -> None:
        """What an upstream sent is located alike."""
        for raw, offset in ANSWERS.items():
            with self.assertRaises(UpstreamProtocolError) as raised:
                try:
                    response_framing(b"GET", parse_response_head(raw))
                except UpstreamProtocolError as error:
                    locate(raw, error)
                    raise
            self.assertEqual(raised.exception.offset, offset, raw)
            self.assertIn(f" at byte {offset} of the answer's head", str(raised.exception))

    def test_paths(self) -> None:
        """A path's fault is found in the path as it came, escapes and all."""
        for raw, offset in PATHS.items():
            error = self.assertRaises(ClientError, normalise_path, raw)
            self.assertEqual((error.offset, error.part), (offset, "path"), raw)
        # An empty segment counts where slashes are not merged.
        error = self.assertRaises(ClientError, normalise_path, b"//../..%2F../b", False)
        self.assertEqual(error.offset, 5)

    def test_dots(self) -> None:
        """Two dots are found wherever they are a segment, and nowhere else."""
        for raw in (b"/..", b"/a/../b", b"/a/%2e%2E", b"/a%2f..%2Fb", b"//..", b"/%2e./"):
            self.assertTrue(has_dots(raw), raw)
        for raw in (b"/", b"/..a", b"/a..", b"/...", b"/./a", b"/%252e%252e", b"..", b"/a%2e%2eb"):
            self.assertFalse(has_dots(raw), raw)

    def test_targets(self) -> None:
        """A target's fault is found in the target."""
        for raw, offset in TARGETS.items():
            error = self.assertRaises(ClientError, split_target, b"GET", raw)
            self.assertEqual((error.offset, error.part), (offset, "target"), raw)
        for raw, offset in ((b"a/b", 0), (b"a.b", 3)):
            error = self.assertRaises(ClientError, split_target, b"CONNECT", raw)
            self.assertEqual((error.offset, error.part), (offset, "target"), raw)

    def test_bodies(self) -> None:
        """A chunked body's fault is found among all that was sent, framing included."""
        for raw, offset in BODIES.items():
            for step in (1, 2, 3, len(raw)):
                decoder = ChunkedDecoder()
                with self.assertRaises(ChunkError) as raised:
                    for at in range(0, len(raw), step):
                        decoder.feed(raw[at : at + step])
                self.assertEqual(raised.exception.offset, offset, (raw[:40], step))
                self.assertTrue(str(raised.exception).isascii())
                self.assertTrue(str(raised.exception).isprintable())

    def test_cut(self) -> None:
        """A body that was cut says after how many bytes."""
        raw = b"3;a\r\nabc\r\n5\r\nhel"
        for step in (1, 4, len(raw)):
            decoder = ChunkedDecoder()
            for at in range(0, len(raw), step):
                decoder.feed(raw[at : at + step])
            self.assertEqual(self.assertRaises(BodyCut, decoder.eof).offset, len(raw))
        length = LengthDecoder(5)
        length.feed(b"hel")
        self.assertEqual(self.assertRaises(BodyCut, length.eof).offset, 3)
