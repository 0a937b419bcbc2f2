"""The DNS, asked without a thread: addresses of hosts (A, AAAA) and servers of services (SRV)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import attrs
from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.names import client, hosts
from twisted.names.error import DNSNameError
from twisted.python.failure import Failure
from twisted.python.filepath import FilePath

T = TypeVar("T")

#: Seconds for which an answer without a time to live holds.
PAUSE = 10.0
#: How many servers of a service are looked up.
_MOST = 256


@attrs.frozen
class Found(Generic[T]):
    """What a name stands for, maybe nothing, and how long that holds, in seconds.

    `gone` says that there is no such name; without it nothing may be a name server's trouble.
    """

    addresses: list[T]
    ttl: float = PAUSE
    gone: bool = False


@attrs.frozen
class ServiceAddress:
    """One address of a service (RFC 2782); the lowest `priority` is to be asked first."""

    host: str
    port: int
    weight: int
    priority: int
    target: str


Lookup = Callable[[str], "Deferred[Found[str]]"]


class DomainNames:
    """Asks at `servers`; without them at those of `resolv`, and /etc/hosts comes first.

    Neither question fails: what went wrong is an answer with nothing in it.
    """

    def __init__(
        self,
        reactor: Any,
        resolv: str = "/etc/resolv.conf",
        servers: Sequence[tuple[str, int]] = (),
        timeout: float = 30.0,
        hosts_file: str = "/etc/hosts",
    ) -> None:
        self._reactor = reactor
        self._resolv = resolv
        self._own = list(servers)
        self._hosts = FilePath(hosts_file)
        #: it is asked three times in the time there is
        self._timeouts = (timeout / 6, timeout / 3, timeout / 2)

    def _resolver(self) -> Any:
        servers = self._own or _servers(self._resolv)
        return client.Resolver(servers=servers, reactor=self._reactor, timeout=self._timeouts)

    def lookup(self, host: str) -> Deferred[Found[str]]:
        """The addresses of a host, of IPv4 and then of IPv6."""
        if not self._own:
            known = hosts.searchFileForAll(self._hosts, host.encode())
            if known:
                # As the system has it: the DNS is not asked for the other family.
                return succeed(Found(sorted(known, key=lambda address: ":" in address)))
        asked = self._resolver()
        both = DeferredList(
            [asked.lookupAddress(host), asked.lookupIPV6Address(host)], consumeErrors=True
        )
        return both.addCallback(_numeric)

    def services(self, name: str) -> Deferred[Found[ServiceAddress]]:
        """The addresses of the servers of a service, by priority."""
        asked: Deferred[Any] = self._resolver().lookupService(name)
        return asked.addCallbacks(self._located, _nothing)

    def _located(self, answer: Any) -> Deferred[Found[ServiceAddress]]:
        """Look up the hosts that SRV records name; one of "." says that there are none."""
        records = [r for r in answer[0] if hasattr(r.payload, "priority") and r.payload.port]
        records = [r for r in records if r.payload.target.name not in (b"", b".")]
        records = sorted(records, key=lambda record: record.payload.priority)[:_MOST]
        if not records:
            return succeed(Found([], gone=True))
        ttl = float(min(record.ttl for record in records))
        targets = dict.fromkeys(record.payload.target.name.decode("latin-1") for record in records)
        asked = DeferredList([self.lookup(target) for target in targets])

        def together(results: list[tuple[bool, Found[str]]]) -> Found[ServiceAddress]:
            hosts = {target: found for target, (_, found) in zip(targets, results, strict=True)}
            made = [
                ServiceAddress(host, payload.port, max(payload.weight, 1), payload.priority, target)
                for payload in (record.payload for record in records)
                for target in [payload.target.name.decode("latin-1")]
                for host in hosts[target].addresses
            ]
            return Found(made, min([ttl, *(found.ttl for found in hosts.values())]))

        return asked.addCallback(together)


def _nothing(why: Failure) -> Found[ServiceAddress]:
    return Found([], gone=why.check(DNSNameError) is not None)


def _numeric(results: list[tuple[bool, Any]]) -> Found[str]:
    """The addresses in the answers to both questions."""
    found: dict[str, None] = {}
    lives: list[float] = []
    sure = True
    for success, answer in results:
        sure = sure and (success or answer.check(DNSNameError) is not None)
        for record in answer[0] if success else ():
            payload = record.payload
            lives.append(float(record.ttl))
            if hasattr(payload, "dottedQuad"):
                found[payload.dottedQuad()] = None
            elif hasattr(payload, "_address"):
                found[payload._address] = None
    return Found(list(found), min(lives, default=PAUSE), gone=sure and not found)


def _servers(path: str) -> list[tuple[str, int]]:
    """The name servers of a resolv.conf; this machine if it names none, as resolv.conf(5) says."""
    found = []
    try:
        with open(path, encoding="latin-1") as file:
            for line in file:
                words = line.split()
                if len(words) > 1 and words[0] == "nameserver":
                    found.append((words[1], 53))
    except FileNotFoundError:
        found = []
    return found or [("127.0.0.1", 53)]
