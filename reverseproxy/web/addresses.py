"""From `listen` directives to addresses: whose servers they are, which is the default.

As nginx does it: where a wildcard and specific addresses share a port, the wildcard's socket takes
the connections of all, and the address a client connected to chooses among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import attrs

from reverseproxy.config import Diagnostic, Level, Origin

from .listen import Address, Listen
from .settings import ServerName, ServerSettings
from .site import Site
from .vhosts import NameVirtualHost, VirtualHost

#: Where a server without a `listen` listens: nginx's 80, or 8000 without root's rights.
ROOTS_PORT, USERS_PORT = 80, 8000


@attrs.frozen
class Entry:
    """One `listen` of one server."""

    listen: Listen
    host: VirtualHost
    level: Level


Complain = Callable[[Origin, str], None]


def by_address(
    servers: Iterable[tuple[VirtualHost, Level]], *, root: bool, complain: Complain
) -> list[list[Entry]]:
    """The entries of each address, in the order in which the addresses first stand."""
    found: dict[Address, list[Entry]] = {}
    for host, level in servers:
        listens = level[ServerSettings].listen
        if not listens:
            address = Address("0.0.0.0", ROOTS_PORT if root else USERS_PORT)  # noqa: S104 - nginx's
            listens = (Listen(address, level.origin),)
        for listen in listens:
            entries = found.setdefault(listen.address, [])
            if any(entry.level is level for entry in entries):
                complain(listen.origin, f"{listen.address} is listened on twice in this server")
                continue
            entries.append(Entry(listen, host, level))
    for entries in found.values():
        _check(entries, complain)
    return list(found.values())


def _check(entries: list[Entry], complain: Complain) -> None:
    """One default, and one place for the options of the socket."""
    defaults = [entry.listen for entry in entries if entry.listen.default_server]
    for listen in defaults[1:]:
        complain(
            listen.origin,
            f"a duplicate default_server for {listen.address}: "
            f"the first is at {defaults[0].origin}",
        )
    explicit = [entry.listen for entry in entries if entry.listen.explicit]
    for listen in explicit[1:]:
        complain(
            listen.origin,
            f"duplicate listen options for {listen.address}: the first are at {explicit[0].origin}",
        )


def default_of(entries: list[Entry]) -> Entry:
    """The entry whose server answers for names that no server has."""
    return next((entry for entry in entries if entry.listen.default_server), entries[0])


def bound(entries: list[Entry]) -> Listen:
    """The `listen` whose options the socket gets."""
    return next((entry.listen for entry in entries if entry.listen.explicit), entries[0].listen)


def virtual_hosts(entries: list[Entry], warnings: list[Diagnostic]) -> NameVirtualHost:
    """The servers of an address by their names; of two with one name the first has it."""
    vhosts = NameVirtualHost(default_of(entries).host)
    for entry in entries:
        for name in entry.host.names or (ServerName(""),):
            if name.regex is not None:
                vhosts.add_regex(name.regex, entry.host)
                continue
            try:
                vhosts.addHost(name.text.encode(), entry.host)
            except ValueError:
                origin = entry.level.origin_of("server_name") or entry.listen.origin
                address = entry.listen.address
                message = f'conflicting server name "{name.text}" on {address}, ignored'
                warnings.append(Diagnostic(origin, message))
    return vhosts


def under_wildcards(sites: dict[Listen, Site]) -> dict[Listen, Site]:
    """Put specific addresses under the wildcard of their port; what is left is to be bound."""
    wildcards = {
        (listen.address.host, listen.address.port): site
        for listen, site in sites.items()
        if listen.address.wildcard
    }
    left: dict[Listen, Site] = {}
    for listen, site in sites.items():
        address = listen.address
        wildcard = wildcards.get(("::" if ":" in address.host else "0.0.0.0", address.port))  # noqa: S104 - compared
        if address.path or address.wildcard or wildcard is None:
            left[listen] = site
        else:
            wildcard.specific[address.host] = site
    return left
