"""The servers of a group, and the order in which they are tried: smooth weighted round robin.

Nothing here knows of connections: a `Member` is counted, a `Turn` is one request's way through the
members, from one to the next as they fail. Times are in seconds, monotonic.

A member that failed `max_fails` times is passed over for `fail_timeout`; then one request goes to
it, and what becomes of that decides. A group of one is never passed over, as there is nobody else.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from .pool import Peer


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
    #: requests under way
    conns: int = 0
    fails: int = 0
    #: when it failed last, and when it was last let try
    accessed: float = -inf
    checked: float = -inf
    effective: int = attrs.field(init=False)
    current: int = 0

    def __attrs_post_init__(self) -> None:
        self.effective = self.weight

    def ready(self, now: float) -> bool:
        """Whether a request may go there now."""
        return not (
            self.down
            or (
                self.max_fails
                and self.fails >= self.max_fails
                and now - self.checked <= self.fail_timeout
            )
            or (self.max_conns and self.conns >= self.max_conns)
        )

    def begin(self, now: float) -> None:
        """A request goes there."""
        self.conns += 1
        if now - self.checked > self.fail_timeout:
            self.checked = now

    def end(self, failed: bool, now: float) -> bool:
        """A request is done with it; whether that put it out of use for a while."""
        self.conns -= 1
        if not failed:
            if self.accessed < self.checked:
                self.fails = 0
            return False
        self.fails += 1
        self.accessed = self.checked = now
        if not self.max_fails:
            return False
        self.effective = max(0, self.effective - self.weight // self.max_fails)
        return self.fails >= self.max_fails


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
            if found.down or (found.max_conns and found.conns >= found.max_conns):
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
