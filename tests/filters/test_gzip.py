"""gzip: which answers are compressed, what their heads say, and that the bytes are the same."""

from __future__ import annotations

import os
import zlib

from twisted.trial.unittest import SynchronousTestCase

from ..answers import chunked
from ..support import Answer, Bench, ok, proxied, request, serve

ACCEPTS = b"Accept-Encoding: gzip"
HTML = b"Content-Type: text/html"
BODY = b"<p>hello, hello, hello, hello</p>"


class GzipTestCase(SynchronousTestCase):
    def bench(self, extra: str = "") -> Bench:
        gzip = "" if extra.startswith("gzip off") else "gzip on; "
        return proxied(self, gzip + extra)

    def answer(
        self,
        extra: str,
        *fields: bytes,
        body: bytes = BODY,
        status: bytes = b"200 OK",
        asked: tuple[bytes, ...] = (ACCEPTS,),
        version: bytes = b"1.1",
        method: bytes = b"GET",
    ) -> Answer:
        """The answer to `asked`, where the upstream's has `fields` (text/html if none)."""
        bench = self.bench(extra)
        client = bench.client()
        client.send(request(b"/", *asked, version=version, method=method))
        sent = ok(body, *(fields or (HTML,))).replace(b"200 OK", status)
        bench.upstream().send(sent.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
        if method != b"HEAD" and body:
            bench.upstream().send(body)
        self.ended = client.ended
        return client.answer(method)

    def assert_gzip(self, answer: Answer, body: bytes = BODY) -> None:
        self.assertEqual(answer.get(b"Content-Encoding"), b"gzip")
        self.assertEqual(answer.get(b"Content-Length"), None)
        self.assertTrue(answer.complete)
        self.assertEqual(zlib.decompress(answer.body, 31), body)

    def assert_plain(self, answer: Answer, body: bytes = BODY) -> None:
        self.assertEqual(answer.get(b"Content-Encoding"), None)
        self.assertEqual(answer.body, body)


class WhichTests(GzipTestCase):
    def test_accept_encoding(self) -> None:
        """What the client accepts decides, weights included."""
        for value, accepted in (
            (b"gzip", True),
            (b"deflate, GZIP;q=0.5", True),
            (b"x-gzip", True),
            (b"*", True),
            (b"gzip;q=0", False),
            (b"gzip;q=0.000, *", False),
            (b"*;q=0, gzip;q=0.001", True),
            (b"identity", False),
            (b"br", False),
            (b"", False),
            (b"gzip;q=2", False),
        ):
            answer = self.answer("", asked=(b"Accept-Encoding: " + value,))
            (self.assert_gzip if accepted else self.assert_plain)(answer)
        self.assert_plain(self.answer("", asked=()))
        self.assert_gzip(self.answer("", asked=(b"Accept-Encoding: br", ACCEPTS)))

    def test_off(self) -> None:
        """Without gzip on nothing is compressed."""
        self.assert_plain(self.answer("gzip off;"))

    def test_types(self) -> None:
        """text/html always is, other types only if gzip_types names them."""
        for rule, kind, compressed in (
            ("", b"text/html; charset=utf-8", True),
            ("", b"TEXT/HTML", True),
            ("", b"text/css", False),
            ("gzip_types text/css text/x;", b"text/css", True),
            ("gzip_types text/css;", b"text/html", True),
            ("gzip_types text/css;", b"text/cssx", False),
            ("gzip_types *;", b"image/png", True),
        ):
            answer = self.answer(rule, b"Content-Type: " + kind)
            (self.assert_gzip if compressed else self.assert_plain)(answer)
        self.assert_plain(self.answer("", b"X: no type"))

    def test_statuses(self) -> None:
        """200, 403 and 404 are compressed, as in nginx; nothing else."""
        for status, compressed in (
            (b"200 OK", True),
            (b"403 Forbidden", True),
            (b"404 Not Found", True),
            (b"201 Created", False),
            (b"206 Partial Content", False),
            (b"500 Error", False),
        ):
            answer = self.answer("", status=status)
            (self.assert_gzip if compressed else self.assert_plain)(answer)

    def test_min_length(self) -> None:
        """Shorter ones stay plain, where the length is known before."""
        for rule, size, compressed in (
            ("", 19, False),
            ("", 20, True),
            ("gzip_min_length 100;", 99, False),
            ("gzip_min_length 100;", 100, True),
            ("gzip_min_length 0;", 1, True),
        ):
            body = b"x" * size
            answer = self.answer(rule, body=body)
            (self.assert_gzip if compressed else self.assert_plain)(answer, body)

    def test_min_length_unknown(self) -> None:
        """An answer whose length is not known is compressed whatever it turns out to be."""
        bench = self.bench("gzip_min_length 1000;")
        client = bench.client()
        client.ask(b"/", ACCEPTS)
        bench.upstream().send(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
            + HTML
            + b"\r\n\r\n"
            + chunked(b"a")
        )
        self.assert_gzip(client.answer(), b"a")

    def test_http_version(self) -> None:
        """An HTTP/1.0 client gets gzip only if gzip_http_version allows it, ended by closing."""
        self.assert_plain(self.answer("", version=b"1.0"))
        keep = (ACCEPTS, b"Connection: keep-alive")
        answer = self.answer("gzip_http_version 1.0;", version=b"1.0", asked=keep)
        self.assert_gzip(answer)
        self.assertEqual((answer.get(b"Connection"), self.ended), (b"close", "closed"))
        self.assertEqual(answer.get(b"Transfer-Encoding"), None)

    def test_never_twice(self) -> None:
        """What is encoded already, in whatever way, is passed on as it is."""
        for coding in (b"gzip", b"br", b"identity"):
            answer = self.answer("", HTML, b"Content-Encoding: " + coding)
            self.assertEqual((answer.body, answer.all(b"Content-Encoding")), (BODY, [coding]))

    def test_head(self) -> None:
        """HEAD is answered with the head of GET, as nginx does: gzip, of unknown length."""
        answer = self.answer("", method=b"HEAD")
        self.assertEqual(answer.get(b"Content-Length"), None)
        self.assertEqual((answer.get(b"Content-Encoding"), answer.body), (b"gzip", b""))

    def test_disable(self) -> None:
        """User agents that gzip_disable matches get plain answers; msie6 is nginx's."""
        for rule, agent, compressed in (
            ("", b"MSIE 6.0", True),
            ("gzip_disable old;", b"Very OLD browser", False),
            ('gzip_disable "^a" "b$";', b"xb", False),
            ('gzip_disable "^a"; gzip_disable "b$";', b"xb", False),
            ('gzip_disable "^a" "b$";', b"ba", True),
            ("gzip_disable msie6;", b"Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)", False),
            ("gzip_disable msie6;", b"Mozilla/4.0 (compatible; MSIE 6.0; NT 5.1; SV1)", True),
            ("gzip_disable msie6;", b"Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 5.1)", True),
            ("gzip_disable msie6;", b"Mozilla/4.0 (compatible; MSIE 5.5; Windows)", False),
        ):
            answer = self.answer(rule, asked=(ACCEPTS, b"User-Agent: " + agent))
            (self.assert_gzip if compressed else self.assert_plain)(answer)

    def test_proxied(self) -> None:
        """A request with Via is a proxy's: gzip_proxied says which answers to it are compressed."""
        via = b"Via: 1.1 x"
        expires, private = b"Expires: 0", b"Cache-Control: private, x"
        dated = b"Last-Modified: Tue, 14 Nov 2023 22:13:20 GMT"
        for rule, asked, fields, compressed in (
            ("", (), (), False),
            ("any", (), (), True),
            ("expired", (), (expires,), True),
            ("expired", (), (), False),
            ("no-cache", (), (b"Cache-Control: no-cache",), True),
            ("no-cache", (), (private,), False),
            ("no-store private", (), (private,), True),
            ("no_last_modified", (), (), True),
            ("no_last_modified", (), (dated,), False),
            ("no_etag", (), (b'ETag: "x"',), False),
            ("no_etag", (), (dated,), True),
            ("auth", (b"Authorization: x",), (), True),
            ("auth", (), (), False),
            ("off any", (), (), False),
        ):
            extra = f"gzip_proxied {rule};" if rule else ""
            answer = self.answer(extra, HTML, *fields, asked=(ACCEPTS, via, *asked))
            (self.assert_gzip if compressed else self.assert_plain)(answer)


class HeadTests(GzipTestCase):
    def test_vary(self) -> None:
        """gzip_vary names Accept-Encoding on whatever could have been compressed."""
        plain: tuple[bytes, ...] = (b"X: 1",)
        for asked in ((ACCEPTS,), plain):
            answer = self.answer("gzip_vary on;", asked=asked)
            self.assertEqual(answer.get(b"Vary"), b"Accept-Encoding")
            answer = self.answer("gzip_vary on;", b"Content-Type: image/png", asked=asked)
            self.assertEqual(answer.get(b"Vary"), None)
            self.assertEqual(self.answer("", asked=asked).get(b"Vary"), None)

    def test_vary_is_there(self) -> None:
        """A Vary that says it already is enough; another one stays beside it."""
        for value, values in (
            (b"accept-encoding", [b"accept-encoding"]),
            (b"Cookie, Accept-Encoding", [b"Cookie, Accept-Encoding"]),
            (b"*", [b"*"]),
            (b"Cookie", [b"Cookie", b"Accept-Encoding"]),
        ):
            answer = self.answer("gzip_vary on;", HTML, b"Vary: " + value)
            self.assertEqual(answer.all(b"Vary"), values)

    def test_etag(self) -> None:
        """A strong tag becomes weak: the compressed bytes are not the same."""
        for tag, expected in ((b'"x"', b'W/"x"'), (b'W/"x"', b'W/"x"')):
            self.assertEqual(self.answer("", HTML, b"ETag: " + tag).get(b"ETag"), expected)
            plain = self.answer("", HTML, b"ETag: " + tag, asked=())
            self.assertEqual(plain.get(b"ETag"), tag)

    def test_ranges(self) -> None:
        """Of what is compressed on its way no ranges are offered, nor given."""
        self.assertEqual(self.answer("", HTML, b"Accept-Ranges: bytes").get(b"Accept-Ranges"), None)
        bench = serve(self, "gzip on; server { listen 80; root html; }")
        os.mkdir(bench.path("html"))
        with open(bench.path("html/a.html"), "wb") as file:
            file.write(BODY)
        answer = bench.client().get(b"/a.html", ACCEPTS, b"Range: bytes=0-1")
        self.assertEqual((answer.status, answer.get(b"Accept-Ranges")), (200, None))
        self.assert_gzip(answer)
        self.assertEqual(bench.client().get(b"/a.html", b"Range: bytes=0-1").body, BODY[:2])

    def test_log(self) -> None:
        """The log has the bytes that were sent, not those that were read."""
        bench = self.bench()
        client = bench.client()
        client.ask(b"/", ACCEPTS)
        bench.upstream().send(ok(b"a" * 10_000, HTML))
        size = len(client.answer().body)
        self.assertLess(size, 200)
        self.assertIn(f'" 200 {size} ', bench.lines()[0])


class StreamTests(GzipTestCase):
    def test_flushed(self) -> None:
        """Each piece can be read when it comes: compression holds nothing back."""
        bench = self.bench()
        client = bench.client()
        client.ask(b"/", ACCEPTS)
        upstream = bench.upstream()
        upstream.send(b"HTTP/1.1 200 OK\r\n" + HTML + b"\r\nTransfer-Encoding: chunked\r\n\r\n")
        inflate = zlib.decompressobj(31)
        seen = b""
        for piece in (b"one", b"two", b"three"):
            upstream.send(b"%x\r\n%b\r\n" % (len(piece), piece))
            body = client.answers()[0].body
            self.assertEqual(inflate.decompress(body[len(seen) :]), piece)
            seen = body
        upstream.send(b"0\r\n\r\n")
        self.assert_gzip(client.answer(), b"onetwothree")

    def test_large(self) -> None:
        """Large bodies of any kind come out as they went in, at every level."""
        data = os.urandom(50_000) + b"x" * 500_000 + os.urandom(50_000)
        for level in (1, 6, 9):
            answer = self.answer(f"gzip_comp_level {level};", body=data)
            self.assert_gzip(answer, data)

    def test_level(self) -> None:
        """A higher level makes it smaller."""
        data = b" ".join(b"%d" % (number * number % 977) for number in range(20_000))
        sizes = [len(self.answer(f"gzip_comp_level {level};", body=data).body) for level in (1, 9)]
        self.assertGreater(sizes[0], sizes[1])

    def test_empty(self) -> None:
        """A compressed body of nothing is a stream of nothing."""
        bench = self.bench("gzip_min_length 0;")
        client = bench.client()
        client.ask(b"/", ACCEPTS)
        bench.upstream().send(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + HTML + b"\r\n\r\n" + chunked()
        )
        self.assert_gzip(client.answer(), b"")

    def test_truncated(self) -> None:
        """A cut body is a cut stream: it never gets an end that says it was whole."""
        bench = self.bench()
        client = bench.client()
        client.ask(b"/", ACCEPTS)
        bench.upstream().send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n" + HTML + b"\r\n\r\nabc")
        bench.upstream().close()
        answer = client.answers()[0]
        inflate = zlib.decompressobj(31)
        self.assertTrue(b"abc".startswith(inflate.decompress(answer.body)))
        self.assertEqual((inflate.eof, answer.complete, client.ended), (False, False, "closed"))
