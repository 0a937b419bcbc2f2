"""The reactor's poll: who gets which event, and when."""

from __future__ import annotations

from typing import Any

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.process.polling import Polling, install
from reverseproxy.web.transport import Port


class FakePort(Port):
    """A port without a socket."""

    def __init__(self) -> None:
        """Nothing is bound."""


class FakeReactor:
    """What a Polling knows of a reactor: events to come, and who was handed one."""

    def __init__(self) -> None:
        self._selectables: dict[int, Any] = {}
        self.events: list[tuple[int, int]] = []
        self.asked: list[tuple[float, int]] = []
        self.seen: list[int] = []
        self.closes: dict[int, int] = {}
        self._poller = self

    def poll(self, timeout: float, most: int) -> list[tuple[int, int]]:
        """As select.epoll's."""
        self.asked.append((timeout, most))
        return self.events

    def _doReadOrWrite(self, _selectable: object, fd: int, _event: int) -> None:
        self.seen.append(fd)
        self._selectables.pop(self.closes.get(fd, -1), None)


class PollingTests(SynchronousTestCase):
    """One round of events."""

    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.polling = Polling(self.reactor)

    def test_order(self) -> None:
        """Connections come before the sockets that accept new ones."""
        self.reactor._selectables.update({3: FakePort(), 4: object(), 5: FakePort(), 6: object()})
        self.reactor.events = [(3, 1), (4, 1), (5, 1), (6, 1)]
        self.polling.poll(None)
        self.assertEqual(self.reactor.seen, [4, 6, 3, 5])

    def test_gone(self) -> None:
        """Who is gone when its event's turn comes is left alone."""
        self.reactor._selectables.update({3: FakePort(), 4: object(), 5: object()})
        self.reactor.closes = {4: 3}
        self.reactor.events = [(3, 1), (4, 1), (9, 1)]
        self.polling.poll(None)
        self.assertEqual(self.reactor.seen, [4])

    def test_timeout(self) -> None:
        """No timeout is for ever, and there are no more events than there is who may have some."""
        self.reactor._selectables.update({3: object(), 4: object()})
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

    def test_install(self) -> None:
        """An epoll reactor polls this way, another one as it did."""
        reactor = EPollReactor()
        self.addCleanup(reactor._poller.close)
        install(reactor)
        self.assertIs(type(reactor.doIteration.__self__), Polling)
        clock = Clock()
        install(clock)
        self.assertFalse(hasattr(clock, "doIteration"))
