"""What a worker is given: processors, priority, environment."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError
from reverseproxy.process.workersettings import WorkerSettings, environment, warnings

from ..support import load_text


class WorkerCase(SynchronousTestCase):
    def main(self, text: str) -> Any:
        return load_text(f"{text} http {{ }}", self.mktemp()).main

    def settings(self, text: str) -> WorkerSettings:
        found: WorkerSettings = self.main(text)[WorkerSettings]
        return found

    def refused(self, text: str) -> str:
        return str(self.assertRaises(ConfigurationError, self.settings, text))


class AffinityTests(WorkerCase):
    def of(self, mask: str, *workers: int) -> list[list[int]]:
        affinity = self.settings(f"worker_cpu_affinity {mask};").worker_cpu_affinity
        if affinity is None:
            raise TypeError(mask)
        return [sorted(affinity.of(worker, frozenset({0, 1, 5}))) for worker in workers]

    def test_masks(self) -> None:
        """Each worker has its mask, whose last digit is processor 0; the last one goes on."""
        self.assertEqual(self.of("0101 '1000 0001'", 0, 1, 2), [[0, 2], [0, 7], [0, 7]])

    def test_none(self) -> None:
        """A mask without a processor leaves the worker where it is."""
        self.assertEqual(self.of("0000", 0), [[]])

    def test_auto(self) -> None:
        """With auto each worker has one processor of all there are, in turn."""
        self.assertEqual(self.of("auto", 0, 1, 2, 3), [[0], [1], [5], [0]])

    def test_auto_mask(self) -> None:
        """The mask of auto says which there are."""
        self.assertEqual(self.of("auto 1010", 0, 1, 2), [[1], [3], [1]])

    def test_refused(self) -> None:
        """Auto takes one mask that names a processor; a mask has a bit for each of 1024 at most."""
        self.assertIn("one mask at most", self.refused("worker_cpu_affinity auto 01 10;"))
        self.assertIn("names no processor", self.refused("worker_cpu_affinity auto 00;"))
        self.assertIn("takes a mask", self.refused("worker_cpu_affinity 01 auto;"))
        self.assertIn("at most 1024", self.refused(f"worker_cpu_affinity {'1' * 1025};"))

    def test_warning(self) -> None:
        """Another number of masks than workers is odd, unless it is one or auto."""
        for text, expected in (
            ("worker_processes 3; worker_cpu_affinity 01 10;", 1),
            ("worker_processes 2; worker_cpu_affinity 01 10;", 0),
            ("worker_processes 3; worker_cpu_affinity 01;", 0),
            ("worker_processes 3; worker_cpu_affinity auto;", 0),
            ("worker_processes 3;", 0),
        ):
            self.assertEqual(len(warnings(self.main(text))), expected, text)


class ValueTests(WorkerCase):
    def test_priority(self) -> None:
        """A priority is a number with a sign, or without."""
        for text, value in (("-5", -5), ("+5", 5), ("10", 10)):
            self.assertEqual(self.settings(f"worker_priority {text};").worker_priority, value)
        self.assertIn("takes a number", self.refused("worker_priority 5x;"))
        self.assertEqual(self.settings("").worker_priority, 0)

    def test_timeout(self) -> None:
        """No time or 0 is no limit."""
        for text in ("", "worker_shutdown_timeout 0;"):
            self.assertIsNone(self.settings(text).worker_shutdown_timeout)
        found = self.settings("worker_shutdown_timeout 90;").worker_shutdown_timeout
        self.assertEqual(found, 90.0)

    def test_limits(self) -> None:
        """Descriptors are a number, a core dump is a size."""
        found = self.settings("worker_rlimit_nofile 4096; worker_rlimit_core 10k;")
        self.assertEqual((found.worker_rlimit_nofile, found.worker_rlimit_core), (4096, 10240))

    def test_environment(self) -> None:
        """What env names is kept or set; of the rest only TZ is kept."""
        env = self.settings("env PATH; env A=; env B=x=y; env NOT_THERE;").env
        now = {"PATH": "/bin", "TZ": "UTC", "SECRET": "1"}
        self.assertEqual(environment(env, now), {"PATH": "/bin", "TZ": "UTC", "A": "", "B": "x=y"})
