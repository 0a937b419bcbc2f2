r"""A daemon without a network: a configuration's sites, clients and upstreams driven by hand.

bench = serve(self, "server { listen 80; location / { proxy_pass http://10.0.0.1; } }")
client = bench.client()
client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
upstream = bench.upstream()
upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
client.answer().body
"""

from __future__ import annotations

import os
from functools import partial
from math import inf
from typing import Any

from twisted.internet import _producer_helpers, address, error, tcp
from twisted.internet.task import Cooperator
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web import proxy
from twisted.web.server import Site as StockSite

from reverseproxy import features
from reverseproxy.config import Configuration, load
from reverseproxy.web import pipes, segments, variables
from reverseproxy.web.accepted import Server
from reverseproxy.web.assembly import Assembly

from .answers import Answer, read_answers
from .fakes import FakeReactor, FakeSocket, fake_sendfile, fake_splice

Place = tuple[str, int]
CLIENT = ("192.0.2.7", 51234)
HERE = ("198.51.100.1", 80)
#: the bench's time of day begins here: Thu, 02 Jul 2026 03:04:05 GMT
EPOCH = 1_782_961_445.0


class Line:
    """One end that a test holds of a connection whose other end is the code under test."""

    def __init__(self, reactor: FakeReactor, socket: FakeSocket, transport: Any) -> None:
        self.reactor = reactor
        self.socket = socket
        self.transport = transport

    def send(self, *pieces: bytes) -> None:
        """Let bytes arrive, each piece in a read of its own."""
        for piece in pieces:
            self.socket.arrived.append(piece)
            self.reactor.settle()

    def close(self) -> None:
        """Close in good order."""
        self.socket.peer_closed = True
        self.reactor.settle()

    def reset(self) -> None:
        """Break the connection."""
        self.socket.peer_reset = True
        self.reactor.settle()

    def stop_reading(self, room: int = 0) -> None:
        """From now on the kernel takes `room` bytes and no more."""
        self.socket.room = room

    def read_on(self, size: float = inf) -> None:
        """Read `size` bytes more."""
        self.socket.room += size
        self.reactor.settle()

    @property
    def received(self) -> bytes:
        """All that was sent here so far and not taken."""
        return bytes(self.socket.sent)

    def take(self) -> bytes:
        """What was sent here; it is not given again."""
        data = bytes(self.socket.sent)
        self.socket.sent.clear()
        return data

    @property
    def ended(self) -> str:
        """How the other end ended the connection: "", "shut", "closed" or "reset"."""
        socket = self.socket
        if socket.closed:
            return "reset" if socket.reset else "closed"
        return "shut" if socket.shut else ""

    @property
    def reads(self) -> bool:
        """Whether the other end reads."""
        return self.transport in self.reactor.readers


class Client(Line):
    """A client's connection."""

    @property
    def channel(self) -> Any:
        """The protocol behind it."""
        return self.transport.protocol

    def answers(self, *methods: bytes) -> list[Answer]:
        """Every answer so far, taken apart; `methods` as in `read_answers`."""
        return read_answers(self.received, methods, closed=self.ended == "closed")

    def answer(self, method: bytes = b"GET") -> Answer:
        """The one answer there is; it is taken."""
        found = self.answers(method)
        if len(found) != 1:
            raise AssertionError(f"{len(found)} answers: {found}")
        self.take()
        return found[0]

    def get(self, path: bytes = b"/", *fields: bytes, method: bytes = b"GET") -> Answer:
        """Ask for a path and read the answer, which must be there at once."""
        self.ask(path, *fields, method=method)
        return self.answer(method)

    def ask(self, path: bytes = b"/", *fields: bytes, method: bytes = b"GET") -> None:
        """Send a request without a body."""
        self.send(request(path, *fields, method=method))


