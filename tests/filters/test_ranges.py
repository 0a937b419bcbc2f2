"""Parts of an upstream's answers (proxy_force_ranges)."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.filters.ranges import Part
from tests.answers import Answer
from tests.support import Bench, ok, serve

HEAD = b"HTTP/1.1 200 Fine\r\nContent-Length: 10\r\nAccept-Ranges: none\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nAccept-Ranges: bytes\r\n\r\n"


class PartTests(SynchronousTestCase):
    """What is cut out of a body on its way."""

    @given(st.lists(st.binary(max_size=5)), st.integers(0, 20), st.integers(1, 20))
    @settings(derandomize=True, deadline=None, max_examples=200)
    def test_slice(self, pieces: list[bytes], start: int, size: int) -> None:
        """Whatever the pieces, what passes is the slice of the whole."""
        part = Part(start, start + size)
        found = b"".join([part.feed(piece) + part.flush() for piece in pieces]) + part.finish()
        self.assertEqual(found, b"".join(pieces)[start : start + size])


class ForcedTests(SynchronousTestCase):
    """The directive."""

    def bench(self, extra: str = "", http: str = "") -> Bench:
        """A server that forces ranges."""
        return serve(
            self,
            f"{http} server {{ listen 80; location = /416 {{ return 200 'none \u00e9'; }} "
            f"location / {{ proxy_pass http://127.0.0.1:8080; proxy_force_ranges on; {extra} }} }}",
        )

    def ask(self, *sent: bytes, wanted: str = "1-2", extra: str = "", field: str = "") -> Answer:
        """The answer to a request for a part of what an upstream sends."""
        bench = self.bench(extra)
        client = bench.client()
        client.ask(b"/", b"Range: bytes=" + wanted.encode(), *([field.encode()] if field else ()))
        upstream = bench.upstream()
        self.assertIn(b"\r\nRange: bytes=", upstream.received)
        upstream.send(*sent)
        self.assertEqual((client.ended, bench.idle()), ("", upstream.ended == ""))
        return client.answer()

    def test_part(self) -> None:
        """One part is cut, as a whole or in pieces, and the connection serves on."""
        for sent in ((HEAD + b"0123456789",), (HEAD, b"0", b"123", b"456789")):
            answer = self.ask(*sent)
            self.assertEqual((answer.status, answer.body), (206, b"12"))
            self.assertEqual(answer.reason, b"Partial Content")
            self.assertEqual(answer.get(b"Content-Range"), b"bytes 1-2/10")
            self.assertEqual(answer.get(b"Content-Length"), b"2")
            self.assertEqual(answer.get(b"Accept-Ranges"), None)

    def test_whole(self) -> None:
        """Several parts, a part of an unknown length or of another status: all of it."""
        answer = self.ask(HEAD, b"0123456789", wanted="1-2,4-5")
        self.assertEqual((answer.status, answer.get(b"Accept-Ranges")), (200, b"bytes"))
        answer = self.ask(CHUNKED, b"2\r\n01\r\n0\r\n\r\n")
        self.assertEqual((answer.status, answer.all(b"Accept-Ranges")), (200, []))
        answer = self.ask(b"HTTP/1.1 404 No\r\nContent-Length: 4\r\n\r\n0123")
        self.assertEqual((answer.status, answer.body), (404, b"0123"))
        answer = self.ask(HEAD, b"0123456789", extra="max_ranges 0;")
        self.assertEqual((answer.status, answer.all(b"Accept-Ranges")), (200, []))

    def test_if_range(self) -> None:
        """If-Range is held against the upstream's tag or date."""
        date = "Sun, 09 Sep 2001 01:46:40 GMT"
        fields = (b'ETag: "a"', b"Last-Modified: " + date.encode())
        for value, status in (('"a"', 206), ('"b"', 200), (date, 206), (date[:-6] + "1 GMT", 200)):
            answer = self.ask(ok(b"0123456789", *fields), field=f"If-Range: {value}")
            self.assertEqual(answer.status, status, value)
        self.assertEqual(self.ask(ok(b"0123456789"), field=f"If-Range: {date}").status, 200)

    def test_beyond(self) -> None:
        """What is beyond the answer is 416, with an error_page if there is one."""
        for sent in ((HEAD + b"0123456789",), (HEAD, b"0123456789")):
            for extra, body in (("", b"416"), ("error_page 416 /416;", b"none")):
                bench = self.bench(extra)
                client = bench.client()
                client.ask(b"/", b"Range: bytes=20-30")
                bench.upstream().send(*sent)
                answer = client.answer()
                self.assertEqual((answer.status, client.ended), (416, ""))
                self.assertEqual(answer.get(b"Content-Range"), b"bytes */10")
                self.assertIn(body, answer.body)

    def test_converted(self) -> None:
        """A part is one of the answer as it goes out, and an error's page is as it was."""
        http = "charset_map one two { E9 80; 80 E9; }"
        bench = self.bench("charset two; source_charset one; error_page 416 /416;", http)
        for wanted, status in ((b"1-2", 206), (b"9-", 416)):
            client = bench.client()
            client.ask(b"/", b"Range: bytes=" + wanted)
            bench.upstream().send(ok(b"a\xe9\x80b", b"Content-Type: text/plain"))
            answer = client.answer()
            self.assertEqual(answer.status, status)
            self.assertEqual(answer.body, b"\x80\xe9" if status == 206 else "none \u00e9".encode())

    def test_head(self) -> None:
        """HEAD is told what GET would get."""
        bench = self.bench()
        client = bench.client()
        client.ask(b"/", b"Range: bytes=1-2", method=b"HEAD")
        bench.upstream().send(HEAD)
        answer = client.answer(b"HEAD")
        self.assertEqual((answer.status, answer.get(b"Content-Length")), (206, b"2"))

    def test_not_forced(self) -> None:
        """Without the directive the upstream's Accept-Ranges and all of its answer pass."""
        bench = serve(
            self, "server { listen 80; location / { proxy_pass http://127.0.0.1:8080; } }"
        )
        client = bench.client()
        client.ask(b"/", b"Range: bytes=1-2")
        bench.upstream().send(HEAD, b"0123456789")
        answer = client.answer()
        self.assertEqual((answer.status, answer.get(b"Accept-Ranges")), (200, b"none"))
