"""Zones in shared memory: as those of one process, and one for several."""

from __future__ import annotations

import fcntl
import gc
import os
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.guards import sharedzones
from reverseproxy.guards.sharedzones import (
    WAYS,
    SharedConnectionZone,
    SharedRequestZone,
    create_connections,
    create_requests,
    forget,
)
from reverseproxy.guards.zones import ConnectionZone, RequestZone
from reverseproxy.process import sharedmemory

from .test_zones import MEGABYTE, ConnectionZoneRules, RequestZoneRules, some_rates

#: The smallest zone: twice 256 states of requests, twice 512 of connections.
SMALL = 32768
WORKERS = 3


class KilledError(Exception):
    """In the place of a SIGKILL."""


class Dying:
    """Memory whose process is killed before its next write after `writes` of them."""

    def __init__(self, memory: Any, left: list[int]) -> None:
        self.memory = memory
        self.left = left

    def __getitem__(self, at: Any) -> Any:
        return self.memory[at]

    def __setitem__(self, at: Any, value: Any) -> None:
        if not self.left[0]:
            raise KilledError
        self.left[0] -= 1
        self.memory[at] = value

    def find(self, *args: Any) -> int:
        found: int = self.memory.find(*args)
        return found


def doom(zone: Any, numbers: str, writes: int) -> list[int]:
    """Let a zone's process die after so many writes; what says how many are left."""
    left = [writes]
    zone._table.map = Dying(zone._table.map, left)
    setattr(zone, numbers, Dying(getattr(zone, numbers), left))
    return left


class Shared:
    """Makes zones, and closes them when the test is over."""

    def requests(self: Any, size: int = SMALL) -> int:
        """A descriptor of a new zone."""
        fd = create_requests(size)
        self.addCleanup(os.close, fd)
        return fd

    def connections(self: Any, size: int = SMALL) -> int:
        """The same, for three workers."""
        fd = create_connections(size, WORKERS)
        self.addCleanup(os.close, fd)
        return fd


