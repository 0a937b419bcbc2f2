"""New connections that an upstream may not have accepted: another one makes way for them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ..support import Upstream, ok, proxied


class QueuedTests(SynchronousTestCase):
    """An upstream that serves so many connections at a time accepts no other before one closes."""

    def setUp(self) -> None:
        self.bench = proxied(self)
        self.clients = [self.bench.client() for _ in range(3)]

    def ask(self, count: int) -> list[Upstream]:
        """Let the first of the clients ask at once, each over a new connection."""
        for client in self.clients[:count]:
            client.ask()
        return self.bench.upstreams[-count:]

    def ends(self) -> list[str]:
        return [upstream.ended for upstream in self.bench.upstreams]

    def test_idle(self) -> None:
        """An idle connection is closed for a new one that had no byte for a second."""
        first, second = self.ask(2)
        first.send(ok())
        self.bench.advance(0.75)
        self.assertEqual(self.ends(), ["", ""])
        self.bench.advance(1.5)
        self.assertEqual(self.ends(), ["reset", ""])
        second.send(ok(b"at last"))
        self.assertEqual(self.clients[1].answer().body, b"at last")
        self.bench.advance(5)
        self.assertEqual((self.ends()[1], self.bench.idle()), ("", 1))

    def test_busy(self) -> None:
        """Where none idles the next one that is free is closed, and only that one."""
        first, second, _third = self.ask(3)
        first.send(b"HTTP/1.1 200 OK\r\n")
        second.send(b"HTTP/1.1 200 OK\r\n")
        self.bench.advance(2.5)
        self.assertEqual(self.ends(), ["", "", ""])
        first.send(ok()[17:])
        second.send(ok()[17:])
        self.assertEqual(self.ends(), ["reset", "", ""])
        self.assertEqual([c.answer().body for c in self.clients[:2]], [b"hi", b"hi"])

    def test_one_for_one(self) -> None:
        """One that waits costs one idle connection at a time, the least recently used first."""
        first, second, _third = self.ask(3)
        first.send(ok())
        second.send(ok())
        self.bench.advance(1.75)
        self.assertEqual(self.ends(), ["reset", "", ""])
        self.bench.advance(1)
        self.assertEqual(self.ends(), ["reset", "reset", ""])

    def test_answered(self) -> None:
        """One that was answered in the meantime, or whose client has left, costs no other."""
        first, second, third = self.ask(3)
        first.send(b"HTTP/1.1 200 OK\r\n")
        self.bench.advance(2.5)
        self.clients[2].close()
        self.assertEqual(third.ended, "reset")
        second.send(ok())
        first.send(ok()[17:])
        self.assertEqual((self.ends()[:2], self.bench.idle()), (["", ""], 2))

    def test_used_before(self) -> None:
        """A slow answer over a connection that was used before costs none: it is accepted."""
        for upstream in self.ask(2):
            upstream.send(ok())
        self.clients[2].ask()
        self.bench.advance(5)
        self.assertEqual((self.ends(), self.bench.idle()), (["", ""], 1))

    def test_dripped(self) -> None:
        """While a client is still sending its request, that costs no connection of others."""
        bench = proxied(self, "proxy_request_buffering off;")
        slow, quick = bench.client(), bench.client()
        slow.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n1")
        quick.ask()
        bench.upstream().send(ok())
        bench.advance(5)
        self.assertEqual((bench.upstream().ended, bench.idle()), ("", 1))
        slow.send(b"2")
        bench.advance(2)
        self.assertEqual((bench.upstream().ended, bench.idle()), ("reset", 0))

    def test_connections_are_counted(self) -> None:
        """Each request opens one connection at most, and none is opened ahead of one."""
        self.assertEqual(self.bench.upstreams, [])
        self.ask(3)
        self.bench.advance(10)
        self.assertEqual(len(self.bench.upstreams), 3)