class Upstream(Line):
    """A connection to an upstream, from the attempt on."""

    socket: Any
    transport: Any

    def __init__(
        self, reactor: FakeReactor, host: str, port: int, factory: Any, timeout: float, kind: Any
    ) -> None:
        super().__init__(reactor, None, None)  # type: ignore[arg-type]
        self.host, self.port = host, port
        self.timeout = timeout
        self.factory = factory
        self._kind = kind
        #: "connecting", "connected", "failed" or "cancelled"
        self.state = "connecting"
        factory.doStart() if hasattr(factory, "doStart") else None

    def accept(self, room: float = inf) -> None:
        """Let the connection come about; the kernel takes `room` bytes."""
        if self.state != "connecting":
            return
        self.state = "connected"
        protocol = self.factory.buildProtocol(address.IPv4Address("TCP", self.host, self.port))
        self.socket = FakeSocket(("198.51.100.1", 40000), (self.host, self.port))
        self.socket.room = room
        self.transport = self._kind(
            self.socket, protocol, (self.host, self.port), None, 0, self.reactor
        )
        protocol.makeConnection(self.transport)

    def fail(self, why: Exception) -> None:
        """Let the attempt fail."""
        if self.state != "connecting":
            return
        self.state = "failed"
        self.factory.clientConnectionFailed(self, Failure(why))
        self.reactor.settle()

    def refuse(self) -> None:
        """Nobody listens there."""
        self.fail(error.ConnectionRefusedError(111, "Connection refused"))

    def time_out(self) -> None:
        """Nobody answers there."""
        self.fail(error.TimeoutError())

    # --- IConnector ---

    def stopConnecting(self) -> None:
        """The code under test gives up."""
        if self.state == "connecting":
            self.state = "cancelled"
            self.factory.clientConnectionFailed(self, Failure(error.UserError()))

    def requests(self) -> list[bytes]:
        """The requests without a body that arrived."""
        found = self.received.split(b"\r\n\r\n")
        if found.pop():
            raise AssertionError(f"not requests alone: {self.received!r}")
        return found

    def fields(self) -> list[tuple[bytes, bytes]]:
        """The fields of the one request that arrived."""
        head = self.received.partition(b"\r\n\r\n")[0]
        lines = head.split(b"\r\n")[1:]
        return [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]

    @property
    def target(self) -> bytes:
        """The target of the request that arrived."""
        return self.received.split(b" ", 2)[1]


class Network:
    """What a test sees of the network: clients it makes, connections to upstreams."""

    kind: Any = Server

    def __init__(self, reactor: FakeReactor) -> None:
        self.reactor = reactor
        self.upstreams: list[Upstream] = []
        #: whether attempts succeed by themselves
        self.accepting = True
        #: how many bytes the kernel takes on a new connection to an upstream
        self.upstream_room: float = inf

    def connect(
        self, _reactor: Any, host: str, port: int, factory: Any, timeout: float
    ) -> Upstream:
        """Stand for the reactor: note the attempt."""
        upstream = Upstream(self.reactor, host, port, factory, timeout, self.kind)
        self.upstreams.append(upstream)
        if self.accepting:
            self.reactor.callLater(0, upstream.accept, self.upstream_room)
        return upstream

    def upstream(self) -> Upstream:
        """The newest connection to an upstream."""
        return self.upstreams[-1]

    def connected(
        self, factory: Any, peer: tuple[str, int], here: tuple[str, int]
    ) -> Client | None:
        """Connect a client to a factory; None when it does not want any."""
        protocol = factory.buildProtocol(address.IPv4Address("TCP", *peer))
        if protocol is None:
            return None
        socket = FakeSocket(here, peer)
        transport = self._transport(factory)(socket, protocol, peer, None, 1, self.reactor)
        protocol.makeConnection(transport)
        return Client(self.reactor, socket, transport)

    def _transport(self, factory: Any) -> Any:
        """What makes transports for a factory's connections, as `Port.transport` does."""
        secured = getattr(factory, "secured", None)
        return self.kind if secured is None else partial(secured.accepted, False)


