"""The fuzzer's targets hold for every seed, and it finds what does not hold."""

from __future__ import annotations

import random

from twisted.trial.unittest import SynchronousTestCase

from . import mutating, targets


class SeedTests(SynchronousTestCase):
    def test_seeds(self) -> None:
        """Every seed holds."""
        for name, (target, _) in targets.TARGETS.items():
            known = targets.seeds(name)
            self.assertGreater(len(known), 20, name)
            for seed in known[:300] if name == "configuration" else known:
                target(seed)

    def test_finds(self) -> None:
        """A target that fails is found out, with the input that shows it."""

        def odd(data: bytes) -> None:
            if b"\xff" in data:
                raise ValueError(data)

        self.patch(targets, "TARGETS", {"odd": (odd, lambda: [b"abc", b"def"])})
        self.patch(mutating, "TARGETS", targets.TARGETS)
        count, failed = mutating.run("odd", 30, 1)
        self.assertGreater(count, 0)
        self.assertIn(b"\xff", failed or b"")

    def test_mutations(self) -> None:
        """The same seed gives the same inputs."""
        first, second = (
            [mutating.mutated(generator, b"seed", b"other") for _ in range(100)]
            for generator in (random.Random(7), random.Random(7))
        )
        self.assertEqual(first, second)
        self.assertGreater(len(set(first)), 90)
