"""Zones in shared memory, between real processes; some of them are killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.guards.sharedzones import (
    SharedConnectionZone,
    SharedRequestZone,
    create_connections,
    create_requests,
    forget,
)

SIZE = 1 << 20
RATE, BURST = 100_000, 5_000
WORKERS = 4
# (Victims use fewer keys than there is room for: "one key" is not to be forgotten.)
#: A worker says that it is there, waits for a line, and says a dot for each request let in.
BEGIN = """
import os, sys
from reverseproxy.guards.sharedzones import SharedConnectionZone, SharedRequestZone
def dot():
    os.write(1, b".")
os.write(1, b"!")
sys.stdin.readline()
"""
REQUESTS = """
zone = SharedRequestZone({fd}, {size}, {rate})
for now in range(1001):
    for _ in range(50):
        if zone.take(b"one key", now, {burst}) <= {burst}:
            dot()
"""
VICTIM = """
zone = SharedRequestZone({fd}, {size}, {rate})
now = 0
while True:
    now += 1
    zone.take(b"%d" % (now % 5000), now, {burst})
"""
CONNECTIONS = """
zone = SharedConnectionZone({fd}, {size}, {slot}, 4)
for _ in range(100):
    if zone.enter(b"one key", 150):
        dot()
os.write(1, b"-")
sys.stdin.readline()
"""
CROWD = """
zone = SharedConnectionZone({fd}, {size}, {slot}, 4)
while True:
    for number in range(1000):
        zone.enter(b"%d" % number, 9)
    for number in range(1000):
        zone.leave(b"%d" % number)
"""
#: No worker takes so long, in seconds, unless it waits for a lock that nobody gives back.
PATIENCE = 60


class ZonesTests(SynchronousTestCase):
    """Several processes, one zone."""

    def worker(self, fd: int, text: str, slot: int = 0) -> subprocess.Popen[bytes]:
        """A process that is ready to begin."""
        told = text.format(fd=fd, size=SIZE, rate=RATE, burst=BURST, slot=slot)
        process = subprocess.Popen(
            [sys.executable, "-c", BEGIN + told],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[fd],
            bufsize=0,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        assert process.stdout is not None
        self.assertEqual(process.stdout.read(1), b"!")
        return process

    def go(self, processes: list[subprocess.Popen[bytes]]) -> None:
        """Let them begin together."""
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(b"\n")

    def zone(self, create: Callable[..., int], *args: int) -> int:
        """A zone's descriptor."""
        fd = create(*args)
        self.addCleanup(os.close, fd)
        return fd

    def said(self, process: subprocess.Popen[bytes]) -> bytes:
        """What a process says until its end, which is a good one."""
        out, complaints = process.communicate(timeout=PATIENCE)
        self.assertEqual((process.returncode, complaints), (0, b""))
        return out

    def test_rate(self) -> None:
        """Of all that four workers are asked in a second, one, the burst and the rate get in."""
        fd = self.zone(create_requests, SIZE)
        workers = [self.worker(fd, REQUESTS) for _ in range(WORKERS)]
        self.go(workers)
        let_in = [len(self.said(worker)) for worker in workers]
        self.assertEqual(sum(let_in), 1 + (BURST + RATE) // 1000, let_in)

    def test_killed(self) -> None:
        """Workers that are killed in the midst leave no lock behind, and no more gets in."""
        fd = self.zone(create_requests, SIZE)
        workers = [self.worker(fd, REQUESTS) for _ in range(WORKERS - 1)]
        doomed = self.worker(fd, REQUESTS)
        victims = [self.worker(fd, VICTIM) for _ in range(6)]
        self.go([*victims, doomed, *workers])
        for victim in victims:
            time.sleep(random.uniform(0.01, 0.05))
            victim.send_signal(signal.SIGKILL)
        doomed.send_signal(signal.SIGKILL)
        let_in = sum(len(self.said(worker)) for worker in workers)
        let_in += len(doomed.communicate(timeout=PATIENCE)[0])
        wanted = 1 + (BURST + RATE) // 1000
        # The one in the dead worker's hands may have been counted and not told, or told by half.
        self.assertIn(let_in, (wanted - 1, wanted, wanted + 1))
        zone = SharedRequestZone(fd, SIZE, RATE)
        self.assertEqual(zone.take(b"one key", 2000, BURST), 0)
        self.assertTrue(all(victim.wait(PATIENCE) == -signal.SIGKILL for victim in victims))

    def test_most(self) -> None:
        """No more than `most` are under way with all; a dead worker's are given back."""
        fd = self.zone(create_connections, SIZE, WORKERS)
        workers = [self.worker(fd, CONNECTIONS, slot) for slot in range(WORKERS)]
        self.go(workers)
        inside = []
        for worker in workers:
            assert worker.stdout is not None
            inside.append(0)
            while worker.stdout.read(1) == b".":
                inside[-1] += 1
        self.assertEqual(sum(inside), 150, inside)
        slot = inside.index(max(inside))
        workers[slot].send_signal(signal.SIGKILL)
        workers[slot].wait(PATIENCE)
        master = SharedConnectionZone(fd, SIZE, slot, WORKERS)
        self.assertFalse(master.enter(b"one key", 150))
        forget(fd, slot)
        again = sum(master.enter(b"one key", 150) for _ in range(200))
        self.assertEqual(again, inside[slot])

    def test_killed_in_a_crowd(self) -> None:
        """Wherever workers are killed, nothing of them is left when they are forgotten."""
        fd = self.zone(create_connections, SIZE, WORKERS)
        for _ in range(2):
            workers = [self.worker(fd, CROWD, slot) for slot in range(WORKERS)]
            self.go(workers)
            for slot, worker in enumerate(workers):
                time.sleep(random.uniform(0.01, 0.05))
                worker.send_signal(signal.SIGKILL)
                self.assertEqual(worker.wait(PATIENCE), -signal.SIGKILL)
                forget(fd, slot)
            self.assertEqual(len(SharedConnectionZone(fd, SIZE, 0, WORKERS)), 0)
