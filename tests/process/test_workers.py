"""The workers as the master minds them: started, replaced, told to end; no process is made here."""

from __future__ import annotations

import os
import signal
import socket
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.process import worker, workers
from reverseproxy.process.sharing import Shared
from reverseproxy.process.sources import Sources
from reverseproxy.process.workers import Workers

from ..fakes import FakeReactor
from ..support import load_text


class Log:
    """An error log that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, level: str, message: str) -> None:
        self.lines.append(f"[{level}] {message}")


class FakeMaster:
    """What `Workers` asks of a master."""

    def __init__(self) -> None:
        self.reactor = FakeReactor()
        self.reactor.adoptStreamConnection = lambda *_given: None  # type: ignore[attr-defined]
        self.error_log = Log()
        self.sockets: dict[Any, Any] = {}
        self.observer = self.read = None
        self.number = 2
        self.loaded = self
        self.configuration = self.sources = None
        self.assembly = self
        self.log_files: list[Any] = []
        self.shared = Shared(load_text("worker_processes 2; events {} http {}", "/").main)


class WorkerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.master: Any = FakeMaster()
        self.workers = Workers(self.master)
        self.next = 100
        #: who was sent what
        self.sent: list[tuple[int, int]] = []
        #: who has ended, and how
        self.ended: dict[int, int] = {}
        self.patch(workers, "fork", self.fork)
        self.patch(os, "kill", lambda pid, number: self.sent.append((pid, number)))
        self.patch(os, "waitpid", self.waitpid)

    def fork(self, _reactor: Any, _run: Any) -> int:
        if self.next < 0:
            raise OSError(11, "Resource temporarily unavailable")
        self.next += 1
        return self.next

    def waitpid(self, pid: int, _flags: int) -> tuple[int, int]:
        return (pid, self.ended.pop(pid)) if pid in self.ended else (0, 0)

    def end(self, pid: int, status: int = 0, after: float = 5.0) -> None:
        """Let a process end."""
        self.master.reactor.advance(after)
        self.ended[pid] = status
        self.workers.reap()

    @property
    def living(self) -> list[int]:
        return list(self.workers._living)

    def test_replaced(self) -> None:
        """Who dies is replaced at once, and the log says how it died."""
        self.workers.become(2)
        self.assertEqual(self.living, [101, 102])
        self.end(101, signal.SIGKILL)
        self.assertEqual(self.living, [102, 103])
        self.end(102, 3 << 8)
        self.assertEqual(self.living, [103, 104])
        alerts = [line for line in self.master.error_log.lines if "[alert]" in line]
        self.assertEqual(
            alerts,
            [
                "[alert] worker process 101 exited on signal 9 (SIGKILL)",
                "[alert] worker process 102 exited with code 3",
            ],
        )

    def test_number(self) -> None:
        """More are started, or some are told to finish; those are not replaced."""
        self.workers.become(3)
        self.workers.become(1)
        self.assertEqual(self.sent, [(102, signal.SIGQUIT), (103, signal.SIGQUIT)])
        self.end(102)
        self.end(103)
        self.assertEqual(self.living, [101])
        self.workers.become(2)
        self.assertEqual(self.living, [101, 104])

    def test_never_well(self) -> None:
        """Who dies at every start is tried again with growing pauses, and that is told once."""
        self.workers.become(1)
        starts = []
        for _ in range(8):
            before = self.master.reactor.seconds()
            self.end(self.next, 1 << 8, after=0.1)
            self.assertEqual(self.living, [])
            while not self.living:
                self.master.reactor.advance(0.25)
            starts.append(self.master.reactor.seconds() - before)
        for pause, wanted in zip(starts, (0.5, 1, 2, 4, 8, 16, 32, 60), strict=True):
            self.assertApproximates(pause, wanted, 0.5)
        told = [line for line in self.master.error_log.lines if "growing pauses" in line]
        self.assertEqual(len(told), 1)
        self.end(self.next, 1 << 8, after=5)
        self.assertEqual(len(self.living), 1)

    def test_young(self) -> None:
        """Who served is replaced at once, a few times in a row, however short it lived."""
        self.workers.become(1)
        for _ in range(workers.AT_ONCE):
            self.workers._living[self.next].serves = True
            self.end(self.next, signal.SIGKILL, after=0.1)
            self.assertEqual(self.living, [self.next])
        self.workers._living[self.next].serves = True
        self.end(self.next, signal.SIGKILL, after=0.1)
        self.assertEqual(self.living, [])
        self.master.reactor.advance(workers.SHORTEST)
        self.assertEqual(self.living, [self.next])
        self.end(self.next, signal.SIGKILL)
        self.assertEqual(self.living, [self.next])

    def test_many_never_well(self) -> None:
        """All that die at their start are tried again together: the pauses are those of one."""
        self.workers.become(8)
        for pause in (0.5, 1, 2, 4):
            for pid in self.living:
                self.end(pid, 1 << 8, after=0)
            self.master.reactor.advance(pause - 0.1)
            self.assertEqual(self.living, [])
            self.master.reactor.advance(0.1)
            self.assertEqual(len(self.living), 8)
        self.assertEqual(self.master.reactor.getDelayedCalls(), [])

    def test_mended(self) -> None:
        """A reload does not wait for the end of a pause."""
        self.workers.become(2)
        for pid in self.living:
            self.end(pid, 1 << 8, after=0)
        self.workers.become(2)
        self.assertEqual(self.living, [103, 104])
        self.master.reactor.advance(60)
        self.assertEqual(self.living, [103, 104])

    def test_no_process(self) -> None:
        """Where no process can be made it is told, and tried again."""
        self.next = -1
        self.workers.become(1)
        self.assertIn("fork() failed: Resource", self.master.error_log.lines[-1])
        self.next = 100
        self.master.reactor.advance(1.1)
        self.assertEqual(self.living, [101])

    def test_replace(self) -> None:
        """New ones are ready before the old ones are told to finish."""
        self.workers.become(2)
        self.workers.replace(2)
        self.assertEqual((self.living, self.sent), ([101, 102, 103, 104], []))
        for pid in (103, 104):
            self.assertEqual(self.sent, [])
            self.workers._living[pid].serves = True
            self.workers._living[pid].is_ready()
        self.assertEqual(self.sent, [(101, signal.SIGQUIT), (102, signal.SIGQUIT)])
        self.end(101)
        self.end(102)
        self.assertEqual(self.living, [103, 104])

    def test_replace_with_none(self) -> None:
        """Where none of the new ones can serve the old ones go on, and that is told."""
        self.workers.become(1)
        self.workers.replace(1)
        stillborn = self.workers._living[102]
        self.end(102, 1 << 8)
        # Its channel closes.
        stillborn.is_ready()
        self.assertEqual((self.living, self.sent), ([101], []))
        self.assertIn("the old ones go on", self.master.error_log.lines[-1])

    def test_stop(self) -> None:
        """All are told to end, and who waits for the last of them hears of it."""
        ended: list[bool] = []
        self.workers.become(2)
        self.workers.when_none = lambda: ended.append(True)
        self.workers.stop(signal.SIGTERM)
        self.assertEqual(self.sent, [(101, signal.SIGTERM), (102, signal.SIGTERM)])
        self.end(101)
        self.assertEqual(ended, [])
        self.master.reactor.advance(workers.PATIENCE)
        self.assertEqual(self.sent[2:], [(102, signal.SIGKILL)])
        self.end(102, signal.SIGKILL)
        self.assertEqual((ended, self.living), ([True], []))

    def test_drain(self) -> None:
        """After SIGWINCH all finish, and none is started until somebody wants some."""
        self.workers.become(2)
        self.workers.drain()
        self.end(101)
        self.end(102)
        self.assertEqual(self.living, [])
        self.workers.become(2)
        self.assertEqual(self.living, [103, 104])

    def test_gone(self) -> None:
        """Who is gone already can't be sent a signal, which is no trouble."""

        def kill(_pid: int, _number: int) -> None:
            raise ProcessLookupError

        self.patch(os, "kill", kill)
        self.workers.become(1)
        self.workers.drain()
        self.end(101)
        self.assertEqual(self.living, [])

    def test_sockets_closed(self) -> None:
        """Each worker costs the master one end of a channel, and no more."""
        made: list[socket.socket] = []
        real = socket.socketpair

        def pair() -> tuple[socket.socket, socket.socket]:
            both = real()
            made.extend(both)
            return both

        self.patch(socket, "socketpair", pair)
        self.workers.become(1)
        # The reactor has a copy of the master's end.
        self.assertEqual([one.fileno() for one in made], [-1, -1])


class ChannelTests(SynchronousTestCase):
    def test_position(self) -> None:
        """Sources are read from their start, wherever another worker is in the same open file."""
        memory = os.memfd_create("sources", os.MFD_CLOEXEC)
        self.addCleanup(os.close, memory)
        packed = Sources().pack()
        os.write(memory, packed)
        adopted: list[bytes] = []

        class Worker:
            def adopt(self, sources: Sources) -> str:
                adopted.append(sources.pack())
                return ""

        fake: Any = Worker()
        channel = worker.Channel(fake)
        for position in (len(packed), 3):
            os.lseek(memory, position, os.SEEK_SET)
            self.assertEqual(channel._adopt(os.dup(memory)), {"problem": ""})
            self.assertEqual(os.lseek(memory, 0, os.SEEK_CUR), position)
        self.assertEqual(adopted, [packed, packed])
