"""The group of an `upstream` block: its servers, where they are now, and who is chosen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import attrs

from reverseproxy.config import Level

from .balancing import (
    AtRandom,
    BetterOfTwo,
    ByAddress,
    ByKey,
    Circle,
    LeastConnections,
    OnCircle,
    SlowLeastConnections,
)
from .group import Group, Take
from .groupsettings import ServerRule, UpstreamSettings
from .members import Member, Rank, SlowTurn
from .names import Watched
from .pool import Keeping, Peer
from .resolving import ResolverSettings

if TYPE_CHECKING:
    from reverseproxy.web.assembly import Assembly
    from reverseproxy.web.variables import Variables

    from .groups import Groups

#: One address of a server.
Place = tuple[ServerRule, Peer]


class DeclaredGroup(Group):
    """Made of an `upstream` level; `before` is the group of this name in the last configuration."""

    def __init__(self, groups: Groups, level: Level, before: DeclaredGroup | None) -> None:
        super().__init__(level.args[0].text, Rank(()))
        self._groups = groups
        self._assembly: Assembly = groups.assembly
        self._level = level
        self._settings = settings = level[UpstreamSettings]
        keeping = Keeping(
            settings.keepalive,
            settings.keepalive_timeout,
            settings.keepalive_requests,
            settings.keepalive_time,
        )
        #: the connections of the last configuration's group are kept where it kept as many
        alike = before is not None and before.keeping.alike(keeping)
        self.keeping: Keeping = before.keeping if before is not None and alike else keeping
        #: a member stays who it is when others come
        self.members: dict[Place, Member] = {}
        self._watched = self._watch()
        for host in self._watched.values():
            host.changed = self.fill
        self.fill()

    def fill(self) -> None:
        """Consist of the servers where they are now."""
        ranks: dict[bool, list[Member]] = {False: [], True: []}
        kept = set()
        for rule, peer in self._here():
            member = self.members.setdefault((rule, peer), _member(rule, peer))
            ranks[rule.backup].append(member)
            kept.add((rule, peer))
        behind = Rank(tuple(ranks[True])) if ranks[True] else None
        rank = Rank(tuple(ranks[False]), behind)
        self.become(rank, self._way(rank))
        peers = {peer for _, peer in kept}
        for key in self.members.keys() - kept:
            del self.members[key]
            if key[1] not in peers:
                self._assembly.pools.forget(key[1])

    def inherit(self, before: DeclaredGroup) -> None:
        """Take over the servers of the last configuration that are the same in this one.

        What is known of them, and what is under way there, goes on counting.
        """
        known: dict[tuple[object, ...], list[Member]] = {}
        for (rule, peer), member in before.members.items():
            known.setdefault((*rule.anywhere, peer), []).append(member)
        for (rule, peer), member in self.members.items():
            same = known.get((*rule.anywhere, peer))
            if same:
                older = same.pop(0)
                for check in self.checks:
                    check.remember(older, older.health)
                older.forget_checks()
                self.members[rule, peer] = older
                older.server = member.server
        self.fill()

    def _here(self) -> Iterator[Place]:
        """Every address of every server, as far as it is known."""
        pools = self._assembly.pools
        for rule in self._settings.server:
            watched = self._watched.get(rule)
            if watched is not None:
                for one, host, port in current(rule, watched):
                    yield one, pools.peer(host, port, self.keeping)
            else:
                for peer in self._groups.resolved(rule.address, rule.word, self.fill, self.keeping):
                    yield rule, peer

    def _watch(self) -> dict[ServerRule, Watched[Any]]:
        """The servers that are resolved while the group runs (`resolve`)."""
        asked, names = self._level[ResolverSettings], self._groups.names
        found: dict[ServerRule, Watched[Any]] = {}
        for rule in self._settings.server:
            if not rule.resolve:
                continue
            if asked.resolver is None:
                what = f'no resolver is defined to resolve "{rule.address.host}"'
                self._assembly.complain(rule.word.origin, what, "resolver 127.0.0.53;")
                continue
            host, wait = rule.address.host, asked.resolver_timeout
            watch = names.watched if rule.service is None else names.service
            found[rule] = watch(rule.service or host, asked.resolver, wait)
        return found

    def _way(self, rank: Rank) -> Take | None:
        """How the group chooses; None is round robin."""
        settings = self._settings
        ways = [
            setting
            for setting in self._level.own
            if setting.name in ("ip_hash", "hash", "least_conn", "random")
        ]
        slow = [rule for rule in settings.server if rule.slow_start]
        if not ways:
            return (lambda _request: SlowTurn(rank)) if slow else None
        for setting in ways[1:]:
            what = f'"{setting.name}": the group chooses by {ways[0].name} already'
            self._assembly.complain(setting.origin, what)
        name = ways[0].name
        if name == "least_conn":
            kind = SlowLeastConnections if slow else LeastConnections
            return lambda _request: kind(rank)
        for rule in slow:
            what = f"a group that chooses by {name} has no slow_start"
            self._assembly.complain(rule.word.origin, what)
        for rule in settings.server:
            if rule.backup:
                what = f"a group that chooses by {name} has no backup servers"
                self._assembly.complain(rule.word.origin, what)
        return by_number(settings, rank, self._assembly.variables)


def _member(rule: ServerRule, peer: Peer) -> Member:
    """A server's member at one of its addresses."""
    return Member(
        peer,
        rule.name.encode(),
        rule.weight,
        rule.max_fails,
        rule.fail_timeout,
        rule.max_conns,
        rule.down,
        rule.slow_start,
    )


def current(rule: ServerRule, watched: Watched[Any]) -> Iterator[tuple[ServerRule, str, int]]:
    """The servers that a watched name stands for now: each with its host and port.

    Of a service those with the lowest priority come first, the others are behind them as backups
    (nginx's reading of RFC 2782).
    """
    if rule.service is None:
        for host in watched.addresses:
            yield rule, host, rule.address.port
        return
    first = min((found.priority for found in watched.addresses), default=0)
    for found in watched.addresses:
        behind = found.priority > first
        if not (rule.backup and behind):
            name = f"{found.target}:{found.port}"
            one = attrs.evolve(rule, name=name, weight=found.weight, backup=rule.backup or behind)
            yield one, found.host, found.port


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
