"""A machine that fails: full disks, clocks that jump, clients that trickle."""

from __future__ import annotations

import errno
import os
import time
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.errors import SpoolError
from reverseproxy.logs import files
from reverseproxy.process import forking
from reverseproxy.process.polling import steady
from reverseproxy.web import spool

from ..support import Bench, Client, ok, proxied, request, serve
from .holding import descriptors


class FullDiskTests(SynchronousTestCase):
    """client_body_temp_path is on a disk that is full, or that can't be written."""

    def setUp(self) -> None:
        self.bench = proxied(self, "client_body_buffer_size 1k;")

    def fill(self) -> None:
        """From here on the disk takes nothing."""
        self.patch(spool.SpoolDirectory, "create", lambda _self: os.open("/dev/full", os.O_RDWR))

    def forbid(self, number: int) -> None:
        """From here on no file can be made."""

        def create(directory: spool.SpoolDirectory) -> int:
            raise SpoolError(directory.path, OSError(number, os.strerror(number)))

        self.patch(spool.SpoolDirectory, "create", create)

    def upload(self, size: int, client: Client | None = None) -> Client:
        """Send a body."""
        client = client or self.bench.client()
        client.send(request(method=b"PUT", body=b"x" * size))
        return client

    def held(self, why: str) -> None:
        """A large upload is 500 and closed, with a line that names the directory; others go on."""
        before = descriptors()
        waiting = self.bench.client()
        waiting.ask()
        client = self.upload(5000)
        answer = client.answer()
        self.assertEqual((answer.status, answer.get(b"Connection")), (500, b"close"))
        self.assertIn(b"RP-500-spool", answer.body)
        self.assertIn(client.ended, ("shut", "closed"))
        (line,) = self.bench.errors()
        self.assertIn(" [crit] ", line)
        self.assertIn(f'spooling to "{self.bench.path("client_body_temp")}" failed: {why}', line)
        self.bench.upstream().take()
        self.bench.upstream().send(ok(b"fine"))
        self.assertEqual(waiting.answer().body, b"fine")
        small = self.upload(1000)
        self.assertTrue(self.bench.upstream().received.endswith(b"\r\n\r\n" + b"x" * 1000))
        self.bench.upstream().send(ok(b"small"))
        self.assertEqual(small.answer().body, b"small")
        client.close()
        self.bench.advance(40, step=1)
        self.assertEqual(descriptors(), before)

    def test_full(self) -> None:
        """The disk is full."""
        self.fill()
        self.held("No space left on device")

    def test_full_half_way(self) -> None:
        """The disk becomes full in the middle of an upload."""
        limit = [3000]
        write = os.write

        def filling(fd: int, data: Any) -> int:
            size = len(data)
            if size > limit[0]:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            limit[0] -= size
            return write(fd, data)

        client = self.bench.client()
        client.send(request(method=b"PUT", body=b"x" * 9000)[:2500])
        patcher = self.patch(spool.os, "write", filling)
        client.send(b"x" * 2000)
        self.assertEqual(client.received, b"")
        client.send(b"x" * 2000)
        patcher.restore()
        self.assertEqual(client.answer().status, 500)
        self.assertEqual(self.bench.upstreams, [])

    def test_forbidden(self) -> None:
        """The directory can't be written, is read-only, or a quota is used up."""
        for number in (errno.EACCES, errno.EROFS, errno.EDQUOT, errno.EMFILE):
            self.setUp()
            self.forbid(number)
            self.held(os.strerror(number))

    def test_kept_alive(self) -> None:
        """The next upload is taken when the disk is free again."""
        patcher = self.patch(
            spool.SpoolDirectory, "create", lambda _self: os.open("/dev/full", os.O_RDWR)
        )
        self.upload(5000)
        patcher.restore()
        client = self.upload(5000)
        self.bench.upstream().send(ok())
        self.assertEqual(client.answer().body, b"hi")


