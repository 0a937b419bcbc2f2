"""Who is chosen: the order of servers, to the letter where nginx has one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, cast

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.upstream.balancing import (
    AtRandom,
    BetterOfTwo,
    ByAddress,
    ByKey,
    Circle,
    LeastConnections,
    OnCircle,
    packed,
)
from reverseproxy.upstream.members import Member, Rank, Turn


def member(name: str, weight: int = 1, **more: Any) -> Member:
    """A member whose peer is nobody."""
    return Member(cast(Any, None), name.encode(), weight, **more)


def rank(*weights: int, **more: Any) -> Rank:
    """Members a, b, c … with these weights."""
    return Rank(tuple(member(chr(97 + at), w, **more) for at, w in enumerate(weights)))


def order(turn: Callable[[], Turn], count: int, fails: str = "", now: float = 0.0) -> str:
    """Whom each of `count` requests goes to first; those to `fails` fail and go on, in brackets."""
    found = ""
    for _ in range(count):
        mine = turn()
        while True:
            chosen = mine.take(now)
            if chosen is None:
                found += "-"
                break
            failed = chosen.server.decode() in fails
            found += f"({chosen.server.decode()})" if failed else chosen.server.decode()
            mine.free(chosen, failed, now)
            if not failed or not mine.tries:
                break
    return found


class RoundRobinTests(SynchronousTestCase):
    def test_smooth(self) -> None:
        """Weights of 5, 1 and 1 give nginx's order."""
        group = rank(5, 1, 1)
        self.assertEqual(order(lambda: Turn(group), 14), "aabacaa" * 2)

    def test_equal(self) -> None:
        """Equal weights go round."""
        group = rank(1, 1, 1)
        self.assertEqual(order(lambda: Turn(group), 7), "abcabca")

    def test_down(self) -> None:
        """Who is down is never asked; nobody else there is nobody at all."""
        group = Rank((member("a", down=True), member("b"), member("c")))
        self.assertEqual(order(lambda: Turn(group), 4), "bcbc")
        self.assertEqual(order(lambda: Turn(rank(1, down=True)), 1), "-")

    def test_failures(self) -> None:
        """One that failed is passed over for fail_timeout, then one request goes to it."""
        group = rank(1, 1, 1)
        self.assertEqual(order(lambda: Turn(group), 4, "a", now=100), "(a)bcbc")
        self.assertEqual(order(lambda: Turn(group), 2, "a", now=109.9), "bc")
        found = order(lambda: Turn(group), 6, "a", now=110.1)
        self.assertEqual(found.count("(a)"), 1)
        order(lambda: Turn(group), 3, now=121)
        self.assertEqual(Counter(order(lambda: Turn(group), 9, now=122))["a"], 3)

    def test_max_fails(self) -> None:
        """It takes max_fails failures; with 0 none is counted."""
        group = Rank((member("a", max_fails=2), member("b")))
        found = order(lambda: Turn(group), 10, "a")
        self.assertEqual(found.count("(a)"), 2)
        group = Rank((member("a", max_fails=0), member("b")))
        self.assertGreater(order(lambda: Turn(group), 10, "a").count("(a)"), 3)

    def test_all_failed(self) -> None:
        """When all have failed nobody is left, until their time is over."""
        group = rank(1, 1)
        self.assertEqual(order(lambda: Turn(group), 2, "ab"), "(a)(b)-")
        self.assertEqual(set(order(lambda: Turn(group), 6, now=11)), {"a", "b"})

    def test_alone(self) -> None:
        """A group of one is always asked, however often it failed."""
        group = rank(1)
        self.assertEqual(order(lambda: Turn(group), 3, "a"), "(a)(a)(a)")

    def test_backup(self) -> None:
        """Who is behind is asked when nobody in front is left."""
        group = Rank((member("a"), member("b")), rank(1, 1))
        self.assertEqual(Turn(group).tries, 4)
        group = Rank((member("x"), member("y")), Rank((member("b"),)))
        self.assertEqual(order(lambda: Turn(group), 3, "xy"), "(x)(y)bbb")
        self.assertEqual(set(order(lambda: Turn(group), 6, now=11)), {"x", "y"})

    def test_max_conns(self) -> None:
        """No more requests than max_conns are under way at one of them."""
        group = Rank((member("a", max_conns=1), member("b")))
        held = [Turn(group).take(0) for _ in range(4)]
        self.assertEqual([one.server for one in held if one], [b"a", b"b", b"b", b"b"])
        alone = rank(1, max_conns=1)
        self.assertIsNotNone(Turn(alone).take(0))
        self.assertIsNone(Turn(alone).take(0))

    def test_lost_weight(self) -> None:
        """One that failed comes back with less weight, and gains it request by request."""
        group = Rank((member("a", 4, max_fails=1, fail_timeout=1), member("b", 4)))
        order(lambda: Turn(group), 1, "a")
        self.assertEqual(group.members[0].effective, 0)
        order(lambda: Turn(group), 8, now=5)
        self.assertEqual(group.members[0].effective, 4)