class SharedRequestZoneTests(Shared, RequestZoneRules, SynchronousTestCase):
    """Requests."""

    def zone(self, size: int, rate: int) -> SharedRequestZone:
        return SharedRequestZone(self.requests(size), size, rate)

    @settings(derandomize=True, deadline=None, max_examples=100)
    @some_rates
    def test_rate_holds(self, gaps: list[int], rate: int, burst: int) -> None:
        """Whatever comes, no more than the burst, one, and the rate's share is let in."""
        self.hold_rate(gaps, rate, burst)

    def test_one_for_all(self) -> None:
        """What one worker lets in counts for the others."""
        fd = self.requests()
        one, two = (SharedRequestZone(fd, SMALL, 1000) for _ in range(2))
        self.assertEqual(one.take(b"a", 0, 1000), 0)
        self.assertEqual(two.take(b"a", 0, 1000), 1000)
        self.assertEqual((one.look(b"a", 0), two.look(b"a", 0)), (2000, 2000))
        self.assertEqual((len(one), len(two)), (1, 1))

    def test_a_clock_read_earlier(self) -> None:
        """A worker that read its clock before another one's request takes nothing back."""
        zone = self.zone(SMALL, 1000)
        zone.take(b"a", 1000, 0)
        self.assertEqual(zone.take(b"a", 990, 1000), 1000)
        self.assertEqual(zone.look(b"a", 1000), 2000)

    @settings(derandomize=True, deadline=None, max_examples=200)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from([b"a", b"b", bytes(16), b"x" * 300]),
                st.integers(0, 1000),
                st.integers(0, WORKERS - 1),
                st.booleans(),
            ),
            max_size=50,
        ),
        st.integers(1, 5000),
        st.integers(0, 5000),
    )
    def test_as_one_process(
        self, asked: list[tuple[bytes, int, int, bool]], rate: int, burst: int
    ) -> None:
        """Several workers say what a zone of one process would say."""
        fd = create_requests(SMALL)
        try:
            workers = [SharedRequestZone(fd, SMALL, rate) for _ in range(WORKERS)]
            alone, now = RequestZone(SMALL, rate), 0
            for key, gap, worker, takes in asked:
                now += gap
                if takes:
                    said = workers[worker].take(key, now, burst)
                    self.assertEqual(said, alone.take(key, now, burst))
                else:
                    self.assertEqual(workers[worker].look(key, now), alone.look(key, now))
            self.assertEqual(len(workers[0]), len(alone))
        finally:
            os.close(fd)

    def test_forgets_the_longest_unused(self) -> None:
        """Of too many keys the last ones are there, and one that is looked at now and then."""
        zone = self.zone(SMALL, 1)
        zone.take(b"kept", 0, 0)
        for now in range(1, 3000):
            zone.take(b"%d" % now, now, 0)
            if now % 50 == 0:
                self.assertGreater(zone.look(b"kept", now), 0)
        self.assertLessEqual(len(zone), 4 * WAYS)
        last = range(3000 - WAYS // 2, 3000)
        self.assertTrue(all(zone.look(b"%d" % now, 3000) for now in last))
        self.assertEqual(zone.look(b"1", 3000), 0)

    def test_killed_in_a_write(self) -> None:
        """A worker that dies at any write of a request leaves at most that request uncounted."""
        for writes in range(10):
            fd = self.requests()
            dying, other = (SharedRequestZone(fd, SMALL, 1000) for _ in range(2))
            for now in (0, 0, 0):
                other.take(b"a", now, 5000)
                other.take(b"b", now, 5000)
            left = doom(dying, "_numbers", writes)
            try:
                dying.take(b"a", 1000, 5000)
            except KilledError:
                self.assertEqual(other.look(b"a", 1000), 2000)
            else:
                self.assertEqual(other.look(b"a", 1000), 3000)
            self.assertEqual(other.look(b"b", 0), 3000)
            if left[0]:
                return
        self.fail("there is no end to its writes")

    def test_killed_as_it_adds(self) -> None:
        """A worker that dies as it adds a key to a full set costs one key, and nobody's count."""
        for writes in range(10):
            fd = self.requests()
            dying, other = (SharedRequestZone(fd, SMALL, 1) for _ in range(2))
            keys = [b"%d" % number for number in range(3000)]
            for now, key in enumerate(keys):
                other.take(key, now, 0)
            there = {key for key in keys if other.look(key, 3000)}
            left = doom(dying, "_numbers", writes)
            try:
                dying.take(b"new", 3000, 0)
            except KilledError:
                self.assertEqual(other.look(b"new", 3000), 0)
            left_there = {key for key in keys if other.look(key, 3000)}
            self.assertLessEqual(left_there, there)
            self.assertGreaterEqual(len(left_there), len(there) - 1)
            other.take(b"new", 3001, 0)
            self.assertEqual(other.look(b"new", 3001), 1000)
            if left[0]:
                return
        self.fail("there is no end to its writes")

    def test_locks(self) -> None:
        """A key's set is locked while it is asked for, and only then; whatever happens."""
        zone = self.zone(SMALL, 1000)
        calls: list[tuple[int, int, int]] = []
        self.patch(sharedzones, "lockf", lambda _fd, *what: calls.append(what))
        zone.take(b"a", 0, 0)
        number = calls[0][2]
        held = [(fcntl.LOCK_EX, 1, number), (fcntl.LOCK_UN, 1, number)]
        self.assertEqual(calls, held)
        doom(zone, "_numbers", 0)
        self.assertRaises(KilledError, zone.take, b"a", 0, 5000)
        self.assertEqual(calls, held * 2)

    def test_one_mapping(self) -> None:
        """A process maps a zone once: a mapping that goes would take the locks with it."""
        fd = self.requests()
        one = SharedRequestZone(fd, SMALL, 1000)
        two = SharedRequestZone(fd, SMALL, 1000)
        self.assertIs(one._table.map, two._table.map)
        status = os.fstat(fd)
        key = status.st_dev, status.st_ino
        self.assertIn(key, sharedmemory._mappings)
        del one, two
        gc.collect()
        self.assertNotIn(key, sharedmemory._mappings)

    def test_another_file(self) -> None:
        """A zone of another size or kind is not taken for one."""
        fd = self.requests()
        self.assertRaises(ValueError, SharedRequestZone, fd, MEGABYTE, 1000)
        self.assertRaises(ValueError, SharedRequestZone, self.connections(), SMALL, 1000)
        self.assertRaises(ValueError, SharedConnectionZone, fd, SMALL, 0, WORKERS)
        self.assertRaises(ValueError, forget, fd, 0)
        empty = os.memfd_create("empty")
        self.addCleanup(os.close, empty)
        self.assertRaises(ValueError, SharedRequestZone, empty, SMALL, 1000)


class SharedConnectionZoneTests(Shared, ConnectionZoneRules, SynchronousTestCase):
    """Connections."""

    def zone(self, size: int) -> SharedConnectionZone:
        return SharedConnectionZone(self.connections(size), size, 1, WORKERS)

    def workers(self, size: int = SMALL) -> tuple[int, list[SharedConnectionZone]]:
        """A zone and its three workers."""
        fd = self.connections(size)
        return fd, [SharedConnectionZone(fd, size, slot, WORKERS) for slot in range(WORKERS)]

    def test_one_for_all(self) -> None:
        """What is under way with one worker counts for the others."""
        _, (one, two, _) = self.workers()
        self.assertEqual([one.enter(b"a", 2), two.enter(b"a", 2)], [True, True])
        self.assertEqual([one.enter(b"a", 2), two.enter(b"a", 2)], [False, False])
        one.leave(b"a")
        self.assertRaises(KeyError, one.leave, b"a")
        self.assertTrue(two.enter(b"a", 2))

    @settings(derandomize=True, deadline=None, max_examples=200)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from([b"a", b"b", bytes(16)]),
                st.integers(0, WORKERS - 1),
                st.booleans(),
                st.integers(1, 5),
            ),
            max_size=60,
        )
    )
    def test_as_one_process(self, asked: list[tuple[bytes, int, bool, int]]) -> None:
        """Several workers count what a zone of one process would count."""
        fd = create_connections(SMALL, WORKERS)
        try:
            workers = [SharedConnectionZone(fd, SMALL, slot, WORKERS) for slot in range(WORKERS)]
            alone = ConnectionZone(SMALL)
            inside: list[tuple[bytes, int]] = []
            for key, worker, leaves, most in asked:
                if not leaves:
                    entered = workers[worker].enter(key, most)
                    self.assertEqual(entered, alone.enter(key, most))
                    inside += [(key, worker)] * entered
                elif (key, worker) in inside:
                    inside.remove((key, worker))
                    workers[worker].leave(key)
                    alone.leave(key)
                self.assertEqual(len(workers[0]), len(alone))
        finally:
            os.close(fd)

    def test_full(self) -> None:
        """A set that is full lets no new key in, until one of it has gone."""
        zone = self.zone(SMALL)
        entered = [key for key in (b"%d" % number for number in range(5000)) if zone.enter(key, 1)]
        self.assertEqual(len(entered), 8 * WAYS)
        refused = next(key for key in (b"%d" % n for n in range(5000)) if key not in entered)
        self.assertFalse(zone.enter(refused, 1))
        self.assertFalse(zone.enter(entered[0], 1))
        self.assertTrue(zone.enter(entered[0], 2))
        for key in entered:
            zone.leave(key)
            if zone.enter(refused, 1):
                return
        self.fail("there is no room however many leave")

    def test_forget(self) -> None:
        """What a dead worker had under way is counted no more; what others have is."""
        fd, (one, two, three) = self.workers()
        for number in range(300):
            one.enter(b"%d" % number, 9)
        for worker in (one, two, two, three):
            worker.enter(b"a", 9)
        two.enter(b"b", 9)
        forget(fd, 0)
        self.assertEqual(len(three), 2)
        self.assertEqual([three.enter(b"a", 4), three.enter(b"a", 4)], [True, False])
        two.leave(b"b")
        self.assertEqual(len(three), 1)
        self.assertRaises(ValueError, forget, fd, WORKERS)

    def test_killed_in_a_write(self) -> None:
        """A worker that dies at any write leaves nothing once it is forgotten."""
        for leaves in (False, True):
            for writes in range(5):
                fd, (dying, other, _) = self.workers()
                other.enter(b"b", 9)
                if leaves:
                    dying.enter(b"a", 9)
                left = doom(dying, "_counts", writes)
                try:
                    if leaves:
                        dying.leave(b"a")
                    else:
                        dying.enter(b"a", 9)
                except KilledError:
                    pass
                forget(fd, 0)
                self.assertEqual(len(other), 1)
                self.assertEqual([other.enter(b"a", 1), other.enter(b"a", 1)], [True, False])
                self.assertFalse(other.enter(b"b", 1))
                if left[0]:
                    break
            else:
                self.fail("there is no end to its writes")

    def test_slots(self) -> None:
        """A worker's slot is one that there is."""
        fd = self.connections()
        for slot, slots in ((-1, WORKERS), (WORKERS, WORKERS), (0, WORKERS + 1)):
            self.assertRaises(ValueError, SharedConnectionZone, fd, SMALL, slot, slots)
        self.assertRaises(ValueError, create_connections, SMALL, 0)
