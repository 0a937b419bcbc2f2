"""What `limit_req` and `limit_conn` count by."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.guards.zones import ConnectionZone, RequestZone

if TYPE_CHECKING:
    from reverseproxy.guards.sharedzones import SharedConnectionZone, SharedRequestZone

MEGABYTE = 1 << 20
#: Gaps between requests, a rate, and a burst.
some_rates = given(
    st.lists(st.integers(0, 3000), max_size=40), st.integers(1, 5000), st.integers(0, 5000)
)


class RequestZoneRules(SynchronousTestCase if TYPE_CHECKING else object):
    """The leaky bucket, in milliseconds and thousandths of a request: for every kind of zone."""

    zone: Callable[[int, int], RequestZone | SharedRequestZone]

    def test_first(self) -> None:
        """The first request of a key is never too much."""
        self.assertEqual(self.zone(MEGABYTE, 1000).take(b"a", 5, 0), 0)

    def test_too_soon(self) -> None:
        """At one a second a request half a second after the first is half a request too many."""
        zone = self.zone(MEGABYTE, 1000)
        zone.take(b"a", 0, 0)
        self.assertEqual(zone.take(b"a", 500, 0), 500)
        self.assertEqual(zone.look(b"a", 1000), 0)

    def test_look(self) -> None:
        """To look counts nothing, and remembers no key."""
        zone = self.zone(MEGABYTE, 1000)
        self.assertEqual([zone.look(b"a", 0) for _ in range(3)], [0, 0, 0])
        self.assertEqual(len(zone), 0)
        zone.take(b"a", 0, 0)
        self.assertEqual([zone.look(b"a", 0) for _ in range(3)], [1000] * 3)

    def test_refused_is_not_counted(self) -> None:
        """What was refused does not make the next one later."""
        zone = self.zone(MEGABYTE, 1000)
        zone.take(b"a", 0, 0)
        for now in range(0, 1000, 10):
            self.assertGreater(zone.take(b"a", now, 0), 0)
        self.assertEqual(zone.take(b"a", 1000, 0), 0)

    def test_keys_are_apart(self) -> None:
        """One key's requests are nothing to another's."""
        zone = self.zone(MEGABYTE, 1000)
        zone.take(b"a", 0, 0)
        self.assertEqual(zone.take(b"b", 0, 0), 0)

    def test_holds(self) -> None:
        """A megabyte holds 8192 states of an IPv4 address, and none of them is forgotten."""
        zone = self.zone(MEGABYTE, 1)
        keys = [number.to_bytes(4, "big") for number in range(8192)]
        for key in keys:
            zone.take(key, 0, 0)
        self.assertEqual(len(zone), 8192)
        self.assertTrue(all(zone.look(key, 1) for key in keys))

    def hold_rate(self, gaps: list[int], rate: int, burst: int) -> None:
        """Ask after each gap, and count."""
        zone, now, taken = self.zone(MEGABYTE, rate), 0, 0
        for gap in gaps:
            now += gap
            if zone.take(b"k", now, burst) <= burst:
                taken += 1
        # Each step rounds in the client's favour, by less than a thousandth.
        self.assertLessEqual(taken * 1000, 1000 + burst + rate * now / 1000 + len(gaps))


class RequestZoneTests(RequestZoneRules, SynchronousTestCase):
    """A zone of one process."""

    zone = RequestZone

    @settings(derandomize=True, deadline=None, max_examples=200)
    @some_rates
    def test_rate_holds(self, gaps: list[int], rate: int, burst: int) -> None:
        """Whatever comes, no more than the burst, one, and the rate's share is let in."""
        self.hold_rate(gaps, rate, burst)

    def test_size(self) -> None:
        """Where a zone is full the longest unused goes."""
        zone = RequestZone(MEGABYTE, 1)
        for number in range(8192):
            zone.take(number.to_bytes(4, "big"), 0, 0)
        zone.look(bytes(4), 1)
        zone.take(b"more", 1, 0)
        self.assertEqual(len(zone), 8192)
        self.assertGreater(zone.look(bytes(4), 1), 0)
        self.assertEqual(zone.look((1).to_bytes(4, "big"), 1), 0)

    def test_idle(self) -> None:
        """Who was not seen for a minute and owes nothing goes, two at a time."""
        zone = RequestZone(MEGABYTE, 1000)
        for key in (b"a", b"b", b"c"):
            zone.take(key, 0, 0)
        zone.take(b"d", 59_999, 0)
        self.assertEqual(len(zone), 4)
        zone.take(b"e", 60_000, 0)
        self.assertEqual(len(zone), 3)


class ConnectionZoneRules(SynchronousTestCase if TYPE_CHECKING else object):
    """Counts that go up and down: for every kind of zone."""

    zone: Callable[[int], ConnectionZone | SharedConnectionZone]

    def test_most(self) -> None:
        """No more than so many come in; who leaves makes room."""
        zone = self.zone(MEGABYTE)
        self.assertTrue(zone.enter(b"a", 2))
        self.assertTrue(zone.enter(b"a", 2))
        self.assertFalse(zone.enter(b"a", 2))
        self.assertEqual(len(zone), 1)
        zone.leave(b"a")
        self.assertTrue(zone.enter(b"a", 2))
        zone.leave(b"a")
        zone.leave(b"a")
        self.assertEqual(len(zone), 0)

    def test_keys_are_apart(self) -> None:
        """One key's requests are nothing to another's."""
        zone = self.zone(MEGABYTE)
        self.assertTrue(zone.enter(b"a", 1))
        self.assertTrue(zone.enter(b"b", 1))
        zone.leave(b"a")
        self.assertFalse(zone.enter(b"b", 1))

    def test_holds(self) -> None:
        """32 kilobytes hold 512 states of an IPv4 address, and those that have gone take none."""
        zone = self.zone(32768)
        keys = [number.to_bytes(4, "big") for number in range(512)]
        for _ in range(5):
            self.assertTrue(all(zone.enter(key, 1) for key in keys))
            self.assertEqual(len(zone), 512)
            for key in keys:
                zone.leave(key)

    def test_largest(self) -> None:
        """The largest limit there is can be reached, and is held."""
        zone = self.zone(32768)
        self.assertTrue(all(zone.enter(b"a", 65535) for _ in range(65535)))
        self.assertFalse(zone.enter(b"a", 65535))

    def test_who_was_not_there(self) -> None:
        """Nobody leaves who is not in."""
        zone = self.zone(32768)
        self.assertRaises(KeyError, zone.leave, b"a")
        zone.enter(b"a", 1)
        zone.leave(b"a")
        self.assertRaises(KeyError, zone.leave, b"a")


class ConnectionZoneTests(ConnectionZoneRules, SynchronousTestCase):
    """A zone of one process."""

    zone = ConnectionZone

    def test_size(self) -> None:
        """A zone that is full lets no new key in, until one has gone."""
        zone = ConnectionZone(32768)
        for number in range(512):
            self.assertTrue(zone.enter(number.to_bytes(4, "big"), 1))
        self.assertFalse(zone.enter(b"more", 1))
        zone.leave(bytes(4))
        self.assertTrue(zone.enter(b"more", 1))
