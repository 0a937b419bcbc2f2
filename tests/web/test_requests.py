"""Requests as they may come: deadlines, limits, versions, forms of targets, and what is refused."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ..support import Bench, ok, proxied, request, serve

SERVER = (
    "server {{ listen 80; server_name example.org; {} location / {{ return 200 $uri; }} }}"
    " server {{ listen 80; server_name other.org; location / {{ return 200 other; }} }}"
)


class DeadlineTests(SynchronousTestCase):
    def test_head(self) -> None:
        """A head has one deadline, from its first byte on, however many bytes come."""
        bench = serve(self, "client_header_timeout 5s; " + SERVER.format(""))
        fresh, kept = bench.client(), bench.client()
        kept.get()
        for client in (fresh, kept):
            client.send(b"GET / HTTP/1.1\r\nHost: example.org\r\n")
        for _ in range(4):
            bench.advance(1)
            for client in (fresh, kept):
                client.send(b"X: 1\r\n")
        self.assertEqual((fresh.ended, kept.ended), ("", ""))
        bench.advance(3)
        self.assertEqual((fresh.ended, kept.ended), ("closed", "closed"))
        self.assertEqual(len(bench.errors()), 2)
        self.assertIn("did not send a whole head in client_header_timeout", bench.errors()[0])
        self.assertEqual(bench.assembly.connections.clients, 0)

    def test_nothing(self) -> None:
        """A connection on which nothing comes is closed quietly."""
        bench = serve(self, "client_header_timeout 5s; " + SERVER.format(""))
        client = bench.client()
        bench.advance(7)
        self.assertEqual((client.ended, bench.errors(), bench.lines()), ("closed", [], []))

    def test_pipelined_head(self) -> None:
        """The deadline of a head that began behind another request begins with that one's end."""
        bench = proxied(self, "")
        client = bench.client()
        client.send(request() + b"GET / HTTP")
        bench.advance(50)
        bench.upstream().send(ok())
        bench.advance(50)
        self.assertEqual(client.ended, "")
        bench.advance(15)
        self.assertEqual(client.ended, "closed")

    def test_body(self) -> None:
        """A body that stops coming is 408 in the log; each piece gives client_body_timeout."""
        bench = proxied(self, "client_body_timeout 5s;")
        client = bench.client()
        client.send(request(method=b"PUT", body=b"x" * 100)[:-90])
        bench.advance(4)
        client.send(b"x")
        bench.advance(4)
        self.assertEqual(client.ended, "")
        bench.advance(3)
        self.assertEqual((client.ended, client.received), ("closed", b""))
        self.assertIn('"PUT / HTTP/1.1" 408 0 ', bench.lines()[0])
        self.assertIn("client_body_timeout", bench.errors()[0])

    def test_waiting_for_the_upstream(self) -> None:
        """A client that has sent all is not blamed for the time that the upstream takes."""
        bench = proxied(self, "proxy_read_timeout 500s; client_body_timeout 1s;")
        client = bench.client()
        client.send(request(method=b"PUT", body=b"abc"))
        bench.advance(400, step=1)
        bench.upstream().send(ok())
        self.assertEqual(client.answer().status, 200)

    def test_send(self) -> None:
        """A client that does not read is given up after send_timeout, reading resets it."""
        bench = proxied(self, "send_timeout 5s;")
        client = bench.client()
        client.stop_reading()
        client.ask()
        bench.upstream().send(ok(b"x" * 20_000))
        bench.advance(3)
        client.read_on(10)
        bench.advance(4)
        self.assertEqual(client.ended, "")
        bench.advance(4)
        self.assertEqual(client.ended, "closed")
        self.assertIn('" 200 0 ', bench.lines()[0])

    def test_fractions(self) -> None:
        """A time-out shorter than a second is kept to within a quarter of itself."""
        bench = serve(self, "client_header_timeout 200ms; " + SERVER.format(""))
        client = bench.client()
        bench.advance(0.19, step=0.01)
        self.assertEqual(client.ended, "")
        bench.advance(0.08, step=0.01)
        self.assertEqual(client.ended, "closed")


