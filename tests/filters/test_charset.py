"""charset, source_charset, charset_map."""

from __future__ import annotations

import gzip

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError
from reverseproxy.filters.charsetsettings import CharsetMap
from reverseproxy.filters.recoding import recodings
from reverseproxy.web.response import Transform
from tests.support import Bench, ok, serve

TO_UTF8 = CharsetMap("one", "utf-8", tuple((byte, chr(byte).encode()) for byte in range(128, 256)))
TO_TWO = CharsetMap("one", "two", ((0xE9, b"\x80"), (0x80, b"\xe9")))


def recode(transform: Transform, *pieces: bytes) -> bytes:
    """Everything that comes out for the pieces."""
    return b"".join([transform.feed(piece) for piece in pieces]) + transform.finish()


class RecodingTests(SynchronousTestCase):
    """The conversions."""

    maps = recodings([TO_UTF8, TO_TWO])

    @given(st.binary(max_size=60), st.integers(0, 60))
    @settings(derandomize=True, deadline=None, max_examples=100)
    def test_there_and_back(self, data: bytes, cut: int) -> None:
        """With a map of the whole upper half, UTF-8 and back is what it was, however it is cut."""
        there = recode(self.maps["one", "utf-8"][0](), data)
        self.assertEqual(there, data.decode("latin-1").encode())
        back = recode(self.maps["utf-8", "one"][0](), there[:cut], there[cut:])
        self.assertEqual(back, data)

    def test_bytes(self) -> None:
        """Between two single-byte sets what is not in the map becomes a question mark."""
        make, length_stays = self.maps["one", "two"]
        self.assertTrue(length_stays)
        self.assertEqual(recode(make(), b"a\xe9\x80\xff"), b"a\x80\xe9?")

    def test_reference(self) -> None:
        """A character that the target has not becomes its number, and nonsense a question mark."""
        made = recode(self.maps["utf-8", "one"][0](), "\u20ac\u0101".encode() + b"\xff.")
        self.assertEqual(made, b"&#8364;&#257;?.")


