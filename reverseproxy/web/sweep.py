"""One timer for every deadline.

A timer per request would cost more than the request's parsing. Instead each connection keeps its
deadlines as numbers, and once an interval the sweep asks every one of them to look at the time.
A deadline is thus met late by one interval at most.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import Protocol

from twisted.internet.interfaces import IReactorTime

#: The longest pause between two sweeps, in seconds.
LONGEST = 1.0
SHORTEST = 0.02


class Checked(Protocol):
    """Something that has deadlines."""

    def check(self, now: float) -> None:
        """Act on deadlines that `now` (seconds, monotonic) has passed."""


class Sweep:
    """Calls `check(now)` of every member once per `interval` seconds.

    `now` is the time of the last sweep: good enough to set a deadline from, and free to read.
    """

    def __init__(self, clock: IReactorTime, seconds: Callable[[], float], interval: float) -> None:
        self.clock = clock
        self._seconds = seconds
        self.every(interval)
        self._members: set[Checked] = set()
        self.now = seconds()
        self._call: object = None
        self.add = self._members.add
        self.discard = self._members.discard

    @property
    def members(self) -> Set[Checked]:
        """All that are asked."""
        return self._members

    def every(self, interval: float) -> None:
        """Sweep once in `interval` seconds, within bounds, from the next time on."""
        self.interval = min(max(interval, SHORTEST), LONGEST)

    def start(self) -> None:
        """Begin to sweep."""
        self._call = self.clock.callLater(self.interval, self._sweep)

    def stop(self) -> None:
        """Sweep no more."""
        call, self._call = self._call, None
        if call is not None:
            call.cancel()  # type: ignore[attr-defined]  # zope's interfaces carry no types here

    def _sweep(self) -> None:
        self._call = self.clock.callLater(self.interval, self._sweep)
        now = self.now = self._seconds()
        for member in tuple(self._members):
            member.check(now)