class LimitTests(SynchronousTestCase):
    def assert_refused(self, bench: Bench, message: bytes, status: int, why: str) -> None:
        """The page, the end of the connection, the error log's line and the access log's."""
        client = bench.client()
        client.send(message)
        answer = client.answer()
        self.assertEqual((answer.status, answer.get(b"Connection")), (status, b"close"))
        self.assertIn(b"(RP-%d-" % status, answer.body)
        self.assertIn(client.ended, ("closed", "shut"))
        line = bench.errors()[-1]
        self.assertIn(" [info] ", line)
        self.assertIn(why, line)
        self.assertIn("client: 192.0.2.7, server: example.org, request: ", line)
        self.assertIn(f'" {status} ', bench.lines()[-1])

    def test_malformed(self) -> None:
        """What is no request is 400, with the reason in the error log."""
        bench = serve(self, SERVER.format(""))
        for message, why in (
            (b"nonsense\r\n\r\n", ""),
            (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", ""),
            (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", ""),
            (b"GET / HTTP/1.1\r\n\r\n", "Host"),
            (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "Host"),
            (b"GET / HTTP/1.1\r\nHost : a\r\n\r\n", "at byte"),
            (b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", ""),
            (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", "Content-Length"),
            (request(b"/", b"Content-Length: 1", b"Transfer-Encoding: chunked"), "both"),
            (request(b"/%zz"), "percent escape"),
            (request(b"/%00"), "%00"),
            (request(b"/a/../../b"), "climbs above the root"),
            (request(b"/a#b"), "fragment"),
            (request(b"gopher://a/"), "neither a path"),
            (request(host=b"a/b"), "host"),
            (request(host=b""), "host"),
        ):
            self.assert_refused(bench, message, 400, why)

    def test_version(self) -> None:
        """Another version than 1.0 and 1.1 is 505."""
        bench = serve(self, SERVER.format(""))
        self.assert_refused(bench, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "")
        client = bench.client()
        client.send(request(version=b"1.7"))
        self.assertEqual(client.answer().status, 200)

    def test_long_line(self) -> None:
        """A request line over one buffer is 414, also before it ends."""
        bench = serve(self, SERVER.format("large_client_header_buffers 2 1k;"))
        long = request(b"/" + b"a" * 1100)
        for message in (long, long[:1080]):
            self.assert_refused(bench, message, 414, "a request line over 1024 bytes")
            self.assertIn(" at byte 1024 of the head ", bench.errors()[-1])
        client = bench.client()
        self.assertEqual(client.get(b"/" + b"a" * 990).status, 200)

    def test_long_fields(self) -> None:
        """A field over one buffer, or a head over all of them, is 400."""
        bench = serve(self, SERVER.format("large_client_header_buffers 2 1k;"))
        line, head = "a line over 1024 bytes, field 'X' ", "a head over 2048 bytes "
        for message, why, at in (
            (request(b"/", b"X: " + b"x" * 1100), line, 35 + 1024),
            (request(b"/", b"X: " + b"x" * 1100)[:1180], line, 35 + 1024),
            (request(b"/", *[b"X: " + b"x" * 100] * 21), head, 2048),
            (request(b"/", *[b"X: " + b"x" * 100] * 40)[:2100], head, 2048),
            (request(b"/", *[b"X: " + b"x" * 100] * 19, b"Y: " + b"y" * 1100), head, 2048),
        ):
            self.assert_refused(bench, message, 400, f"{why}(large_client_header_buffers)")
            self.assertIn(f" at byte {at} of the head ", bench.errors()[-1])
        client = bench.client()
        self.assertEqual(client.get(b"/", *[b"X: " + b"x" * 100] * 17).status, 200)

    def test_body(self) -> None:
        """A length over client_max_body_size is 413 before a byte of the body; the limit fits."""
        bench = proxied(self, "client_max_body_size 1k;")
        self.assert_refused(
            bench,
            request(method=b"PUT", body=b"x" * 1025)[:-1025],
            413,
            "too large body: 1025 bytes, client_max_body_size is 1024 (",
        )
        self.assertRegex(bench.errors()[-1], r"is 1024 \(\S+/nginx\.conf:\d+\)")
        client = bench.client()
        client.send(request(method=b"PUT", body=b"x" * 1024))
        self.assertEqual(len(bench.upstreams), 1)

    def test_chunked_body(self) -> None:
        """Chunks are counted as they come: the first byte too many is 413."""
        bench = proxied(self, "client_max_body_size 1k;")
        head = request(b"/", b"Transfer-Encoding: chunked", method=b"PUT")
        client = bench.client()
        client.send(head + b"400\r\n" + b"x" * 1024)
        self.assertEqual(client.received, b"")
        client.send(b"\r\n1\r\nx")
        self.assertEqual((client.answer().status, client.ended), (413, "shut"))
        self.assert_refused(bench, head + b"500\r\n" + b"x" * 1280, 413, "1280 bytes")
        self.assertEqual(bench.upstreams, [])

    def test_unlimited_body(self) -> None:
        """A client_max_body_size of 0 is no limit."""
        bench = proxied(self, "client_max_body_size 0;")
        bench.client().send(request(method=b"PUT", body=b"x" * 2_000_000))
        self.assertEqual(len(bench.upstream().received.partition(b"\r\n\r\n")[2]), 2_000_000)

    def test_broken_chunks(self) -> None:
        """A body whose chunks can't be read is 400, and nothing of it goes on."""
        bench = proxied(self, "")
        head = request(b"/", b"Transfer-Encoding: chunked", method=b"PUT")
        self.assert_refused(bench, head + b"2\r\nabc\r\n", 400, "CRLF")
        self.assert_refused(bench, head + b"0x2\r\nab\r\n", 400, "chunk size")
        self.assertEqual(bench.upstreams, [])

    def test_html(self) -> None:
        """A browser gets a page, others a line of text; neither names the software's innards."""
        client = serve(self, "server { listen 80; root html; }").client()
        page = client.get(b"/none", b"Accept: text/html,*/*;q=0.8")
        self.assertEqual(page.get(b"Content-Type"), b"text/html")
        self.assertIn(b"<h1><span>404</span> Not Found</h1>", page.body)
        self.assertNotIn(b"nginx.conf", page.body)
        text = client.get(b"/none", b"Accept: */*")
        self.assertEqual(text.get(b"Content-Type"), b"text/plain")
        self.assertTrue(text.body.startswith(b"404 Not Found\n"))


class FormTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bench = serve(self, SERVER.format(""))
        self.client = self.bench.client()

    def test_head(self) -> None:
        """HEAD has the head of GET and no body."""
        plain = self.client.get(b"/abc")
        head = self.client.get(b"/abc", method=b"HEAD")
        self.assertEqual((head.fields, head.body), (plain.fields, b""))
        self.client.ask(b"/none%", method=b"HEAD")
        self.assertEqual(self.client.received[-4:], b"\r\n\r\n")

    def test_old(self) -> None:
        """HTTP/1.0 needs no Host, and is answered with a length and the end."""
        self.client.send(b"GET /old HTTP/1.0\r\n\r\n")
        self.assertEqual((self.client.answer().body, self.client.ended), (b"/old", "closed"))

    def test_absolute(self) -> None:
        """A target in absolute form says which host is meant, whatever Host says."""
        self.client.send(request(b"http://other.org/x", host=b"example.org"))
        self.assertEqual(self.client.answer().body, b"other")
        self.client.send(request(b"http://example.org", host=b"other.org"))
        self.assertEqual(self.client.answer().body, b"/")

    def test_absolute_forwarded(self) -> None:
        """What is forwarded of it is a path, and the host that was meant."""
        bench = proxied(self, "proxy_set_header Host $http_host;")
        bench.client().send(request(b"http://other.org:81/x?y", host=b"example.org"))
        self.assertTrue(
            bench.upstream().received.startswith(b"GET /x?y HTTP/1.1\r\nHost: other.org:81\r\n")
        )

    def test_asterisk(self) -> None:
        """`OPTIONS *` names nothing that is served here, and `GET *` nothing at all."""
        for method in (b"OPTIONS", b"GET"):
            client = self.bench.client()
            client.ask(b"*", method=method)
            self.assertEqual(client.answer(method).status, 400)

    def test_connect(self) -> None:
        """CONNECT is 405, and no connection is made for it."""
        self.client.send(b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\nmore")
        self.assertEqual(self.client.answer().status, 405)
        self.assertEqual(self.bench.upstreams, [])

    def test_unknown_method(self) -> None:
        """A method that nobody knows is forwarded as it is."""
        bench = proxied(self)
        bench.client().ask(b"/", method=b"BREW")
        self.assertTrue(bench.upstream().received.startswith(b"BREW / HTTP/1.1\r\n"))

    def test_server_tokens(self) -> None:
        """The Server field says the version, unless server_tokens is off."""
        self.assertRegex(self.client.get().get(b"Server") or b"", rb"^reverseproxy/\d")
        bench = serve(self, SERVER.format("server_tokens off;"))
        self.assertEqual(bench.client().get().get(b"Server"), b"reverseproxy")

    def test_date(self) -> None:
        """The Date is the time of the answer, in the one format of RFC 9110."""
        self.assertEqual(self.client.get().get(b"Date"), b"Thu, 02 Jul 2026 03:04:05 GMT")
        self.bench.advance(56)
        self.assertEqual(self.client.get().get(b"Date"), b"Thu, 02 Jul 2026 03:05:01 GMT")


class BrokenFilterTests(SynchronousTestCase):
    def test_cut(self) -> None:
        """A filter that raises on every answer costs that connection, and is told; no other."""

        def broken(_request: object, _response: object) -> None:
            raise ZeroDivisionError

        bench = serve(self, "server { listen 80; location / { return 200 x; } }")
        client = bench.client()
        host = next(iter(bench.assembly.sites.values())).vhosts.default
        location = host.locate(b"/", None)  # type: ignore[arg-type]  # no regular expression asks
        object.__setattr__(location, "filters", (broken,))
        client.ask()
        self.assertEqual((client.received, client.ended), (b"", "reset"))
        self.assertIn("an error's page failed: ZeroDivisionError", bench.errors()[-1])
        object.__setattr__(location, "filters", ())
        self.assertEqual(bench.client().get().body, b"x")
