"""The reactor's poll: who gets which event, and when."""

from __future__ import annotations

import os
import socket
from select import EPOLLHUP, EPOLLIN, EPOLLOUT
from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.logs.files import HELD, LogFile
from reverseproxy.process.polling import Polling, install
from reverseproxy.turns import TURN
from reverseproxy.web.accepting import Port

from ..support import serve


class FakePort(Port):
    """A port without a socket."""

    def __init__(self) -> None:
        """Nothing is bound."""


class Selectable:
    """Somebody with an event: what reading says, and whether it raises."""

    def __init__(self, reactor: FakeReactor, fd: int, why: Exception | None = None) -> None:
        self.reactor, self.fd, self.why = reactor, fd, why
        self.raises = False

    def doRead(self) -> Exception | None:
        self.reactor.read(self.fd)
        if self.raises and self.why is not None:
            raise self.why
        return self.why


class Reader:
    """Somebody with a socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.fileno = sock.fileno


class FakeReactor:
    """What a Polling knows of a reactor: events to come, and who was handed one."""

    def __init__(self) -> None:
        self._selectables: dict[int, Any] = {}
        self.events: list[tuple[int, int]] = []
        self.asked: list[tuple[float, int]] = []
        self.seen: list[int] = []
        self.closes: dict[int, int] = {}
        self._poller = self
        self._reads: set[int] = set()
        self._writes: set[int] = set()
        #: the events that were dispatched as the reactor does it
        self.events_seen: list[int] = []
        self.disconnected: list[tuple[int, Exception, bool]] = []

    def selectables(self, *numbers: int) -> None:
        """Let these have somebody."""
        self._selectables.update({number: Selectable(self, number) for number in numbers})

    def poll(self, timeout: float, most: int) -> list[tuple[int, int]]:
        """As select.epoll's."""
        self.asked.append((timeout, most))
        return self.events

    def _doReadOrWrite(self, _selectable: object, fd: int, event: int) -> None:
        self.events_seen.append(event)
        self.read(fd)

    def read(self, fd: int) -> None:
        """Somebody reads."""
        self.seen.append(fd)
        self._selectables.pop(self.closes.get(fd, -1), None)

    def _disconnectSelectable(self, selectable: Selectable, why: Exception, reading: bool) -> None:
        self.disconnected.append((selectable.fd, why, reading))


