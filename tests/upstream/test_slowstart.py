"""`slow_start`: a server that comes back gets its share little by little."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError
from reverseproxy.upstream.balancing import SlowLeastConnections
from reverseproxy.upstream.groups import Group
from reverseproxy.upstream.health import CHECKING, Health, Result
from reverseproxy.upstream.members import Member, Rank, SlowTurn, Turn

from ..support import serve
from .test_balancing import member


def shares(turn: Callable[[], Turn], now: float, count: int = 400) -> Counter[str]:
    """Whom requests go to at a time, each done before the next one comes."""
    found: Counter[str] = Counter()
    for _ in range(count):
        mine = turn()
        chosen = mine.take(now)
        if chosen is not None:
            found[chosen.server.decode()] += 1
            mine.free(chosen, False, now)
    return found


class SlowStartTests(SynchronousTestCase):
    def pair(self, **more: float) -> tuple[Member, Rank]:
        slow = member("a", slow_start=100.0, **more)
        return slow, Rank((slow, member("b")))

    def test_never_away(self) -> None:
        """A server that was never away has its whole weight from the start."""
        _, rank = self.pair()
        self.assertEqual(shares(lambda: SlowTurn(rank), 0.0), {"a": 200, "b": 200})

    def test_after_unhealthy(self) -> None:
        """One that is healthy again is asked at least now and then, and more as time goes on."""
        for kind in (SlowTurn, SlowLeastConnections):
            slow, rank = self.pair()
            health = Health("/")
            slow.examine(health)
            slow.judge(health, Result(False, "", 10.0))
            self.assertEqual(shares(lambda: kind(rank), 20.0), {"b": 400})  # noqa: B023 - called here
            slow.judge(health, Result(True, "", 1000.0))
            found = [shares(lambda: kind(rank), 1000.0 + at)["a"] for at in (0, 25, 50, 100, 200)]  # noqa: B023 - the same
            for got, wanted in zip(found, (4, 80, 133, 200, 200), strict=True):
                self.assertAlmostEqual(got, wanted, delta=2)

    def test_after_failures(self) -> None:
        """One that was passed over comes back slowly when a request to it succeeds again."""
        slow, rank = self.pair()
        slow.begin(0.0)
        slow.end(True, 0.0)
        self.assertEqual(slow.state(5.0), "unavail")
        self.assertEqual(shares(lambda: SlowTurn(rank), 5.0), {"b": 400})
        slow.begin(11.0)
        slow.end(False, 12.0)
        self.assertEqual((slow.state(12.0), slow.back), ("up", 12.0))
        self.assertLess(shares(lambda: SlowTurn(rank), 13.0)["a"], 10)
        self.assertAlmostEqual(shares(lambda: SlowTurn(rank), 62.0)["a"], 133, delta=2)
        self.assertAlmostEqual(shares(lambda: SlowTurn(rank), 112.0)["a"], 200, delta=2)

    def test_after_few_failures(self) -> None:
        """A failure that did not put it out of use does not make it slow."""
        slow, rank = self.pair(max_fails=2)
        slow.begin(0.0)
        slow.end(True, 0.0)
        slow.begin(11.0)
        slow.end(False, 12.0)
        self.assertEqual(slow.fails, 0)
        self.assertAlmostEqual(shares(lambda: SlowTurn(rank), 13.0)["a"], 200, delta=2)

    def test_mandatory(self) -> None:
        """A server that had to be checked first begins slowly, too."""
        slow, _ = self.pair()
        health = Health("/", state=CHECKING)
        slow.examine(health)
        slow.judge(health, Result(True, "", 50.0))
        self.assertEqual(slow.grown(75.0), 0.25)

    def test_least_conn(self) -> None:
        """By least_conn it has the fewer requests under way, the less it has grown."""
        slow, rank = self.pair()
        slow.back = 0.0
        for _ in range(50):
            SlowLeastConnections(rank).take(25.0)
        self.assertAlmostEqual(slow.conns, 10, delta=1)

    def test_alone(self) -> None:
        """A server that is the only one gets every request."""
        slow = member("a", slow_start=100.0)
        slow.back = 0.0
        self.assertEqual(shares(lambda: SlowTurn(Rank((slow,))), 1.0), {"a": 400})

    def group(self, text: str) -> Group:
        prefix = os.path.abspath(self.mktemp())
        os.makedirs(prefix)
        text = f"upstream a {{ server 10.0.0.1; {text} }} server {{ listen 80; }}"
        (group,) = serve(self, text, prefix).assembly.groups.declared
        return group

    def test_configured(self) -> None:
        """Only a group with such a server pays for it; hash, ip_hash and random can't have it."""
        slow = "server 10.0.0.2 slow_start=30s;"
        for text, kind in ((slow, SlowTurn), (f"least_conn; {slow}", SlowLeastConnections)):
            group = self.group(text)
            self.assertIs(type(group.take(None)), kind)  # type: ignore[arg-type]
            self.assertEqual(group.rank.members[1].slow_start, 30.0)
        plain = self.group("server 10.0.0.2;")
        self.assertIs(type(plain.take(None)), Turn)  # type: ignore[arg-type]
        for way in ("hash $uri", "hash $uri consistent", "ip_hash", "random", "random two"):
            with self.assertRaises(ConfigurationError) as caught:
                self.group(f"{way}; {slow}")
            (found,) = caught.exception.diagnostics
            self.assertEqual(
                found.message, f"a group that chooses by {way.split()[0]} has no slow_start"
            )
            self.assertIsNotNone(found.origin)
