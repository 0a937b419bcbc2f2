"""Servers over TLS: what a client sees of them."""

from __future__ import annotations

import gc
import os
import weakref
from typing import Any

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from ..certificates import authority, pair, write_pair
from ..support import Bench, ok, serve
from ..tlsclient import TLSClient

ONE = "ssl_certificate one.pem; ssl_certificate_key one-key.pem;"


def secure(test: SynchronousTestCase, text: str, **names: str) -> Bench:
    """A bench with the certificates `one` (for example.org), and others by name."""
    prefix = os.path.abspath(test.mktemp())
    for name, host in {"one": "example.org", **names}.items():
        write_pair(prefix, name, pair(host), authority())
    return serve(test, text, prefix)


def proxied(test: SynchronousTestCase, extra: str = "") -> Bench:
    """A bench with one server over TLS in front of an application."""
    return secure(
        test,
        f"server {{ listen 443 ssl; server_name example.org; {ONE} location / {{ "
        f"proxy_pass http://127.0.0.1:8080; {extra} }} }}",
    )


class ServingTests(SynchronousTestCase):
    """One server."""

    def test_answer(self) -> None:
        """A request over TLS is answered over TLS, by the server with its certificate."""
        bench = secure(
            self, f'server {{ listen 443 ssl; {ONE} return 200 "$scheme $https $ssl_protocol"; }}'
        )
        client = TLSClient(bench)
        self.assertEqual(client.get().body, b"https on TLSv1.3")
        self.assertEqual(client.subject, "example.org")
        self.assertEqual(client.get().body, b"https on TLSv1.3")

    def test_plain_beside(self) -> None:
        """Another address of the same server is plain HTTP."""
        bench = secure(self, f'server {{ listen 443 ssl; listen 80; {ONE} return 200 "$scheme"; }}')
        self.assertEqual(bench.client(80).get().body, b"http")
        self.assertEqual(TLSClient(bench).get().body, b"https")

    def test_plain_on_tls(self) -> None:
        """Plain HTTP on an address for TLS is answered 400, in the clear."""
        bench = secure(self, f"server {{ listen 443 ssl; {ONE} }}")
        client = bench.client(443)
        client.ask(b"/")
        self.assertEqual(client.answer().status, 400)
        self.assertEqual(client.ended, "closed")
        self.assertIn("client sent plain HTTP request to HTTPS port", bench.errors()[-1])

    def test_plain_on_tls_redirected(self) -> None:
        """`error_page 497` sends plain HTTP where it belongs."""
        bench = secure(
            self,
            f"server {{ listen 443 ssl; {ONE} "
            "error_page 497 301 =307 https://$host$request_uri; }",
        )
        client = bench.client(443)
        client.ask(b"/a?b")
        answer = client.answer()
        self.assertEqual(answer.status, 307)
        self.assertIn((b"Location", b"https://example.org/a?b"), answer.fields)

    def test_redirect(self) -> None:
        """A redirect of the server's own is to https, without the port 443."""
        bench = secure(
            self,
            f"server {{ listen 443 ssl; listen 8443 ssl; {ONE} location / {{ return 301 /x; }} }}",
        )
        self.assertIn((b"Location", b"https://example.org/x"), TLSClient(bench).get().fields)
        other = TLSClient(bench, port=8443)
        self.assertIn((b"Location", b"https://example.org:8443/x"), other.get().fields)

    def test_proxied(self) -> None:
        """What an application answers arrives, however long it is."""
        bench = proxied(self, "proxy_set_header X-Forwarded-Proto $scheme;")
        client = TLSClient(bench)
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + b"q" * 100000)
        upstream = bench.upstream()
        self.assertIn((b"X-Forwarded-Proto", b"https"), upstream.fields())
        self.assertTrue(upstream.received.endswith(b"q" * 1000))
        body = os.urandom(300_000)
        upstream.send(ok(body))
        client.pump()
        self.assertEqual(client.answers(b"POST")[0].body, body)

    def test_handshake_in_pieces(self) -> None:
        """The bytes of a handshake may come one at a time."""
        bench = secure(self, f"server {{ listen 443 ssl; {ONE} return 200 hi; }}")
        client = TLSClient(bench, connect=False)
        with self.assertRaises(SSL.WantReadError):
            client.tls.do_handshake()
        for byte in client.tls.bio_read(100_000):
            client.line.send(bytes([byte]))
        client.pump()
        self.assertEqual(client.get().body, b"hi")

    def test_garbage(self) -> None:
        """What only begins like TLS is told at level info, and closed."""
        bench = secure(self, f"server {{ listen 443 ssl; {ONE} }}")
        client = bench.client(443)
        client.send(b"\x16garbage, and more than a little of it")
        self.assertEqual(client.ended, "closed")
        self.assertIn("TLS handshake failed", bench.errors()[-1])
        self.assertIn("[info]", bench.errors()[-1])

    def test_handshake_timeout(self) -> None:
        """Who doesn't finish the handshake in ssl_handshake_timeout is let go of."""
        bench = secure(self, f"server {{ listen 443 ssl; {ONE} ssl_handshake_timeout 3s; }}")
        client = TLSClient(bench, connect=False)
        bench.advance(2)
        self.assertEqual(client.line.ended, "")
        bench.advance(2)
        self.assertEqual(client.line.ended, "closed")

    def test_head_timeout(self) -> None:
        """After the handshake there is client_header_timeout for the head."""
        bench = secure(
            self,
            f"server {{ listen 443 ssl; {ONE} ssl_handshake_timeout 3s; "
            "client_header_timeout 9s; }",
        )
        client = TLSClient(bench)
        bench.advance(7)
        self.assertEqual(client.line.ended, "")
        bench.advance(4)
        self.assertEqual(client.line.ended, "closed")

    def test_protocols(self) -> None:
        """Only the versions of ssl_protocols are spoken."""
        bench = secure(
            self,
            f"server {{ listen 443 ssl; {ONE} ssl_protocols TLSv1.2; return 200 $ssl_protocol; }}",
        )
        self.assertEqual(TLSClient(bench).get().body, b"TLSv1.2")
        client = TLSClient(bench, options=SSL.OP_NO_TLSv1_2)
        self.assertFalse(client.connected)
        self.assertIn("alert protocol version", client.over)

    def test_ciphers(self) -> None:
        """Only the ciphers of ssl_ciphers are used."""
        bench = secure(
            self,
            f"server {{ listen 443 ssl; {ONE} ssl_protocols TLSv1.2; "
            "ssl_ciphers ECDHE-ECDSA-AES256-GCM-SHA384; return 200 $ssl_cipher; }",
        )
        self.assertEqual(TLSClient(bench).get().body, b"ECDHE-ECDSA-AES256-GCM-SHA384")
        other = TLSClient(
            bench, ciphers=b"ECDHE-ECDSA-AES128-GCM-SHA256", options=SSL.OP_NO_TLSv1_3
        )
        self.assertFalse(other.connected)

    def test_alpn(self) -> None:
        """http/1.1 is agreed upon where the client offers it; other protocols are refused."""
        bench = secure(self, f"server {{ listen 443 ssl; {ONE} return 200 $ssl_alpn_protocol; }}")
        self.assertEqual(TLSClient(bench, alpn=(b"h2", b"http/1.1")).get().body, b"http/1.1")
        refused = TLSClient(bench, alpn=(b"ftp",))
        self.assertFalse(refused.connected)
        self.assertIn("no application protocol", refused.over)


