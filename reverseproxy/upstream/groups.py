"""The groups of a configuration: those of `upstream { … }`, and the hosts that URLs name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from reverseproxy.config import Level, Word

from .declared import DeclaredGroup
from .demand import OnDemand
from .group import Group, Heard
from .groupsettings import ServerAddress, UpstreamSettings
from .members import Member, Rank
from .names import HostNames, System, ask_system
from .pool import Keeping, Peer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reverseproxy.web.assembly import Assembly

    from .news import PeerNews


class Groups:
    """Every group of a configuration, by name."""

    def __init__(
        self, assembly: Assembly, system: System = ask_system, previous: Groups | None = None
    ) -> None:
        """`previous` are the groups of the configuration before, until `succeed`."""
        self.assembly = assembly
        self._before = previous
        self.names: HostNames = HostNames(
            assembly, system, None if previous is None else previous.names
        )
        self.on_demand: OnDemand = OnDemand(
            assembly, self, None if previous is None else previous.on_demand
        )
        self._named: dict[str, DeclaredGroup] = {}
        self._unnamed: dict[ServerAddress, Group] = {}
        self._declared: set[str] = set()

    def declare(self, http: Level) -> None:
        """Make the groups of an `http` block."""
        for level in http.of_kind("upstream"):
            word = level.args[0]
            name = word.text.lower()
            if name in self._declared:
                self.assembly.complain(word.origin, f'the upstream "{word.text}" is there twice')
                continue
            self._declared.add(name)
            if self._is_right(level, word):
                before = None if self._before is None else self._before._named.get(name)
                self._named[name] = DeclaredGroup(self, level, before)

    @property
    def declared(self) -> Iterable[DeclaredGroup]:
        """The groups that `upstream` blocks declare."""
        return self._named.values()

    def start(self, checks: bool = True) -> None:
        """Begin to ask for names, and to check servers, unless another worker does and tells."""
        self.names.start()
        if checks:
            self.check()

    def check(self, on: bool = True) -> None:
        """Check servers from now on, or leave it to another worker."""
        for group in self.declared:
            for check in group.checks:
                (check.start if on else check.stop)()

    def stop(self) -> None:
        """Ask and check no more."""
        self.names.stop()
        self.check(False)

    def succeed(self) -> None:
        """The configuration before this one is gone: what it knew of the same servers counts on."""
        before, self._before = self._before, None
        if before is None:
            return
        before.stop()
        for name, group in self._named.items():
            older = before._named.get(name)
            if older is not None:
                group.inherit(older)
        self.on_demand.succeed()

    def listen(self, heard: Heard) -> None:
        """Tell `heard` what other workers should know; not of hosts that only requests name."""
        for group in (*self.declared, *self._unnamed.values()):
            group.heard = heard

    def hear(self, news: PeerNews) -> None:
        """Something happened to a server in another worker."""
        name = news.group.encode()
        found: Group | None = self.named(news.group)
        if found is None:
            found = next((one for one in self._unnamed.values() if one.name == name), None)
        if found is not None:
            found.hear(news)

    def named(self, name: str) -> DeclaredGroup | None:
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
                peers = self.resolved(address, word, fill)
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

    def resolved(
        self,
        address: ServerAddress,
        word: Word,
        later: Callable[[], None],
        keeping: Keeping | None = None,
    ) -> list[Peer]:
        """The peers at an address; where there are none `later` is called when there are."""
        peer = self.assembly.pools.peer
        if address.host.startswith("unix:"):
            return [peer(address.host, 0, keeping)]
        found = self.names.addresses(address.host, word, later)
        return [peer(host, address.port, keeping) for host in found]

    def _is_right(self, level: Level, word: Word) -> bool:
        """Whether a group has servers that are asked first."""
        servers = level[UpstreamSettings].server
        if not servers:
            self.assembly.complain(word.origin, f'no servers are in the upstream "{word.text}"')
        elif all(rule.backup for rule in servers):
            what = f'only backup servers are in the upstream "{word.text}"'
            self.assembly.complain(word.origin, what)
        else:
            return True
        return False
