"""The servers of a group, and the order in which they are tried: smooth weighted round robin.

Nothing here knows of connections: a `Member` is counted, a `Turn` is one request's way through the
members, from one to the next as they fail. Times are in seconds, monotonic.

A member that failed `max_fails` times is passed over for `fail_timeout`; then one request goes to
it, and what becomes of that decides. A group of one is never passed over, as there is nobody else;
unless a health check says so. What changes the state of a member, passive or checked, are its
methods `begin`, `end`, `examine`, `judge`, `hear` and `forget_checks`.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Protocol

import attrs

from .health import UP, Health, Result, worst
from .news import CHECKED, FAILED, RECOVERED, TRIED, adopt

if TYPE_CHECKING:
    from .news import Opinion, PeerNews
    from .pool import Peer

#: The least part of its weight that a server has while it comes back slowly.
_LEAST = 0.01


class Tell(Protocol):
    """Hears what happens to a member, and when; of a check's result which check it was."""

    def __call__(
        self, member: Member, what: str, when: float, health: Health | None = None, /
    ) -> None: ...


def nobody(_member: Member, _what: str, _when: float, _health: Health | None = None) -> None:
    """Nobody is told."""


@attrs.define(eq=False)
class Member:
    """One address of a `server`; `server` is its name as it was written, weights are 1 or more."""

    peer: Peer
    server: bytes
    weight: int = 1
    max_fails: int = 1
    fail_timeout: float = 10.0
    max_conns: int = 0
    down: bool = False
    slow_start: float = 0.0
    #: requests under way
    conns: int = 0
    fails: int = 0
    #: when it failed last, and when it was last let try
    accessed: float = -inf
    checked: float = -inf
    effective: int = attrs.field(init=False)
    current: float = 0
    #: what the health checks of its group say
    health: tuple[Health, ...] = ()
    #: how many reasons there are not to use it: that it is down, and checks that speak against it
    barred: int = attrs.field(init=False)
    #: when it came back into use
    back: float = -inf
    #: who is told what happens to it
    tell: Tell = nobody

    def __attrs_post_init__(self) -> None:
        self.effective = self.weight
        self._count()

    def ready(self, now: float) -> bool:
        """Whether a request may go there now."""
        return not (
            self.barred
            or (self.fails and self.failing(now))
            or (self.max_conns and self.conns >= self.max_conns)
        )

    def failing(self, now: float) -> bool:
        """Whether requests failed there so often that it is out of use for a while."""
        return 0 < self.max_fails <= self.fails and now - self.checked <= self.fail_timeout

    def state(self, now: float) -> str:
        """In one word: `down`, `unhealthy`, `checking`, `unavail` or `up`."""
        if self.down:
            return "down"
        if self.barred:
            return worst(self.health)
        return "unavail" if self.failing(now) else UP

    def grown(self, now: float) -> float:
        """The part of its weight that it has again (`slow_start`), up to 1."""
        if not self.slow_start:
            return 1.0
        return min(1.0, max(_LEAST, (now - self.back) / self.slow_start))

    def begin(self, now: float) -> None:
        """A request goes there."""
        self.conns += 1
        if now - self.checked > self.fail_timeout:
            self.checked = now
            if self.fails:
                self.tell(self, TRIED, now)

    def end(self, failed: bool, now: float) -> bool:
        """A request is done with it; whether that put it out of use for a while."""
        self.conns -= 1
        if not failed:
            if self.fails and self.accessed < self.checked:
                self._recover(now)
                self.tell(self, RECOVERED, now)
            return False
        self._fail(now)
        if self.max_fails:
            self.tell(self, FAILED, now)
        return 0 < self.max_fails <= self.fails

    def _recover(self, now: float) -> None:
        if 0 < self.max_fails <= self.fails:
            self.back = now
        self.fails = 0

    def _fail(self, now: float) -> None:
        self.fails += 1
        self.accessed = self.checked = now
        if self.max_fails:
            self.effective = max(0, self.effective - self.weight // self.max_fails)

    def examine(self, health: Health) -> None:
        """One more health check looks at it."""
        self.health += (health,)
        self._count()

    def judge(self, health: Health, result: Result) -> None:
        """One of its health checks came to a result."""
        barred = self.barred
        health.note(result)
        self._count()
        if barred and not self.barred:
            self.back = result.when
        self.tell(self, CHECKED, result.when, health)

    def hear(self, news: PeerNews) -> None:
        """It happened to it in another worker."""
        if news.what == FAILED:
            accessed, checked = self.accessed, self.checked
            self._fail(news.when)
            # What happened here may be later than what is heard of.
            self.accessed, self.checked = max(accessed, news.when), max(checked, news.when)
        elif news.what == TRIED:
            self.checked = max(self.checked, news.when)
        elif news.what == RECOVERED:
            if self.fails and self.accessed < news.checked:
                self._recover(news.when)
        elif news.opinion is not None:
            self._adopt(news.opinion, news.when)

    def _adopt(self, opinion: Opinion, when: float) -> None:
        barred = self.barred
        for health in self.health[opinion.at : opinion.at + 1]:
            # In another configuration it may be another check.
            if health.uri == opinion.uri and adopt(health, opinion, when):
                self._count()
                if barred and not self.barred:
                    self.back = when

    def forget_checks(self) -> None:
        """The checks that looked at it are over; others may come."""
        self.health = ()
        self._count()

    def _count(self) -> None:
        self.barred = self.down + sum(one.state != UP for one in self.health)


@attrs.frozen(eq=False)
class Rank:
    """The members of a group that are tried first, and those behind them (`backup`)."""

    members: tuple[Member, ...]
    backup: Rank | None = None

    @property
    def number(self) -> int:
        """How many there are, those behind left out."""
        return len(self.members)

    @property
    def single(self) -> bool:
        """Whether there is no choice at all."""
        return len(self.members) == 1 and self.backup is None

    @property
    def everyone(self) -> tuple[Member, ...]:
        """All of them, those behind too."""
        return self.members + (self.backup.members if self.backup is not None else ())

    @property
    def weight(self) -> int:
        """The sum of the weights."""
        return sum(member.weight for member in self.members)

    @property
    def tries(self) -> int:
        """How often a request may be tried: once for each member that is not `down`."""
        here = sum(not member.down for member in self.members)
        return here + (self.backup.tries if self.backup is not None else 0)


def heaviest(members: list[Member]) -> Member | None:
    """The next of `members` in smooth weighted round robin."""
    best: Member | None = None
    total = 0
    for member in members:
        member.current += member.effective
        total += member.effective
        if member.effective < member.weight:
            member.effective += 1
        if best is None or member.current > best.current:
            best = member
    if best is not None:
        best.current -= total
    return best


def slowly(members: list[Member], now: float) -> Member | None:
    """The same with the part of their weights that they have now (`slow_start`)."""
    lacking = 0.0
    for member in members:
        lack = member.effective * (1.0 - member.grown(now))
        member.current -= lack
        lacking += lack
    best = heaviest(members)
    if best is not None:
        best.current += lacking
    return best


class Turn:
    """One request's way through the members of a group: round robin (nginx's default)."""

    __slots__ = ("_rank", "_single", "_tried", "tries")

    def __init__(self, rank: Rank) -> None:
        self._rank = rank
        self._single = rank.single
        self._tried: set[Member] = set()
        #: how many attempts are left
        self.tries = rank.tries

    def take(self, now: float) -> Member | None:
        """The member to be tried next; None when no one is left (nginx's "no live upstreams")."""
        if self._single:
            (found,) = self._rank.members
            full = found.max_conns and found.conns >= found.max_conns
            if found.barred or full:
                return None
            found.conns += 1
            return found
        while True:
            chosen = self._choose(now)
            if chosen is not None:
                self._tried.add(chosen)
                chosen.begin(now)
                return chosen
            if self._rank.backup is None:
                return None
            self._rank = self._rank.backup
            self._tried.clear()

    def _choose(self, now: float) -> Member | None:
        return self._round_robin(now)

    def _round_robin(self, now: float) -> Member | None:
        return heaviest([member for member in self._rank.members if self._usable(member, now)])

    def _usable(self, member: Member, now: float) -> bool:
        return member not in self._tried and member.ready(now)

    def free(self, member: Member, failed: bool, now: float) -> bool:
        """An attempt is over; whether it put the member out of use for a while."""
        if self._single:
            member.conns -= 1
            self.tries = 0
            return False
        if self.tries:
            self.tries -= 1
        return member.end(failed, now)


class SlowTurn(Turn):
    """Round robin in a group some of whose servers come back slowly (`slow_start`)."""

    __slots__ = ()

    def _round_robin(self, now: float) -> Member | None:
        usable = [member for member in self._rank.members if self._usable(member, now)]
        return slowly(usable, now)
