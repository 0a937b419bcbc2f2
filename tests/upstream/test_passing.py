"""What of an upstream's answer goes on, how fast, and who answers instead."""

from __future__ import annotations

import socket

from twisted.trial.unittest import SynchronousTestCase

from ..answers import Answer
from ..support import Bench, Client, Upstream, ok, proxied, request, serve

PIECE = b"x" * 16_384
NODELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY)


class PassingCase(SynchronousTestCase):
    def begin(self, extra: str, *fields: bytes) -> tuple[Bench, Client, Upstream]:
        """A client that reads nothing, and an upstream that has sent the head of a long answer."""
        bench = proxied(self, extra)
        client = bench.client()
        client.stop_reading(1000)
        client.ask()
        upstream = bench.upstream()
        head = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % (64 * len(PIECE)), *fields, b"", b""]
        upstream.send(b"\r\n".join(head))
        return bench, client, upstream

    def answer(self, extra: str, *fields: bytes, more: str = "") -> Answer:
        """The answer of a location with `extra` to an upstream's small one with `fields`."""
        bench = serve(
            self,
            "server { listen 80; location / { proxy_pass http://10.0.0.1; "
            f"{extra} }} location /in/ {{ return 200 inside; }} {more} }}",
        )
        client = bench.client()
        client.ask()
        bench.upstream().send(ok(b"up", *fields))
        return client.answer()


class BufferingTests(PassingCase):
    def held_back(self, extra: str, *fields: bytes) -> bool:
        """Whether an upstream waits for a slow client; what it sends arrives either way."""
        bench, client, upstream = self.begin(extra, *fields)
        upstream.socket.arrived.extend([PIECE] * 64)
        bench.reactor.settle()
        waits = not upstream.reads and len(upstream.socket.arrived) > 50
        client.read_on()
        self.assertEqual(client.answer().body, PIECE * 64)
        self.assertEqual(bench.idle(), 1)
        return waits

    def test_buffering(self) -> None:
        """An upstream waits for a slow client where proxy_buffering is off, and only there."""
        self.assertFalse(self.held_back(""))
        self.assertTrue(self.held_back("proxy_buffering off;"))

    def test_field(self) -> None:
        """X-Accel-Buffering decides, in any case, unless it is ignored or says something else."""
        self.assertTrue(self.held_back("", b"X-Accel-Buffering: No"))
        self.assertFalse(self.held_back("proxy_buffering off;", b"X-Accel-Buffering: yes"))
        self.assertTrue(self.held_back("proxy_buffering off;", b"X-Accel-Buffering: maybe"))
        ignore = "proxy_ignore_headers X-Accel-Buffering;"
        self.assertFalse(self.held_back(ignore, b"X-Accel-Buffering: no"))

    def test_events(self) -> None:
        """Each event goes on at once and by itself, with TCP_NODELAY."""
        for extra in ("", "tcp_nodelay off;"):
            bench = proxied(self, extra)
            client = bench.client()
            client.ask()
            upstream = bench.upstream()
            upstream.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
            self.assertIn(b"text/event-stream", client.take())
            upstream.send(b"data: 1\n\n")
            self.assertEqual(client.take(), b"9\r\ndata: 1\n\n\r\n")
            self.assertEqual(bool(client.socket.options.get(NODELAY)), not extra)

    def test_compressed_events(self) -> None:
        """An event does not stay in the compressor."""
        bench = proxied(self, "gzip on; gzip_types text/event-stream;")
        client = bench.client()
        client.ask(b"/", b"Accept-Encoding: gzip")
        upstream = bench.upstream()
        upstream.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        client.take()
        upstream.send(b"data: 1\n\n")
        self.assertNotEqual(client.take(), b"")


class FieldTests(PassingCase):
    def test_hidden(self) -> None:
        """proxy_hide_header stops a field, whatever its case."""
        answer = self.answer("proxy_hide_header x-secret;", b"X-Secret: 1", b"X-Open: 2")
        self.assertEqual((answer.get(b"X-Secret"), answer.get(b"X-Open")), (None, b"2"))

    def test_passed(self) -> None:
        """proxy_pass_header wins over hiding, and Date and Server are then the upstream's."""
        extra = "".join(f"proxy_pass_header {name};" for name in ("Date", "server", "X-Pad", "X-B"))
        fields = (b"Date: then", b"Server: other", b"X-Pad: p", b"X-B: b", b"X-Accel-Expires: 9")
        answer = self.answer(extra + "proxy_hide_header X-B;", *fields)
        for name, value in ((b"Date", b"then"), (b"Server", b"other"), (b"X-Pad", b"p")):
            self.assertEqual(answer.all(name), [value])
        self.assertEqual((answer.get(b"X-B"), answer.get(b"X-Accel-Expires")), (b"b", None))

    def test_one_of_date_and_server(self) -> None:
        """Of Date and Server only the one that is passed, and there, is the upstream's."""
        answer = self.answer("proxy_pass_header Server;", b"Server: other", b"Date: then")
        self.assertEqual(answer.all(b"Server"), [b"other"])
        self.assertNotIn(b"then", answer.all(b"Date"))
        answer = self.answer("proxy_pass_header Server;")
        self.assertEqual(len(answer.all(b"Server")), 1)

    def test_ignored_redirect(self) -> None:
        """X-Accel-Redirect that is ignored neither redirects nor goes on."""
        field = b"X-Accel-Redirect: /in/"
        self.assertEqual(self.answer("", field).body, b"inside")
        answer = self.answer("proxy_ignore_headers X-Accel-Redirect;", field)
        self.assertEqual((answer.body, answer.get(b"X-Accel-Redirect")), (b"up", None))

    def test_redirected_cookie(self) -> None:
        """A cookie that goes on with X-Accel-Redirect is rewritten as any other."""
        fields = (b"X-Accel-Redirect: /in/", b"Set-Cookie: a=1; path=/app/x")
        answer = self.answer("proxy_cookie_path /app/ /;", *fields)
        self.assertEqual((answer.body, answer.get(b"Set-Cookie")), (b"inside", b"a=1; path=/x"))

    def test_rate(self) -> None:
        """X-Accel-Limit-Rate paces the answer, in place of limit_rate."""
        for extra, field, arrives in (
            ("", b"X-Accel-Limit-Rate: 1000", False),
            ("limit_rate 1000;", b"X-Accel-Limit-Rate: 0", True),
            ("proxy_ignore_headers X-Accel-Limit-Rate;", b"X-Accel-Limit-Rate: 1000", True),
        ):
            bench = proxied(self, extra)
            client = bench.client()
            client.ask()
            bench.upstream().send(ok(b"y" * 5000, field))
            self.assertEqual(client.answers()[0].complete, arrives, extra)
            bench.advance(6)
            self.assertEqual(len(client.answer().body), 5000)


