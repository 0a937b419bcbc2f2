"""WebSockets and what else is spoken after 101 Switching Protocols."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ..support import Bench, Client, Upstream, ok, proxied, request, serve

ASKS = (b"Upgrade: websocket", b"Connection: keep-alive, Upgrade", b"Sec-WebSocket-Key: k")
SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
    b"Sec-WebSocket-Accept: a\r\n\r\n"
)
NGINX_WAY = 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'


class HandshakeTests(SynchronousTestCase):
    def sent(
        self, extra: str, *fields: bytes, answer: bytes = SWITCHED, **more: bytes
    ) -> dict[bytes, bytes]:
        """The Upgrade and Connection that an upstream gets, and the status when it answers 101."""
        bench = proxied(self, extra)
        client = bench.client()
        client.send(request(b"/", *fields, **more))
        upstream = bench.upstream()
        found = {name.lower(): value for name, value in upstream.fields()}
        upstream.send(answer)
        status = client.received[9:12]
        self.errors = bench.errors()
        kept = {name: found[name] for name in (b"upgrade", b"connection") if name in found}
        return {**kept, b"status": status}

    def test_websocket(self) -> None:
        """A WebSocket's handshake is passed on without a directive."""
        passed = {b"upgrade": b"websocket", b"connection": b"upgrade", b"status": b"101"}
        self.assertEqual(self.sent("", *ASKS), passed)
        self.assertEqual(self.sent("", b"Upgrade: WebSocket", b"Connection: upgrade"), passed)

    def test_others(self) -> None:
        """Whatever is not quite that stays here, and a 101 is then a 502."""
        unasked = {b"status": b"502"}
        for fields in (
            (b"Upgrade: h2c", b"Connection: Upgrade"),
            (b"Upgrade: websocket, h2c", b"Connection: Upgrade"),
            (b"Upgrade: websocket",),
            (b"Upgrade: websocket", b"Connection: keep-alive"),
        ):
            self.assertEqual(self.sent("", *fields), unasked, fields)
        self.assertEqual(self.sent("", *ASKS, method=b"POST"), unasked)
        self.assertEqual(self.sent("", *ASKS, body=b"abc"), unasked)
        self.assertEqual(self.sent("", *ASKS, version=b"1.0"), unasked)
        self.assertEqual(self.sent('proxy_set_header Connection "";', *ASKS), unasked)

    def test_configured(self) -> None:
        """proxy_set_header passes any protocol, as in nginx; without Upgrade nothing is asked."""
        other = SWITCHED.replace(b"websocket", b"H2C")
        self.assertEqual(
            self.sent(NGINX_WAY, b"Upgrade: h2c", b"Connection: upgrade", answer=other),
            {b"upgrade": b"h2c", b"connection": b"upgrade", b"status": b"101"},
        )
        self.assertEqual(self.sent(NGINX_WAY), {b"connection": b"upgrade", b"status": b"502"})

    def test_not_offered(self) -> None:
        """A 101 to a protocol that was not offered is 502 (RFC 9110 section 7.8).

        The client has to have asked for it, and the upstream has to have been told so.
        """
        own = 'proxy_set_header Upgrade websocket; proxy_set_header Connection "upgrade";'
        two = (b"Upgrade: websocket, h2c", b"Connection: upgrade")
        h2c, none = SWITCHED.replace(b"websocket", b"h2c"), SWITCHED.replace(b"websocket", b"")
        for extra, answer, fields, more in (
            ("", h2c, ASKS, {}),
            ("", none, ASKS, {}),
            ("", SWITCHED.replace(b"websocket", b"websocket, h2c"), ASKS, {}),
            ("", SWITCHED.replace(b"websocket", b"web\x80"), ASKS, {}),
            (NGINX_WAY, SWITCHED, (b"Upgrade: h2c", b"Connection: upgrade"), {}),
            (NGINX_WAY, SWITCHED, (b"Upgrade: websocket",), {}),
            (NGINX_WAY, SWITCHED, ASKS, {"version": b"1.0"}),
            (own, SWITCHED, (), {}),
            (own, h2c, two, {}),
        ):
            status = self.sent(extra, *fields, answer=answer, **more)[b"status"]
            self.assertEqual(status, b"502", (extra, fields, answer))
            self.assertIn("switched protocols to '", self.errors[0])
        for extra in (NGINX_WAY, own):
            self.assertEqual(self.sent(extra, *two)[b"status"], b"101")

    def test_answer(self) -> None:
        """The client gets the 101 with its fields, and what add_header adds `always`."""
        bench = proxied(self, "add_header X-A 1 always;")
        client = bench.client()
        client.ask(b"/", *ASKS)
        bench.upstream().send(SWITCHED + b"hello")
        head, _, rest = client.take().partition(b"\r\n\r\n")
        self.assertEqual(rest, b"hello")
        lines = head.split(b"\r\n")
        self.assertEqual(lines[0], b"HTTP/1.1 101 Switching Protocols")
        for line in (b"Upgrade: websocket", b"Connection: upgrade", b"Sec-WebSocket-Accept: a"):
            self.assertEqual(lines.count(line), 1)
        self.assertIn(b"X-A: 1", lines)
        self.assertNotIn(b"ength", head)
        self.assertNotIn(b"hunked", head)

    def test_refused(self) -> None:
        """An upstream that stays with HTTP is answered with, and serves on."""
        bench = proxied(self)
        client = bench.client()
        client.ask(b"/", *ASKS)
        bench.upstream().send(ok(b"no"))
        self.assertEqual(client.answer().body, b"no")
        self.assertEqual((bench.idle(), client.ended), (1, ""))

    def test_refused_after_data(self) -> None:
        """What was sent ahead to an upstream that stays with HTTP is never taken for a request."""
        for answer in (ok(b"no"), b"HTTP/1.1 101 a\r\nbroken\r\n\r\n"):
            bench = proxied(self)
            client = bench.client()
            client.ask(b"/", *ASKS)
            client.send(b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
            bench.upstream().send(answer)
            self.assertEqual(len(client.answers()), 1)
            self.assertEqual((len(bench.upstreams), client.ended), (1, "shut"))
            self.assertNotIn(b"smuggled", bench.upstream().received)


class TunnelTests(SynchronousTestCase):
    def begin(self, extra: str = "", ahead: bytes = b"") -> tuple[Bench, Client, Upstream]:
        """A tunnel between a client and an upstream."""
        bench = proxied(self, extra)
        client = bench.client()
        client.send(request(b"/", *ASKS) + ahead)
        upstream = bench.upstream()
        upstream.take()
        upstream.send(SWITCHED)
        client.take()
        return bench, client, upstream

    def test_both_ways(self) -> None:
        """Bytes pass in both directions, whatever they are."""
        _, client, upstream = self.begin()
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        upstream.send(b"HTTP/1.1 200 OK\r\n\r\n")
        self.assertEqual(upstream.take(), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(client.take(), b"HTTP/1.1 200 OK\r\n\r\n")

    def test_sent_ahead(self) -> None:
        """What a client sends before the 101, however much, arrives, once and in order."""
        data = bytes(range(256)) * 200
        bench = proxied(self)
        client = bench.client()
        client.send(request(b"/", *ASKS) + data[:100], data[100:20_000], data[20_000:])
        upstream = bench.upstream()
        upstream.take()
        upstream.send(SWITCHED)
        client.send(b"end")
        self.assertEqual(upstream.take(), data + b"end")

    def test_slow_client(self) -> None:
        """A client that does not read holds up the upstream; nothing is lost."""
        bench, client, upstream = self.begin()
        client.stop_reading()
        upstream.socket.arrived.extend([b"x" * 16_384] * 64)
        bench.reactor.settle()
        self.assertFalse(upstream.reads)
        self.assertLess(client.transport.pending, 100_000)
        client.read_on()
        self.assertEqual(client.take(), b"x" * 16_384 * 64)

    def test_slow_upstream(self) -> None:
        """An upstream that does not read holds up the client; nothing is lost."""
        bench, client, upstream = self.begin()
        upstream.stop_reading()
        client.socket.arrived.extend([b"x" * 16_384] * 64)
        bench.reactor.settle()
        self.assertFalse(client.reads)
        self.assertLess(upstream.transport.pending, 200_000)
        bench.advance(30)
        upstream.read_on()
        self.assertEqual(upstream.take(), b"x" * 16_384 * 64)
        bench.advance(61 - 31)
        self.assertEqual(client.ended, "")

    def test_client_closes(self) -> None:
        """What the client sent still arrives when it has closed, then the upstream is closed."""
        bench, client, upstream = self.begin()
        upstream.stop_reading(2)
        client.send(b"bye")
        client.close()
        self.assertEqual((upstream.received, upstream.ended), (b"by", ""))
        upstream.read_on()
        self.assertEqual((upstream.received, upstream.ended), (b"bye", "closed"))
        self.assertEqual(bench.assembly.connections.upstreams, 0)

    def test_upstream_closes(self) -> None:
        """What the upstream sent still arrives when it has closed, then the client is closed."""
        bench, client, upstream = self.begin()
        client.stop_reading(2)
        upstream.send(b"bye")
        upstream.close()
        self.assertEqual(client.ended, "")
        client.read_on()
        self.assertEqual((client.received, client.ended), (b"bye", "closed"))
        self.assertEqual((bench.idle(), bench.assembly.connections.clients), (0, 0))

    def test_reset(self) -> None:
        """A side that resets ends the other."""
        _, client, upstream = self.begin()
        upstream.reset()
        self.assertEqual(client.ended, "closed")
        _, client, upstream = self.begin()
        client.reset()
        self.assertEqual(upstream.ended, "closed")

    def test_never_read(self) -> None:
        """An upstream that never reads what a client left is given up after proxy_send_timeout."""
        bench, client, upstream = self.begin("proxy_send_timeout 5s;")
        upstream.stop_reading()
        client.send(b"bye")
        client.close()
        bench.advance(7)
        self.assertEqual(upstream.ended, "reset")

    def test_silence(self) -> None:
        """Silence for proxy_read_timeout ends it; a byte in either direction is none."""
        bench, client, upstream = self.begin("proxy_read_timeout 10s;")
        for side in (client, upstream, client):
            bench.advance(8)
            side.send(b"x")
        bench.advance(8)
        self.assertEqual((client.ended, upstream.ended), ("", ""))
        bench.advance(4)
        self.assertEqual((client.ended, upstream.ended), ("closed", "reset"))
        self.assertIn("while proxying upgraded connection", bench.errors()[-1])

    def test_log(self) -> None:
        """The log has one line, with 101 and the bytes that were passed to the client."""
        bench, client, upstream = self.begin()
        upstream.send(b"12345")
        self.assertEqual(bench.lines(), [])
        client.close()
        (line,) = bench.lines()
        self.assertIn('" 101 5 "', line)

    def test_variables(self) -> None:
        """The variables of the upstream count what passed in each direction."""
        bench = serve(
            self,
            "log_format f '$upstream_status $upstream_response_length $status'; "
            "access_log logs/f.log f; server { listen 80; "
            "location / { proxy_pass http://10.0.0.1; } }",
        )
        client = bench.client()
        client.ask(b"/", *ASKS)
        bench.upstream().send(SWITCHED, b"12345")
        bench.upstream().close()
        self.assertEqual(bench.lines("logs/f.log"), ["101 5 101"])
