"""The addresses of hosts: asked for at load, and again later where there were none.

At load the system is asked, as nginx does it. A host that has no address then does not stop the
daemon: its groups do without it, and the DNS is asked in the background until there is one.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.names import client, hosts
from twisted.names.resolve import ResolverChain

from reverseproxy.config import Diagnostic, Word

if TYPE_CHECKING:
    from reverseproxy.web.assembly import Assembly

#: Seconds between two questions for the same host.
PAUSE = 10.0

Lookup = Callable[[str], "Deferred[list[str]]"]


class HostNames:
    """What is known of hosts. `lookup` asks for a host's addresses; it can be replaced, for tests.

    It gives an empty list where there are none, and never fails.
    """

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self._found: dict[str, list[str]] = {}
        self._missing: dict[str, list[Callable[[], None]]] = {}
        self._call: Any = None
        self._running = False
        self.lookup: Lookup = DomainNames(assembly.reactor).lookup

    def addresses(self, host: str, word: Word, later: Callable[[], None]) -> list[str]:
        """The numeric addresses of a host, those of IPv4 first, as nginx has them.

        Where there are none it is said, and `later` is called as soon as there are.
        """
        if host not in self._found and host not in self._missing:
            found, why = _system(host)
            if found:
                self._found[host] = found
            else:
                self._missing[host] = []
                what = f'host not found in upstream "{host}": {why}'
                hint = "until it is, there is 502 instead of an answer"
                self._assembly.warnings.append(Diagnostic(word.origin, what, hint))
        if host in self._missing:
            if later not in self._missing[host]:
                self._missing[host].append(later)
            return []
        return self._found[host]

    def start(self) -> None:
        """Begin to ask for what is missing."""
        self._running = True
        self._wait()

    def stop(self) -> None:
        """Ask no more."""
        self._running = False
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def _wait(self) -> None:
        if self._missing and self._running:
            self._call = self._assembly.reactor.callLater(PAUSE, self._ask)

    def _ask(self) -> None:
        self._call = None
        asked = []
        for host in tuple(self._missing):
            answer = self.lookup(host)
            answer.addCallback(self._answered, host)
            asked.append(answer)
        DeferredList(asked).addCallback(lambda _results: self._wait())

    def _answered(self, found: list[str], host: str) -> None:
        if not found or not self._running:
            return
        self._found[host] = found
        for later in self._missing.pop(host):
            later()
        what = f'the host "{host}" is found in upstream now: {", ".join(found)}'
        self._assembly.error_log.log("notice", what)


def _system(host: str) -> tuple[list[str], str]:
    """What the system knows of a host, and why that is nothing."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return [], str(getattr(error, "strerror", None) or error)
    addresses = dict.fromkeys((family, str(name[0])) for family, _, _, _, name in found)
    ordered = sorted(addresses, key=lambda one: one[0] != socket.AF_INET)
    return [address for _, address in ordered], ""


class DomainNames:
    """The DNS, asked without a thread; /etc/hosts comes first."""

    def __init__(self, reactor: Any, resolv: str = "/etc/resolv.conf") -> None:
        self._reactor = reactor
        self._resolv = resolv

    def lookup(self, host: str) -> Deferred[list[str]]:
        """The addresses of a host, of IPv4 and then of IPv6; none is an empty list."""
        resolver = client.Resolver(servers=_servers(self._resolv), reactor=self._reactor)
        chain = ResolverChain([hosts.Resolver(), resolver])
        both = DeferredList(
            [chain.lookupAddress(host), chain.lookupIPV6Address(host)], consumeErrors=True
        )
        return both.addCallback(_numeric)


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


def _numeric(results: list[tuple[bool, Any]]) -> list[str]:
    """The addresses in the answers to both questions."""
    found: dict[str, None] = {}
    for success, answer in results:
        for record in answer[0] if success else ():
            payload = record.payload
            if hasattr(payload, "dottedQuad"):
                found[payload.dottedQuad()] = None
            elif hasattr(payload, "_address"):
                found[payload._address] = None
    return list(found)
