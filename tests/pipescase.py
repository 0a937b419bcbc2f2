"""Tests of bodies that go through a pipe, and what of it they must not leave behind."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.web import pipes


def open_pipes() -> int:
    """How many ends of pipes this process has open."""
    found = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            found += os.readlink(f"/proc/self/fd/{name}").startswith("pipe:")
        except OSError:
            continue
    return found


class PipesCase(SynchronousTestCase):
    def setUp(self) -> None:
        """No pipe is kept from before; what the test leaves open is seen at its end."""
        self.kept = pipes.Kept()
        self.patch(pipes, "KEPT", self.kept)
        self.before = open_pipes()
        self.addCleanup(self.kept.close)

    def assert_none_left(self) -> None:
        """Every pipe that was opened is closed, or empty and kept."""
        self.kept.close()
        self.assertEqual(open_pipes(), self.before)
