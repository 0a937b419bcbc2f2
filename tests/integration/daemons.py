"""A daemon with its workers, seen from outside: its processes, what they hold, and its log."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.integration.client import ask
from tests.integration.components import UNDER_TEST, IntegrationCase
from tests.integration.servers import (
    Server,
    alive,
    directory,
    free_port,
    once,
    start_proxy,
    until,
)
from tests.integration.steady import Steady
from tests.integration.works import works

CONFIGURATION = """\
worker_processes {workers};
error_log error.log notice;
pid run.pid;
{main}
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_max_body_size 0;
    add_header X-Worker $pid;
    upstream app {{
        server 127.0.0.1:{backend};
        keepalive 64;
        keepalive_timeout 200ms;
    }}
    {http}
    server {{
        listen 127.0.0.1:{port};
        {server}
        location / {{ proxy_pass http://app; }}
    }}
}}
"""
#: What a process may grow by after it has been warmed up: a share of it, and an amount in KiB.
SHARE, AMOUNT = 0.05, 3 * 1024
#: States of connections that a process has: established, and closed by the other side.
OPEN = ("01", "08")


@once
def backend() -> Server:
    """The server behind every daemon."""
    return works(directory("works"), free_port())


def children(pid: int) -> list[int]:
    """The processes that a process has started and that live."""
    words = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [child for child in map(int, words) if alive(child)]


def descriptors(pid: int) -> list[str]:
    """What the descriptors of a process are, sockets and pipes without their numbers."""
    folder, found = f"/proc/{pid}/fd", []
    for number in os.listdir(folder):
        try:
            found.append(os.readlink(f"{folder}/{number}").partition(":[")[0])
        except FileNotFoundError:
            continue
    return found


def resident(pid: int) -> int:
    """The memory that a process has, in KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1])


class DaemonCase(IntegrationCase):
    """A daemon; `configure` says what it serves, `start` starts it."""

    workers = 2

    def setUp(self) -> None:
        super().setUp()
        if UNDER_TEST == "nginx":
            raise SkipTest("nginx does not say when it has reloaded")
        self.home = directory("daemon")
        self.port = free_port()
        self.path = self.home / "reverseproxy.conf"
        self.loads: list[Steady] = []

    def configure(
        self, *, workers: int | None = None, main: str = "", http: str = "", server: str = ""
    ) -> None:
        """Write a configuration."""
        self.path.write_text(
            CONFIGURATION.format(
                workers=workers or self.workers,
                main=main,
                http=http,
                server=server,
                port=self.port,
                backend=backend().port,
            )
        )

    def start(self) -> None:
        """Start it, and wait for all of its workers."""
        self.server = start_proxy(self.path, self.home, self.port)
        self.addCleanup(self.server.stop)
        self.master = self.server.process.pid
        # Written last: before that a signal may find nobody who hears it.
        until(lambda: self.pid() == self.master, "the pid file")
        self.wait_for_workers(self.workers)

    def wait_for_workers(self, count: int) -> list[int]:
        """Wait until so many serve and no others are there."""
        until(lambda: len(children(self.master)) == count, f"{count} workers")
        return children(self.master)

    def load(self, clients: int = 64, pause: float = 0.05) -> Steady:
        """Start clients, and wait until each was answered."""
        load = Steady(self.port, clients, pause)
        self.loads.append(load)
        self.addCleanup(load.end)
        load.more(2 * clients)
        return load

    def finish(self, load: Steady) -> None:
        """End the load: no request has failed."""
        load.end()
        print(f"{len(load.failed)} of {len(load.answers)} failed, longest {load.longest:.3f} s")
        self.assertEqual(load.failed, [])
        self.assertGreater(len(load.answers), 0)

    # --- what is told, and what it says ---

    def signal(self, number: int) -> None:
        """Tell the master."""
        os.kill(self.master, number)

    def log(self) -> str:
        """The error log."""
        return (self.home / "error.log").read_text()

    def told(self, what: str, act: Callable[[], None]) -> None:
        """Do something, and wait until the log says so once more."""
        wanted = self.log().count(what) + 1
        act()
        try:
            until(lambda: self.log().count(what) >= wanted, f'"{what}"')
        except AssertionError as error:
            raise AssertionError(f"{error}; the log ends in\n{self.log()[-3000:]}") from None

    def reload(self) -> None:
        """SIGHUP, until every worker serves what is new."""
        self.told(": reconfigured", lambda: self.signal(signal.SIGHUP))

    def version(self) -> str:
        """Which configuration answers."""
        return ask(self.port, "/", host="a")["X-Is"] or ""

    def pid(self, name: str = "run.pid") -> int:
        """The process that a pid file names; 0 where there is none."""
        path = self.home / name
        return int(path.read_text() or 0) if path.exists() else 0

    # --- what it holds ---

    def held(self) -> dict[int, tuple[int, int]]:
        """Descriptors and KiB of the master and each of its workers."""
        return {
            pid: (len(descriptors(pid)), resident(pid))
            for pid in (self.master, *sorted(children(self.master)))
        }

    def established(self, states: Sequence[str]) -> int:
        """How many ends of connections there are to the daemon, and to the server behind."""
        ports = {f"{port:04X}" for port in (self.port, backend().port)}
        rows = map(str.split, Path("/proc/net/tcp").read_text().splitlines()[1:])
        return sum(row[3] in states and bool(ports & {row[1][-4:], row[2][-4:]}) for row in rows)

    def quiet(self) -> dict[int, tuple[int, int]]:
        """What is held once nobody is connected, and nobody to the server behind."""
        until(lambda: not self.established(OPEN), "connections to be closed")
        return self.held()

    def warm(self) -> dict[int, tuple[int, int]]:
        """What is held once everybody has served for a while, and nobody is connected any more."""
        self.load().end()
        return self.quiet()

    def same(self, before: dict[int, tuple[int, int]], what: str) -> None:
        """What is held is what was held before, once idle connections have gone.

        Workers may be others than before: each is compared with the largest of those.
        """
        workers = [held for pid, held in before.items() if pid != self.master]
        most = max(workers)[0]

        def counts() -> bool:
            now = self.held()
            # The master has a channel to each worker.
            channels = len(now) - len(before)
            return now[self.master][0] <= before[self.master][0] + channels and all(
                held[0] <= most for pid, held in now.items() if pid != self.master
            )

        self.quiet()
        try:
            until(counts, "descriptors to be closed", 8)
        except AssertionError as error:
            for pid in self.held():
                print(pid, sorted(Counter(descriptors(pid)).items()))
            raise AssertionError(f"{error}: {before} became {self.held()}") from None
        now = self.held()
        print(f"{what}: descriptors and KiB of the master and the workers")
        print(f"  before {list(before.values())}\n  after  {list(now.values())}")
        for pid, (_, size) in now.items():
            old = before[self.master][1] if pid == self.master else max(w[1] for w in workers)
            self.assertLess(size, old * (1 + SHARE) + AMOUNT, (before, now))

    def clean(self) -> None:
        """The log has nothing unexpected: no error that nobody handled, nothing at alert."""
        for line in self.log().splitlines():
            self.assertNotRegex(line, r"\[(alert|emerg|crit)\]|unhandled|Traceback")
        self.assertNotIn("Traceback", self.server.said())
