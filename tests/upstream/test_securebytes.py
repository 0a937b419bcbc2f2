"""What goes over a connection with TLS: uploads, ends, tunnels, rates."""

from __future__ import annotations

import os
from math import inf

from ..secureupstream import SecureCase, SecureUpstream, server_context
from ..support import Bench, Client, ok, request

SIZE = 5_000_000
#: What of an upload may wait in memory: a piece too many, above what the transport holds.
MOST = 300_000
ASKS = (b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Key: k")
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n"


class UploadTests(SecureCase):
    """Bodies of requests."""

    def upload(self, size: int = SIZE, extra: str = "") -> tuple[Bench, Client, bytes]:
        """A request with a body that waits in a file."""
        bench = self.serve(f"client_max_body_size 0; client_body_temp_path spool; {extra}")
        body = os.urandom(size)
        client = bench.client()
        bench.accepting = False
        client.send(request(method=b"POST", body=body))
        return bench, client, body

    def accepted(self, bench: Bench, room: float = inf) -> SecureUpstream:
        """The upstream's end, which takes `room` bytes after the handshake."""
        upstream = bench.upstream()
        upstream.accept()
        end = SecureUpstream(upstream, server_context(self.good))
        # The client's hello alone, then the answer to it.
        upstream.stop_reading(room)
        return end

    def test_file(self) -> None:
        """A body from a file arrives whole, and the connection serves on."""
        bench, client, body = self.upload()
        end = self.accepted(bench).pump()
        self.assertEqual(end.take().partition(b"\r\n\r\n")[2], body)
        end.send(ok())
        self.assertEqual((client.answer().status, bench.idle(port=8443)), (200, 1))

    def test_memory(self) -> None:
        """It is read as fast as the upstream takes it, and no faster: memory is bounded."""
        bench, client, body = self.upload()
        end = self.accepted(bench, 1000).pump()
        transport = end.upstream.transport
        received = b""
        while len(received) < SIZE:
            self.assertLess(transport.pending, MOST)
            end.upstream.read_on(100_000)
            end.pump()
            received += end.take()
        self.assertEqual(received.partition(b"\r\n\r\n")[2], body)
        end.upstream.read_on()
        end.send(ok())
        self.assertEqual((client.answer().status, bench.idle(port=8443)), (200, 1))

    def test_early_answer(self) -> None:
        """Who answers before the body is there is heard, and the connection ends."""
        bench, client, _ = self.upload()
        end = self.accepted(bench, 100_000).pump()
        self.assertTrue(end.established)
        end.send(ok(b"enough"))
        self.assertEqual((client.answer().body, bench.idle(port=8443)), (b"enough", 0))
        self.assertEqual(end.upstream.ended, "reset")

    def test_early_end(self) -> None:
        """Who ends its answer with close_notify and reads no more has answered whole."""
        bench, client, _ = self.upload()
        end = self.accepted(bench, 100_000).pump()
        end.send(b"HTTP/1.1 413 Too much\r\n\r\n", b"no")
        end.connection.shutdown()
        end.flush()
        self.assertEqual((client.answer().body, end.upstream.ended), (b"no", "closed"))

    def test_stuck(self) -> None:
        """Who takes nothing for proxy_send_timeout is 504."""
        bench, client, _ = self.upload(extra="proxy_send_timeout 4s; proxy_read_timeout 4s;")
        self.accepted(bench, 100_000).pump()
        bench.advance(10)
        self.assert_failed(client, bench, 504, "timed out while sending request to upstream")

    def test_lost(self) -> None:
        """A connection that breaks in the middle takes no file with it."""
        bench, client, _ = self.upload()
        self.accepted(bench, 100_000).pump().upstream.reset()
        self.assertEqual(client.answer().status, 502)
        self.assertEqual(bench.reactor.writers, {})

    def test_shrunk(self) -> None:
        """A file that is shorter than it was is cut off: the upstream can tell."""
        bench, client, _ = self.upload()
        end = self.accepted(bench, 100_000).pump()
        os.ftruncate(end.upstream.transport.protocol._upload._segment.fd, 200_000)
        end.upstream.read_on()
        end.pump()
        self.assertEqual((client.answer().status, end.upstream.ended), (502, "reset"))

    def test_in_memory(self) -> None:
        """A small body goes with its head."""
        bench, client, body = self.upload(100)
        end = self.accepted(bench).pump()
        self.assertEqual(end.take()[-104:], b"\r\n\r\n" + body)
        end.send(ok())
        self.assertEqual(client.answer().status, 200)

    def test_streamed(self) -> None:
        """Without proxy_request_buffering a body goes on as it comes, as fast as it is taken."""
        bench = self.serve("client_max_body_size 0; proxy_request_buffering off;")
        client = bench.client()
        client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nfirst")
        end = self.end(bench)
        self.assertTrue(end.take().endswith(b"\r\n\r\nfirst"))
        bench.upstream().stop_reading()
        for _ in range(20):
            client.send(b"x" * 49_999)
        self.assertFalse(client.reads)
        self.assertLess(end.upstream.transport.pending, MOST)
        bench.upstream().read_on()
        end.pump()
        client.send(b"x" * 15)
        end.pump()
        self.assertEqual(len(end.take()), 999_995)
        end.send(ok())
        self.assertEqual((client.answer().status, bench.idle(port=8443)), (200, 1))


class EndTests(SecureCase):
    """How answers end."""

    def asked_and_told(self, *pieces: bytes) -> tuple[Bench, Client, SecureUpstream]:
        """An upstream that has answered so much."""
        bench = self.serve()
        client = self.asked(bench)
        end = self.end(bench)
        end.send(*pieces)
        return bench, client, end

    def test_close(self) -> None:
        """A body may end with the connection, if that ends as TLS has it (close_notify)."""
        _, client, end = self.asked_and_told(b"HTTP/1.1 200 OK\r\n\r\n", b"all")
        end.close()
        self.assertEqual(client.answer().body, b"all")

    def test_truncated(self) -> None:
        """Else it was cut, by anybody: the client can tell (RFC 8446 section 6.1)."""
        bench, client, end = self.asked_and_told(b"HTTP/1.1 200 OK\r\n\r\n", b"a part")
        end.upstream.close()
        self.assertNotIn(b"\r\n0\r\n\r\n", client.received)
        self.assertEqual(client.ended, "closed")
        self.assertIn("prematurely closed connection in the body", bench.errors()[-1])

    def test_length(self) -> None:
        """An answer that says how long it is needs no such end."""
        _, client, end = self.asked_and_told(ok(b"all"))
        end.upstream.close()
        self.assertEqual(client.answer().body, b"all")

    def test_unanswered(self) -> None:
        """Who closes instead of an answer is 502."""
        bench, client, end = self.asked_and_told()
        end.close()
        what = "upstream prematurely closed connection while reading response header, "
        self.assert_failed(client, bench, 502, what.rstrip(", "), "(RP-502-closed)")

    def test_idle_closed(self) -> None:
        """An idle connection that the upstream closes is not used again."""
        bench, client, end = self.asked_and_told(ok())
        client.answer()
        end.close()
        self.assertEqual(bench.idle(port=8443), 0)
        client.ask()
        self.end(bench).send(ok())
        self.assertEqual((client.answer().status, len(bench.upstreams)), (200, 2))

    def test_idle_talks(self) -> None:
        """Nor is one over which anything comes that nobody asked for."""
        bench, client, end = self.asked_and_told(ok())
        client.answer()
        end.send(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        self.assertEqual((bench.idle(port=8443), end.upstream.ended), (0, "reset"))

    def test_slow_reader(self) -> None:
        """A client that does not read makes the upstream wait."""
        bench = self.serve("proxy_buffering off;")
        client = self.asked(bench)
        client.stop_reading()
        end = self.end(bench)
        end.send(b"HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\n")
        for _ in range(20):
            end.send(b"x" * 20_000)
        self.assertFalse(end.upstream.reads)
        client.read_on()
        self.assertEqual(len(client.answer().body), 400_000)

    def test_rate(self) -> None:
        """proxy_limit_rate counts what was decrypted."""
        bench = self.serve("proxy_limit_rate 50000;")
        client = self.asked(bench)
        end = self.end(bench)
        end.send(ok(b"x" * 200_000))
        self.assertLess(len(client.received), 120_000)
        bench.advance(5)
        self.assertEqual(len(client.answer().body), 200_000)
        self.assertEqual(end.upstream.transport.bufferSize, 65_536)

    def test_client_leaves(self) -> None:
        """A client that leaves takes the connection with it."""
        bench, client, end = self.asked_and_told()
        client.reset()
        self.assertEqual((end.upstream.ended, bench.assembly.connections.upstreams), ("reset", 0))


class TunnelTests(SecureCase):
    """wss:// behind."""

    def test_websocket(self) -> None:
        """Bytes pass in both directions; who does not read makes the other wait."""
        bench = self.serve()
        client = bench.client()
        client.ask(b"/", *ASKS)
        end = self.end(bench)
        end.take()
        end.send(SWITCHED, b"from upstream")
        self.assertTrue(client.take().endswith(b"\r\n\r\nfrom upstream"))
        client.send(b"from client")
        self.assertEqual(end.pump().take(), b"from client")
        bench.upstream().stop_reading()
        for _ in range(10):
            client.send(b"x" * 50_000)
        self.assertFalse(client.reads)
        bench.upstream().read_on()
        self.assertEqual(len(end.pump().take()), 500_000)
        client.close()
        end.pump()
        self.assertTrue(end.ended)
        end.close()
        self.assertEqual((end.upstream.ended, client.ended), ("closed", "closed"))

    def test_upstream_ends(self) -> None:
        """When the upstream closes the client gets what there is, and an end."""
        bench = self.serve()
        client = bench.client()
        client.ask(b"/", *ASKS)
        end = self.end(bench)
        end.send(SWITCHED, b"last words")
        end.close()
        self.assertTrue(client.received.endswith(b"last words"))
        self.assertEqual(client.ended, "closed")


class CheckTests(SecureCase):
    """`health_check` where proxy_pass is https."""

    def test_check(self) -> None:
        """A check goes over TLS too, with the location's settings; who is not it, is unhealthy."""
        bench = self.serve(
            "health_check interval=5; proxy_ssl_name app.example; proxy_ssl_verify on; "
            "proxy_ssl_trusted_certificate ca.pem;",
            "https://app",
            "upstream app { server 10.0.0.1:443; }",
        )
        bench.assembly.groups.start()
        self.addCleanup(bench.assembly.groups.stop)
        bench.advance(6)
        end = self.end(bench)
        self.assertEqual(end.take()[:24], b"GET / HTTP/1.1\r\nHost: ap")
        end.send(ok())
        bench.advance(6)
        self.assertEqual(len(bench.upstreams), 2)
        self.end(bench, self.ca.issue("other.example"))
        self.assertIn("is unhealthy: upstream SSL certificate does not match", bench.errors()[-1])
