"""What holds after every hostile client and every broken upstream."""

from __future__ import annotations

import functools
import os
import tempfile

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import Configuration

from .. import support
from ..support import Bench, Client, Upstream, load_text, ok, serve
from .paths import FILES, SECRET
from .strict import Recorder, Reply, read_replies


def descriptors() -> int:
    """How many files this process has open."""
    return len(os.listdir("/proc/self/fd"))


PASS = "server { listen 80; location / { proxy_pass http://%s; %s } }"


@functools.cache
def read_once(text: str, prefix: str) -> Configuration:
    """As `support.load_text`."""
    return load_text(text, prefix)


@functools.cache
def directory(*_what: str) -> str:
    """A directory for a configuration."""
    return tempfile.mkdtemp(prefix="hostile", dir=os.getcwd())


def make_files(prefix: str) -> None:
    """What is served, and what is not to be, below `prefix`."""
    for name, text in FILES.items():
        path = os.path.join(prefix, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if text.startswith("-> "):
            os.symlink(text[3:], path)
        else:
            with open(path, "w") as file:
                file.write(text)


class HostileClient(SynchronousTestCase):
    """Holds what must hold of every client, whatever it sends."""

    maxDiff = None

    def begin(self, server: str, http: str = "") -> Bench:
        """Serve, with upstreams that answer."""
        # Configurations are frozen and few: each is read once, in a directory of its own.
        self.patch(support, "load_text", read_once)
        prefix = directory(server, http)
        if "root " in server and not os.listdir(prefix):
            make_files(prefix)
        text = f"{http}\nserver {{ listen 80; server_name example.org;\n{server}\n}}"
        bench = serve(self, text, prefix)
        for name in ("access.log", "error.log"):
            os.truncate(bench.path(f"logs/{name}"), 0)
        self.recorder = Recorder(bench)
        return bench

    def send(self, bench: Bench, client: Client, pieces: tuple[bytes, ...]) -> None:
        """Send pieces, and let upstreams answer after each."""
        for piece in pieces:
            client.send(piece)
            self.recorder.serve()

    def hold(self, bench: Bench, client: Client, methods: tuple[bytes, ...] = ()) -> list[Reply]:
        """Hold the invariant; the client's answers.

        Each request that reached an upstream was whole (the recorder has seen to that) and has its
        answer, in order; a refusal is the last answer and ends the connection; the next client is
        served; nothing is left, and nothing was unhandled.
        """
        bench.advance(0.5, step=0.5)
        self.recorder.serve()
        ended = "closed" if client.ended in ("closed", "shut") else client.ended
        self.assertNotIn(SECRET, client.received)
        replies = read_replies(client.received, list(methods), ended)
        serials = [int(value) for reply in replies for value in reply.all(b"x-serial")]
        self.assertEqual(serials, [one.serial for one in self.recorder.requests])
        for reply in replies:
            self.assertTrue(reply.complete, reply)
            if reply.status in (400, 414, 501, 505):
                self.assertIs(reply, replies[-1])
                self.assertIn(client.ended, ("closed", "shut"))
        self._serves_on(bench)
        client.close()
        bench.advance(40, step=5)
        self.assertIn(client.ended, ("closed", "reset"))
        self._left_nothing(bench)
        return replies

    def _serves_on(self, bench: Bench) -> None:
        """A good request on a new connection is answered."""
        good = bench.client()
        good.ask(b"/good")
        self.recorder.serve()
        (reply,) = read_replies(good.received, [], good.ended)
        self.assertTrue(reply.complete)
        good.close()

    def _left_nothing(self, bench: Bench) -> None:
        connections = bench.assembly.connections
        self.assertEqual(connections.clients, 0)
        idle = sum(len(peer.idle) for peer in bench.assembly.pools._peers.values())
        self.assertEqual(connections.upstreams, idle)
        for upstream in bench.upstreams:
            self.assertEqual(upstream.received, b"")
        for line in bench.errors():
            self.assertNotRegex(line, r" \[(?:crit|alert|emerg)\] ")


def read(client: Client, *methods: bytes) -> list[Reply]:
    """The client's answers; what "shut" shows of the end is what "closed" does."""
    ended = "closed" if client.ended == "shut" else client.ended
    return read_replies(client.received, list(methods), ended)


class HostileUpstream(SynchronousTestCase):
    """Holds what must hold after every answer of an upstream, whatever it was."""

    maxDiff = None

    def begin(self, text: str) -> Bench:
        """Serve."""
        self.patch(support, "load_text", read_once)
        bench = serve(self, text, directory(text))
        for name in ("access.log", "error.log"):
            os.truncate(bench.path(f"logs/{name}"), 0)
        return bench

    def hold(self, bench: Bench, client: Client, broken: list[Upstream]) -> None:
        """The next request has its own answer, over a connection that is not a broken one."""
        if client.ended:
            client.close()
            client = bench.client()
        client.take()
        client.ask(b"/second")
        asked = [one for one in bench.upstreams if one.received]
        (upstream,) = asked
        self.assertNotIn(upstream, broken)
        self.assertEqual(upstream.target, b"/second")
        upstream.send(ok(b"its own"))
        (reply,) = read(client)
        self.assertEqual((reply.status, reply.body, reply.complete), (200, b"its own", True))
        client.close()
        self.assertEqual(bench.assembly.connections.clients, 0)
        idle = sum(len(peer.idle) for peer in bench.assembly.pools._peers.values())
        self.assertEqual(bench.assembly.connections.upstreams, idle)
