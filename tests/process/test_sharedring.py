"""Bytes in memory that workers share."""

from __future__ import annotations

import os
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.process import sharedring
from reverseproxy.process.sharedring import MOST, SharedRing, create

SMALL = 32768


class KilledError(Exception):
    """In the place of a SIGKILL."""


class RingCase(SynchronousTestCase):
    """Rings, each seen by two workers."""

    def rings(self, size: int = SMALL) -> tuple[SharedRing, SharedRing]:
        """Two looks at a new ring."""
        fd = create(size)
        self.addCleanup(os.close, fd)
        return SharedRing(fd), SharedRing(fd)


class RingTests(RingCase):
    """SharedRing."""

    def test_shared(self) -> None:
        """What one puts there the other gets, until somebody removes it."""
        one, two = self.rings()
        one.put(b"a", b"session")
        self.assertEqual((one.get(b"a"), two.get(b"a")), (b"session", b"session"))
        one.put(b"a", b"another")
        self.assertEqual(two.get(b"a"), b"another")
        two.remove(b"a")
        two.remove(b"b")
        self.assertEqual((one.get(b"a"), one.get(b"b")), (None, None))

    def test_oldest_goes(self) -> None:
        """The oldest makes room; a megabyte holds four thousand of the usual size."""
        one, two = self.rings(1 << 20)
        for number in range(8000):
            one.put(b"%d" % number, b"%d" % number * 50)
        kept = [number for number in range(8000) if two.get(b"%d" % number) is not None]
        self.assertGreater(len(kept), 4000)
        self.assertEqual(kept[-1], 7999)
        self.assertGreater(kept[len(kept) // 2], 5000)
        for number in kept:
            self.assertEqual(two.get(b"%d" % number), b"%d" % number * 50)

    def test_too_long(self) -> None:
        """What is too long is not kept; the longest is."""
        one, two = self.rings()
        one.put(b"a", bytes(MOST + 1))
        one.put(b"b", b"x" * MOST)
        self.assertEqual((two.get(b"a"), two.get(b"b")), (None, b"x" * MOST))

    def test_no_ring(self) -> None:
        """Another file is none."""
        with open(__file__, "rb") as file, self.assertRaises(ValueError):
            SharedRing(file.fileno())

    @settings(max_examples=60, deadline=None)
    @given(st.integers(0, 2**32))
    def test_never_wrong(self, seed: int) -> None:
        """What is got was put there last under this number, or it is gone."""
        one, two = self.rings(1)
        chance = random.Random(seed)
        told: dict[bytes, bytes] = {}
        for step in range(200):
            ring = chance.choice((one, two))
            number = b"%d" % chance.randrange(40)
            if chance.random() < 0.5:
                told[number] = b"%d" % step * chance.randrange(1, 400)
                ring.put(number, told[number])
                self.assertEqual(ring.get(number), told[number])
            elif chance.random() < 0.1:
                ring.remove(number)
                told.pop(number, None)
            else:
                self.assertIn(ring.get(number), (None, told.get(number)))

    def test_killed(self) -> None:
        """Whenever a worker dies, what the others get is whole, and was put there."""
        for writes in range(8):
            one, two = self.rings(1)
            for number in range(30):
                one.put(b"%d" % number, b"%d" % number * 300)
            dying = _Dying(one._map, writes)
            ring: Any = two
            ring._map, ring._numbers = dying, _Dying(one._numbers, dying.left)
            self.patch(sharedring, "_ENTRY", _DyingEntry(dying))
            try:
                two.put(b"new", b"new" * 300)
            except KilledError:
                pass
            self.patch(sharedring, "_ENTRY", _DyingEntry.whole)
            self.assertIn(one.get(b"new"), (None, b"new" * 300))
            for number in range(30):
                self.assertIn(one.get(b"%d" % number), (None, b"%d" % number * 300))
            one.put(b"after", b"after")
            self.assertEqual(one.get(b"after"), b"after")


class _Dying:
    """Memory whose process is killed before its next write after so many."""

    def __init__(self, memory: Any, left: Any) -> None:
        self.memory = memory
        self.left = [left] if isinstance(left, int) else left

    def wrote(self) -> None:
        """Count a write."""
        if not self.left[0]:
            raise KilledError
        self.left[0] -= 1

    def __getitem__(self, at: Any) -> Any:
        return self.memory[at]

    def __setitem__(self, at: Any, value: Any) -> None:
        self.wrote()
        self.memory[at] = value

    def find(self, *args: Any) -> int:
        found: int = self.memory.find(*args)
        return found


class _DyingEntry:
    """The same for an entry's head."""

    whole = sharedring._ENTRY
    size = whole.size

    def __init__(self, dying: _Dying) -> None:
        self._dying = dying

    def pack_into(self, memory: _Dying, *args: Any) -> None:
        """Write, or die."""
        self._dying.wrote()
        self.whole.pack_into(memory.memory, *args)
