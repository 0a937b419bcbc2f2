"""proxy_pass: what the upstream is asked, and what of its answer the client sees."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError

from ..answers import chunked
from ..support import Bench, Upstream, ok, request, serve


class MappingTests(SynchronousTestCase):
    def test_paths(self) -> None:
        """The path that nginx 1.22 was seen (or is documented) to ask for, row by row."""
        for location, target, asked, expected in (
            # No URI in proxy_pass: as it was received, not normalised, not decoded.
            ("/", "", b"/a/b", b"/a/b"),
            ("/", "", b"/a%20b/%2e%2e/c//d?x=%20&y", b"/a%20b/%2e%2e/c//d?x=%20&y"),
            ("/a/", "", b"/a/b", b"/a/b"),
            ("/", "", b"/?", b"/?"),
            ("~ ^/x", "", b"/x%2Fy", b"/x%2Fy"),
            ("= /a", "", b"/%61", b"/%61"),
            # With a URI: the location's part of the normalised path is replaced by it.
            ("/a/", "/", b"/a/b/c", b"/b/c"),
            ("/a/", "/x/", b"/a/b", b"/x/b"),
            ("/a/", "/x", b"/a/b", b"/xb"),
            ("/a", "/x/", b"/a/b", b"/x//b"),
            ("/a", "/", b"/abc", b"/bc"),
            ("/", "/x/", b"/a", b"/x/a"),
            ("/a/", "/x/", b"/a/../a/./b", b"/x/b"),
            ("/a/", "/x/", b"/a//b", b"/x/b"),
            ("/a/", "/x/", b"/%61/b", b"/x/b"),
            ("= /a", "/x", b"/a", b"/x"),
            ("^~ /a/", "/x/", b"/a/b", b"/x/b"),
            # It is escaped anew, the arguments are not touched.
            ("/a/", "/x/", b"/a/b%20c%25%3f%23", b"/x/b%20c%25%3F%23"),
            ("/a/", "/x/", b"/a/%c3%a4", b"/x/%C3%A4"),
            ("/a/", "/x/", b"/a/b?c=%2f&d", b"/x/b?c=%2f&d"),
            ("/a/", "/x/", b"/a/b?", b"/x/b?"),
            ("/a/", "/x/", b"/a/b%0d%0aX: y".replace(b" ", b"%20"), b"/x/b%0D%0AX:%20y"),
        ):
            bench = serve(
                self,
                f"server {{ listen 80; location {location} "
                f"{{ proxy_pass http://127.0.0.1:8080{target}; }} }}",
            )
            bench.client().ask(asked)
            self.assertEqual(bench.upstream().target, expected, (location, target, asked))

    def test_regex_with_uri(self) -> None:
        """A URI in a location by regular expression is an error with its place."""
        with self.assertRaises(ConfigurationError) as caught:
            serve(
                self,
                "server { listen 80; location ~ /x { proxy_pass http://127.0.0.1:8080/y; } }",
            )
        (found,) = caught.exception.diagnostics
        self.assertIn("URI part", found.message)
        self.assertIsNotNone(found.origin)

    def test_after_index(self) -> None:
        """A path that an internal redirect changed is sent as it is now."""
        bench = serve(
            self,
            "server { listen 80; location / { index /app/start; root html; }"
            " location /app/ { proxy_pass http://127.0.0.1:8080; } }",
        )
        bench.client().ask(b"/?q")
        self.assertEqual(bench.upstream().target, b"/app/start?q")


class RequestTests(SynchronousTestCase):
    def asked(
        self, settings: str, *fields: bytes, peer: str = "127.0.0.1:8080", **more: bytes
    ) -> Upstream:
        """The upstream that was asked, under directives of the server."""
        bench = serve(
            self,
            f"server {{ listen 80; server_name example.org; {settings} "
            f"location / {{ proxy_pass http://{peer}; }} }}",
        )
        bench.client().send(request(b"/", *fields, **more))
        return bench.upstream()

    def test_plain(self) -> None:
        """A request without a body is HTTP/1.1, with a Host and no word of the connection."""
        upstream = self.asked("", b"Connection: keep-alive", b"User-Agent: x")
        self.assertEqual(
            upstream.received,
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: x\r\n\r\n",
        )
        self.assertEqual((upstream.host, upstream.port), ("127.0.0.1", 8080))

    def test_default_host(self) -> None:
        """Host is nginx's $proxy_host: as it is written, without port 80, with brackets."""
        for peer, host in (
            ("127.0.0.1:8080", b"127.0.0.1:8080"),
            ("127.0.0.1", b"127.0.0.1"),
            ("127.0.0.1:80", b"127.0.0.1"),
            ("localhost:8080", b"localhost:8080"),
            ("[::1]:8080", b"[::1]:8080"),
            ("[::1]", b"[::1]"),
        ):
            self.assertEqual(self.asked("", peer=peer).fields(), [(b"Host", host)], peer)

    def test_order_and_case(self) -> None:
        """Fields go on in order and case, repeated ones too, behind those that are set."""
        fields = [b"x-B: 1", b"Cookie: a", b"X-b: 2", b"cookie: b", b"Accept:"]
        upstream = self.asked("proxy_set_header x-first 1;", *fields)
        self.assertEqual(
            upstream.fields()[1:],
            [
                (b"x-first", b"1"),
                (b"x-B", b"1"),
                (b"Cookie", b"a"),
                (b"X-b", b"2"),
                (b"cookie", b"b"),
                (b"Accept", b""),
            ],
        )

    def test_set_header(self) -> None:
        """A field that is set replaces every one that came; an empty value sends none."""
        upstream = self.asked(
            'proxy_set_header X-a "$remote_addr, $scheme"; proxy_set_header Accept-Encoding "";'
            "proxy_set_header Host $host; proxy_set_header X-None $http_nothing;",
            b"x-A: 1",
            b"X-A: 2",
            b"accept-encoding: gzip",
            b"x-none: 1",
            host=b"EXAMPLE.org:80",
        )
        self.assertEqual(
            upstream.fields(), [(b"X-a", b"192.0.2.7, http"), (b"Host", b"example.org")]
        )

    def test_inherited(self) -> None:
        """A level with a proxy_set_header of its own has none of those above it."""
        bench = serve(
            self,
            "proxy_set_header X-Http 1; server { listen 80;"
            " location / { proxy_pass http://127.0.0.1:8080; }"
            " location /own/ { proxy_set_header X-Own 1; proxy_pass http://127.0.0.1:8080; } }",
        )
        for path, seen in ((b"/", b"X-Http"), (b"/own/", b"X-Own")):
            bench.client().ask(path)
            self.assertEqual([name for name, _ in bench.upstream().fields()][1:], [seen])

    def test_forwarded_for(self) -> None:
        """$proxy_add_x_forwarded_for appends the client to what came, in one field."""
        rule = "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
        for fields, expected in (
            ((), b"192.0.2.7"),
            ((b"X-Forwarded-For: 10.0.0.1",), b"10.0.0.1, 192.0.2.7"),
            ((b"x-forwarded-for: a", b"X-Forwarded-For: b"), b"a, b, 192.0.2.7"),
        ):
            self.assertEqual(
                self.asked(rule, *fields).fields()[1:], [(b"X-Forwarded-For", expected)]
            )

    def test_underscores(self) -> None:
        """Names with an underscore stop here: CGI would take them for names with a dash."""
        upstream = self.asked("", b"X_Real_IP: 1", b"X-Ok: 1")
        self.assertEqual(upstream.fields()[1:], [(b"X-Ok", b"1")])

    def test_connection_names(self) -> None:
        """Fields that Connection names stop here, but not those that others vouch for."""
        upstream = self.asked(
            "proxy_set_header X-Real-IP $remote_addr; proxy_set_header X-Forwarded-Proto http;",
            b"Connection: X-Mine, X-Real-IP, X-Forwarded-Proto, Cookie, close",
            b"Connection: Authorization, Keep-Alive",
            b"Keep-Alive: 5",
            b"X-Mine: 1",
            b"Cookie: a",
            b"Authorization: b",
            b"Proxy-Authorization: c",
        )
        self.assertEqual(
            upstream.fields()[1:],
            [
                (b"X-Real-IP", b"192.0.2.7"),
                (b"X-Forwarded-Proto", b"http"),
                (b"Cookie", b"a"),
                (b"Authorization", b"b"),
                (b"Proxy-Authorization", b"c"),
            ],
        )

    def test_connection_can_be_set(self) -> None:
        """What the operator sets for the connection goes out: it is his upstream."""
        upstream = self.asked("proxy_set_header Connection close;", b"Connection: keep-alive")
        self.assertEqual(upstream.fields()[1:], [(b"Connection", b"close")])

    def test_lengths(self) -> None:
        """A body goes with its length, chunks included; none has none, an empty one 0."""
        coded = (b"Transfer-Encoding: chunked",)
        for message, expected in (
            (request(method=b"PUT", body=b"abc"), [b"3"]),
            (request(b"/", *coded, method=b"PUT") + chunked(b"ab", b"c"), [b"3"]),
            (request(b"/", *coded, method=b"PUT") + chunked(), [b"0"]),
            (request(b"/", b"Content-Length: 0", method=b"PUT"), [b"0"]),
            (request(method=b"PUT"), []),
            (request(body=b"abc"), [b"3"]),
        ):
            bench = _one(self)
            bench.client().send(message)
            values = [v for n, v in bench.upstream().fields() if n == b"Content-Length"]
            self.assertEqual(values, expected, message)

    def test_control_bytes(self) -> None:
        """A variable with a control byte can't become a field."""
        bench = _one(self, "proxy_set_header X-Path $uri;")
        client = bench.client()
        client.ask(b"/a%0d%0aX-Evil:1")
        self.assertEqual((client.answer().status, bench.upstreams), (400, []))
        self.assertIn("a control byte in proxy_set_header X-Path", bench.errors()[0])

    def test_whole_body_first(self) -> None:
        """The upstream sees no connection until the body is here as a whole."""
        bench = _one(self)
        client = bench.client()
        message = request(method=b"PUT", body=b"x" * 40_000)
        client.send(message[:-1])
        self.assertEqual(bench.upstreams, [])
        client.send(message[-1:])
        self.assertTrue(bench.upstream().received.endswith(b"x" * 40_000))