class FullLogTests(SynchronousTestCase):
    """The access log's disk is full, or its directory is gone."""

    def complaints(self, bench: Bench) -> list[str]:
        """What the error log says of it."""
        return [line for line in bench.errors() if " [alert] " in line]

    def test_full(self) -> None:
        """Requests are served on, and it is told once a minute."""
        bench = serve(
            self,
            "access_log /dev/full; server { listen 80; location / { return 200 hi; } }",
        )
        client = bench.client()
        for _ in range(50):
            self.assertEqual(client.get().body, b"hi")
        (line,) = self.complaints(bench)
        self.assertIn('writing to "/dev/full" failed: No space left on device', line)
        bench.advance(50, step=1)
        client.get()
        self.assertEqual(len(self.complaints(bench)), 1)
        bench.advance(11, step=1)
        client.get()
        self.assertEqual(len(self.complaints(bench)), 2)

    def test_error_log_full(self) -> None:
        """An error log that can't be written keeps nobody from being served."""
        bench = serve(
            self,
            "error_log /dev/full info; events {} http { server { listen 80;"
            " location / { return 200 hi; } } }",
        )
        bench.client().send(b"nonsense\r\n\r\n")
        self.assertEqual(bench.client().get().body, b"hi")

    def test_directory_gone(self) -> None:
        """A log that can't be opened again is told of, and lines go on to the file that is open."""
        bench = serve(self, "server { listen 80; location / { return 200 hi; } }")
        os.rename(bench.path("logs"), bench.path("old"))
        bench.assembly.logs.files.reopen()
        self.assertEqual(bench.client().get().body, b"hi")
        self.assertEqual(len(bench.lines("old/access.log")), 1)
        told = [line for line in bench.lines("old/error.log") if "[alert]" in line]
        self.assertIn("No such file or directory", told[0])

    def test_many_names(self) -> None:
        """Complaints with names that clients make up are bounded, in memory and in the log."""
        bench = serve(self, "server { listen 80; location / { return 200 hi; } }")
        for number in range(1000):
            bench.assembly.logs.complain(f"no {number}")
        self.assertEqual(len(self.complaints(bench)), 100)
        self.assertLessEqual(len(bench.assembly.error_log._complained), 100)
        bench.advance(61, step=1)
        bench.assembly.logs.complain("another")
        self.assertEqual(len(self.complaints(bench)), 101)
        self.assertEqual(len(bench.assembly.error_log._complained), 1)

    def test_partial(self) -> None:
        """A line of which a part was written is counted as lost, and nothing is raised."""
        told: list[str] = []
        log = files.LogFile("x", told.append)
        log.adopt(os.open(os.devnull, os.O_WRONLY))
        self.addCleanup(log.close)
        self.patch(files.os, "write", lambda _fd, line: len(line) - 1)
        log.write(b"line\n")
        self.assertEqual((log.lost, len(told)), (1, 1))


