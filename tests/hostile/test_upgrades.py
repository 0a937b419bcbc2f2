"""No tunnel unless both sides agreed, and no request out of what was sent ahead of one."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ..support import ok
from . import upgrades
from .holding import PASS, HostileUpstream, read
from .naming import add_tests
from .strict import RequestReader
from .upgrades import Upgrade


class UpgradeTests(HostileUpstream):
    """One test a case; they are added below."""

    def case(self, case: Upgrade) -> None:
        """Ask, send ahead, and look at what becomes of it."""
        bench = self.begin(PASS % ("127.0.0.1:8080", ""))
        client = bench.client()
        client.send(case.head + case.ahead)
        upstream = bench.upstream()
        (asked,) = RequestReader().feed(upstream.take())
        self.assertEqual((asked.target, bool(asked.all(b"upgrade"))), (b"/chat", case.asked))
        upstream.send(case.answer)
        if case.asked and case.agrees:
            # From here on it is theirs: what was sent ahead arrives, behind the 101.
            self.assertTrue(client.received.startswith(b"HTTP/1.1 101 "))
            self.assertEqual(upstream.take(), case.ahead)
            client.close()
            self.assertTrue(upstream.ended)
            return
        self.assertNotIn(b" 101 ", client.received)
        if case.asked:
            # The client took the upgrade for granted: what is behind is no request.
            (reply,) = read(client)
            self.assertTrue(client.ended)
            self.assertEqual([one for one in bench.upstreams if one.received], [])
        else:
            replies = read(client)
            self.assertEqual([one.complete for one in replies], [True] * len(replies))
            targets = [one.target for one in bench.upstreams if one.received]
            # A request that waits behind is a request; anything else is refused.
            wanted = [b"/next"] if case.ahead.startswith(b"GET") else []
            wanted = [] if b"Connection: close" in case.head else wanted
            self.assertEqual(targets, wanted)
        self.assertIn(replies[0].status if not case.asked else reply.status, (200, 426, 502))
        for one in bench.upstreams:
            if one.received:
                one.take()
                one.send(ok())
        client.close()
        bench.advance(40, step=5)
        self.hold(bench, bench.client(), [upstream] if upstream.ended else [])


CASES = add_tests(
    UpgradeTests,
    upgrades.cases(),
    lambda case: "a tunnel" if case.asked and case.agrees else "no tunnel",
)


class CountTests(SynchronousTestCase):
    """How much is tried."""

    def test_count(self) -> None:
        """Some of it agrees, most does not."""
        agreeing = [case for case in CASES if case.asked and case.agrees]
        print(f"{len(CASES)} upgrades")
        self.assertGreater(len(CASES), 5 * len(agreeing))
        self.assertGreater(len(agreeing), 5)