class Bench(Network):
    """A configuration that is served to nobody but the test."""

    def __init__(self, test: SynchronousTestCase, text: str, prefix: str) -> None:
        super().__init__(FakeReactor())
        self.prefix = prefix
        test.patch(segments.os, "sendfile", fake_sendfile)
        test.patch(pipes, "splice", fake_splice)
        cooperator = Cooperator(
            terminationPredicateFactory=lambda: lambda: True,
            scheduler=lambda call: self.reactor.callLater(0.001, call),
        )
        test.patch(_producer_helpers, "cooperate", cooperator.cooperate)
        self.configuration = load_text(text, prefix)
        self.assembly = Assembly(
            self.configuration,
            self.reactor,
            seconds=self.reactor.seconds,
            clock=lambda: EPOCH + self.reactor.seconds(),
        )
        self.assembly.pools.connect = self.connect
        for file in self.assembly.log_files:
            os.makedirs(os.path.dirname(file.path), exist_ok=True)
        if self.assembly.log_files.open_all():
            raise AssertionError("a log file can't be opened")
        test.addCleanup(self.assembly.log_files.close)
        self.assembly.sweep.start()

    def path(self, name: str) -> str:
        """A path below the prefix."""
        return os.path.join(self.prefix, name)

    def client(self, port: int = 80, peer: tuple[str, int] = CLIENT) -> Client:
        """A new connection to the first address with that port."""
        client = self.try_client(port, peer)
        if client is None:
            raise AssertionError("the connection was not taken")
        return client

    def try_client(self, port: int = 80, peer: tuple[str, int] = CLIENT) -> Client | None:
        """A new connection; None when it is closed at once."""
        for listen, site in self.assembly.sites.items():
            if listen.address.port == port:
                return self.connected(site, peer, (HERE[0], port))
        raise AssertionError(f"nobody listens on {port}")

    def advance(self, seconds: float, step: float = 0.25) -> None:
        """Let time pass, and the sweep with it."""
        end = self.reactor.seconds() + seconds
        while self.reactor.seconds() < end:
            self.reactor.advance(min(step, end - self.reactor.seconds()))
            self.reactor.settle()

    def lines(self, name: str = "logs/access.log") -> list[str]:
        """The lines of a log."""
        with open(self.path(name), encoding="latin-1", newline="\n") as file:
            return file.read().split("\n")[:-1]

    def errors(self) -> list[str]:
        """The error log's lines."""
        return self.lines("logs/error.log")

    def idle(self, host: str = "127.0.0.1", port: int = 8080) -> int:
        """How many connections to a peer wait in the pool."""
        return len(self.assembly.pools.peer(host, port).idle)


class StockBench(Network):
    """`twisted.web.proxy.ReverseProxyResource` as Twisted has it, on the same network."""

    kind = tcp.Server

    def __init__(self, host: str = "127.0.0.1", port: int = 8080, path: bytes = b"") -> None:
        super().__init__(FakeReactor())
        self.reactor.connect = self.connect
        resource = proxy.ReverseProxyResource(host, port, path, self.reactor)
        self.site = StockSite(resource, reactor=self.reactor)

    def client(self) -> Client:
        """A new connection."""
        client = self.connected(self.site, CLIENT, HERE)
        if client is None:
            raise AssertionError("the connection was not taken")
        return client

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.reactor.pump([1.0] * int(seconds))
        self.reactor.settle()


def load_text(text: str, prefix: str) -> Configuration:
    """Load a configuration from memory: the whole text, or what stands in `http`."""
    if "http {" not in text:
        text = f"error_log logs/error.log info;\nevents {{}}\nhttp {{\n{text}\n}}\n"
    path = os.path.join(prefix, "nginx.conf")
    return load(
        path,
        prefix=prefix,
        classes=features.SETTINGS,
        variables=variables.known,
        read=lambda _path: text.encode(),
    )


def serve(test: SynchronousTestCase, text: str, prefix: str = "") -> Bench:
    """Put a configuration on the bench; a text without `http` is what stands in `http`."""
    if not prefix:
        prefix = os.path.abspath(test.mktemp())
        os.makedirs(prefix)
    return Bench(test, text, prefix)


def proxied(test: SynchronousTestCase, extra: str = "") -> Bench:
    """A bench with one server on port 80 whose only location goes to 127.0.0.1:8080."""
    return serve(
        test,
        "server { listen 80; server_name example.org; location / { "
        f"proxy_pass http://127.0.0.1:8080; {extra} }} }}",
    )


def request(
    path: bytes = b"/",
    *fields: bytes,
    method: bytes = b"GET",
    host: bytes = b"example.org",
    body: bytes = b"",
    version: bytes = b"1.1",
) -> bytes:
    """A request; a body gets its Content-Length."""
    lines = [b"%b %b HTTP/%b" % (method, path, version), b"Host: " + host, *fields]
    if body:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join([*lines, b"", body])


def ok(body: bytes = b"hi", *fields: bytes) -> bytes:
    """An upstream's small answer."""
    lines = [b"HTTP/1.1 200 OK", b"Content-Length: %d" % len(body), *fields, b"", b""]
    return b"\r\n".join(lines) + body
