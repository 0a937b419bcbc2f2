"""Health checks: each server of a group is asked again and again whether it is well.

A `HealthCheck` is one `health_check` of a location. It has a `Watch` for each server, which asks
one `Question` at a time over a connection of its own; what comes of it is the member's to judge.
The servers' turns are spread over the interval.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .health import CHECKING, UNHEALTHY, UP, Health, Result, worst
from .pool import Keeping, Peer
from .question import Inquiry, Question

if TYPE_CHECKING:
    from reverseproxy.web.assembly import Assembly

    from .members import Member

#: Seconds between the first questions to two servers that nobody may use before they are asked.
_APART = 0.01


class HealthCheck:
    """One check of the servers of a group: those that are `down` are left out."""

    def __init__(self, assembly: Assembly, group: str, inquiry: Inquiry) -> None:
        self.assembly = assembly
        self.group = group
        self.inquiry = inquiry
        self.watches: dict[Member, Watch] = {}
        self._known: dict[Member, Health] = {}
        self._running = False

    def follow(self, members: Iterable[Member]) -> None:
        """Check these servers from now on, and no others."""
        here = [member for member in members if not member.down]
        for gone in self.watches.keys() - here:
            self.watches.pop(gone).stop()
        new = [member for member in here if member not in self.watches]
        for at, member in enumerate(new):
            before = self._known.pop(member, None)
            watch = self.watches[member] = Watch(self, member, (at, len(new)), before)
            if self._running:
                watch.start()

    def remember(self, member: Member, opinions: Iterable[Health]) -> None:
        """What the same check of the last configuration knew of a server: that counts on.

        A check that is mandatory and not persistent begins anew, as in nginx.
        """
        if self.inquiry.rule.mandatory and not self.inquiry.rule.persistent:
            return
        for health in opinions:
            if health.check == self.inquiry.rule.anywhere:
                self._known[member] = health

    def start(self) -> None:
        """Begin to ask."""
        self._running = True
        for watch in self.watches.values():
            watch.start()

    def stop(self) -> None:
        """Ask no more, and wait for no answer."""
        self._running = False
        for watch in self.watches.values():
            watch.stop()


class Watch:
    """One server under one check. `place` is its turn among those that it began with.

    `before` is what the last configuration's check knew of it.
    """

    def __init__(
        self, check: HealthCheck, member: Member, place: tuple[int, int], before: Health | None
    ) -> None:
        rule, assembly = check.inquiry.rule, check.assembly
        self.check = check
        self.member = member
        state = CHECKING if rule.mandatory else UP
        self.health = before or Health(
            rule.uri, rule.fails, rule.passes, state, assembly.seconds(), check=rule.anywhere
        )
        member.examine(self.health)
        asked = member.peer
        unix = asked.host.startswith("unix:")
        keeping = Keeping(
            most=1 if rule.keepalive_time else 0,
            timeout=rule.keepalive_time,
            lifetime=rule.keepalive_time,
        )
        port = asked.port if unix or rule.port is None else rule.port
        self.peer = Peer(asked.host, port, assembly.pools, keeping)
        self._place = place
        #: when the turn after this one is
        self._due = 0.0
        self._call: Any = None
        self._question: Question | None = None

    def start(self) -> None:
        """Begin to ask: a server that waits for it soon, and again when its turn comes."""
        rule, (at, number) = self.check.inquiry.rule, self._place
        phase = rule.interval * at / number
        self._due = self.check.assembly.seconds() + phase
        if self.health.state == CHECKING and at:
            self._later(min(at * _APART, phase), self._ask)
        else:
            self._due += rule.interval
            self._later(phase + self._jitter(), self._ask)

    def stop(self) -> None:
        """Ask no more."""
        self._wait_no_more()
        self._drop()
        self.peer.close()

    def _later(self, pause: float, what: Callable[[], None]) -> None:
        self._call = self.check.assembly.reactor.callLater(pause, what)

    def _wait_no_more(self) -> None:
        call, self._call = self._call, None
        if call is not None and call.active():
            call.cancel()

    def _drop(self) -> None:
        question, self._question = self._question, None
        if question is not None:
            question.drop()

    def _ask(self) -> None:
        inquiry, pools = self.check.inquiry, self.check.assembly.pools
        # The rest of the last answer may still be on its way.
        self._drop()
        if not pools.has_room():
            # That says nothing of the server.
            limit = pools.connections.limit
            inquiry.error_log.log(
                "alert", f"{limit} worker_connections are not enough for a health check"
            )
            self._next()
            return
        question = self._question = Question(self.peer, inquiry, self._done)
        self._later(inquiry.limit, self._too_slow)
        question.begin()

    def _too_slow(self) -> None:
        self._drop()
        self._done(f"no answer within {self.check.inquiry.limit:g} s", False)

    def _next(self) -> None:
        interval, now = self.check.inquiry.rule.interval, self.check.assembly.seconds()
        if self._due <= now:
            # It took longer than the interval.
            self._due = now
        self._later(self._due - now + self._jitter(), self._ask)
        self._due += interval

    def _jitter(self) -> float:
        return random.uniform(0, self.check.inquiry.rule.jitter)  # noqa: S311 - it is no secret

    def _done(self, reason: str, passed: bool) -> None:
        """The question came to a result."""
        self._wait_no_more()
        member = self.member
        before = worst(member.health)
        member.judge(self.health, Result(passed, reason, self.check.assembly.seconds()))
        after = worst(member.health)
        if after != before:
            self._tell(before, after, reason)
        self._next()

    def _tell(self, before: str, after: str, reason: str) -> None:
        """Log that the server has changed its state."""
        server = f'upstream server {self.member.peer.address.decode()} of "{self.check.group}"'
        log = self.check.inquiry.error_log.log
        if after == UNHEALTHY:
            log("warn", f"{server} is unhealthy: {reason} (GET {self.health.uri})")
        elif before == UNHEALTHY:
            log("warn", f"{server} is healthy again")
        elif after == UP:
            log("notice", f"{server} is healthy")
