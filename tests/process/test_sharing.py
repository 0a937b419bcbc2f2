"""What workers share: their places, and the zones of limits from one configuration to the next."""

from __future__ import annotations

import gc
import os
from typing import Any

from twisted.logger import LogLevel
from twisted.python.failure import Failure
from twisted.python.log import LogPublisher as LegacyLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.content.stubstatus import Numbers
from reverseproxy.guards.zones import IN_PROCESS
from reverseproxy.logs.errors import ErrorLog
from reverseproxy.process import control
from reverseproxy.process.observing import Observer
from reverseproxy.process.sharing import Shared
from reverseproxy.process.worker import Given
from reverseproxy.process.zonefiles import GivenZones, ZoneFiles
from reverseproxy.web.assembly import Assembly
from reverseproxy.web.listen import Address

from ..fakes import FakeReactor
from ..support import load_text

TEXT = (
    "worker_processes %d; events {} http { limit_req_zone $uri zone=r:%s rate=1r/s; "
    "limit_conn_zone $uri zone=c:64k; server { listen 80; "
    "location / { limit_req zone=r; limit_conn c 1; } } }"
)


class SharedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.shared: Shared | None = None

    def load(self, workers: int = 2, size: str = "64k") -> Any:
        """Put a configuration together as the master does, and serve it."""
        configuration = load_text(TEXT % (workers, size), "/")
        if self.shared is None:
            self.shared = Shared(configuration.main)
            self.addCleanup(self.shared.close)
        maker = self.shared.zone_maker(configuration)
        Assembly(configuration, FakeReactor(), zone_maker=maker)
        self.shared.keep(maker)
        return maker

    def test_same(self) -> None:
        """A zone whose definition is the same is the same file; another is closed for a new one."""
        self.load()
        assert self.shared is not None
        before = self.shared.zone_files
        self.assertEqual(sorted(before), ["c", "r"])
        self.load()
        self.assertEqual(self.shared.zone_files, before)
        self.load(size="128k")
        after = self.shared.zone_files
        self.assertEqual(after["c"], before["c"])
        self.assertNotEqual(os.fstat(after["r"]).st_size, 0)
        self.load(1)
        self.assertEqual(self.shared.zone_files, {})
        for number in after.values():
            self.assertRaises(OSError, os.fstat, number)

    def test_one(self) -> None:
        """One worker shares with nobody."""
        self.assertIs(self.load(1), IN_PROCESS)

    def test_not_served(self) -> None:
        """A configuration that is not served closes what it had made, and nothing else."""
        self.load()
        assert self.shared is not None
        before = self.shared.zone_files
        configuration = load_text(TEXT % (2, "256k"), "/")
        maker = self.shared.zone_maker(configuration)
        Assembly(configuration, FakeReactor(), zone_maker=maker)
        made = dict(maker) if isinstance(maker, ZoneFiles) else {}
        self.shared.discard(maker)
        self.assertRaises(OSError, os.fstat, made["r"])
        for number in before.values():
            os.fstat(number)

    def test_workers(self) -> None:
        """Two workers count together; what a dead one held is given back with its place."""
        self.load()
        shared = self.shared
        assert shared is not None
        places = [shared.take(), shared.take()]
        self.assertEqual(places, [0, 1])
        zones = []
        for place in (0, 1):
            files = {name: os.dup(number) for name, number in shared.zone_files.items()}
            made = GivenZones(files, place, shared.slots)
            zones.append(made.connections("c", None, 65536))
            requests = made.requests("r", None, 65536, 1000)
            requests.take(b"k", 1000, 5000)
        self.assertEqual(requests.look(b"k", 1000), 2000)
        self.assertTrue(zones[0].enter(b"k", 1))
        self.assertFalse(zones[1].enter(b"k", 1))
        shared.scoreboard.claim(0, 7, 0)
        shared.scoreboard.write(0, Numbers(5, 5, 9, 0, 1, 0), 0)
        shared.give_back(0)
        self.assertTrue(zones[1].enter(b"k", 1))
        total = shared.scoreboard.total()
        self.assertEqual((total.requests, total.writing), (9, 0))
        self.assertEqual(shared.take(), 0)

    def test_no_place(self) -> None:
        """There are as many places as there may be workers side by side, and no more."""
        self.load()
        assert self.shared is not None
        taken = [self.shared.take() for _ in range(self.shared.slots)]
        self.assertNotIn(None, taken)
        self.assertIsNone(self.shared.take())

    def test_descriptors(self) -> None:
        """A worker keeps the descriptors of its zones as long as those live, and no others."""
        self.load()
        assert self.shared is not None
        files = {name: os.dup(number) for name, number in self.shared.zone_files.items()}
        made = GivenZones(files, 0, self.shared.slots)
        zone = made.requests("r", None, 65536, 1000)
        made.close()
        self.assertRaises(OSError, os.fstat, files["c"])
        os.fstat(files["r"])
        del zone
        gc.collect()
        self.assertRaises(OSError, os.fstat, files["r"])


