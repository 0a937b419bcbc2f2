"""Workers die, logs are renamed, under load: who is not concerned notices nothing."""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import time
from collections import Counter

from tests.integration.client import ask
from tests.integration.daemons import DaemonCase, children
from tests.integration.servers import alive, answers, start_proxy, until

KILLS = 10
#: Between two kills, in seconds.
PAUSE = 1.0
ROTATIONS = 10


class KillTests(DaemonCase):
    workers = 3

    def replaced(self, before: list[int]) -> float:
        """Seconds until a worker answers that was not there before."""
        began = time.monotonic()

        def there() -> bool:
            try:
                return int(ask(self.port, "/", host="a")["X-Worker"] or 0) not in before
            except OSError:
                return False  # it was with the one that was killed just now

        until(there, "another worker to answer", 5)
        return time.monotonic() - began

    def test_killed(self) -> None:
        """A worker is killed, ten times: only what it had in hand fails, and another is there."""
        self.configure()
        self.start()
        before = self.warm()
        load = self.load(pause=0.01)
        killed, times = [], []
        began = time.monotonic()
        for due in (began + number * PAUSE for number in range(1, KILLS + 1)):
            until(lambda due=due: time.monotonic() >= due, "the next kill")
            load.move()
            workers = children(self.master)
            victim = random.choice(workers)
            failed = len(load.failed)
            os.kill(victim, signal.SIGKILL)
            times.append(self.replaced(workers))
            self.assertEqual({one.worker for one in load.failed[failed:]} - {victim}, set())
            killed.append((victim, len(load.failed) - failed))
        load.end()
        print(f"{len(load.failed)} of {len(load.answers)} failed, all in the hands of the killed:")
        print(f"  {[count for _, count in killed]}; replaced after", end=" ")
        print(", ".join(f"{seconds:.2f}" for seconds in times), "s")
        self.assertLessEqual({one.worker for one in load.failed}, {pid for pid, _ in killed})
        # Of ten one may be late, as these machines pause now and then.
        self.assertLess(sorted(times)[-2], 1.0)
        self.assertEqual(len(children(self.master)), self.workers)
        self.assertEqual(self.log().count("(SIGKILL)"), KILLS)
        self.same(before, f"{KILLS} workers killed")

    def test_orphaned(self) -> None:
        """Workers whose master was killed finish what is under way, and end."""
        self.configure()
        self.start()
        workers = children(self.master)
        slow = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        self.addCleanup(slow.close)
        slow.sendall(b"GET /slow/1.5 HTTP/1.1\r\nHost: a\r\n\r\n")
        # Both ends of two connections: to the daemon, and to the server behind.
        until(lambda: self.established(("01",)) == 4, "the request to be under way")
        os.kill(self.master, signal.SIGKILL)
        until(lambda: not answers(self.port), "the port to be closed")
        until(lambda: sum(map(alive, workers)) == 1, "the idle workers to end")
        self.assertIn(b" 200 OK\r\n", slow.recv(1000))
        began = time.monotonic()
        until(lambda: not any(map(alive, workers)), "the last worker to end")
        print(f"the last worker ended {time.monotonic() - began:.2f} s after its last answer")
        self.assertEqual(self.log().count("the master is gone: finishing"), self.workers)


class StillbornTests(DaemonCase):
    def test_growing_pauses(self) -> None:
        """Workers that die at every start are told of once, and tried again ever more rarely.

        A reload that mends it starts them at once.
        """
        self.configure(server="location /x { twisted_resource tests.integration.mortal:resource; }")
        self.server = start_proxy(self.path, self.home, self.port)
        self.addCleanup(self.server.stop)
        self.master = self.server.process.pid
        told = "workers that end at once are tried again with growing pauses"
        until(lambda: told in self.log(), "that to be said")
        began = time.monotonic()
        tries: list[float] = []

        def tried() -> bool:
            if self.log().count("start worker process") >= self.workers * (len(tries) + 2):
                tries.append(time.monotonic() - began)
            return len(tries) == 3

        until(tried, "three more tries")
        print("tried again after", ", ".join(f"{each:.2f}" for each in tries), "s")
        self.assertEqual(self.log().count(told), 1)
        self.assertEqual(self.log().count("start worker process"), self.workers * 4)
        # Half a second, one, two; a busy machine makes them longer, and nothing shorter.
        self.assertGreater(tries[1] - tries[0], 0.9)
        self.assertGreater(tries[2] - tries[1], 1.8)
        self.configure()
        self.reload()
        mended = time.monotonic()
        self.assertEqual(ask(self.port, "/", host="a").body, b"well")
        self.assertLess(time.monotonic() - mended, 1)
        self.wait_for_workers(self.workers)


class LogTests(DaemonCase):
    FORMAT = "log_format ids '$request_uri is $pid';"
    LINE = re.compile(r"/(\d+) is (\d+)")

    def test_rotation(self) -> None:
        """Logs are renamed and reopened ten times: each answer has one line, and it is whole."""
        for name in ("plain.log", "buffered.log"):
            (self.home / name).touch()
        self.configure(
            http=self.FORMAT,
            server="access_log plain.log ids; access_log buffered.log ids buffer=32k flush=1s;",
        )
        self.start()
        before = self.warm()
        load = self.load(pause=0.01)
        for number in range(ROTATIONS):
            for name in ("plain.log", "buffered.log"):
                (self.home / name).rename(self.home / f"{name}.{number}")
            self.told("reopening logs", lambda: self.signal(signal.SIGUSR1))
            load.more(300)
        self.finish(load)
        self.same(before, f"{ROTATIONS} rotations")
        answers = [one for load in self.loads for one in load.answers]
        asked = Counter((one.number, one.worker) for one in answers)
        until(lambda: len(self.lines("buffered.log")) >= len(asked), "lines to be flushed", 3)
        for name in ("plain.log", "buffered.log"):
            matches = [(line, self.LINE.fullmatch(line)) for line in self.lines(name)]
            self.assertEqual([line for line, match in matches if not match], [])
            found = Counter((int(match[1]), int(match[2])) for _, match in matches if match)
            self.assertEqual(found, asked)
            print(f"{name}: {len(matches)} lines in {1 + ROTATIONS} files, as many as answers")
        self.clean()

    def lines(self, name: str) -> list[str]:
        """Of a log and those that it was renamed to, without line ends."""
        texts = [path.read_text() for path in self.home.glob(f"{name}*")]
        for text in texts:
            self.assertTrue(not text or text.endswith("\n"), text[-100:])
        return [line for text in texts for line in text.splitlines()]
