"""Each hostile client is refused, or what it sent goes on as exactly one request."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from ..support import Bench
from . import clients, injection
from .clients import Case
from .holding import HostileClient, descriptors
from .injection import HTTP, Injection
from .naming import add_tests
from .strict import Received

#: Every refusal of a client's bytes: the error log says where it was.
REFUSED = re.compile(r"\(RP-(?:400|414|501|505)-")
WHERE = re.compile(r" at byte ([0-9]+) of the (head|target|path|decoded path|body) \(RP-")


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
            if REFUSED.search(line):
                where = WHERE.search(line)
                self.assertIsNotNone(where, line)
                self.assertLessEqual(int(where[1]), sum(map(len, case.sent)), line)
        self._fields(case, reached)
        self.assertEqual(descriptors(), before)

    def _fields(self, case: Case, reached: list[Received]) -> None:
        for name, values in case.fields:
            self.assertEqual((name, tuple(reached[0].all(name))), (name, values))


CASES = add_tests(
    ClientTests,
    clients.cases(),
    lambda case: f"answered {case.statuses}, {len(case.reached)} go on",
)


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


INJECTIONS = add_tests(InjectionTests, injection.cases(), lambda _case: "nothing is injected")


class CountTests(SynchronousTestCase):
    """How much is tried."""

    def test_count(self) -> None:
        """There are 2,500 hostile clients and more."""
        print(f"{len(CASES)} clients, {len(INJECTIONS)} injections")
        self.assertGreater(len(CASES) + len(INJECTIONS), 2500)
