"""A client's connection: requests one after the other, and how a connection ends."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.web import channel as channel_module

from ..answers import chunked
from ..support import Bench, ok, proxied, request, serve


class PipeliningTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bench = proxied(self)
        self.client = self.bench.client()

    def serve_all(self, count: int) -> None:
        """Answer each request of the one connection to the upstream with its own target."""
        upstream = self.bench.upstream()
        for _ in range(count):
            target = upstream.target
            upstream.take()
            upstream.send(ok(target))

    def test_one_packet(self) -> None:
        """Several requests in one packet are answered one after the other, in order."""
        self.client.send(request(b"/1") + request(b"/2", method=b"PUT", body=b"x") + request(b"/3"))
        self.assertEqual(self.bench.upstream().target, b"/1")
        self.serve_all(3)
        self.assertEqual([a.body for a in self.client.answers()], [b"/1", b"/2", b"/3"])
        self.assertEqual(len(self.bench.upstreams), 1)

    def test_byte_by_byte(self) -> None:
        """Bytes may come one at a time: heads, lengths and chunks are read alike."""
        message = (
            request(b"/1", b"Transfer-Encoding: chunked", method=b"PUT")
            + chunked(b"abc", b"de")
            + request(b"/2", method=b"PUT", body=b"fgh")
            + request(b"/3")
        )
        bodies = []
        for byte in message:
            self.client.send(bytes((byte,)))
            if self.bench.upstreams and self.bench.upstream().received:
                head, _, body = self.bench.upstream().take().partition(b"\r\n\r\n")
                bodies.append((head.split(b" ")[1], body))
                self.bench.upstream().send(ok(bodies[-1][0]))
        self.assertEqual(bodies, [(b"/1", b"abcde"), (b"/2", b"fgh"), (b"/3", b"")])
        self.assertEqual([a.body for a in self.client.answers()], [b"/1", b"/2", b"/3"])

    def test_any_cut(self) -> None:
        """Wherever a packet is cut, the same requests are read."""
        message = request(b"/1", method=b"PUT", body=b"abc") + b"\r\n" + request(b"/2")
        for at in range(1, len(message)):
            self.setUp()
            self.client.send(message[:at], message[at:])
            self.serve_all(2)
            self.assertEqual([a.body for a in self.client.answers()], [b"/1", b"/2"], at)

    def test_many(self) -> None:
        """A hundred requests at once do not exhaust the stack."""
        bench = serve(self, "server { listen 80; root html; }")
        client = bench.client()
        client.send(request(b"/none") * 300)
        self.assertEqual([a.status for a in client.answers()], [404] * 300)

    def test_bounded(self) -> None:
        """Requests that wait fill memory to a limit; then the socket is no longer read."""
        self.client.send(request())
        pipelined = request(b"/" + b"x" * 4000)
        for _ in range(20):
            self.client.socket.arrived.append(pipelined)
        self.bench.reactor.settle()
        self.assertFalse(self.client.reads)
        self.assertGreater(len(self.client.socket.arrived), 10)
        self.assertLess(len(self.client.channel._buffer), channel_module.EAGER + 65536)
        for _ in range(21):
            self.bench.upstream().take()
            self.bench.upstream().send(ok())
        self.assertEqual(len(self.client.answers()), 21)
        self.assertTrue(self.client.reads)

    def test_not_while_the_client_does_not_read(self) -> None:
        """No next request is begun while the answer before it is not taken."""
        self.client.stop_reading()
        self.client.send(request(b"/1") + request(b"/2"))
        self.serve_all(1)
        self.assertEqual(self.bench.upstream().received, b"")
        self.client.read_on()
        self.serve_all(1)
        self.assertEqual([a.body for a in self.client.answers()], [b"/1", b"/2"])

    def test_empty_line_before(self) -> None:
        """An empty line before a request is passed over (RFC 9112 section 2.2)."""
        self.client.send(b"\r\n" + request(b"/1"))
        self.serve_all(1)
        self.assertEqual(self.client.answer().body, b"/1")


class PersistenceTests(SynchronousTestCase):
    def serve(self, extra: str = "") -> Bench:
        return serve(self, f"server {{ listen 80; {extra} location / {{ return 200 hi; }} }}")

    def test_kept(self) -> None:
        """HTTP/1.1 keeps a connection unless told not to, HTTP/1.0 only when told to."""
        for version, fields, kept in (
            (b"1.1", (), True),
            (b"1.1", (b"Connection: close",), False),
            (b"1.1", (b"Connection: Foo, CLOSE",), False),
            (b"1.1", (b"Connection: close", b"Connection: foo"), False),
            (b"1.1", (b"Connection: keep-alive",), True),
            (b"1.0", (), False),
            (b"1.0", (b"Connection: keep-alive",), True),
            (b"1.0", (b"Connection: keep-alive, close",), False),
        ):
            client = self.serve().client()
            client.send(request(b"/", *fields, version=version))
            answer = client.answers()[0]
            self.assertEqual(answer.get(b"Connection"), b"keep-alive" if kept else b"close")
            self.assertEqual(client.ended, "" if kept else "closed", (version, fields))

    def test_nothing_after_close(self) -> None:
        """What comes behind a request that closes is not served."""
        bench = self.serve()
        client = bench.client()
        client.send(request(b"/", b"Connection: close") + request())
        self.assertEqual(len(client.answers()), 1)
        self.assertEqual(len(bench.lines()), 1)

    def test_keepalive_requests(self) -> None:
        """The last request that a connection may carry is told so."""
        client = self.serve("keepalive_requests 3;").client()
        client.send(request() * 5)
        kinds = [answer.get(b"Connection") for answer in client.answers()]
        self.assertEqual(kinds, [b"keep-alive", b"keep-alive", b"close"])

    def test_keepalive_timeout(self) -> None:
        """A connection that idles for keepalive_timeout is closed, without a line in a log."""
        bench = self.serve("keepalive_timeout 5s;")
        client = bench.client()
        client.ask()
        bench.advance(4)
        client.ask()
        bench.advance(4)
        self.assertEqual(client.ended, "")
        bench.advance(2)
        self.assertNotEqual(client.ended, "")
        self.assertEqual((len(bench.lines()), bench.errors()), (2, []))
        self.assertEqual(bench.assembly.connections.clients, 0)

    def test_no_keepalive(self) -> None:
        """With keepalive_timeout 0 each answer is the last."""
        client = self.serve("keepalive_timeout 0;").client()
        client.ask()
        self.assertEqual((client.answer().get(b"Connection"), client.ended), (b"close", "closed"))

    def test_draining(self) -> None:
        """A site that is being taken out of service closes after the answer."""
        bench = self.serve()
        client = bench.client()
        next(iter(bench.assembly.sites.values())).draining = True
        client.ask()
        self.assertEqual(client.ended, "closed")

    def test_no_delay(self) -> None:
        """TCP_NODELAY is set once a connection is kept, unless tcp_nodelay is off."""
        import socket

        key = (socket.IPPROTO_TCP, socket.TCP_NODELAY)
        for extra, value in (("", True), ("tcp_nodelay off;", False)):
            client = self.serve(extra).client()
            client.ask()
            self.assertEqual(bool(client.socket.options.get(key)), value)


class LingeringTests(SynchronousTestCase):
    """A body that nobody reads must not destroy the answer (RFC 9112 section 9.6)."""

    def refused(self, extra: str = "") -> None:
        self.bench = proxied(self, f"client_max_body_size 10; {extra}")
        self.client = self.bench.client()
        self.client.send(request(method=b"PUT", body=b"x" * 3000)[:1000])

    def test_reads_on(self) -> None:
        """The writing side is closed, and what still comes is read and dropped."""
        self.refused()
        self.assertEqual((self.client.answer().status, self.client.ended), (413, "shut"))
        self.client.send(b"x" * 500)
        self.assertTrue(self.client.reads)
        self.client.close()
        self.assertEqual(self.client.ended, "closed")
        self.assertEqual(len(self.bench.lines()), 1)

    def test_pause(self) -> None:
        """A client that sends nothing more for lingering_timeout is closed."""
        self.refused("lingering_timeout 3s;")
        for _ in range(4):
            self.bench.advance(2)
            self.client.send(b"x")
        self.assertEqual(self.client.ended, "shut")
        self.bench.advance(5)
        self.assertEqual(self.client.ended, "closed")

    def test_in_all(self) -> None:
        """However busily a client sends, lingering_time is the end of it."""
        self.refused("lingering_time 6s;")
        for _ in range(5):
            self.bench.advance(1)
            self.client.send(b"x")
        self.assertEqual(self.client.ended, "shut")
        self.bench.advance(2)
        self.assertEqual(self.client.ended, "closed")

    def test_off(self) -> None:
        """With lingering_close off the connection is closed at once."""
        self.refused("lingering_close off;")
        self.assertEqual(self.client.ended, "closed")

    def test_always(self) -> None:
        """With lingering_close always every close waits for the client."""
        bench = serve(
            self, "lingering_close always; server { listen 80; location / { return 200 hi; } }"
        )
        client = bench.client()
        client.ask(b"/", b"Connection: close")
        self.assertEqual((client.answer().body, client.ended), (b"hi", "shut"))
        client.close()
        self.assertEqual(client.ended, "closed")

    def test_answered_without_the_body(self) -> None:
        """A body that nobody wanted is read to its end, and the next request served."""
        bench = serve(self, "server { listen 80; location / { return 200 hi; } }")
        for body in (b"x" * 50_000, chunked(b"x" * 50_000)):
            client = bench.client()
            head = request(method=b"PUT", body=body)
            if body.startswith(b"c"):
                head = request(b"/", b"Transfer-Encoding: chunked", method=b"PUT")
            message = head if head.endswith(body) else head + body
            client.send(message[:100], message[100:30_000], message[30_000:] + request(b"/2"))
            self.assertEqual([a.body for a in client.answers()], [b"hi", b"hi"])
            self.assertEqual(client.ended, "")

    def test_too_long_to_read(self) -> None:
        """Of a body that nobody wanted no more than DISCARDED bytes are read."""
        bench = serve(
            self, "client_max_body_size 0; server { listen 80; location / { return 200 hi; } }"
        )
        client = bench.client()
        client.send(request(method=b"PUT", body=b"x" * 2_000_000)[:1000])
        self.assertEqual((client.answers()[0].body, client.ended), (b"hi", ""))
        client.send(*[b"x" * 50_000] * 21)
        self.assertNotEqual(client.ended, "")

    def test_unread_body_time_out(self) -> None:
        """A body that nobody wanted is waited for no longer than lingering_time."""
        bench = serve(
            self, "lingering_time 5s; server { listen 80; location / { return 200 hi; } }"
        )
        client = bench.client()
        client.send(request(method=b"PUT", body=b"x" * 1000)[:200])
        for _ in range(4):
            bench.advance(1)
            client.send(b"x")
        self.assertEqual(client.ended, "")
        bench.advance(3)
        self.assertNotEqual(client.ended, "")

    def test_broken_chunks_unread(self) -> None:
        """Nonsense in a body that nobody wanted closes: where the next request begins is lost."""
        bench = serve(self, "server { listen 80; location / { return 200 hi; } }")
        client = bench.client()
        client.send(request(b"/", b"Transfer-Encoding: chunked", method=b"PUT"))
        client.send(b"zz\r\n" + request())
        self.assertEqual((len(client.answers()), len(bench.lines())), (1, 1))
        self.assertEqual(client.ended, "closed")


class ContinueTests(SynchronousTestCase):
    EXPECT = b"Expect: 100-continue"

    def test_once(self) -> None:
        """A client that waits is told to go on, once, when its body is wanted."""
        bench = proxied(self)
        client = bench.client()
        message = request(b"/", self.EXPECT, method=b"PUT", body=b"abc")
        client.send(message[:-3])
        self.assertEqual(client.take(), b"HTTP/1.1 100 Continue\r\n\r\n")
        client.send(b"a", b"bc")
        bench.upstream().send(ok())
        self.assertEqual(client.answer().body, b"hi")
        self.assertNotIn(b"expect", bench.upstream().received.lower())

    def test_not_needed(self) -> None:
        """A client that did not wait is not told; nor is one of HTTP/1.0."""
        for message in (
            request(b"/", self.EXPECT, method=b"PUT", body=b"abc"),
            request(b"/", self.EXPECT, method=b"PUT", body=b"abc", version=b"1.0")[:-1],
            request(b"/", self.EXPECT),
        ):
            bench = proxied(self)
            client = bench.client()
            client.send(message)
            self.assertEqual(client.received, b"")

    def test_not_for_413(self) -> None:
        """A body that is too large is refused before it is sent."""
        client = proxied(self, "client_max_body_size 2;").client()
        client.send(request(b"/", self.EXPECT, method=b"PUT", body=b"abc")[:-3])
        self.assertEqual(client.answer().status, 413)
        self.assertEqual(client.ended, "shut")

    def test_not_wanted(self) -> None:
        """An answer that needs no body ends the connection: who knows what the client sends."""
        bench = serve(self, "server { listen 80; location / { return 200 hi; } }")
        client = bench.client()
        client.send(request(b"/", self.EXPECT, method=b"PUT", body=b"abc")[:-3])
        self.assertEqual((client.answer().body, client.ended), (b"hi", "shut"))


class ConnectionsTests(SynchronousTestCase):
    def test_worker_connections(self) -> None:
        """Connections over the limit are closed with an alert; those that are there go on."""
        bench = serve(
            self,
            "error_log logs/error.log; events { worker_connections 2; } http { server {"
            "listen 80; location / { return 200 hi; } } }",
        )
        clients = [bench.client(), bench.client()]
        for client in clients:
            # Who has begun a request is not in anybody's way.
            client.send(b"\r\n")
        self.assertIsNone(bench.try_client())
        (line,) = bench.errors()
        self.assertIn("[alert]", line)
        self.assertIn("2 worker_connections are not enough", line)
        for client in clients:
            self.assertEqual(client.get().body, b"hi")
        clients[0].close()
        self.assertEqual(bench.client().get().body, b"hi")

    def test_upstreams_count(self) -> None:
        """Connections to upstreams count as well."""
        bench = serve(
            self,
            "events { worker_connections 2; } http { server { listen 80; "
            "location / { proxy_pass http://127.0.0.1:8080; } } }",
        )
        bench.client().ask()
        self.assertEqual(len(bench.upstreams), 1)
        self.assertIsNone(bench.try_client())
