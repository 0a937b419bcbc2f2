"""`geo`: a variable whose value depends on the client's address (ngx_http_geo_module)."""

from __future__ import annotations

import bisect
import ipaddress
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from reverseproxy.config import (
    Args,
    BadValue,
    Context,
    Level,
    Statement,
    Template,
    Word,
    directive,
    settings,
)

from . import remembered

if TYPE_CHECKING:
    from reverseproxy.web.request import Request
    from reverseproxy.web.variables import Variables

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@attrs.frozen
class Geo:
    """One `geo`: values by network, or by ranges of IPv4 addresses.

    `ranges` are (first, last, value) in order and disjoint; `source` is None for $remote_addr.
    """

    name: str
    source: Template | None = None
    default: bytes = b""
    networks: dict[Network, bytes] = attrs.Factory(dict)
    ranges: tuple[tuple[int, int, bytes], ...] = ()
    proxies: tuple[Network, ...] = ()
    recursive: bool = False


def geo(args: Args) -> Geo:
    """`geo [$ADDRESS] $VARIABLE { [ranges;] [proxy CIDR;] [delete CIDR;] NETWORK VALUE; … }`."""
    *source, variable = args.words
    block = args.block or ()
    alone = {statement.name.text for statement in block if not statement.args}
    made = Geo(
        args.declare(variable),
        args.template(source[0]) if source else None,
        recursive="proxy_recursive" in alone,
    )
    ranges: list[tuple[int, int, bytes]] = []
    proxies: list[Network] = []
    default = b""
    for statement in block:
        name, values = statement.name, statement.args
        if not values and name.text in ("ranges", "proxy_recursive"):
            continue
        if len(values) != 1:
            raise BadValue(f'"{name.text}" takes one value in a geo', name)
        value = values[0]
        if name.text == "default":
            default = value.text.encode()
        elif name.text == "proxy":
            proxies.append(_network(value))
        elif name.text == "delete":
            if made.networks.pop(_network(value), None) is None:
                args.warn(f'no network "{value.text}" to delete', value)
        elif "ranges" in alone:
            first, last = _range(name)
            ranges = _with(ranges, first, last, value.text.encode())
        else:
            _put(args, made, statement)
    return attrs.evolve(made, default=default, ranges=tuple(ranges), proxies=tuple(proxies))


def _put(args: Args, made: Geo, statement: Statement) -> None:
    network = _network(statement.name)
    value = statement.args[0].text.encode()
    old = made.networks.get(network)
    if old is not None:
        args.warn(
            f'duplicate network "{network}", value "{value.decode()}" instead of "{old.decode()}"',
            statement.name,
        )
    made.networks[network] = value


def _network(word: Word) -> Network:
    try:
        return ipaddress.ip_network(word.text, strict=False)
    except ValueError:
        raise BadValue(
            f'geo takes networks such as 192.168.0.0/16 or 2001:db8::/32, not "{word.text}"', word
        ) from None


def _range(word: Word) -> tuple[int, int]:
    first, _, last = word.text.partition("-")
    try:
        ends = int(ipaddress.IPv4Address(first)), int(ipaddress.IPv4Address(last))
    except ValueError:
        raise BadValue(f'"{word.text}" is no range such as 10.0.0.1-10.0.0.9', word) from None
    if ends[0] > ends[1]:
        raise BadValue(f'"{word.text}" ends before it begins', word)
    return ends


def _with(
    ranges: list[tuple[int, int, bytes]], first: int, last: int, value: bytes
) -> list[tuple[int, int, bytes]]:
    """The ranges with one laid over them: what stands later wins where they overlap."""
    found: list[tuple[int, int, bytes]] = []
    for start, stop, old in ranges:
        if start < first:
            found.append((start, min(stop, first - 1), old))
        if stop > last:
            found.append((max(start, last + 1), stop, old))
    found.append((first, last, value))
    return sorted(found)


@settings
class GeoSettings:
    """Values by address (ngx_http_geo_module)."""

    geo: tuple[Geo, ...] = directive(
        geo,
        None,
        Context.HTTP,
        args="1-2",
        many=True,
        block=True,
        doc="A variable whose value depends on the client's address: networks, or ranges.",
        syntax="[$address] $variable",
    )


def declare(level: Level, variables: Variables) -> None:
    """Add the variables of every `geo`."""
    for made in level[GeoSettings].geo:
        variables.declare(made.name, remembered(made.name, _lookup(made, variables)))


def _lookup(made: Geo, variables: Variables) -> Callable[[Request], bytes]:
    source = variables.compile(made.source) if made.source is not None else None
    starts = [first for first, _, _ in made.ranges]
    tables = _tables(made)

    def find(request: Request) -> bytes:
        address = _address(source(request) if source is not None else request.peer)
        if made.proxies and address is not None:
            address = _behind(made, address, request)
        if address is None:
            return made.default
        if made.ranges:
            at = bisect.bisect_right(starts, int(address)) - 1
            if at >= 0 and address.version == 4 and int(address) <= made.ranges[at][1]:
                return made.ranges[at][2]
            return made.default
        number, bits = int(address), address.max_prefixlen
        for length, table in tables[address.version]:
            value = table.get(number >> (bits - length))
            if value is not None:
                return value
        return made.default

    return find


def _tables(made: Geo) -> dict[int, list[tuple[int, dict[int, bytes]]]]:
    """For each version of IP: the lengths of prefixes, longest first, with prefix -> value."""
    tables: dict[int, dict[int, dict[int, bytes]]] = {4: {}, 6: {}}
    for network, value in made.networks.items():
        prefix = int(network.network_address) >> (network.max_prefixlen - network.prefixlen)
        tables[network.version].setdefault(network.prefixlen, {})[prefix] = value
    return {version: sorted(table.items(), reverse=True) for version, table in tables.items()}


def _address(text: bytes) -> IPAddress | None:
    try:
        address = ipaddress.ip_address(text.decode("ascii", "replace"))
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _behind(made: Geo, address: IPAddress, request: Request) -> IPAddress:
    """The address that a proxy we trust says its client has (X-Forwarded-For)."""
    forwarded = b",".join(request.head.get_all(b"x-forwarded-for")).split(b",")
    while forwarded and any(address in network for network in made.proxies):
        found = _address(forwarded.pop().strip())
        if found is None:
            return address
        address = found
        if not made.recursive:
            break
    return address
