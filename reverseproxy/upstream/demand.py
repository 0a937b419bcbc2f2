"""Groups of hosts that only requests name (`proxy_pass` with variables).

A host that an `upstream` block or another `proxy_pass` names is known already; an address is one;
any other host is asked for at the `resolver`, and what it says holds for as long as it says.
Whoever asks meanwhile waits for the same answer. Where none comes within a second the last good
one serves on: a resolver that is down holds nobody up.

The hosts come from requests, so their number has a bound; the longest unused are forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Any

from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from reverseproxy.errors import UpstreamUnresolved

from .groupsettings import ServerAddress
from .members import Member, Rank
from .names import SHORTEST
from .pool import Keeping

if TYPE_CHECKING:
    from reverseproxy.web.assembly import Assembly

    from .dns import Found
    from .group import Group
    from .groups import Groups
    from .resolving import Resolver

#: How many hosts are remembered.
MOST = 1024
#: For how long an answer is waited for while there is an older one, in seconds.
PATIENCE = 1.0

#: RFC 1035 section 2.3.4: labels of 63 bytes at most, 255 in all; of letters that hosts have.
_NAME = re.compile(r"(?=.{1,253}$)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*")

#: Finds a host's group: at once, or when there is an answer (or UpstreamUnresolved).
Finder = Callable[[ServerAddress, bool], "Group | Deferred[Group]"]


class Host:
    """What is known of one host: its group, until when, and who waits for an answer."""

    def __init__(self, group: Group) -> None:
        self.group = group
        #: when to ask again, in seconds, monotonic
        self.expires = -inf
        self.waiting: list[Deferred[Group]] = []
        self.asking = False
        #: whether the last answer did not come, or not in time
        self.late = False


class OnDemand:
    """The hosts that requests named of late."""

    def __init__(
        self, assembly: Assembly, groups: Groups, previous: OnDemand | None = None
    ) -> None:
        """What the configuration before knew is known, once this one takes its place."""
        self._assembly = assembly
        self._groups = groups
        self._before = previous
        self._hosts: dict[tuple[ServerAddress, Resolver | None], Host] = {}
        #: all of them together keep no more than one group does
        self._keeping: Keeping = Keeping() if previous is None else previous._keeping

    def succeed(self) -> None:
        """Take over the hosts that the configuration before knew."""
        before, self._before = self._before, None
        if before is not None:
            self._hosts = {key: host for key, host in before._hosts.items() if not host.asking}
            for host in self._hosts.values():
                for member in host.group.rank.members:
                    self._assembly.pools.peer(member.peer.host, member.peer.port, self._keeping)

    def finder(self, resolver: Resolver | None, timeout: float) -> Finder:
        """What finds hosts for a location; `timeout` is how long its resolver may take."""

        def find(address: ServerAddress, has_port: bool) -> Group | Deferred[Group]:
            declared = None if has_port else self._groups.named(address.host)
            known = declared or self._groups.known(address)
            if known is not None:
                return known
            if is_numeric(address.host):
                return self._host(address, None, self._numeric).group
            if resolver is None:
                raise UpstreamUnresolved(f"no resolver defined to resolve {address.host}")
            if _NAME.fullmatch(address.host) is None:
                raise UpstreamUnresolved(f"{address.host!a} could not be resolved: not a name")
            host = self._host(address, resolver, self._groups.empty)
            return self._current(host, address, resolver, timeout)

        return find

    def _host(
        self,
        address: ServerAddress,
        resolver: Resolver | None,
        make: Callable[[ServerAddress], Group],
    ) -> Host:
        """The host at an address, now the one that was used last."""
        key = (address, resolver)
        host = self._hosts.pop(key, None)
        if host is None:
            if len(self._hosts) >= MOST:
                self._forget_one()
            host = Host(make(address))
        self._hosts[key] = host
        return host

    def _forget_one(self) -> None:
        """Forget the host that was unused for longest; not one that an answer is coming for."""
        for key, host in self._hosts.items():
            if not host.asking:
                del self._hosts[key]
                for member in host.group.rank.members:
                    self._assembly.pools.forget(member.peer)
                return

    def _numeric(self, address: ServerAddress) -> Group:
        group = self._groups.empty(address)
        self._become(group, address, [address.host])
        return group

    def _become(self, group: Group, address: ServerAddress, hosts: list[str]) -> None:
        """Let a group consist of these addresses; those it had stay who they are."""
        before = {member.peer: member for member in group.rank.members}
        peers = [self._assembly.pools.peer(host, address.port, self._keeping) for host in hosts]
        group.become(Rank(tuple(before.get(peer) or Member(peer, group.name) for peer in peers)))
        for peer in before.keys() - set(peers):
            self._assembly.pools.forget(peer)

    def _current(
        self, host: Host, address: ServerAddress, resolver: Resolver, timeout: float
    ) -> Group | Deferred[Group]:
        """The group of a host, once what is known of it still holds."""
        if self._assembly.seconds() < host.expires:
            return host.group
        if not host.asking:
            self._ask(host, address, resolver, timeout)
        if self._assembly.seconds() < host.expires or (host.late and host.group.rank.members):
            return host.group
        waiting: Deferred[Group] = Deferred()
        host.waiting.append(waiting)
        return waiting

    def _ask(self, host: Host, address: ServerAddress, resolver: Resolver, timeout: float) -> None:
        host.asking = True
        patience: Any = None

        def too_late() -> None:
            host.late = True
            _release(host)

        def answered(found: Found[str]) -> None:
            if patience is not None and patience.active():
                patience.cancel()
            self._answered(host, address, resolver, found)

        if host.group.rank.members and not host.late:
            patience = self._assembly.reactor.callLater(PATIENCE, too_late)
        self._groups.names.asker(address.host, resolver, timeout)().addCallback(answered)

    def _answered(
        self, host: Host, address: ServerAddress, resolver: Resolver, found: Found[str]
    ) -> None:
        host.asking = False
        host.late = not (found.addresses or found.gone)
        if not host.late:
            self._become(host.group, address, found.addresses)
        if host.group.rank.members:
            ttl = found.ttl if resolver.valid is None or host.late else resolver.valid
            host.expires = self._assembly.seconds() + max(ttl, SHORTEST)
            _release(host)
            return
        why = "there is no such host" if found.gone else "no answer from the resolver"
        waiting, host.waiting = host.waiting, []
        for one in waiting:
            one.errback(Failure(UpstreamUnresolved(f"{address.host} could not be resolved: {why}")))


def _release(host: Host) -> None:
    """Let everybody who waits go on with the group as it is."""
    waiting, host.waiting = host.waiting, []
    for one in waiting:
        one.callback(host.group)


def is_numeric(host: str) -> bool:
    """Whether a host is an address or a unix socket."""
    return host.startswith("unix:") or isIPAddress(host) or isIPv6Address(host)
