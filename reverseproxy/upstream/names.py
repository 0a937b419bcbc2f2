"""The addresses of hosts: asked for at load, and again later where there were none.

At load the system is asked, as nginx does it. A host that has no address then does not stop the
daemon: its groups do without it, and the DNS is asked in the background until there is one.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from twisted.internet.defer import Deferred, DeferredList

from reverseproxy.config import Diagnostic, Word

from .dns import PAUSE, DomainNames, Found, Lookup, ServiceAddress

if TYPE_CHECKING:
    from reverseproxy.web.assembly import Assembly

    from .resolving import Resolver

T = TypeVar("T")

#: No host is asked for more often than this, whatever its time to live says; in seconds.
SHORTEST = 1.0

#: The addresses that the system knows of a host, and why there are none.
System = Callable[[str], tuple[list[str], str]]
#: Makes what asks certain name servers, (address, port), within so many seconds.
Asking = Callable[[Sequence[tuple[str, int]], float], DomainNames]


class Watched(Generic[T]):
    """A name that is asked for as often as its time to live wants; `changed` hears of news.

    When there is no answer what was known stays: a resolver that is down takes nobody away. Only
    the word that there is no such name does.
    """

    def __init__(
        self,
        reactor: Any,
        ask: Callable[[], Deferred[Found[T]]],
        addresses: list[T],
        valid: float | None,
    ) -> None:
        self.addresses = addresses
        self.changed: Callable[[], None] = lambda: None
        self._reactor = reactor
        self._ask = ask
        self._valid = valid
        self._call: Any = None
        self._running = False

    def start(self) -> None:
        """Begin to ask."""
        self._running = True
        self._call = self._reactor.callLater(0, self._go)

    def stop(self) -> None:
        """Ask no more."""
        self._running = False
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def _go(self) -> None:
        self._call = None
        self._ask().addCallback(self._answered)

    def _answered(self, found: Found[T]) -> None:
        if not self._running:
            return
        pause = PAUSE
        if found.addresses:
            pause = max(found.ttl if self._valid is None else self._valid, SHORTEST)
        self._call = self._reactor.callLater(pause, self._go)
        if (found.addresses or found.gone) and set(found.addresses) != set(self.addresses):
            self.addresses = found.addresses
            self.changed()


class HostNames:
    """What is known of hosts. `lookup` asks for a host's addresses; it can be replaced, for tests.

    It never fails. `asking` gives the same for the name servers of a `resolver`.
    """

    def __init__(
        self, assembly: Assembly, system: System, previous: HostNames | None = None
    ) -> None:
        """`system` is asked at load; `previous` is what the configuration before watched."""
        self._assembly = assembly
        self._system = system
        self._before = {} if previous is None else previous._watched
        self._found: dict[str, list[str]] = {}
        self._missing: dict[str, list[Callable[[], None]]] = {}
        self._call: Any = None
        self._running = False
        self.lookup: Lookup = DomainNames(assembly.reactor).lookup
        self.asking: Asking = lambda servers, timeout: DomainNames(
            assembly.reactor, servers=servers, timeout=timeout
        )
        self._all: list[Watched[Any]] = []
        #: what is watched, by its name and the resolver
        self._watched: dict[tuple[str, Resolver], Watched[Any]] = {}

    def addresses(self, host: str, word: Word, later: Callable[[], None]) -> list[str]:
        """The numeric addresses of a host, those of IPv4 first, as nginx has them.

        Where there are none it is said, and `later` is called as soon as there are.
        """
        if host not in self._found and host not in self._missing:
            found, why = self._system(host)
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

    def watched(self, host: str, resolver: Resolver, timeout: float) -> Watched[str]:
        """A host that is asked for again and again; it begins with what the system knows."""
        known = of_families(Found(self._system(host)[0]), resolver).addresses
        return self._watch(host, self.asker(host, resolver, timeout), known, resolver)

    def service(self, name: str, resolver: Resolver, timeout: float) -> Watched[ServiceAddress]:
        """A service that is asked for again and again; it begins with nobody, as in nginx."""
        asked = self.asking(resolver.servers, timeout)

        def ask() -> Deferred[Found[ServiceAddress]]:
            return asked.services(name).addCallback(of_families, resolver)

        return self._watch(name, ask, [], resolver)

    def asker(
        self, host: str, resolver: Resolver, timeout: float
    ) -> Callable[[], Deferred[Found[str]]]:
        """What asks a resolver for a host."""
        asked = self.asking(resolver.servers, timeout)
        return lambda: asked.lookup(host).addCallback(of_families, resolver)

    def _watch(
        self,
        name: str,
        ask: Callable[[], Deferred[Found[T]]],
        known: list[T],
        resolver: Resolver,
    ) -> Watched[T]:
        """Watch a name; what was known of it before is where it begins."""
        before = self._before.get((name, resolver))
        known = known if before is None else before.addresses
        made = Watched(self._assembly.reactor, ask, known, resolver.valid)
        self._watched.setdefault((name, resolver), made)
        self._all.append(made)
        return made

    def start(self) -> None:
        """Begin to ask for what is missing, and for what may change."""
        self._before = {}
        self._running = True
        self._wait()
        for watched in self._all:
            watched.start()

    def stop(self) -> None:
        """Ask no more."""
        self._running = False
        for watched in self._all:
            watched.stop()
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

    def _answered(self, answer: Found[str], host: str) -> None:
        found = answer.addresses
        if not found or not self._running:
            return
        self._found[host] = found
        for later in self._missing.pop(host):
            later()
        what = f'the host "{host}" is found in upstream now: {", ".join(found)}'
        self._assembly.error_log.log("notice", what)


def of_families(found: Found[T], resolver: Resolver) -> Found[T]:
    """What is left of an answer without the families that are off."""
    left = []
    for address in found.addresses:
        host = address.host if isinstance(address, ServiceAddress) else str(address)
        if resolver.ipv6 if ":" in host else resolver.ipv4:
            left.append(address)
    return Found(left, found.ttl, found.gone)


def ask_system(host: str) -> tuple[list[str], str]:
    """What the system knows of a host (getaddrinfo), and why that is nothing."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return [], str(getattr(error, "strerror", None) or error)
    addresses = dict.fromkeys((family, str(name[0])) for family, _, _, _, name in found)
    ordered = sorted(addresses, key=lambda one: one[0] != socket.AF_INET)
    return [address for _, address in ordered], ""