class MoreThanOneHeadTests(PassingCase):
    def test_early_hints(self) -> None:
        """103 goes on where early_hints says so, to clients of HTTP/1.1, without what is hidden."""
        hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nServer: x\r\nX-H: 1\r\n\r\n"
        passed = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"
        for extra, version, expected in (
            ("early_hints 0 $arg_h;", b"1.1", passed),
            ("early_hints 0 $arg_no;", b"1.1", b""),
            ("early_hints 1;", b"1.0", b""),
            ("", b"1.1", b""),
        ):
            bench = proxied(self, "proxy_hide_header X-H;" + extra)
            client = bench.client()
            client.send(request(b"/?h=1", version=version))
            bench.upstream().send(hints)
            self.assertEqual(client.take(), expected, extra)
            bench.upstream().send(ok(b"yes"))
            self.assertEqual(client.answer().body, b"yes")

    def trailers(self, extra: str, version: bytes = b"1.1") -> bytes:
        """What follows the body of an answer with trailers."""
        bench = proxied(self, extra)
        client = bench.client()
        client.send(request(version=version))
        bench.upstream().send(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            b"0\r\nX-Sum: 1\r\nServer: x\r\n\r\n",
        )
        return client.received.partition(b"abc")[2]

    def test_trailers(self) -> None:
        """proxy_pass_trailers passes them, less what is hidden, in front of what is added."""
        self.assertEqual(self.trailers(""), b"\r\n0\r\n\r\n")
        passed = "proxy_pass_trailers on;"
        self.assertEqual(self.trailers(passed), b"\r\n0\r\nX-Sum: 1\r\n\r\n")
        self.assertEqual(
            self.trailers(passed + "add_trailer X-B 2;"),
            b"\r\n0\r\nX-Sum: 1\r\nX-B: 2\r\n\r\n",
        )
        self.assertEqual(self.trailers(passed, b"1.0"), b"")

    def test_variable(self) -> None:
        """$upstream_trailer_… has them when the answer is over, whether they are passed or not."""
        bench = serve(
            self,
            "log_format f '$upstream_trailer_x_sum|$upstream_trailer_x_no|$sent_trailer_x_sum'; "
            "server { listen 80; access_log logs/f.log f; error_page 502 = /in; "
            "location /in { return 200; } location / { proxy_pass http://10.0.0.1; } "
            "location /p { proxy_pass http://10.0.0.1; proxy_pass_trailers on; } }",
        )
        client = bench.client()
        for path in (b"/", b"/p"):
            client.ask(path)
            bench.upstream().send(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
                b"0\r\nX-Sum: 1\r\nx-SUM: 2\r\n\r\n",
            )
        client.ask()
        bench.upstream().send(ok())
        client.ask(b"/in")
        self.assertEqual(bench.lines("logs/f.log"), ["1, 2|-|-", "1, 2|-|1", "-|-|-", "-|-|-"])


class InterceptTests(PassingCase):
    def test_intercepted(self) -> None:
        """A status with an error_page is answered by it; the connection is kept where it can be."""
        bench = serve(
            self,
            "server { listen 80; proxy_intercept_errors on; error_page 404 = /in/; "
            "error_page 401 500 /in/; location / { proxy_pass http://10.0.0.1; } "
            "location /in/ { return 200 inside; } }",
        )
        client = bench.client()
        client.ask()
        bench.upstream().send(b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno")
        self.assertEqual((client.answers()[0].status, client.answer().body), (200, b"inside"))
        self.assertEqual(bench.idle("10.0.0.1", 80), 1)
        client.ask()
        bench.upstream().send(b"HTTP/1.1 500 No\r\nContent-Length: 20000\r\n\r\nno")
        self.assertEqual((client.answers()[0].status, client.answer().body), (500, b"inside"))
        self.assertEqual(bench.upstream().ended, "reset")
        client.ask()
        bench.upstream().send(
            b"HTTP/1.1 401 No\r\nContent-Length: 0\r\nWWW-Authenticate: A\r\n"
            b"WWW-Authenticate: B\r\n\r\n"
        )
        self.assertEqual(client.answer().all(b"WWW-Authenticate"), [b"A", b"B"])
        client.ask()
        bench.upstream().send(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")
        self.assertEqual((client.answers()[0].status, client.answer().body), (403, b"no"))

    def test_not_intercepted(self) -> None:
        """Without the directive an upstream's error is passed on."""
        bench = serve(
            self,
            "server { listen 80; error_page 404 = /in/; location / { proxy_pass http://10.0.0.1; }"
            " location /in/ { return 200 inside; } }",
        )
        client = bench.client()
        client.ask()
        bench.upstream().send(b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno")
        self.assertEqual(client.answer().body, b"no")
