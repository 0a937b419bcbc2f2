"""Memory that processes share."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.process.sharedmemory import create


class SharedMemoryTests(SynchronousTestCase):
    def test_sealed(self) -> None:
        """It is as large as it was asked for, and nobody changes that."""
        fd = create("test", 5000)
        self.addCleanup(os.close, fd)
        self.assertEqual(os.pread(fd, 6000, 0), bytes(5000))
        for size in (0, 4999, 5001):
            self.assertRaises(OSError, os.ftruncate, fd, size)

    def test_not_inherited(self) -> None:
        """A program that is started has it only when it is given it."""
        fd = create("test", 1)
        self.addCleanup(os.close, fd)
        self.assertFalse(os.get_inheritable(fd))

    def test_too_large(self) -> None:
        """What there can't be is an OSError, and leaves no descriptor behind."""
        before = os.listdir("/proc/self/fd")
        self.assertRaises(OSError, create, "test", -1)
        self.assertEqual(os.listdir("/proc/self/fd"), before)
