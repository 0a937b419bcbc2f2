"""What signals do to a reactor."""

from __future__ import annotations

from twisted.internet.epollreactor import EPollReactor
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.process import signals


class StopTests(SynchronousTestCase):
    def test_twice(self) -> None:
        """Who is told to stop while he stops is not told again, and nobody complains."""
        reactor = EPollReactor()
        self.addCleanup(reactor._poller.close)
        ends: list[str] = []
        reactor.addSystemEventTrigger("during", "shutdown", ends.append, "shutdown")

        def told_twice() -> None:
            signals.stop(reactor)
            signals.stop(reactor)

        reactor.callWhenRunning(told_twice)
        reactor.run(installSignalHandlers=False)
        self.assertEqual(ends, ["shutdown"])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_before(self) -> None:
        """One that does not run yet is left alone."""
        reactor = EPollReactor()
        self.addCleanup(reactor._poller.close)
        signals.stop(reactor)
