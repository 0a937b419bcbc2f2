"""The pool's invariants: when a connection to an upstream is used again, and when never.

Here and nowhere else they are all together, each with its test; `test_names` has the addresses that
leave a group, as name servers have it.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.upstream.pool import MOMENT, Keeping

from ..answers import chunked
from ..support import Bench, Client, ok, proxied, request, serve

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class PoolTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bench = proxied(self)
        self.client = self.bench.client()

    @property
    def keeping(self) -> Keeping:
        """What the peer's group keeps."""
        return self.bench.assembly.pools.peer("127.0.0.1", 8080).keeping

    def after(self, *pieces: bytes, method: bytes = b"GET") -> str:
        """Answer one request with `pieces`; how the connection to the upstream is left."""
        self.client.ask(method=method)
        self.bench.upstream().send(*pieces)
        return self.bench.upstream().ended

    def test_reused(self) -> None:
        """A connection is kept after each kind of complete answer that leaves it in order."""
        for pieces, method in (
            ((ok(),), b"GET"),
            ((ok(b""),), b"GET"),
            ((ok(b"x" * 9000)[:50], ok(b"x" * 9000)[50:]), b"GET"),
            ((CHUNKED + chunked(b"a", b"b"),), b"GET"),
            ((CHUNKED, b"1\r\na\r\n", b"0\r\n\r\n"), b"GET"),
            ((b"HTTP/1.1 204 No Content\r\n\r\n",), b"GET"),
            ((b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",), b"GET"),
            ((b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",), b"HEAD"),
            ((b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na",), b"GET"),
        ):
            self.assertEqual(self.after(*pieces, method=method), "", pieces)
            self.assertEqual((len(self.bench.upstreams), self.bench.idle()), (1, 1), pieces)

    def test_not_reused(self) -> None:
        """Never again after `Connection: close`, an unread byte, or what leaves room for doubt."""
        for pieces in (
            (ok(b"hi", b"Connection: close"),),
            (ok(b"hi", b"Connection: Foo, Close"),),
            (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na",),
            (ok() + b"x",),
            (ok() + b"\r\n",),
            (ok()[:-1], b"i!"),
            (b"HTTP/1.1 204 No Content\r\n\r\nx",),
            (CHUNKED + chunked(b"a") + b"x",),
            (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1\r\n\r\nx",),
        ):
            count = len(self.bench.upstreams)
            self.assertEqual(self.after(*pieces), "reset", pieces)
            self.assertEqual(len(self.bench.upstreams), count + 1, pieces)
            self.assertEqual(self.bench.idle(), 0)
        self.assertTrue(all(answer.status < 400 for answer in self.client.answers()))

    def test_head_with_body(self) -> None:
        """An upstream that sends a body to HEAD is not asked again over that connection."""
        self.assertEqual(self.after(ok(), method=b"HEAD"), "reset")
        self.assertEqual(self.client.answer(b"HEAD").get(b"Content-Length"), b"2")

    def test_after_an_incomplete_body(self) -> None:
        """Never again after a body of which a part is missing: nobody took the rest."""
        for begun in (ok(b"x" * 9000)[:500], CHUNKED + b"9\r\nhalf"):
            client = self.bench.client()
            client.ask()
            upstream = self.bench.upstream()
            upstream.send(begun)
            client.close()
            self.assertEqual((upstream.ended, self.bench.idle()), ("reset", 0), begun)

    def test_after_an_error(self) -> None:
        """Never again after an answer that broke the protocol, in its head or in its body."""
        for wrong in (
            b"nonsense\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
            b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
            CHUNKED + b"x\r\n",
            CHUNKED + b"1\r\nabc",
        ):
            self.client = self.bench.client()
            self.assertEqual((self.after(wrong), self.bench.idle()), ("reset", 0), wrong)

    def test_after_a_time_out(self) -> None:
        """Never again after an answer that did not come in time: it may come yet."""
        self.client.ask()
        self.bench.advance(62)
        self.assertEqual((self.bench.upstream().ended, self.bench.idle()), ("reset", 0))

    def test_one_at_a_time(self) -> None:
        """Never more than one request on a connection: two at once take two connections."""
        clients = [self.bench.client(), self.bench.client()]
        for client in clients:
            client.ask()
        first, second = self.bench.upstreams
        second.send(ok(b"second"))
        first.send(ok(b"first"))
        self.assertEqual([c.answer().body for c in clients], [b"first", b"second"])
        self.assertEqual(self.bench.idle(), 2)

    def test_pipelined(self) -> None:
        """Never more than one request on a connection, however many a client sends ahead."""
        self.client.send(request() * 3)
        for count in (1, 2, 3):
            (upstream,) = self.bench.upstreams
            self.assertEqual(len(upstream.requests()), 1, count)
            upstream.take()
            upstream.send(ok())
        self.assertEqual(len(self.client.answers()), 3)

    def test_most_recent_first(self) -> None:
        """The connection that was used last is taken first, so that the others grow old."""
        self.test_one_at_a_time()
        first, second = self.bench.upstreams
        first.take()
        second.take()
        self.client.ask()
        self.assertEqual((first.received != b"", second.received != b""), (True, False))

    def test_late_byte(self) -> None:
        """A byte that nobody asked for drops an idle connection at once."""
        self.after(ok())
        self.bench.upstream().send(b"H")
        self.assertEqual((self.bench.upstream().ended, self.bench.idle()), ("reset", 0))

    def test_late_close(self) -> None:
        """An idle connection that the upstream closes leaves the pool."""
        self.after(ok())
        self.bench.upstream().close()
        self.assertEqual(self.bench.idle(), 0)
        self.assertEqual(self.after(ok()), "")
        self.assertEqual(len(self.bench.upstreams), 2)

    def test_bounded_in_number(self) -> None:
        """No more than 32 connections wait for longer than a moment; the oldest goes first."""
        clients = [self.bench.client() for _ in range(33)]
        self.wave(clients)
        self.bench.advance(2.1 * MOMENT, MOMENT)
        self.assertEqual(self.bench.idle(), 32)
        self.assertEqual([u.ended for u in self.bench.upstreams[:2]], ["reset", ""])
        before = len(self.bench.reactor.getDelayedCalls())
        self.bench.advance(1)
        self.assertEqual(len(self.bench.reactor.getDelayedCalls()), before)

    def wave(self, clients: list[Client]) -> None:
        """All ask before the first is answered."""
        for client in clients:
            client.ask()
        for upstream in self.bench.upstreams:
            if upstream.take():
                upstream.send(ok())

    def test_waves(self) -> None:
        """Waves of more requests than connections are kept make no new ones."""
        clients = [self.bench.client() for _ in range(100)]
        for _ in range(10):
            self.wave(clients)
            self.bench.advance(0.6 * MOMENT, MOMENT)
        self.assertEqual(len(self.bench.upstreams), 100)
        self.assertEqual([upstream.ended for upstream in self.bench.upstreams], [""] * 100)
        self.bench.advance(3 * MOMENT, MOMENT)
        self.assertEqual(self.bench.idle(), 32)

    def test_bounded_in_time(self) -> None:
        """A connection that idles for a minute is closed."""
        self.after(ok())
        self.bench.advance(58)
        self.assertEqual(self.bench.idle(), 1)
        self.bench.advance(4)
        self.assertEqual((self.bench.idle(), self.bench.upstream().ended), (0, "reset"))

    def test_bounded_in_requests(self) -> None:
        """A connection is closed after as many requests as it may carry."""
        self.keeping.requests = 2
        self.assertEqual([self.after(ok()), self.after(ok())], ["", "reset"])

    def test_bounded_in_life(self) -> None:
        """A connection is closed when its time is over, however busy it is."""
        self.keeping.lifetime = 50
        self.after(ok())
        self.bench.advance(55)
        self.client = self.bench.client()
        self.assertEqual(self.after(ok()), "reset")
        self.assertEqual(len(self.bench.upstreams), 1)

    def test_closed(self) -> None:
        """`Pools.close` drops what idles, and the count of connections goes to nothing."""
        self.after(ok())
        connections = self.bench.assembly.connections
        self.assertEqual(connections.upstreams, 1)
        self.bench.assembly.pools.close()
        self.bench.reactor.settle()
        self.assertEqual((connections.upstreams, self.bench.idle()), (0, 0))

    def test_left(self) -> None:
        """A peer that leaves its group: what idles is dropped, what is in use is not kept."""
        clients = [self.bench.client(), self.bench.client()]
        for client in clients:
            client.ask()
        idle, used = self.bench.upstreams
        idle.send(ok())
        pools = self.bench.assembly.pools
        peer = pools.peer("127.0.0.1", 8080)
        pools.forget(peer)
        self.bench.reactor.settle()
        self.assertEqual((idle.ended, used.ended), ("reset", ""))
        used.send(ok(b"the last"))
        self.assertEqual((used.ended, peer.idle), ("reset", []))
        self.assertEqual(clients[1].answer().body, b"the last")

    def test_shared_by_locations(self) -> None:
        """Everybody who names an address shares its connections; another port is another peer."""
        bench = _two_locations(self)
        client = bench.client()
        for path, count in ((b"/a/", 1), (b"/b/", 1), (b"/c/", 2)):
            client.ask(path)
            bench.upstream().send(ok())
            self.assertEqual(len(bench.upstreams), count)

    def test_body_still_going_out(self) -> None:
        """An answer that comes before the request is out costs the connection."""
        self.bench.upstream_room = 10
        self.client.send(request(method=b"PUT", body=b"x" * 50_000))
        self.bench.upstream().send(ok(b"enough"))
        self.assertEqual(self.client.answer().body, b"enough")
        self.assertEqual((self.bench.upstream().ended, self.bench.idle()), ("reset", 0))


class RetryTests(SynchronousTestCase):
    """A pooled connection may have been closed by the upstream just as it was taken."""

    def setUp(self) -> None:
        self.bench = proxied(self)
        self.client = self.bench.client()
        self.client.ask()
        self.bench.upstream().send(ok())
        self.client.take()
        self.bench.upstream().take()

    def asked_again(self, client: Client, message: bytes) -> bool:
        """Let the pooled connection die under a request; whether it was sent once more."""
        client.send(message)
        first = self.bench.upstream()
        self.assertEqual(first.take(), _forwarded(message))
        first.close()
        return len(self.bench.upstreams) == 2

    def test_get(self) -> None:
        """A GET goes out again, over a new connection, and the client sees no error."""
        self.assertTrue(self.asked_again(self.client, request()))
        self.bench.upstream().send(ok(b"again"))
        self.assertEqual(self.client.answer().body, b"again")
        self.assertEqual(self.bench.errors(), [])

    def test_put(self) -> None:
        """A PUT goes out again, its body with it."""
        self.assertTrue(self.asked_again(self.client, request(method=b"PUT", body=b"b" * 20)))
        self.assertTrue(self.bench.upstream().received.endswith(b"b" * 20))

    def test_long_put(self) -> None:
        """A body that waits in a file goes out again from its beginning."""
        body = b"0123456789" * 10_000
        self.assertTrue(self.asked_again(self.client, request(method=b"PUT", body=body)))
        self.assertTrue(self.bench.upstream().received.endswith(b"\r\n\r\n" + body))

    def test_post(self) -> None:
        """A POST that may have been received is never sent twice."""
        for method in (b"POST", b"PATCH", b"LOCK"):
            self.setUp()
            self.assertFalse(self.asked_again(self.client, request(method=method, body=b"b")))
            self.assertEqual(self.client.answer().status, 502)

    def test_never_twice(self) -> None:
        """A new connection that dies as well is 502."""
        self.asked_again(self.client, request())
        self.bench.upstream().close()
        self.assertEqual(self.client.answer().status, 502)
        self.assertEqual(len(self.bench.upstreams), 2)

    def test_reset(self) -> None:
        """A reset is as good as a close."""
        self.client.ask()
        self.bench.upstream().reset()
        self.assertEqual(len(self.bench.upstreams), 2)

    def test_not_after_a_byte(self) -> None:
        """What has begun to be answered was received: it is not sent again."""
        for begun in (b"H", b"HTTP/1.1 200 O", b"HTTP/1.1 100 Continue\r\n\r\n"):
            self.setUp()
            self.client.ask()
            self.bench.upstream().send(begun)
            self.bench.upstream().close()
            self.assertEqual(self.client.answer().status, 502, begun)
            self.assertEqual(len(self.bench.upstreams), 1)

    def test_not_after_a_time_out(self) -> None:
        """An upstream that is too slow is not given the same request once more."""
        self.client.ask()
        self.bench.advance(62)
        self.assertEqual(self.client.answer().status, 504)
        self.assertEqual(len(self.bench.upstreams), 1)

    def test_not_after_nonsense(self) -> None:
        """An answer that is no HTTP is 502 at once."""
        self.client.ask()
        self.bench.upstream().send(b"nonsense\r\n\r\n")
        self.assertEqual(self.client.answer().status, 502)
        self.assertEqual(len(self.bench.upstreams), 1)

    def test_refused(self) -> None:
        """When the second attempt is refused, that is what the client is told."""
        self.bench.accepting = False
        self.client.ask()
        self.bench.upstreams[0].close()
        self.bench.upstream().refuse()
        self.assertEqual(self.client.answer().status, 502)
        self.assertIn("Connection refused", self.bench.errors()[-1])


def _forwarded(message: bytes) -> bytes:
    return message.replace(b"Host: example.org", b"Host: 127.0.0.1:8080")


def _two_locations(test: SynchronousTestCase) -> Bench:
    return serve(
        test,
        "server { listen 80; location /a/ { proxy_pass http://127.0.0.1:8080; }"
        "location /b/ { proxy_pass http://127.0.0.1:8080/x/; }"
        "location /c/ { proxy_pass http://127.0.0.1:8081; } }",
    )