class EndingTests(SynchronousTestCase):
    """How connections over TLS end."""

    def test_good_order(self) -> None:
        """An end in good order is told with close_notify before the connection is closed."""
        bench = secure(self, f"server {{ listen 443 ssl; {ONE} return 200 hi; }}")
        client = TLSClient(bench)
        client.get(b"/", b"Connection: close")
        self.assertEqual(client.over, "close_notify")
        self.assertEqual(client.line.ended, "closed")

    def test_client_closes(self) -> None:
        """A client's close_notify ends the connection, and the upstream's answer is for nobody."""
        bench = proxied(self)
        client = TLSClient(bench)
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        client.tls.shutdown()
        client.pump()
        self.assertEqual(client.line.ended, "closed")
        self.assertEqual(bench.upstream().ended, "reset")

    def test_cut(self) -> None:
        """A body that only the end delimits, and that is cut, has no close_notify behind it."""
        bench = proxied(self, "proxy_buffering off;")
        client = TLSClient(bench)
        client.send(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
        upstream = bench.upstream()
        upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        upstream.close()
        client.pump()
        self.assertTrue(client.plain.endswith(b"hello"))
        self.assertEqual(client.over, "")
        self.assertEqual(client.line.ended, "reset")

    def test_slow_reader(self) -> None:
        """Who reads slowly makes the application wait: memory holds no whole answer."""
        bench = proxied(self, "proxy_buffering off;")
        client = TLSClient(bench)
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        client.line.stop_reading(1000)
        upstream = bench.upstream()
        body = os.urandom(4_000_000)
        data = ok(body)
        while data and upstream.reads:
            upstream.send(data[:50_000])
            data = data[50_000:]
        self.assertGreater(len(data), 3_000_000)
        self.assertLess(client.transport.pending, 300_000)
        for _ in range(1000):
            client.line.read_on(100_000)
            client.pump()
            if data:
                upstream.send(data[:50_000])
                data = data[50_000:]
        self.assertEqual(client.answers(b"GET")[0].body, body)

    def test_reads_nothing(self) -> None:
        """Who reads nothing for send_timeout is let go of."""
        bench = proxied(self, "proxy_buffering off; send_timeout 5s;")
        client = TLSClient(bench)
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        client.line.stop_reading()
        bench.upstream().send(ok(b"x" * 30_000))
        bench.advance(4)
        self.assertEqual(client.line.ended, "")
        bench.advance(4)
        self.assertEqual(client.line.ended, "closed")

    def test_files(self) -> None:
        """Files leave in order with what is written around them, whatever the socket takes."""
        bench = secure(
            self, f"server {{ listen 443 ssl; {ONE} root .; sendfile on; ssl_buffer_size 4k; }}"
        )
        data = os.urandom(500_000)
        with open(bench.path("file"), "wb") as file:
            file.write(data)
        client = TLSClient(bench)
        client.line.stop_reading(777)
        client.send(
            b"GET /file HTTP/1.1\r\nHost: a\r\n\r\nGET /file HTTP/1.1\r\nHost: a\r\n"
            b"Range: bytes=10-\r\n\r\n"
        )
        self.assertLess(client.transport.pending, 100_000)
        while len(client.plain) < 2 * len(data):
            client.line.read_on(12_345)
            client.pump()
        client.line.read_on()
        client.pump()
        first, second = client.answers(b"GET", b"GET")
        self.assertEqual((first.body, second.body), (data, data[10:]))

    def test_limit_rate(self) -> None:
        """limit_rate paces TLS too."""
        bench = secure(self, f"server {{ listen 443 ssl; {ONE} root .; limit_rate 10k; }}")
        with open(bench.path("file"), "wb") as file:
            file.write(bytes(50_000))
        client = TLSClient(bench)
        client.send(b"GET /file HTTP/1.1\r\nHost: a\r\n\r\n")
        bench.advance(1)
        client.pump()
        self.assertLess(len(client.plain), 22_000)
        bench.advance(2)
        client.pump()
        self.assertLess(len(client.plain), 43_000)
        bench.advance(3)
        client.pump()
        self.assertEqual(len(client.answers(b"GET")[0].body), 50_000)

    def test_pipelined(self) -> None:
        """Requests that come in one record, more than are taken at once, are all answered."""
        bench = secure(self, f"server {{ listen 443 ssl; {ONE} return 200 hi; }}")
        client = TLSClient(bench)
        one = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 1000 + b"\r\n\r\n"
        client.send(one * 100)
        self.assertEqual(len(client.answers(*[b"GET"] * 100)), 100)

    def test_paused(self) -> None:
        """A body that the application takes slowly waits, decrypted or not, and comes whole."""
        bench = proxied(self, "proxy_request_buffering off; client_max_body_size 0;")
        client = TLSClient(bench)
        bench.upstream_room = 1000
        body = os.urandom(400_000)
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 400000\r\n\r\n" + body)
        upstream: Any = bench.upstream()
        self.assertLess(upstream.transport.pending, 300_000)
        upstream.read_on()
        for _ in range(50):
            bench.advance(0.1)
        self.assertTrue(upstream.received.endswith(body))


class LivingTests(SynchronousTestCase):
    """Connections over TLS that live long, and what is left of them."""

    def test_tunnel(self) -> None:
        """After 101 bytes pass both ways, as for a WebSocket, and the end reaches both."""
        bench = proxied(
            self,
            'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; '
            "proxy_http_version 1.1;",
        )
        client = TLSClient(bench)
        client.send(
            b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"
        )
        upstream = bench.upstream()
        upstream.take()
        upstream.send(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
            b"Connection: upgrade\r\n\r\nfirst"
        )
        client.pump()
        self.assertTrue(client.plain.startswith(b"HTTP/1.1 101 "))
        self.assertTrue(client.plain.endswith(b"first"))
        big = os.urandom(200_000)
        client.send(big)
        self.assertEqual(upstream.take(), big)
        upstream.send(big)
        client.pump()
        self.assertTrue(client.plain.endswith(big))
        upstream.close()
        client.pump()
        self.assertEqual(client.over, "close_notify")

    def test_nothing_left(self) -> None:
        """A connection that is over is freed without the collector, and TLS's memory with it."""
        bench = secure(self, f"server {{ listen 443 ssl; {ONE} return 200 hi; }}")
        client = TLSClient(bench)
        client.get(b"/", b"Connection: close")
        held = weakref.ref(client.transport.tls)
        self.assertEqual(client.line.ended, "closed")
        gc.disable()
        self.addCleanup(gc.enable)
        del client.line.transport
        bench.reactor.settle()
        self.assertIsNone(held())

    def test_pieces(self) -> None:
        """Bytes may come in any pieces: each record alone, or a record in two."""
        bench = secure(self, f"server {{ listen 443 ssl; {ONE} return 200 hi; }}")
        client = TLSClient(bench)
        for piece in (b"GET / HT", b"TP/1.1\r\nHo", b"st: a\r\n\r\n"):
            client.tls.send(piece)
        records = client.tls.bio_read(100_000)
        for byte in records:
            client.line.send(bytes([byte]))
        client.pump()
        self.assertEqual(client.answers(b"GET")[0].body, b"hi")

    def test_broken_while_sending(self) -> None:
        """What can't be decrypted ends the connection, also while much waits to be sent."""
        bench = secure(self, f"server {{ listen 443 ssl; {ONE} root .; }}")
        with open(bench.path("file"), "wb") as file:
            file.write(bytes(500_000))
        for method in (b"GET", b"HEAD"):
            client = TLSClient(bench)
            client.line.stop_reading(1000)
            client.send(b"%b /file HTTP/1.1\r\nHost: a\r\n\r\n" % method)
            client.line.send(b"\x17\x03\x03\x00\x20" + bytes(32))
            client.line.read_on()
            self.assertEqual(client.line.ended, "closed")
            self.assertIn("TLS failed: ", bench.errors()[-1])
        self.assertEqual(bench.assembly.connections.clients, 0)
