"""Groups of servers: what `upstream { … }` and the host of a `proxy_pass` become.

A `Group` is made at load. Where it has one server and nothing to count, `sole` is its peer, and
requests go there without further ado; else each request takes a `Turn` from it.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from reverseproxy.config import Level, Word

from .balancing import (
    AtRandom,
    BetterOfTwo,
    ByAddress,
    ByKey,
    Circle,
    LeastConnections,
    OnCircle,
)
from .groupsettings import ServerAddress, ServerRule, UpstreamSettings
from .members import Member, Rank, Turn
from .pool import Keeping, Peer

if TYPE_CHECKING:
    from reverseproxy.web.assembly import Assembly
    from reverseproxy.web.request import Request
    from reverseproxy.web.variables import Variables

Take = Callable[["Request"], Turn]


class Group:
    """Servers that answer for each other; `name` as `$upstream_addr` has it when none is left."""

    def __init__(self, name: str, rank: Rank, take: Take | None = None) -> None:
        self.name = name.encode()
        self.rank = rank
        self.sole: Peer | None = None
        if rank.single and not rank.members[0].down and not rank.members[0].max_conns:
            self.sole = rank.members[0].peer
        #: begins a request's way through the servers
        self.take: Take = take or (lambda _request: Turn(rank))


class Groups:
    """Every group of a configuration, by name."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self._named: dict[str, Group] = {}
        self._unnamed: dict[ServerAddress, Group] = {}
        self._declared: set[str] = set()

    def declare(self, http: Level) -> None:
        """Make the groups of an `http` block."""
        for level in http.of_kind("upstream"):
            word = level.args[0]
            name = word.text.lower()
            if name in self._declared:
                self._assembly.complain(word.origin, f'the upstream "{word.text}" is there twice')
                continue
            self._declared.add(name)
            group = self._made(level)
            if group is not None:
                self._named[name] = group

    def named(self, name: str) -> Group | None:
        """The group that an `upstream` block declares."""
        return self._named.get(name.lower())

    def declares(self, name: str) -> bool:
        """Whether there is such a block, be it right or wrong."""
        return name.lower() in self._declared

    def at(self, address: ServerAddress, word: Word) -> Group | None:
        """The group of all addresses of a host; None, and a complaint, where it has none."""
        if address not in self._unnamed:
            pools = self._assembly.pools
            name = address.host if address.port in (0, 80) else f"{address.host}:{address.port}"
            members = tuple(
                Member(pools.peer(host, port), name.encode())
                for host, port in self._resolved(address, word)
            )
            if not members:
                return None
            self._unnamed[address] = Group(name, Rank(members))
        return self._unnamed[address]

    def _resolved(self, address: ServerAddress, word: Word) -> list[tuple[str, int]]:
        """The numeric addresses, those of IPv4 first, as nginx has them."""
        if address.host.startswith("unix:"):
            return [(address.host, 0)]
        try:
            found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            self._assembly.complain(
                word.origin,
                f'host not found in upstream "{address.host}": '
                f"{getattr(error, 'strerror', None) or error}",
                "is the name right, and does this machine's resolver know it?",
            )
            return []
        addresses = dict.fromkeys((family, str(name[0])) for family, _, _, _, name in found)
        ordered = sorted(addresses, key=lambda one: one[0] != socket.AF_INET)
        return [(host, address.port) for _, host in ordered]

    def _made(self, level: Level) -> Group | None:
        settings = level[UpstreamSettings]
        word = level.args[0]
        if not settings.server:
            self._assembly.complain(word.origin, f'no servers are in the upstream "{word.text}"')
            return None
        keeping = Keeping(
            settings.keepalive,
            settings.keepalive_timeout,
            settings.keepalive_requests,
            settings.keepalive_time,
        )
        first = self._members(settings.server, keeping, backup=False)
        behind = self._members(settings.server, keeping, backup=True)
        if not first:
            if not self._assembly.errors:
                what = f'only backup servers are in the upstream "{word.text}"'
                self._assembly.complain(word.origin, what)
            return None
        rank = Rank(first, Rank(behind) if behind else None)
        take = self._way(level, settings, rank)
        return Group(word.text, rank, take)

    def _members(
        self, rules: tuple[ServerRule, ...], keeping: Keeping, *, backup: bool
    ) -> tuple[Member, ...]:
        pools = self._assembly.pools
        return tuple(
            Member(
                pools.peer(host, port, keeping),
                rule.name.encode(),
                rule.weight,
                rule.max_fails,
                rule.fail_timeout,
                rule.max_conns,
                rule.down,
            )
            for rule in rules
            if rule.backup is backup
            for host, port in self._resolved(rule.address, rule.word)
        )

    def _way(self, level: Level, settings: UpstreamSettings, rank: Rank) -> Take | None:
        """How the group chooses; None is round robin."""
        ways = [
            setting
            for setting in level.own
            if setting.name in ("ip_hash", "hash", "least_conn", "random")
        ]
        if not ways:
            return None
        for setting in ways[1:]:
            what = f'"{setting.name}": the group chooses by {ways[0].name} already'
            self._assembly.complain(setting.origin, what)
        name = ways[0].name
        if name == "least_conn":
            return lambda _request: LeastConnections(rank)
        for rule in settings.server:
            if rule.backup:
                what = f"a group that chooses by {name} has no backup servers"
                self._assembly.complain(rule.word.origin, what)
        return by_number(settings, rank, self._assembly.variables)


def by_number(settings: UpstreamSettings, rank: Rank, variables: Variables) -> Take:
    """The ways that need no order: `ip_hash`, `hash` and `random`."""
    if settings.ip_hash:
        return lambda request: ByAddress(rank, request.peer)
    if settings.random == 1:
        return lambda _request: AtRandom(rank)
    if settings.hash is None:
        return lambda _request: BetterOfTwo(rank)
    key = variables.compile(settings.hash.key)
    if not settings.hash.consistent:
        return lambda request: ByKey(rank, key(request))
    circle = Circle(rank)
    return lambda request: OnCircle(rank, circle, key(request))