class ClockTests(SynchronousTestCase):
    """The time of day jumps; timeouts don't."""

    def test_reactor(self) -> None:
        """The reactor's timers go by monotonic time, another reactor is left as it is."""
        reactor = EPollReactor()
        self.addCleanup(reactor._poller.close)
        steady(reactor)
        now = [1000.0]
        self.patch(time, "time", lambda: now[0])
        called: list[int] = []
        reactor.callLater(0, called.append, 1)
        call = reactor.callLater(3600, called.append, 2)
        now[0] -= 86400
        reactor.runUntilCurrent()
        now[0] += 7 * 86400
        reactor.runUntilCurrent()
        self.assertEqual(called, [1])
        call.cancel()
        clock = Clock()
        steady(clock)
        self.assertEqual(clock.seconds(), 0)

    def test_worker(self) -> None:
        """A forked worker has such a reactor: a clock that is set back holds up no timer of it."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        master = EPollReactor()
        self.addCleanup(master._poller.close)

        def run(reactor: Any) -> None:
            called: list[float] = []
            reactor.callLater(0, called.append, 1)
            time.time = lambda: -1e9  # type: ignore[method-assign]  # it is this process's own
            reactor.runUntilCurrent()
            same = reactor.seconds is time.monotonic and reactor is not master
            os.write(writing, b"%d%d" % (same, len(called)))

        pid = forking.fork(master, run)
        os.close(writing)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
        self.assertEqual(os.read(reading, 10), b"11")

    def test_timeouts(self) -> None:
        """A jump of the time of day ends nothing and prolongs nothing."""
        bench = proxied(self, "proxy_read_timeout 10s;")
        jumps = iter(range(0, 10**9, 10**6))
        self.patch(bench.assembly.dates, "clock", lambda: float(next(jumps) % 7 * 10**6))
        client = bench.client()
        client.ask()
        bench.advance(9, step=1)
        self.assertEqual(client.received, b"")
        bench.advance(3, step=1)
        self.assertEqual(client.answer().status, 504)


class TricklingTests(SynchronousTestCase):
    """client_body_min_rate."""

    RATE = "client_body_timeout 10s; client_body_min_rate 100;"

    def begin(self, more: str = RATE) -> tuple[Bench, Client]:
        """A client that has sent the head of a large body."""
        bench = proxied(self, more)
        client = bench.client()
        client.send(request(method=b"PUT", body=b"x" * 100_000)[:-100_000])
        return bench, client

    def trickle(self, bench: Bench, client: Client, rate: int, seconds: int) -> int:
        """Send `rate` bytes a second; the second in which the connection ended, or 0."""
        for second in range(1, seconds + 1):
            client.send(b"x" * rate)
            bench.advance(1)
            if client.ended:
                return second
        return 0

    def test_too_slow(self) -> None:
        """A body below the rate is cut soon after client_body_timeout, 408 in the log."""
        bench, client = self.begin()
        self.assertIn(self.trickle(bench, client, 10, 60), range(11, 15))
        self.assertEqual((client.ended, client.received), ("closed", b""))
        self.assertIn('" 408 0 ', bench.lines()[0])
        self.assertIn("client sent its body slower than client_body_min_rate", bench.errors()[0])

    def test_fast_enough(self) -> None:
        """A body at the rate may take as long as it needs."""
        bench, client = self.begin()
        self.assertEqual(self.trickle(bench, client, 110, 300), 0)

    def test_off(self) -> None:
        """Without it each byte gives client_body_timeout again."""
        bench, client = self.begin("client_body_timeout 10s;")
        self.assertEqual(self.trickle(bench, client, 1, 300), 0)

    def test_held_up(self) -> None:
        """The time in which the upstream does not read is not the client's."""
        bench, client = self.begin(self.RATE + "proxy_request_buffering off;")
        client.send(b"x" * 5000)
        bench.upstream().stop_reading()
        client.send(b"x" * 70_000)
        for _ in range(30):
            bench.advance(30, step=1)
            bench.upstream().read_on(1)
        self.assertEqual(client.ended, "")
        bench.upstream().read_on()
        self.assertEqual(self.trickle(bench, client, 110, 20), 0)

    def test_thousand(self) -> None:
        """A thousand clients that trickle heads and bodies harm no good request."""
        bench = proxied(self, self.RATE)
        bench.assembly.connections.limit = 5000
        slow = [bench.client() for _ in range(1000)]
        for number, client in enumerate(slow):
            client.send(
                b"GET / HTTP"
                if number % 2
                else b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000\r\n\r\n"
            )
        for _ in range(3):
            for client in slow:
                client.socket.arrived.append(b"1")
            bench.reactor.settle()
            good = bench.client()
            good.ask()
            bench.upstream().send(ok())
            self.assertEqual(good.answer().body, b"hi")
            good.close()
            bench.upstream().take()
        bench.advance(70, step=1)
        self.assertEqual(bench.assembly.connections.clients, 0)
