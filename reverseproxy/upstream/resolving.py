"""`resolver`: which name servers are asked (ngx_http_core_module)."""

from __future__ import annotations

import ipaddress
from typing import Any

import attrs

from reverseproxy.config import (
    HTTP_SERVER_LOCATION,
    Args,
    BadValue,
    Context,
    Word,
    directive,
    flag,
    one,
    seconds,
    settings,
)


@attrs.frozen
class Resolver:
    """`resolver ADDRESS … [valid=TIME] [ipv4=off] [ipv6=off]`; `valid` in seconds, or the TTL."""

    servers: tuple[tuple[str, int], ...]
    valid: float | None = None
    ipv4: bool = True
    ipv6: bool = True


def resolver(args: Args) -> Resolver:
    """`resolver ADDRESS … [valid=TIME] [ipv4=on|off] [ipv6=on|off] [status_zone=NAME]`."""
    servers = []
    given: dict[str, Any] = {}
    for word in args.words:
        name, equals, text = word.text.partition("=")
        value = attrs.evolve(word, text=text)
        if name == "valid" and equals:
            given[name] = seconds(value)
        elif name in ("ipv4", "ipv6") and equals:
            given[name] = flag(value)
        elif name != "status_zone" or not equals:
            servers.append(_server(word))
    if not servers:
        raise BadValue("resolver takes the addresses of name servers", args.name)
    made = Resolver(tuple(servers), **given)
    if not made.ipv4 and not made.ipv6:
        raise BadValue("resolver: ipv4 and ipv6 can't both be off", args.name)
    return made


def _server(word: Word) -> tuple[str, int]:
    host, port = word.text, "53"
    if host.startswith("["):
        host, _, rest = host[1:].partition("]")
        port = rest.removeprefix(":") or port
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
    try:
        ipaddress.ip_address(host)
        number = int(port)
    except ValueError:
        what = f'resolver takes addresses such as 127.0.0.53, not "{word.text}"'
        raise BadValue(what, word) from None
    if not 1 <= number <= 65535:
        raise BadValue(f'"{port}" is not a port: they go from 1 to 65535', word)
    return host, number


@settings
class ResolverSettings:
    """Name servers (ngx_http_core_module)."""

    resolver: Resolver | None = directive(
        resolver,
        None,
        HTTP_SERVER_LOCATION | Context.UPSTREAM,
        args="1+",
        doc="The name servers for the servers of groups that are to be resolved while it runs.",
        syntax="address ... [valid=time] [ipv4=on|off] [ipv6=on|off]",
    )
    resolver_timeout: float = directive(
        one(seconds),
        "30s",
        HTTP_SERVER_LOCATION | Context.UPSTREAM,
        doc="How long a name server may take to answer.",
    )
