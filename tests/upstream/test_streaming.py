"""`proxy_request_buffering off`, and how else an upstream is asked."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ..support import Bench, Client, Upstream, ok, proxied, request, serve

OFF = "proxy_request_buffering off; client_max_body_size 0; "
HEAD = b"POST /x HTTP/1.1\r\nHost: a\r\n"


class StreamingTests(SynchronousTestCase):
    def begin(self, extra: str = "", fields: bytes = b"") -> tuple[Bench, Client, Upstream]:
        """A client that has sent a request's head only."""
        bench = proxied(self, OFF + extra)
        client = bench.client()
        client.send(HEAD + fields + b"\r\n")
        return bench, client, bench.upstream()

    def test_length(self) -> None:
        """The head goes out when it is here, and each piece when it is; then all goes on."""
        bench, client, upstream = self.begin(fields=b"Content-Length: 6\r\n")
        self.assertIn(b"\r\nContent-Length: 6\r\n", upstream.take())
        for piece in (b"abc", b"d", b"ef"):
            client.send(piece)
            self.assertEqual(upstream.take(), piece)
        upstream.send(ok(b"yes"))
        self.assertEqual((client.answer().body, bench.idle()), (b"yes", 1))
        client.ask(b"/next")
        self.assertEqual(upstream.target, b"/next")

    def test_chunks(self) -> None:
        """A body in chunks goes on in chunks, made anew; its trailers don't."""
        _, client, upstream = self.begin(fields=b"Transfer-Encoding: chunked\r\n")
        head = upstream.take()
        self.assertIn(b"\r\nTransfer-Encoding: chunked\r\n", head)
        self.assertNotIn(b"Content-Length", head)
        client.send(b"3;x=y\r\nab")
        self.assertEqual(upstream.take(), b"2\r\nab\r\n")
        client.send(b"c\r\n0\r\nX-Trailer: 1\r\n\r\n")
        self.assertEqual(upstream.take(), b"1\r\nc\r\n0\r\n\r\n")
        upstream.send(ok())
        self.assertEqual(client.answer().status, 200)

    def test_chunks_to_1_0(self) -> None:
        """HTTP/1.0 has no chunks: such a body is waited for."""
        bench = proxied(self, OFF + "proxy_http_version 1.0;")
        client = bench.client()
        client.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        self.assertEqual(bench.upstreams, [])
        client.send(b"0\r\n\r\n")
        self.assertTrue(bench.upstream().received.endswith(b"Content-Length: 3\r\n\r\nabc"))

    def test_continue(self) -> None:
        """The client is invited to send when the upstream is connected, once."""
        bench = proxied(self, OFF)
        bench.accepting = False
        client = bench.client()
        client.send(HEAD + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        self.assertEqual(client.received, b"")
        bench.upstream().accept()
        self.assertEqual(client.take(), b"HTTP/1.1 100 Continue\r\n\r\n")
        client.send(b"abc")
        bench.upstream().send(ok())
        self.assertEqual(client.answer().status, 200)

    def test_slow_upstream(self) -> None:
        """An upstream that does not read holds up the client, who is not blamed for it."""
        size = 64 * 16_384
        bench, client, upstream = self.begin(
            "client_body_timeout 5s; proxy_send_timeout 500s;", b"Content-Length: %d\r\n" % size
        )
        upstream.take()
        upstream.stop_reading()
        client.socket.arrived.extend([b"x" * 16_384] * 64)
        bench.reactor.settle()
        self.assertFalse(client.reads)
        self.assertLess(upstream.transport.pending, 200_000)
        bench.advance(20)
        self.assertEqual(client.ended, "")
        upstream.read_on()
        self.assertEqual(len(upstream.take()), size)
        upstream.send(ok())
        self.assertEqual((client.answer().status, bench.idle()), (200, 1))
        self.assertEqual(client.get(b"/", method=b"TRACE").status, 405)

    def test_slow_client(self) -> None:
        """A client that is slow is judged by client_body_timeout, and the upstream by nothing."""
        bench, client, upstream = self.begin(
            "client_body_timeout 10s; proxy_read_timeout 2s;", b"Content-Length: 9\r\n"
        )
        for _ in range(3):
            bench.advance(8)
            client.send(b"x")
        self.assertEqual((client.ended, upstream.ended), ("", ""))
        bench.advance(12)
        self.assertEqual((client.ended, upstream.ended), ("closed", "reset"))
        self.assertIn('" 408 ', bench.lines()[0])

    def test_read_timeout(self) -> None:
        """When the body is there the upstream has proxy_read_timeout."""
        bench, client, _ = self.begin("proxy_read_timeout 2s;", b"Content-Length: 1\r\n")
        bench.advance(8)
        client.send(b"x")
        bench.advance(1)
        self.assertEqual(client.received, b"")
        bench.advance(3)
        self.assertEqual(client.answer().status, 504)

    def test_early_answer(self) -> None:
        """An answer before the end of the body: that connection carries no other request."""
        bench, client, upstream = self.begin(fields=b"Content-Length: 6\r\n")
        client.send(b"abc")
        upstream.send(b"HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno")
        self.assertEqual(client.answer().status, 413)
        self.assertEqual((bench.idle(), upstream.ended), (0, "reset"))
        client.send(b"def")
        self.assertEqual(client.ended, "")
        client.ask(b"/next")
        self.assertEqual(bench.upstream().target, b"/next")

    def test_upstream_leaves(self) -> None:
        """An upstream that leaves in the middle is a 502, and nothing is sent again."""
        bench, client, upstream = self.begin(fields=b"Content-Length: 6\r\n")
        client.send(b"abc")
        upstream.close()
        self.assertEqual((client.answer().status, len(bench.upstreams)), (502, 1))

    def group(self) -> Bench:
        """Two servers, and bodies that are passed on as they come."""
        return serve(
            self,
            "upstream u { server 10.0.0.1; server 10.0.0.2; } server { listen 80; "
            "proxy_request_buffering off; location / { proxy_pass http://u; } }",
        )

    def test_next_upstream(self) -> None:
        """What was not passed on goes to the next server; what was is not sent again."""
        bench = self.group()
        bench.accepting = False
        client = bench.client()
        client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
        bench.upstream().refuse()
        client.send(b"d")
        second = bench.upstream()
        second.accept()
        client.send(b"ef")
        self.assertTrue(second.received.endswith(b"\r\n\r\nabcdef"))
        second.close()
        self.assertEqual((client.answer().status, len(bench.upstreams)), (502, 2))

    def test_next_upstream_before_the_body(self) -> None:
        """A server that leaves before any of the body came is passed over."""
        bench = self.group()
        client = bench.client()
        client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n")
        bench.accepting = False
        bench.upstream().close()
        client.send(b"abc")
        second = bench.upstream()
        second.accept()
        bench.reactor.settle()
        self.assertTrue(second.received.endswith(b"\r\n\r\nabc"))
        second.send(ok(b"yes"))
        self.assertEqual((client.answer().body, len(bench.upstreams)), (b"yes", 2))

    def test_client_leaves(self) -> None:
        """When the client leaves, the upstream must not take the part for the whole."""
        for fields in (b"Content-Length: 6\r\n", b"Transfer-Encoding: chunked\r\n"):
            _, client, upstream = self.begin(fields=fields)
            client.send(b"3\r\nabc\r\n"[: 3 if b"L" in fields else 9])
            client.close()
            self.assertEqual(upstream.ended, "reset")
            self.assertNotIn(b"0\r\n\r\n", upstream.received)

    def test_broken_chunks(self) -> None:
        """A body that can't be read ends with 400 and a cut at the upstream."""
        _, client, upstream = self.begin(fields=b"Transfer-Encoding: chunked\r\n")
        client.send(b"3\r\nabc\r\n", b"nonsense\r\n")
        self.assertEqual((client.answer().status, upstream.ended), (400, "reset"))

    def test_too_large(self) -> None:
        """client_max_body_size holds for chunks as they come."""
        bench = proxied(self, "proxy_request_buffering off; client_max_body_size 4;")
        client = bench.client()
        client.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        client.send(b"3\r\ndef\r\n")
        self.assertEqual((client.answer().status, bench.upstream().ended), (413, "reset"))

    def test_refused(self) -> None:
        """Nobody there is a 502; the body is read away, and the connection serves on."""
        bench = proxied(self, OFF)
        bench.accepting = False
        client = bench.client()
        client.send(HEAD + b"Content-Length: 3\r\n\r\n")
        bench.upstream().refuse()
        self.assertEqual(client.answer().status, 502)
        client.send(b"abc")
        self.assertEqual(client.get(b"/", method=b"TRACE").status, 405)


class AskingTests(SynchronousTestCase):
    def asked(self, extra: str, data: bytes = request(b"/x", b"X-A: 1")) -> tuple[Any, ...]:
        """What an upstream gets: the first line, the other lines, the body."""
        bench = proxied(self, extra)
        bench.client().send(data)
        head, _, body = bench.upstream().received.partition(b"\r\n\r\n")
        line, *fields = head.split(b"\r\n")
        return line, set(fields), body

    def test_version(self) -> None:
        """HTTP/1.0 is asked with Connection: close, unless the configuration sets that."""
        line, fields, _ = self.asked("proxy_http_version 1.0;")
        self.assertEqual(line, b"GET /x HTTP/1.0")
        self.assertIn(b"Connection: close", fields)
        _, fields, _ = self.asked('proxy_http_version 1.0; proxy_set_header Connection "";')
        self.assertNotIn(b"Connection: close", fields)

    def test_method(self) -> None:
        """proxy_method stands for the client's; a variable that gives none is refused."""
        self.assertEqual(self.asked("proxy_method PROPFIND;")[0], b"PROPFIND /x HTTP/1.1")
        bench = proxied(self, "proxy_method $arg_m;")
        client = bench.client()
        self.assertEqual(client.get(b"/?m=a(b").status, 400)

    def test_method_head(self) -> None:
        """HEAD in place of GET: the answer has no body, and the client knows."""
        bench = proxied(self, "proxy_method HEAD;")
        client = bench.client()
        client.ask()
        bench.upstream().send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        answer = client.answer()
        self.assertEqual((answer.body, answer.complete, bench.idle()), (b"", True, 1))

    def test_body(self) -> None:
        """proxy_set_body stands for the client's, which is read all the same."""
        data = request(b"/x", method=b"POST", body=b"theirs")
        line, fields, body = self.asked('proxy_set_body "[$uri]";', data)
        self.assertEqual((line, body), (b"POST /x HTTP/1.1", b"[/x]"))
        self.assertIn(b"Content-Length: 4", fields)
        self.assertNotIn(b"Content-Length: 6", fields)

    def test_no_fields(self) -> None:
        """proxy_pass_request_headers off sends only what is set, and the framing."""
        data = request(b"/x", b"X-A: 1", method=b"POST", body=b"abc")
        extra = "proxy_pass_request_headers off; proxy_set_header X-B 2;"
        _, fields, body = self.asked(extra, data)
        self.assertEqual(fields, {b"Host: 127.0.0.1:8080", b"X-B: 2", b"Content-Length: 3"})
        self.assertEqual(body, b"abc")

    def test_bind(self) -> None:
        """proxy_bind says where connections come from; what is no address is told and left out."""
        for value, bind in (
            ("192.0.2.9", ("192.0.2.9", 0)),
            ("[2001:db8::1]:99", ("2001:db8::1", 99)),
            ("$remote_addr", ("192.0.2.7", 0)),
            ("$arg_none", None),
            ("off", None),
        ):
            bench = proxied(self, f"proxy_bind {value};")
            bench.client().ask()
            self.assertEqual(bench.upstream().factory.bind, bind, value)
        bench = proxied(self, "proxy_bind $host;")
        bench.client().ask()
        self.assertEqual(bench.upstream().factory.bind, None)
        self.assertIn("invalid local address b'example.org'", bench.errors()[0])

    def test_keepalive(self) -> None:
        """proxy_socket_keepalive sets SO_KEEPALIVE."""
        for extra, is_set in (("", 0), ("proxy_socket_keepalive on;", 1)):
            bench = proxied(self, extra)
            bench.client().ask()
            self.assertEqual(bench.upstream().transport.getTcpKeepAlive(), is_set)
