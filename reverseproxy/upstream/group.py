"""A group of servers that answer for each other, and whose turn it is.

A `Group` is made at load. Where it has one server and nothing to count, `sole` is its peer, and
requests go there without further ado; else each request takes a `Turn` from it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .members import Rank, Turn
from .news import PeerNews, news_of

if TYPE_CHECKING:
    from reverseproxy.web.request import Request

    from .health import Health
    from .healthcheck import HealthCheck
    from .members import Member
    from .pool import Peer

Heard = Callable[[PeerNews], None]
Take = Callable[["Request"], Turn]


class Group:
    """Servers that answer for each other; `name` as `$upstream_addr` has it when none is left."""

    #: begins a request's way through the servers
    take: Take

    def __init__(self, name: str, rank: Rank, take: Take | None = None) -> None:
        self.name = name.encode()
        self.sole: Peer | None = None
        self.checks: tuple[HealthCheck, ...] = ()
        #: hears what the other workers should know of its servers
        self.heard: Heard = lambda _news: None
        #: whether requests are counted, however few servers there are
        self._counts = False
        self.become(rank, take)

    def become(self, rank: Rank, take: Take | None = None) -> None:
        """Consist of other servers from now on."""
        self.rank = rank
        self.sole = None
        plain = rank.single and not rank.members[0].down and not rank.members[0].max_conns
        if plain and not self._counts:
            self.sole = rank.members[0].peer
        self.take = take or (lambda _request: Turn(rank))
        for member in rank.everyone:
            member.tell = self._tell
        for check in self.checks:
            check.follow(rank.everyone)

    def _tell(
        self, member: Member, what: str, when: float, health: Health | None = None, /
    ) -> None:
        self.heard(news_of(self.name.decode(), member, what, when, health))

    def hear(self, news: PeerNews) -> None:
        """Something happened to a server in another worker; one that is not here is no matter."""
        for member in self.rank.everyone:
            if member.server == news.server and member.peer.address == news.address:
                member.hear(news)
                return

    def count(self) -> None:
        """Count requests from now on: somebody looks at each server."""
        self._counts = True
        self.sole = None

    def add_check(self, check: HealthCheck) -> None:
        """Have the servers checked, and use none that a check speaks against."""
        self.count()
        self.checks += (check,)
        check.follow(self.rank.everyone)
