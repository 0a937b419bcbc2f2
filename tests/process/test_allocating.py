"""What glibc's malloc is told."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.process.allocating import settle


class Glibc:
    """A malloc that notes what it is told."""

    def __init__(self) -> None:
        self.told: dict[int, int] = {}

    def mallopt(self, name: int, value: int) -> int:
        self.told[name] = value
        return 1


class AllocatingTests(SynchronousTestCase):
    def setUp(self) -> None:
        environ = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
        self.patch(os, "environ", environ)

    def test_told(self) -> None:
        """8 MiB may stay free at the end of the heap; a megabyte is a mapping of its own."""
        glibc = Glibc()
        settle(glibc)
        self.assertEqual(glibc.told, {-1: 8 << 20, -3: 1 << 20})

    def test_operator(self) -> None:
        """What the environment says is not changed."""
        glibc = Glibc()
        os.environ["MALLOC_ARENA_MAX"] = "1"
        settle(glibc)
        self.assertEqual(glibc.told, {})

    def test_other_malloc(self) -> None:
        """A C library without mallopt is left alone."""
        settle(object())
