"""The directives of `upstream { … }` (ngx_http_upstream_module), and what an address is."""

from __future__ import annotations

import re
from typing import Any

import attrs

from reverseproxy.config import (
    Args,
    BadValue,
    Context,
    Template,
    Word,
    directive,
    expected,
    number,
    one,
    present,
    seconds,
    settings,
    size,
)


@attrs.frozen
class ServerAddress:
    """`HOST[:PORT]` or `unix:PATH`: where a server is. A unix path is the whole `host`, port 0."""

    host: str
    port: int


#: RFC 3986 section 3.2 without userinfo: host [ ":" port ].
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^/:\[\]?#]+)(?::([0-9]+))?")


def server_address(text: str, word: Word, port: int = 80) -> ServerAddress:
    """Read an address; `port` is what it has if it doesn't say. BadValue at `word`."""
    if text.startswith("unix:"):
        if len(text) == 5:
            raise BadValue(f'no path in the unix socket "{text}"', word)
        return ServerAddress(text, 0)
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise BadValue(f'no host in "{text}"', word)
    host, digits = match.groups()
    found = int(digits) if digits else port
    if not 1 <= found <= 65535:
        raise BadValue(f'"{digits}" is not a port: they go from 1 to 65535', word)
    return ServerAddress(host.strip("[]"), found)


@attrs.frozen
class ServerRule:
    """One `server` of a group; `name` is the address as written, times in seconds."""

    address: ServerAddress
    name: str
    word: Word
    weight: int = 1
    max_fails: int = 1
    fail_timeout: float = 10.0
    slow_start: float = 0.0
    max_conns: int = 0
    backup: bool = False
    down: bool = False
    resolve: bool = False
    #: the name of a service as the DNS is asked for it
    service: str | None = None

    @property
    def anywhere(self) -> tuple[object, ...]:
        """What it says, wherever it stands: equal for the same server of two configurations."""
        return attrs.astuple(self, filter=lambda field, _: field.name != "word", recurse=False)


_NUMBERS = {"weight": number(1, 65535), "max_fails": number(), "max_conns": number()}
_TIMES = ("fail_timeout", "slow_start")
_COMMERCIAL = ("route", "drain")


def server(args: Args) -> ServerRule:
    """`server ADDRESS [weight=] [max_fails=] [fail_timeout=] [slow_start=] [max_conns=] …`."""
    first, *rest = args.words
    address = server_address(first.text, first)
    given: dict[str, Any] = {}
    for word in rest:
        name, equals, text = word.text.partition("=")
        value = attrs.evolve(word, text=text)
        if name in ("backup", "down", "resolve") and not equals:
            given[name] = True
        elif name in _NUMBERS and equals:
            given[name] = _NUMBERS[name](value)
        elif name in _TIMES and equals:
            given[name] = seconds(value)
        elif name == "service" and equals:
            given[name] = _service(value, address, first)
        elif name in _COMMERCIAL:
            raise BadValue(f'"{name}" of server is not there yet', word)
        else:
            raise BadValue(f'server does not take "{word.text}"', word)
    if "service" in given and not given.get("resolve"):
        raise BadValue('server with "service" needs "resolve" too', first)
    return ServerRule(address, first.text, first, **given)


def _service(word: Word, address: ServerAddress, server: Word) -> str:
    """`service=NAME`: the name of the SRV records, `_NAME._tcp.HOST` (RFC 2782) or NAME.HOST."""
    if not word.text:
        raise BadValue("no name of a service", word)
    if server.text != address.host:
        raise BadValue('server with "service" may not have a port: the DNS says it', server)
    prefix = word.text if "." in word.text else f"_{word.text}._tcp"
    return f"{prefix}.{address.host}"


@attrs.frozen
class HashRule:
    """`hash KEY [consistent]`."""

    key: Template
    consistent: bool


def hash_rule(args: Args) -> HashRule:
    """`hash KEY [consistent]`."""
    key, *rest = args.words
    if rest and rest[0].text != "consistent":
        raise BadValue(f'hash takes "consistent" as its second argument, not "{rest[0].text}"')
    return HashRule(args.template(key), bool(rest))


def random_rule(args: Args) -> int:
    """`random [two [least_conn]]`: how many are looked at, 1 or 2."""
    if not args.words:
        return 1
    if args.words[0].text != "two":
        raise expected('"two"', args.words[0])
    if len(args.words) == 2 and args.words[1].text != "least_conn":
        raise BadValue(f'random two takes "least_conn", not "{args.words[1].text}"', args.words[1])
    return 2


def keepalive(args: Args) -> int:
    """`keepalive NUMBER [local]`: how many idle connections are kept; 0 is none."""
    if len(args.words) == 2 and args.words[1].text != "local":
        raise BadValue(f'keepalive takes "local", not "{args.words[1].text}"', args.words[1])
    return number()(args.words[0])


def zone(args: Args) -> str:
    """`zone NAME [SIZE]`: the name; there is one process, which shares with itself."""
    if len(args.words) == 2:
        size(args.words[1])
    return args.words[0].text


@settings
class UpstreamSettings:
    """Groups of servers (ngx_http_upstream_module)."""

    server: tuple[ServerRule, ...] = directive(
        server,
        None,
        Context.UPSTREAM,
        args="1+",
        many=True,
        doc="A server of the group: a name, whose addresses are all tried, an address or a socket.",
        syntax="address [weight=number] [max_fails=number] [fail_timeout=time] "
        "[slow_start=time] [max_conns=number] [backup] [down] [resolve] [service=name]",
    )
    zone: str | None = directive(
        zone,
        None,
        Context.UPSTREAM,
        args="1-2",
        no_effect=True,
        doc="Shares the group's state between processes.",
        syntax="name [size]",
    )
    ip_hash: bool = directive(
        present,
        None,
        Context.UPSTREAM,
        args=0,
        doc="Chooses the server by the client's address: a client stays where it was.",
    )
    hash: HashRule | None = directive(
        hash_rule,
        None,
        Context.UPSTREAM,
        args="1-2",
        doc="Chooses the server by a key; consistent moves few keys when a server goes or comes.",
        syntax="key [consistent]",
    )
    least_conn: bool = directive(
        present,
        None,
        Context.UPSTREAM,
        args=0,
        doc="Chooses the server with the fewest requests under way, by their weights.",
    )
    random: int | None = directive(
        random_rule,
        None,
        Context.UPSTREAM,
        args="0-2",
        doc="Chooses a server at random, or the less busy one of two.",
        syntax="[two [least_conn]]",
    )
    keepalive: int = directive(
        keepalive,
        "32",
        Context.UPSTREAM,
        args="1-2",
        doc="How many idle connections to the group's servers are kept; 0 is none.",
        syntax="number [local]",
    )
    keepalive_requests: int = directive(
        one(number()), "1000", Context.UPSTREAM, doc="How many requests one of them may carry."
    )
    keepalive_timeout: float = directive(
        one(seconds), "60s", Context.UPSTREAM, doc="How long one of them may idle."
    )
    keepalive_time: float = directive(
        one(seconds), "1h", Context.UPSTREAM, doc="How long one of them may be used at all."
    )