class PollingTests(SynchronousTestCase):
    """One round of events."""

    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.polling = Polling(self.reactor)

    def test_order(self) -> None:
        """Connections come before the sockets that accept new ones."""
        self.reactor.selectables(4, 6)
        self.reactor._selectables.update({3: FakePort(), 5: FakePort()})
        self.reactor.events = [(3, 1), (4, 1), (5, 1), (6, 1)]
        self.polling.poll(None)
        self.assertEqual(self.reactor.seen, [4, 6, 3, 5])

    def test_gone(self) -> None:
        """Who is gone when its event's turn comes is left alone."""
        self.reactor.selectables(4, 5)
        self.reactor._selectables[3] = FakePort()
        self.reactor.closes = {4: 3}
        self.reactor.events = [(3, 1), (4, 1), (9, 1)]
        self.polling.poll(None)
        self.assertEqual(self.reactor.seen, [4])

    def test_timeout(self) -> None:
        """No timeout is for ever, and there are no more events than there is who may have some."""
        self.reactor.selectables(3, 4)
        self.polling.poll(None)
        self.polling.poll(0.5)
        self.assertEqual(self.reactor.asked, [(-1, 2), (0.5, 2)])

    def test_interrupted(self) -> None:
        """A signal ends the wait, and is no error."""

        def interrupted(_timeout: float, _most: int) -> list[tuple[int, int]]:
            raise InterruptedError

        self.patch(self.reactor, "poll", interrupted)
        self.polling.poll(None)
        self.assertEqual(self.reactor.seen, [])

    def test_other_events(self) -> None:
        """What is more than something to read is the reactor's own business."""
        self.reactor.selectables(3, 4)
        self.reactor.events = [(3, EPOLLIN), (4, EPOLLIN | EPOLLOUT), (3, EPOLLHUP)]
        self.polling.poll(None)
        self.assertEqual(self.reactor.seen, [3, 4, 3])
        self.assertEqual(self.reactor.events_seen, [EPOLLIN | EPOLLOUT, EPOLLHUP])

    def test_ends(self) -> None:
        """Who says that it is over is disconnected; who raises as well, and it is told."""
        for raises in (False, True):
            selectable = Selectable(self.reactor, 3, ValueError("over"))
            selectable.raises = raises
            self.reactor._selectables[3] = selectable
            self.reactor.events = [(3, EPOLLIN)]
            self.polling.poll(None)
            self.assertEqual(self.reactor.disconnected, [(3, selectable.why, True)])
            self.assertEqual(len(self.flushLoggedErrors(ValueError)), int(raises))
            self.reactor.disconnected.clear()

    def test_lines_of_a_turn(self) -> None:
        """The lines of a turn are one write before the next wait, and none is kept beyond it."""
        path = self.mktemp()
        file = LogFile(path)
        file.open()
        self.patch(TURN, "ends", True)
        for line in (b"one\n", b"two\n"):
            file.write(line)
        self.assertEqual(os.path.getsize(path), 0)
        self.polling.poll(None)
        self.assertEqual(os.path.getsize(path), 8)
        file.write(b"three\n")
        os.rename(path, path + ".1")
        file.open()
        file.write(b"four\n")
        file.close()
        self.polling.poll(None)
        for name, lines in ((path + ".1", b"one\ntwo\nthree\n"), (path, b"four\n")):
            with open(name, "rb") as written:
                self.assertEqual(written.read(), lines)

    def test_error_at_once(self) -> None:
        """What went wrong is told at once: before its answer can arrive, and before a crash.

        In a file that is also the access log, it comes after what was there before.
        """
        path = self.mktemp()
        file = LogFile(path)
        file.open()
        self.addCleanup(file.close)
        self.patch(TURN, "ends", True)
        file.write(b"access\n")
        file.write_at_once(b"error\n")
        file.write(b"later\n")
        with open(path, "rb") as written:
            self.assertEqual(written.read(), b"access\nerror\n")

    def test_error_log(self) -> None:
        """The error log is written so."""
        self.patch(TURN, "ends", True)
        self.addCleanup(TURN.end)
        bench = serve(self, "server { listen 80; location / { root /nowhere; } }")
        bench.client().get(b"/missing")
        self.assertIn("/nowhere/missing", bench.errors()[0])

    def test_many_lines(self) -> None:
        """A turn of very many requests does not gather them all."""
        path = self.mktemp()
        file = LogFile(path)
        file.open()
        self.addCleanup(file.close)
        self.patch(TURN, "ends", True)
        for _ in range(HELD):
            file.write(b"line\n")
        self.assertEqual(os.path.getsize(path), 5 * HELD)

    def test_end(self) -> None:
        """What a turn puts off is done when all events are handed out, and what that puts off.

        One that raises is told, and is not the others' end.
        """
        self.reactor.selectables(3, 4)
        self.reactor.events = [(3, EPOLLIN), (4, EPOLLIN)]
        done: list[str] = []

        def again() -> None:
            done.append(f"after {self.reactor.seen}")
            TURN.calls.append(lambda: done.append("at last"))
            raise ValueError

        for selectable in self.reactor._selectables.values():
            selectable.doRead = lambda read=selectable.doRead: TURN.calls.append(again) or read()
        self.polling.poll(5)
        self.assertEqual(done, ["after [3, 4]", "after [3, 4]", "at last", "at last"])
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 2)
        self.assertEqual(self.reactor.asked, [(5, 2)])

    def test_timers(self) -> None:
        """What a timer put off is done before the wait, which is none: it may have set timers."""
        done: list[int] = []
        TURN.calls.append(lambda: done.append(len(self.reactor.asked)))
        self.polling.poll(5)
        self.assertEqual((done, self.reactor.asked), ([0], [(0, 0)]))

    def test_forget(self) -> None:
        """Who closes its descriptor is forgotten without a word to epoll, which sees it itself."""
        reactor = EPollReactor()
        self.addCleanup(reactor._poller.close)
        polling = Polling(reactor)
        ours, peer = socket.socketpair()
        self.addCleanup(peer.close)
        reader = Reader(ours)
        reactor.addReader(reader)
        reactor.addWriter(reader)
        polling.forget(reader)
        self.assertNotIn(reader, [*reactor.getReaders(), *reactor.getWriters()])
        reactor.removeReader(reader)
        ours.close()
        peer.close()
        self.assertEqual(reactor._poller.poll(0), [])

    def test_install(self) -> None:
        """An epoll reactor polls this way, another one as it did."""
        self.patch(TURN, "ends", False)
        reactor = EPollReactor()
        self.addCleanup(reactor._poller.close)
        install(reactor)
        self.assertIs(type(reactor.doIteration.__self__), Polling)
        self.assertTrue(TURN.ends)
        self.assertIsNotNone(TURN.forget)
        reactor.fireSystemEvent("shutdown")
        self.assertEqual((TURN.ends, TURN.forget), (False, None))
        clock = Clock()
        install(clock)
        self.assertFalse(hasattr(clock, "doIteration"))