class GivenTests(SynchronousTestCase):
    def test_take(self) -> None:
        """Of two descriptors for one file the first is closed; none is inherited any further."""
        given = Given()
        first, second, zone = (os.open(os.devnull, os.O_RDONLY) for _ in range(3))
        for number in (first, second, zone):
            os.set_inheritable(number, True)
        given.take(control.LOG, "/var/log/a", first)
        given.take(control.LOG, "/var/log/a", second)
        given.take(control.ZONE, "z", zone)
        self.assertRaises(OSError, os.fstat, first)
        self.assertFalse(os.get_inheritable(second))
        self.assertEqual((given.logs, given.zones), ({"/var/log/a": second}, {"z": zone}))
        given.close()
        self.assertRaises(OSError, os.fstat, second)
        os.close(zone)

    def test_socket(self) -> None:
        """A socket is known by its address."""
        given = Given()
        given.sockets[Address.parse("127.0.0.1:80")] = None  # type: ignore[assignment]  # looked up
        self.assertIn(Address("127.0.0.1", 80), given.sockets)


class ObserverTests(SynchronousTestCase):
    def test_events(self) -> None:
        """What Twisted and applications log is a line, at the level that nginx has for it."""
        lines: list[tuple[str, str]] = []

        class Log:
            def log(self, level: str, message: str) -> None:
                lines.append((level, message))

        log: Any = Log()
        observer = Observer(lambda: log)
        for level, text in (
            (LogLevel.info, "Site starting on {port}"),
            (LogLevel.warn, "careful"),
            (LogLevel.critical, "oh"),
            (LogLevel.debug, ""),
        ):
            observer({"log_level": level, "log_format": text, "port": 80})
        self.assertEqual(
            lines, [("info", "Site starting on 80"), ("warn", "careful"), ("crit", "oh")]
        )

    def test_failures(self) -> None:
        """A failure is one line with its place, whichever way Twisted tells of it."""
        told: list[str] = []

        class Log:
            def failure(self, message: str, failure: Failure) -> None:
                told.append(f"{message}: {failure.type.__name__}")

        log: Any = Log()
        observer = Observer(lambda: log)
        for key, error in (("log_failure", KeyError()), ("failure", MemoryError())):
            observer({"log_level": LogLevel.critical, "log_format": "", key: Failure(error)})
        self.assertEqual(
            told,
            [
                "unhandled error: KeyError",
                "out of memory, what asked for it is dropped: MemoryError",
            ],
        )

    def test_legacy(self) -> None:
        """So it is for what the reactor catches."""
        lines: list[str] = []
        write = ErrorLog((((lambda line, _level: lines.append(line.decode())), "info"),))
        observer = Observer(lambda: write)
        publisher = LegacyLogPublisher(observer, observer)
        publisher.msg(failure=Failure(MemoryError()), why=None, isError=1)
        self.assertEqual(len(lines), 1)
        self.assertIn("[crit]", lines[0])
        self.assertIn(": out of memory, what asked for it is dropped: MemoryError", lines[0])
