"""What an upstream directs ends no line, leaves no root, and makes no request of its own."""

from __future__ import annotations

import os

from ..support import ok
from . import directing
from .directing import Direction
from .holding import HostileUpstream, make_files, read
from .naming import add_tests
from .paths import SECRET
from .strict import RequestReader

TEXT = "server { listen 80; server_name example.org; %s }"


class DirectingTests(HostileUpstream):
    """One test a case; they are added below."""

    def case(self, case: Direction) -> None:
        """The client has one well-formed answer; what goes on is one well-formed request."""
        bench = self.begin(TEXT % directing.SERVER)
        if not os.path.exists(bench.path("site")):
            make_files(bench.prefix)
        client = bench.client()
        client.ask(b"/first")
        first = bench.upstream()
        first.take()
        first.send(case.sent)
        bench.advance(2)
        for onward in [one for one in bench.upstreams if one is not first or one.received]:
            (received,) = RequestReader().feed(onward.take())
            self.assertEqual(received.all(b"x-injected"), [])
            self.assertNotEqual(received.target, b"/admin")
            onward.send(ok(b"again"))
        (reply,) = read(client)
        self.assertIn(reply.status, case.seen, (reply, bench.errors()))
        self.assertTrue(reply.complete)
        self.assertEqual(reply.all(b"x-injected"), [])
        self.assertNotIn(SECRET, client.received)
        for name in (b"x-accel-redirect", b"x-accel-charset", b"upgrade", b"trailer"):
            self.assertEqual(reply.all(name), [])
        for line in bench.lines():
            self.assertRegex(line, r"\A[ -~]*\Z")
        for line in bench.errors():
            self.assertNotRegex(line, r" \[(?:crit|alert|emerg)\] ")
        for each in bench.upstreams:
            each.take()
            each.close()
        bench.reactor.settle()
        self.hold(bench, client, list(bench.upstreams))

    def test_circle(self) -> None:
        """An upstream that sends a request back to itself is asked ten times, then it is 500."""
        bench = self.begin(TEXT % directing.SERVER)
        client = bench.client()
        client.ask(b"/first")
        asked = 0
        while not client.received and asked < 50:
            upstream = next(one for one in bench.upstreams if one.received)
            upstream.take()
            asked += 1
            upstream.send(ok(b"", b"X-Accel-Redirect: /first"))
        self.assertEqual(client.answer().status, 500)
        self.assertEqual(asked, 11)


CASES = add_tests(
    DirectingTests,
    directing.cases(),
    lambda case: f"one answer of {' or '.join(map(str, case.seen))}",
)
