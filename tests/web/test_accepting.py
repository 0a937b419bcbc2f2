"""Accepting connections where the machine has nothing left for them."""

from __future__ import annotations

import errno
import os
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.web.accepting import PAUSE, Port

from ..fakes import FakeSocket
from ..support import CLIENT, HERE, Bench, Client, serve


class ListeningSocket(FakeSocket):
    """A socket at which clients wait; `trouble` is what accepting fails with before them."""

    def __init__(self) -> None:
        super().__init__(HERE, ("", 0))
        self.trouble: list[int] = []

    def accept(self) -> tuple[FakeSocket, tuple[str, int]]:
        if self.trouble and (self.waiting or self.trouble[0] != errno.EMFILE):
            number = self.trouble.pop(0)
            raise OSError(number, os.strerror(number))
        return super().accept()

    @property
    def readable(self) -> bool:
        return bool(self.waiting or self.trouble)


class TestPort(Port):
    """A Port whose socket is given."""

    def __init__(self, sock: Any, bench: Bench) -> None:
        self.socket = sock
        self.reactor = bench.reactor
        self.factory = next(iter(bench.assembly.sites.values()))
        self._addressType = IPv4Address
        self.fileno = sock.fileno
        self.connected = True
        self.numberAccepts = 1
        self.sessionno = 0
        self.startReading()


class AcceptingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bench = serve(self, "server { listen 80; location / { return 200 hi; } }")
        self.listening = ListeningSocket()
        self.port = TestPort(self.listening, self.bench)
        self.clients: list[FakeSocket] = []

    def come(self, count: int = 1) -> None:
        """Let clients wait, each with a request."""
        for _ in range(count):
            client = FakeSocket(HERE, CLIENT)
            client.arrived.append(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            self.clients.append(client)
            self.listening.waiting.append(client)
        self.bench.reactor.settle()

    def answered(self) -> int:
        """How many have their answer."""
        return sum(b"200 OK" in bytes(client.sent) for client in self.clients)

    def test_all(self) -> None:
        """Everybody who waits is let in, however many."""
        self.come(50)
        self.assertEqual(self.answered(), 50)

    def test_exhausted(self) -> None:
        """Without a descriptor accepting rests, told once a minute, and goes on; nobody is lost."""
        for number in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
            self.setUp()
            self.listening.trouble = [number] * 3
            self.come(3)
            self.assertEqual(self.answered(), 0)
            self.assertNotIn(self.port, self.bench.reactor.readers)
            self.bench.advance(PAUSE * 2)
            self.assertEqual(self.answered(), 0)
            self.bench.advance(PAUSE * 2)
            self.assertEqual(self.answered(), 3)
            (line,) = [line for line in self.bench.errors() if "accept() failed" in line]
            self.assertIn(f"[alert] {os.getpid()}#", line)
            self.assertIn(f"({number}: {os.strerror(number)}): accepting is paused", line)

    def test_idle_ones_go(self) -> None:
        """Without a descriptor the connection that has idled longest is closed."""
        self.come(2)
        self.bench.advance(1)
        self.listening.trouble = [errno.EMFILE]
        self.come()
        self.bench.advance(1)
        self.assertEqual([client.closed for client in self.clients], [True, False, False])
        self.assertEqual(self.answered(), 3)

    def test_gone_before(self) -> None:
        """A client that was gone again, or that a firewall refused, keeps nobody waiting."""
        self.listening.trouble = [errno.ECONNABORTED, errno.EPERM, errno.EPROTO]
        self.come(2)
        self.assertEqual(self.answered(), 2)
        self.assertEqual(self.bench.errors(), [])

    def test_trouble_of_one(self) -> None:
        """A connection that can't be taken is closed and told of; the port serves on."""
        site = self.port.site
        build, calls = site.buildProtocol, [ValueError("no")]

        def failing(address: Any) -> Any:
            if calls:
                raise calls.pop()
            return build(address)

        self.patch(site, "buildProtocol", failing)
        self.come(2)
        self.assertEqual([client.closed for client in self.clients], [True, False])
        self.assertEqual(self.answered(), 1)
        self.assertIn("a connection can't be taken: ValueError: no", self.bench.errors()[0])

    def test_closed_while_paused(self) -> None:
        """A port that is closed while it rests does not come back."""
        self.listening.trouble = [errno.EMFILE]
        self.come()
        self.port.disconnecting = True
        self.bench.advance(1)
        self.assertNotIn(self.port, self.bench.reactor.readers)
        self.setUp()
        self.listening.trouble = [errno.EMFILE]
        self.come()
        self.port.connectionLost(Failure(ConnectionDone()))
        self.bench.advance(1)
        self.assertNotIn(self.port, self.bench.reactor.readers)


class RoomTests(SynchronousTestCase):
    """worker_connections: who idles makes room for who comes."""

    def begin(self, limit: int, location: str = "return 200 hi;") -> Bench:
        """Serve with a limit."""
        return serve(
            self,
            f"error_log logs/error.log; events {{ worker_connections {limit}; }} http {{ server {{"
            f"listen 80; location / {{ {location} }} }} }}",
        )

    def ended(self, clients: list[Client]) -> list[int]:
        """Which of the clients are closed."""
        return [number for number, client in enumerate(clients) if client.ended]

    def test_oldest_first(self) -> None:
        """Who has carried nothing for longest is closed; who asked again later stays."""
        bench = self.begin(4)
        clients = []
        for _ in range(4):
            clients.append(bench.client())
            clients[-1].get()
            bench.advance(2)
        clients[0].get()
        bench.advance(2)
        clients.append(bench.client())
        self.assertEqual(clients[-1].get().body, b"hi")
        bench.reactor.settle()
        self.assertEqual(self.ended(clients), [1])
        (line,) = bench.errors()
        self.assertIn("worker_connections are not enough, reusing connections", line)

    def test_unasked(self) -> None:
        """A connection that brought no request yet has idled since it came."""
        bench = self.begin(2)
        clients = [bench.client()]
        bench.advance(2)
        clients.append(bench.client())
        clients[1].get()
        clients.append(bench.client())
        bench.reactor.settle()
        self.assertEqual(self.ended(clients), [0])

    def test_busy_ones_stay(self) -> None:
        """Who is in a head, in a body or waits for an answer is not closed."""
        bench = self.begin(4, "proxy_pass http://127.0.0.1:8080;")
        clients = [bench.client() for _ in range(3)]
        clients[0].send(b"GET / HT")
        clients[1].send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc")
        clients[2].ask()
        self.assertIsNone(bench.try_client())
        self.assertEqual(self.ended(clients), [])

    def test_many(self) -> None:
        """An eighth of those that idle is closed when a sixteenth is left, 32 at most."""
        bench = self.begin(800)
        clients = [bench.client() for _ in range(750)]
        bench.reactor.settle()
        self.assertEqual(self.ended(clients), [])
        clients.append(bench.client())
        bench.reactor.settle()
        self.assertEqual(self.ended(clients), list(range(32)))

    def test_flood(self) -> None:
        """Ten times as many as there may be come and go, and a good one is served."""
        bench = self.begin(32)
        for _ in range(320):
            bench.client()
            bench.reactor.settle()
            self.assertLessEqual(bench.assembly.connections.clients, 32)
        self.assertEqual(bench.client().get().body, b"hi")

    def test_no_walk_in_vain(self) -> None:
        """Where nobody idles nobody is looked for again until the next sweep."""
        bench = self.begin(2, "proxy_pass http://127.0.0.1:8080;")
        busy = bench.client()
        busy.ask()
        self.assertIsNone(bench.try_client())
        connections = bench.assembly.connections
        self.assertEqual(connections.searched, bench.assembly.sweep.now)
        bench.advance(2)
        self.assertNotEqual(connections.searched, bench.assembly.sweep.now)

    def test_for_an_upstream(self) -> None:
        """A client that idles makes room for a connection to an upstream."""
        bench = self.begin(2, "proxy_pass http://127.0.0.1:8080;")
        idle, client = bench.client(), bench.client()
        client.ask()
        self.assertEqual(self.ended([idle, client]), [0])
        self.assertEqual(len(bench.upstreams), 1)

    def test_lingering(self) -> None:
        """A connection that is only read on is closed as well."""
        bench = self.begin(2)
        refused = bench.client()
        refused.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\nabc")
        self.assertEqual(refused.ended, "shut")
        bench.client().send(b"GET /")
        self.assertIsNotNone(bench.try_client())
        bench.reactor.settle()
        self.assertEqual(refused.ended, "closed")
