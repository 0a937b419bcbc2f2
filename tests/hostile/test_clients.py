"""Each hostile client is refused, or what it sent goes on as exactly one request."""

from __future__ import annotations

import functools
import os
import re
import tempfile

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import Configuration

from .. import support
from ..support import Bench, Client, load_text, serve
from . import clients, injection
from .clients import Case
from .injection import HTTP, Injection
from .naming import named
from .paths import FILES, SECRET
from .strict import Received, Recorder, Reply, read_replies

#: Causes of which the error log says where in the head it was.
LOCATED = re.compile(r"\(RP-400-(?:request-line|field-name|field-value|fold|head|fields)\)")


def descriptors() -> int:
    """How many files this process has open."""
    return len(os.listdir("/proc/self/fd"))


@functools.cache
def read_once(text: str, prefix: str) -> Configuration:
    """As `support.load_text`."""
    return load_text(text, prefix)


@functools.cache
def directory(server: str, http: str) -> str:
    """A directory for a configuration."""
    prefix = tempfile.mkdtemp(prefix="hostile", dir=os.getcwd())
    if "root " in server:
        make_files(prefix)
    return prefix


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
        bench.advance(0.5)
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
        bench.advance(40)
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


class ClientTests(HostileClient):
    """One test a case; they are added below."""

    def case(self, case: Case) -> None:
        """Try a case whole, and byte by byte; the same daemon takes both."""
        bench = self.begin(case.server)
        self._attempt(bench, case, case.sent)
        whole = b"".join(case.sent)
        if len(whole) < 400:
            self._attempt(bench, case, tuple(whole[at : at + 1] for at in range(len(whole))))

    def _attempt(self, bench: Bench, case: Case, pieces: tuple[bytes, ...]) -> None:
        before, told = descriptors(), len(bench.errors())
        self.recorder.requests.clear()
        client = bench.client()
        self.send(bench, client, pieces)
        reached = list(self.recorder.requests)
        closed = bool(client.ended)
        errors = bench.errors()[told:]
        replies = self.hold(bench, client, case.methods)
        self.assertEqual(tuple(reply.status for reply in replies), case.statuses, errors)
        self.assertEqual(tuple((r.method, r.target, r.body) for r in reached), case.reached)
        self.assertEqual(closed, case.closed)
        self.assertIn(case.says, "\n".join(errors))
        for line in errors:
            if LOCATED.search(line):
                self.assertRegex(line, r" at byte [0-9]+ \(RP-400-")
        self._fields(case, reached)
        self.assertEqual(descriptors(), before)

    def _fields(self, case: Case, reached: list[Received]) -> None:
        for name, values in case.fields:
            self.assertEqual((name, tuple(reached[0].all(name))), (name, values))


def _test(case: Case) -> object:
    def test(self: ClientTests) -> None:
        self.case(case)

    test.__doc__ = f"{case.name}: answered {case.statuses}, {len(case.reached)} go on."
    return test


CASES = list(clients.cases())
for _name, _case in named(CASES).items():
    setattr(ClientTests, _name, _test(_case))


class InjectionTests(HostileClient):
    """One test a case; they are added below."""

    def case(self, case: Injection) -> None:
        """Nothing of the client's is a line, a field or a request of its own."""
        bench = self.begin(case.server, HTTP)
        client = bench.client()
        self.send(bench, client, (case.sent,))
        (reply,) = self.hold(bench, client)
        self.assertEqual(reply.all(b"x-injected"), [])
        for received in self.recorder.requests:
            self.assertEqual(received.all(b"x-injected"), [])
            self.assertNotIn(received.target, (b"/admin",))
        # One line a request: this one, and the good one after it.
        self.assertEqual(len(bench.lines()), 2)
        for line in bench.lines():
            self.assertRegex(line, r"\A[ -~]*\Z")
        for line in bench.errors():
            self.assertRegex(line, r"\A\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[[a-z]+\] [ -~]*\Z")


def _injection(case: Injection) -> object:
    def test(self: InjectionTests) -> None:
        self.case(case)

    test.__doc__ = f"{case.name}: nothing is injected."
    return test


INJECTIONS = list(injection.cases())
for _method, _injected in named(INJECTIONS).items():
    setattr(InjectionTests, _method, _injection(_injected))


class CountTests(SynchronousTestCase):
    """How much is tried."""

    def test_count(self) -> None:
        """There are 400 hostile clients and more."""
        self.assertGreater(len(CASES), 400)