class AnswerTests(SynchronousTestCase):
    def test_fields(self) -> None:
        """Fields come back in order and case; those of the hop and the house do not."""
        bench = _one(self)
        client = bench.client()
        client.ask()
        bench.upstream().send(
            ok(
                b"hi",
                b"set-cookie: a",
                b"Date: yesterday",
                b"Set-Cookie: b",
                b"Server: x",
                b"X-Accel-Buffering: no",
                b"Keep-Alive: 5",
                b"X-Hop: 1",
                b"Connection: X-Hop",
                b"Upgrade: h2c",
                b"X-Last: 1",
            )
        )
        answer = client.answer()
        own = (b"Server", b"Date", b"Connection", b"Content-Length")
        self.assertEqual(
            [pair for pair in answer.fields if pair[0] not in own],
            [(b"set-cookie", b"a"), (b"Set-Cookie", b"b"), (b"X-Last", b"1")],
        )
        self.assertEqual(answer.get(b"Date"), b"Thu, 02 Jul 2026 03:04:05 GMT")
        self.assertEqual(answer.get(b"Content-Length"), b"2")

    def test_reason(self) -> None:
        """The status goes on as it came, with the upstream's own words or the usual ones."""
        for line, expected in (
            (b"HTTP/1.1 200 Fine", (200, b"Fine")),
            (b"HTTP/1.1 404 ", (404, b"Not Found")),
            (b"HTTP/1.1 799", (799, b"")),
            (b"HTTP/1.0 503 Later", (503, b"Later")),
        ):
            bench = _one(self)
            client = bench.client()
            client.ask()
            bench.upstream().send(line + b"\r\nContent-Length: 0\r\n\r\n")
            answer = client.answer()
            self.assertEqual((answer.status, answer.reason), expected)

    def test_head(self) -> None:
        """The length of an answer to HEAD is passed on, though no body comes."""
        bench = _one(self)
        client = bench.client()
        client.ask(method=b"HEAD")
        bench.upstream().send(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n")
        self.assertEqual(client.answer(b"HEAD").get(b"Content-Length"), b"1234")
        client.ask(method=b"HEAD")
        bench.upstream().send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.assertEqual(client.answer(b"HEAD").get(b"Content-Length"), None)
        self.assertEqual((bench.idle(), client.ended), (1, ""))

    def test_streamed(self) -> None:
        """Each piece of an answer leaves when it comes: nothing waits for more."""
        bench = _one(self)
        client = bench.client()
        client.ask()
        bench.upstream().send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        self.assertTrue(client.received.endswith(b"\r\n\r\n"))
        for piece in (b"one", b"two"):
            bench.upstream().send(b"3\r\n" + piece + b"\r\n")
            self.assertTrue(client.received.endswith(b"3\r\n" + piece + b"\r\n"))
        bench.upstream().send(b"0\r\n\r\n")
        self.assertEqual(client.answer().body, b"onetwo")

    def test_trailers(self) -> None:
        """Fields behind the chunks stop here."""
        bench = _one(self)
        client = bench.client()
        client.ask()
        bench.upstream().send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        bench.upstream().send(b"1\r\na\r\n0\r\nX-Sum: 5\r\n\r\n")
        self.assertTrue(client.received.endswith(b"1\r\na\r\n0\r\n\r\n"))
        self.assertNotIn(b"X-Sum", client.received)


class RedirectTests(SynchronousTestCase):
    def location(self, rules: str, value: bytes, where: str = "/a/", uri: str = "/x/") -> bytes:
        """What becomes of a Location in an answer."""
        bench = serve(
            self,
            f"server {{ listen 80; location {where} {{ "
            f"proxy_pass http://127.0.0.1:8080{uri}; {rules} }} }}",
        )
        client = bench.client()
        client.ask(where.strip("=~^ ").encode())
        bench.upstream().send(
            b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + value + b"\r\n\r\n"
        )
        return client.answer().get(b"Location") or b""

    def test_default(self) -> None:
        """By default the upstream's own URL becomes the location's, as in nginx."""
        for value, expected in (
            (b"http://127.0.0.1:8080/x/y?z", b"http://example.org/a/y?z"),
            (b"http://127.0.0.1:8080/other", b"http://127.0.0.1:8080/other"),
            (b"http://elsewhere/x/y", b"http://elsewhere/x/y"),
            (b"/x/y", b"/x/y"),
        ):
            for rules in ("", "proxy_redirect default;"):
                self.assertEqual(self.location(rules, value), expected)

    def test_default_without_uri(self) -> None:
        """Where the path is passed on as it is, it stays as it is, as in nginx."""
        for where in ("/", "/a/", "= /a", "~ /a"):
            found = self.location("", b"http://127.0.0.1:8080/a/b", where, uri="")
            self.assertEqual(found, b"http://example.org/a/b", where)
        found = self.location("", b"http://127.0.0.1:8080evil.org/", uri="")
        self.assertEqual(found, b"http://127.0.0.1:8080evil.org/")

    def test_off(self) -> None:
        """`off` changes nothing."""
        value = b"http://127.0.0.1:8080/x/y"
        self.assertEqual(self.location("proxy_redirect off;", value), value)

    def test_pair(self) -> None:
        """A pair replaces a beginning; variables may stand in what replaces it."""
        rules = "proxy_redirect http://backend/ /b/; proxy_redirect http://two/ http://$host/;"
        self.assertEqual(self.location(rules, b"http://backend/y"), b"http://example.org/b/y")
        self.assertEqual(self.location(rules, b"http://two/y"), b"http://example.org/y")
        self.assertEqual(self.location(rules, b"http://three/y"), b"http://three/y")

    def test_refresh(self) -> None:
        """The URL in Refresh is rewritten as well."""
        bench = _one(self)
        client = bench.client()
        client.ask()
        bench.upstream().send(ok(b"", b"Refresh: 5; url=http://127.0.0.1:8080/y"))
        self.assertEqual(client.answer().get(b"Refresh"), b"5; url=/y")


def _one(test: SynchronousTestCase, extra: str = "") -> Bench:
    return serve(
        test, f"server {{ listen 80; location / {{ proxy_pass http://127.0.0.1:8080; {extra} }} }}"
    )
