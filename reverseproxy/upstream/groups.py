"""Groups of servers: what `upstream { … }` and the host of a `proxy_pass` become.

A `Group` is made at load. Where it has one server and nothing to count, `sole` is its peer, and
requests go there without further ado; else each request takes a `Turn` from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import attrs

from reverseproxy.config import Level, Word

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
from .demand import OnDemand
from .groupsettings import ServerAddress, ServerRule, UpstreamSettings
from .healthcheck import HealthCheck, Known, known
from .members import Member, Rank, SlowTurn, Turn
from .names import HostNames, Watched
from .news import PeerNews, news_of
from .pool import Keeping, Peer
from .resolving import ResolverSettings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from reverseproxy.web.assembly import Assembly
    from reverseproxy.web.request import Request
    from reverseproxy.web.variables import Variables

    from .health import Health


Take = Callable[["Request"], Turn]
Heard = Callable[[PeerNews], None]


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


class Groups:
    """Every group of a configuration, by name."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self.names = HostNames(assembly)
        self.on_demand = OnDemand(assembly, self)
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
            if self._is_right(level, word):
                self._named[name] = self._made(level)

    @property
    def declared(self) -> Iterable[Group]:
        """The groups that `upstream` blocks declare."""
        return self._named.values()

    def start(self, checks: bool = True) -> None:
        """Begin to ask for names, and to check servers, unless another worker does and tells."""
        self.names.start()
        for group in self.declared if checks else ():
            for check in group.checks:
                check.start()

    def stop(self) -> None:
        """Ask and check no more."""
        self.names.stop()
        for group in self.declared:
            for check in group.checks:
                check.stop()

    def listen(self, heard: Heard) -> None:
        """Tell `heard` what other workers should know; not of hosts that only requests name."""
        for group in (*self.declared, *self._unnamed.values()):
            group.heard = heard

    def hear(self, news: PeerNews) -> None:
        """Something happened to a server in another worker."""
        name = news.group.encode()
        found = self.named(news.group)
        if found is None:
            found = next((one for one in self._unnamed.values() if one.name == name), None)
        if found is not None:
            found.hear(news)

    def healthy(self) -> frozenset[Known]:
        """The servers that health checks find well: for `trust` of the next configuration's."""
        return frozenset(
            known(group.name.decode(), member)
            for group in self.declared
            for member in group.rank.everyone
            if member.health and not member.barred
        )

    def trust(self, healthy: Collection[Known]) -> None:
        """Let servers that were well be so from the start, where checks are `persistent`."""
        for group in self.declared:
            for check in group.checks:
                check.trust(healthy)

    def named(self, name: str) -> Group | None:
        """The group that an `upstream` block declares."""
        return self._named.get(name.lower())

    def declares(self, name: str) -> bool:
        """Whether there is such a block, be it right or wrong."""
        return name.lower() in self._declared

    def at(self, address: ServerAddress, word: Word) -> Group:
        """The group of all addresses of a host."""
        if address not in self._unnamed:
            group = self._unnamed[address] = self.empty(address)

            def fill() -> None:
                peers = self._resolved(address, word, fill)
                group.become(Rank(tuple(Member(peer, group.name) for peer in peers)))

            fill()
        return self._unnamed[address]

    def known(self, address: ServerAddress) -> Group | None:
        """The group at an address that the configuration names."""
        return self._unnamed.get(address)

    @staticmethod
    def empty(address: ServerAddress) -> Group:
        """A group for an address, nobody in it yet."""
        host = address.host
        return Group(host if address.port in (0, 80) else f"{host}:{address.port}", Rank(()))

    def _resolved(
        self,
        address: ServerAddress,
        word: Word,
        later: Callable[[], None],
        keeping: Keeping | None = None,
    ) -> list[Peer]:
        """The peers at an address; where there are none `later` is called when there are."""
        peer = self._assembly.pools.peer
        if address.host.startswith("unix:"):
            return [peer(address.host, 0, keeping)]
        found = self.names.addresses(address.host, word, later)
        return [peer(host, address.port, keeping) for host in found]

    def _is_right(self, level: Level, word: Word) -> bool:
        """Whether a group has servers that are asked first."""
        servers = level[UpstreamSettings].server
        if not servers:
            self._assembly.complain(word.origin, f'no servers are in the upstream "{word.text}"')
        elif all(rule.backup for rule in servers):
            what = f'only backup servers are in the upstream "{word.text}"'
            self._assembly.complain(word.origin, what)
        else:
            return True
        return False

    def _made(self, level: Level) -> Group:
        settings = level[UpstreamSettings]
        keeping = Keeping(
            settings.keepalive,
            settings.keepalive_timeout,
            settings.keepalive_requests,
            settings.keepalive_time,
        )
        #: a member stays who it is when others come
        members: dict[tuple[ServerRule, Peer], Member] = {}
        group = Group(level.args[0].text, Rank(()))
        watched = self._watched(level)

        def here() -> Iterator[tuple[ServerRule, Peer]]:
            for rule in settings.server:
                if rule in watched:
                    for one, host, port in current(rule, watched[rule]):
                        yield one, self._assembly.pools.peer(host, port, keeping)
                else:
                    for peer in self._resolved(rule.address, rule.word, fill, keeping):
                        yield rule, peer

        def fill() -> None:
            ranks: dict[bool, list[Member]] = {False: [], True: []}
            kept = set()
            for rule, peer in here():
                member = members.setdefault((rule, peer), _member(rule, peer))
                ranks[rule.backup].append(member)
                kept.add((rule, peer))
            behind = Rank(tuple(ranks[True])) if ranks[True] else None
            rank = Rank(tuple(ranks[False]), behind)
            group.become(rank, self._way(level, settings, rank))
            peers = {peer for _, peer in kept}
            for key in members.keys() - kept:
                del members[key]
                if key[1] not in peers:
                    self._assembly.pools.forget(key[1])

        for host in watched.values():
            host.changed = fill
        fill()
        return group

    def _watched(self, level: Level) -> dict[ServerRule, Watched[Any]]:
        """The servers of a group that are resolved while it runs (`resolve`)."""
        asked = level[ResolverSettings]
        found: dict[ServerRule, Watched[Any]] = {}
        for rule in level[UpstreamSettings].server:
            if not rule.resolve:
                continue
            if asked.resolver is None:
                what = f'no resolver is defined to resolve "{rule.address.host}"'
                self._assembly.complain(rule.word.origin, what, "resolver 127.0.0.53;")
                continue
            host, wait = rule.address.host, asked.resolver_timeout
            watch = self.names.watched if rule.service is None else self.names.service
            found[rule] = watch(rule.service or host, asked.resolver, wait)
        return found

    def _way(self, level: Level, settings: UpstreamSettings, rank: Rank) -> Take | None:
        """How the group chooses; None is round robin."""
        ways = [
            setting
            for setting in level.own
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
