"""proxy_limit_rate."""

from __future__ import annotations

from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from ..answers import chunked
from ..support import Bench, Client, ok, proxied, request, serve

SIZE = 50_000
BODY = bytes(range(250)) * (SIZE // 250)


class IntakeTests(SynchronousTestCase):
    def begin(self, extra: str, *fields: bytes, body: bytes = BODY) -> tuple[Bench, Client]:
        """An upstream has sent its whole answer; how much is read is seen in what goes on."""
        bench = proxied(self, extra)
        client = bench.client()
        client.ask(b"/?r=10000")
        bench.upstream().send(ok(body, *fields))
        return bench, client

    def read(self, bench: Bench) -> int:
        """How much of the answer was read so far, head included."""
        upstream = bench.upstream()
        return len(ok(BODY)) - sum(map(len, upstream.socket.arrived))

    def test_rate(self) -> None:
        """A second's worth at once, then a second's worth each second, body alone."""
        for extra in ("proxy_limit_rate 10000;", "proxy_limit_rate $arg_r;"):
            bench, client = self.begin(extra)
            head = len(ok(BODY)) - SIZE
            for second in range(1, 6):
                self.assertEqual(self.read(bench) - head, 10_000 * second)
                bench.advance(1)
            self.assertEqual(client.answer().body, BODY)
            self.assertEqual(bench.idle(), 1)

    def test_no_rate(self) -> None:
        """Without a rate, or with a variable that gives none, or unbuffered, nothing waits."""
        for extra in (
            "proxy_limit_rate 0;",
            "proxy_limit_rate $arg_none;",
            "proxy_limit_rate 10000; proxy_buffering off;",
        ):
            bench, client = self.begin(extra)
            self.assertEqual(client.answer().body, BODY, extra)
            self.assertEqual(bench.upstream().transport.bufferSize, 65536)

    def test_ahead(self) -> None:
        """What came together with the head counts."""
        bench, _ = self.begin("proxy_limit_rate 1000; proxy_buffer_size 8k; proxy_read_timeout 2s;")
        self.assertEqual(self.read(bench), 8192)
        bench.advance(6.5)
        self.assertEqual((self.read(bench), bench.upstream().ended), (8192, ""))
        bench.advance(2)
        self.assertGreater(self.read(bench), 8192)

    def test_silence(self) -> None:
        """The read timeout is for the upstream's silence, not for a pause of ours."""
        bench, client = self.begin("proxy_limit_rate 10000; proxy_read_timeout 2s;")
        bench.upstream().socket.arrived.clear()
        bench.advance(5)
        self.assertEqual((client.ended, bench.upstream().ended), ("closed", "reset"))
        self.assertIn("timed out while reading upstream", bench.errors()[0])

    def test_next_answer(self) -> None:
        """The connection serves on without the limit, which belongs to a location."""
        bench = serve(
            self,
            "server { listen 80; location / { proxy_pass http://127.0.0.1:8080; } "
            "location /slow { proxy_pass http://127.0.0.1:8080; proxy_limit_rate 10000; } }",
        )
        client = bench.client()
        for body in (BODY, b"small", b""):
            client.send(request(b"/slow") + request(b"/fast"))
            upstream = bench.upstream()
            upstream.take()
            upstream.send(ok(body))
            bench.advance(10)
            self.assertEqual(upstream.target, b"/fast")
            upstream.send(ok(BODY))
            self.assertEqual([answer.body for answer in client.answers()], [body, BODY])
            client.take()
        self.assertEqual(len(bench.upstreams), 1)

    def test_slow_client(self) -> None:
        """A client that does not read holds the upstream up, however much the rate allows."""
        bench = proxied(self, "proxy_limit_rate 30000; proxy_max_temp_file_size 0;")
        client = bench.client()
        client.stop_reading(1000)
        client.ask()
        bench.upstream().send(ok(b"x" * 400_000))
        bench.advance(20)
        held = len(bench.upstream().socket.arrived)
        self.assertFalse(bench.upstream().reads)
        bench.advance(5)
        self.assertEqual(len(bench.upstream().socket.arrived), held)
        client.read_on()
        bench.advance(20)
        self.assertEqual(client.answer().body, b"x" * 400_000)

    def test_ends(self) -> None:
        """However an answer ends, nothing is left that waits."""
        for end in ("client", "upstream"):
            bench, client = self.begin("proxy_limit_rate 1000;")
            bench.advance(0.1)
            calls = len(bench.reactor.getDelayedCalls())
            if end == "client":
                client.reset()
            else:
                bench.upstream().transport.connectionLost(Failure(ConnectionLost()))
            bench.reactor.settle()
            self.assertEqual(len(bench.reactor.getDelayedCalls()), calls - 1, end)

    def test_unheard(self) -> None:
        """An answer that nobody waits for is read at its rate, and its connection kept."""
        bench, client = self.begin("proxy_limit_rate 10000; proxy_ignore_client_abort on;")
        client.reset()
        bench.advance(1)
        self.assertEqual(self.read(bench) // 10_000, 2)
        bench.advance(4)
        self.assertEqual((self.read(bench), bench.idle()), (len(ok(BODY)), 1))
        self.assertEqual(bench.upstream().transport.bufferSize, 65536)

    def test_chunks(self) -> None:
        """What is counted is what was read, chunks and all."""
        bench = proxied(self, "proxy_limit_rate 10000;")
        client = bench.client()
        client.ask()
        body = chunked(*[b"x"] * 4000)  # 24 kB
        bench.upstream().send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body)
        bench.advance(0.5)
        self.assertFalse(client.answers()[0].complete)
        bench.advance(2)
        self.assertEqual(client.answer().body, b"x" * 4000)