class CharsetTests(SynchronousTestCase):
    """The directives."""

    def bench(self, inside: str, http: str = "") -> Bench:
        """A server whose upstream is at port 8080."""
        return serve(
            self,
            f"{http} server {{ listen 80; {inside} "
            "location / { proxy_pass http://127.0.0.1:8080; } }",
        )

    def content_type(self, inside: str, sent: bytes) -> bytes | None:
        """What becomes of an upstream's Content-Type."""
        bench = self.bench(inside)
        client = bench.client()
        client.ask()
        bench.upstream().send(ok(b"hi", b"Content-Type: " + sent))
        return client.answer().get(b"Content-Type")

    def test_named(self) -> None:
        """A text gets the name of its character set; what has one keeps it, and a picture none."""
        self.assertEqual(
            self.content_type("charset utf-8;", b"text/plain"), b"text/plain; charset=utf-8"
        )
        for sent in (b"image/png", b"text/html; charset=KOI8-R", b"application/json"):
            self.assertEqual(self.content_type("charset utf-8;", sent), sent)

    def test_converted(self) -> None:
        """With a map the body is converted, and the length goes where it changes."""
        bench = self.bench(
            "charset utf-8; source_charset one;", "charset_map one utf-8 { E9 C3A9; }"
        )
        client = bench.client()
        client.ask()
        bench.upstream().send(ok(b"caf\xe9", b"Content-Type: text/html"))
        answer = client.answer()
        self.assertEqual(answer.body, "caf\u00e9".encode())
        self.assertEqual(answer.get(b"Content-Length"), None)
        self.assertEqual(answer.get(b"Content-Type"), b"text/html; charset=utf-8")

    def test_override(self) -> None:
        """With override_charset what an upstream sent in another set is converted too."""
        bench = self.bench(
            "charset utf-8; override_charset on;", "charset_map koi8-r utf-8 { C1 D0B0; }"
        )
        client = bench.client()
        client.ask()
        bench.upstream().send(ok(b"\xc1", b'Content-Type: text/html; charset="KOI8-R"'))
        answer = client.answer()
        self.assertEqual(answer.body, b"\xd0\xb0")
        self.assertEqual(answer.get(b"Content-Type"), b"text/html; charset=utf-8")

    def given(self, extra: str, *fields: bytes, http: str = "") -> bytes | None:
        """The Content-Type of what is answered to an upstream's text with `fields`."""
        bench = serve(
            self,
            f"{http} server {{ listen 80; default_type text/plain; location / {{ {extra} "
            "proxy_pass http://127.0.0.1:8080; } location /in { return 200 in; } "
            "location /k { charset KOI8-R; } }",
        )
        client = bench.client()
        client.ask()
        bench.upstream().send(ok(b"\xe9", *fields))
        answer = client.answer()
        self.assertEqual(answer.get(b"X-Accel-Charset"), None)
        self.body, self.errors = answer.body, bench.lines("logs/error.log")
        return answer.get(b"Content-Type")

    def test_upstream_names_it(self) -> None:
        """X-Accel-Charset names one of the configuration's sets, whatever `charset` says."""
        for extra, kind, name, expected in (
            ("", b"text/plain", b"koi8-R", b"text/plain; charset=koi8-R"),
            ("", b"image/png", b"koi8-r", b"image/png; charset=koi8-r"),
            ("", b"text/html; charset=KOI8-R", b"koi8-r", b"text/html; charset=koi8-r"),
            ("charset utf-8;", b"text/plain", b"koi8-r", b"text/plain; charset=koi8-r"),
            ("charset utf-8;", b"text/plain", b"", b"text/plain; charset=utf-8"),
            ("proxy_ignore_headers X-Accel-Charset;", b"text/plain", b"koi8-r", b"text/plain"),
        ):
            fields = (b"Content-Type: " + kind, b"X-Accel-Charset: " + name)
            self.assertEqual(self.given(extra, *fields), expected)
        self.assertEqual(self.errors, [])

    def test_upstream_names_another(self) -> None:
        """One that the configuration does not know is told to the log, and nothing is named."""
        fields = (b"Content-Type: text/plain", b"X-Accel-Charset: big5")
        self.assertEqual(self.given("charset utf-8;", *fields), b"text/plain")
        self.assertIn("is not in the configuration: b'big5'", self.errors[0])

    def test_upstream_names_it_elsewhere(self) -> None:
        """It holds for whatever answers after X-Accel-Redirect."""
        fields = (b"X-Accel-Redirect: /in", b"X-Accel-Charset: koi8-r")
        self.assertEqual(self.given("", *fields), b"text/plain; charset=koi8-r")

    def test_upstream_has_it_converted(self) -> None:
        """With a map the body is converted to it."""
        fields = (b"Content-Type: text/plain", b"X-Accel-Charset: utf-8")
        http = "charset_map one utf-8 { E9 C3A9; }"
        kind = self.given("source_charset one;", *fields, http=http)
        self.assertEqual(kind, b"text/plain; charset=utf-8")
        self.assertEqual(self.body, "\u00e9".encode())

    def test_compressed_stays(self) -> None:
        """A body that is compressed already is not converted."""
        bench = self.bench(
            "charset utf-8; source_charset one;", "charset_map one utf-8 { E9 C3A9; }"
        )
        client = bench.client()
        client.ask()
        bench.upstream().send(ok(b"\xe9", b"Content-Type: text/html", b"Content-Encoding: gzip"))
        self.assertEqual(client.answer().body, b"\xe9")

    def test_with_gzip(self) -> None:
        """Conversion comes before compression."""
        bench = self.bench(
            "gzip on; gzip_min_length 0; charset utf-8; source_charset one;",
            "charset_map one utf-8 { E9 C3A9; }",
        )
        client = bench.client()
        client.ask(b"/", b"Accept-Encoding: gzip")
        bench.upstream().send(ok(b"\xe9" * 50, b"Content-Type: text/html"))
        self.assertEqual(gzip.decompress(client.answer().body), "\u00e9".encode() * 50)

    def test_bad(self) -> None:
        """What a charset_map can't hold, and sets without a map between them, are errors."""
        for http, inside in (
            ("charset_map a a { }", ""),
            ("charset_map utf-8 b { }", ""),
            ("charset_map a b { 80; }", ""),
            ("charset_map a b { G0 80; }", ""),
            ("charset_map a b { 80 8080; }", ""),
            ("charset_map a utf-8 { 80 C3; }", ""),
            ("", "charset utf-8; source_charset koi8-r;"),
            ("", "override_charset maybe;"),
        ):
            error = self.assertRaises(ConfigurationError, self.bench, inside, http)
            self.assertIn("nginx.conf:4:", str(error), http + inside)