class LeastConnectionsTests(SynchronousTestCase):
    def test_fewest(self) -> None:
        """The one with the fewest requests under way, by weight, is asked."""
        group = rank(2, 1)
        held = [LeastConnections(group).take(0) for _ in range(6)]
        self.assertEqual(Counter(one.server for one in held if one), {b"a": 4, b"b": 2})
        group.members[1].conns = 0
        self.assertEqual(order(lambda: LeastConnections(group), 1), "b")

    def test_equals(self) -> None:
        """Among equals it is round robin."""
        group = rank(3, 1)
        self.assertEqual(order(lambda: LeastConnections(group), 4), order_of(3, 1))


def order_of(*weights: int) -> str:
    """Round robin's order over one circle."""
    group = rank(*weights)
    return order(lambda: Turn(group), sum(weights))


class ByAddressTests(SynchronousTestCase):
    def test_same(self) -> None:
        """An address goes to one server, its neighbours in the /24 as well."""
        group = rank(1, 1, 1)
        for address in (b"192.0.2.1", b"192.0.2.200"):
            self.assertEqual(order(lambda at=address: ByAddress(group, at), 3), "aaa")  # type: ignore[misc]

    def test_numbers(self) -> None:
        """The number is nginx's: 89, times 113, plus each byte, modulo 6271."""
        number = 89
        for byte in (10, 1, 2):
            number = (number * 113 + byte) % 6271
        group = rank(1, 1, 1, 1, 1)
        expected = "abcde"[number % 5]
        self.assertEqual(order(lambda: ByAddress(group, b"10.1.2.3"), 1), expected)

    def test_packed(self) -> None:
        """IPv6 counts as a whole; who has no address is zeros."""
        self.assertEqual(packed(b"2001:db8::1")[-1], 1)
        self.assertEqual(packed(b"unix:"), bytes(3))

    def test_failed(self) -> None:
        """When its server fails an address goes to another, and always to the same one."""
        group = rank(1, 1, 1)
        found = order(lambda: ByAddress(group, b"192.0.2.1"), 3, "a")
        self.assertRegex(found, r"^\(a\)([bc])\1\1$")


class ByKeyTests(SynchronousTestCase):
    def test_shares(self) -> None:
        """Keys are shared out by weight; a key stays where it is."""
        group = rank(3, 1)
        keys = [b"key-%d" % number for number in range(2000)]
        found = Counter(order(lambda key=key: ByKey(group, key), 1) for key in keys)  # type: ignore[misc]
        self.assertTrue(1400 < found["a"] < 1600, found)
        self.assertIn(order(lambda: ByKey(group, b"k"), 3), ("aaa", "bbb"))

    def test_no_key(self) -> None:
        """Without a key it is round robin."""
        group = rank(1, 1)
        self.assertEqual(order(lambda: ByKey(group, b""), 4), "abab")


class OnCircleTests(SynchronousTestCase):
    def where(self, group: Rank, count: int) -> list[bytes]:
        circle = Circle(group)
        found = []
        for number in range(count):
            turn = OnCircle(group, circle, b"/path/%d" % number)
            chosen = turn.take(0)
            if chosen is None:
                raise AssertionError("nobody")
            turn.free(chosen, False, 0)
            found.append(chosen.server)
        return found

    def test_leaves(self) -> None:
        """When one of five servers goes, at most 22 % of 10,000 keys go elsewhere."""
        names = [f"10.0.0.{number}:8080" for number in range(5)]
        before = self.where(Rank(tuple(map(member, names))), 10_000)
        after = self.where(Rank(tuple(map(member, names[:2] + names[3:]))), 10_000)
        moved = sum(old != new for old, new in zip(before, after, strict=True))
        self.assertLess(moved, 2200)
        self.assertEqual(moved, before.count(names[2].encode()))

    def test_passed_over(self) -> None:
        """When one fails its keys go to the next on the circle, those of the others stay."""
        names = [f"10.0.0.{number}:8080" for number in range(3)]
        before = self.where(Rank(tuple(map(member, names))), 500)
        group = Rank(tuple(member(name, down=name == names[0]) for name in names))
        after = self.where(group, 500)
        gone = names[0].encode()
        kept = [(old, new) for old, new in zip(before, after, strict=True) if old != gone]
        self.assertTrue(kept)
        self.assertEqual([old for old, _ in kept], [new for _, new in kept])
        self.assertNotIn(gone, after)

    def test_points(self) -> None:
        """The circle has 160 points for each unit of weight, less what coincides."""
        self.assertEqual(len(Circle(rank(2, 1)).hashes), 480)


class RandomTests(SynchronousTestCase):
    def test_weights(self) -> None:
        """The numbers are below the sum of the weights, and choose by weight."""
        group = rank(2, 1)
        numbers = iter([0, 1, 2])
        below: list[int] = []

        def number(most: int) -> int:
            below.append(most)
            return next(numbers)

        self.assertEqual(order(lambda: AtRandom(group, number), 3), "aab")
        self.assertEqual(below, [3, 3, 3])

    def test_better_of_two(self) -> None:
        """Of two the less busy one is asked; the same one drawn twice is one."""
        group = rank(1, 1, 1)
        group.members[0].conns = 5
        group.members[2].conns = 1
        numbers = iter([0, 0, 2])
        self.assertEqual(order(lambda: BetterOfTwo(group, lambda _most: next(numbers)), 1), "c")
        numbers = iter([2, 0])
        self.assertEqual(order(lambda: BetterOfTwo(group, lambda _most: next(numbers)), 1), "c")
