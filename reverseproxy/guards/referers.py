"""`valid_referers`: where a request says it comes from (ngx_http_referer_module).

`$invalid_referer` is "1" unless the Referer is one of those that the location takes, and nothing
then: it is for `if ($invalid_referer) { return 403; }`. It keeps out links, not people: anybody can
send any Referer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import attrs

from reverseproxy.config import (
    Args,
    BadValue,
    Context,
    Diagnostic,
    Level,
    Word,
    directive,
    one,
    settings,
    size,
)
from reverseproxy.wire.hostnames import HostNames

if TYPE_CHECKING:
    from reverseproxy.config import Regex
    from reverseproxy.web.locations import Location
    from reverseproxy.web.request import Request
    from reverseproxy.web.settings import ServerName

_SCHEME = re.compile(rb"https?://", re.IGNORECASE)
_HOST = re.compile(rb"[^/:]*")
#: A Referer from a host with a longer name is not valid.
_LONGEST_HOST = 256
_NAME = re.compile(r"(?:\*\.|\.)?[^*/]+|[^*/]+\.\*")


@attrs.frozen
class Referers:
    """One `valid_referers`: `names` with the path that must follow ("" is any)."""

    none: bool
    blocked: bool
    server_names: bool
    names: tuple[tuple[bytes, bytes], ...]
    regexes: tuple[Regex, ...]


def valid_referers(args: Args) -> Referers:
    """`valid_referers none | blocked | server_names | NAME[/PATH] | ~REGEX …`."""
    special = {"none", "blocked", "server_names"}
    found = {word.text for word in args.words} & special
    names: list[tuple[bytes, bytes]] = []
    regexes: list[Regex] = []
    for word in args.words:
        if word.text.startswith("~"):
            shorter = attrs.evolve(word, text=word.text[1:])
            regexes.append(args.regex(shorter, ignore_case=True))
        elif word.text not in special:
            names.append(_name(word, names))
    return Referers(
        "none" in found,
        "blocked" in found,
        "server_names" in found,
        tuple(names),
        tuple(regexes),
    )


def _name(word: Word, names: list[tuple[bytes, bytes]]) -> tuple[bytes, bytes]:
    host, slash, path = word.text.partition("/")
    if not _NAME.fullmatch(host):
        raise BadValue(f'"{host}" is no name: an asterisk stands at one end, beside a dot', word)
    name = host.lower().encode()
    if any(name == known for known, _ in names):
        raise BadValue(f'the name "{host}" is there twice', word)
    return name, (slash + path).encode()


@settings
class RefererSettings:
    """Where requests come from (ngx_http_referer_module)."""

    valid_referers: tuple[Referers, ...] = directive(
        valid_referers,
        None,
        Context.SERVER | Context.LOCATION,
        args="1+",
        many=True,
        doc="The Referer fields for which $invalid_referer is empty.",
        syntax="none | blocked | server_names | string ...",
    )
    referer_hash_max_size: int | None = directive(
        one(size),
        None,
        Context.SERVER | Context.LOCATION,
        no_effect=True,
        doc="Names are in a dictionary.",
    )
    referer_hash_bucket_size: int | None = directive(
        one(size),
        None,
        Context.SERVER | Context.LOCATION,
        no_effect=True,
        doc="Names are in a dictionary.",
    )

    def check(self, level: Level) -> list[Diagnostic]:
        """As in nginx: somebody must be valid besides those who say nothing."""
        rules = self.valid_referers
        origin = level.origin_of("valid_referers")
        if any(r.names or r.server_names or r.regexes for r in rules) or not rules:
            return []
        what = "valid_referers names nobody: none and blocked need a name, server_names or a regex"
        return [Diagnostic(origin, what)]


@attrs.define(eq=False)
class _Table:
    """What a level's directives say, ready to be asked; of its server the names."""

    names: HostNames[bytes] = attrs.Factory(HostNames)
    none: bool = False
    blocked: bool = False
    host_regexes: list[re.Pattern[bytes]] = attrs.Factory(list)
    regexes: list[re.Pattern[bytes]] = attrs.Factory(list)

    def is_valid(self, referer: bytes | None) -> bool:
        """Whether the Referer is one of them (ngx_http_referer_variable)."""
        if referer is None:
            return self.none
        scheme = _SCHEME.match(referer)
        if scheme is None or len(referer) <= len(b"http://i"):
            return self.blocked
        rest = referer[scheme.end() :]
        match = _HOST.match(rest)
        host = match[0].lower() if match is not None else b""
        if len(host) > _LONGEST_HOST:
            return False
        path = self.names.find(host)
        if path is not None:
            at = rest.find(b"/", len(host))
            return not path or (at >= 0 and rest.startswith(path, at))
        if any(pattern.search(host) for pattern in self.host_regexes):
            return True
        return any(pattern.search(rest) for pattern in self.regexes)


#: The table of each location that was asked, as long as the location is there.
_tables: WeakKeyDictionary[Location, _Table] = WeakKeyDictionary()


def invalid_referer(request: Request) -> bytes:
    """`$invalid_referer`: "1" or nothing."""
    location = request.location
    rules = location.level[RefererSettings].valid_referers
    if not rules:
        return b""
    table = _tables.get(location)
    if table is None:
        table = _tables[location] = _table(rules, request.vhost.names)
    return b"" if table.is_valid(request.head.named.get(b"referer")) else b"1"


def _table(rules: tuple[Referers, ...], server_names: tuple[ServerName, ...]) -> _Table:
    table = _Table(
        none=any(rule.none for rule in rules), blocked=any(rule.blocked for rule in rules)
    )
    for rule in rules:
        for name, path in rule.names:
            table.names.add(name, path)
        table.regexes += [regex.pattern for regex in rule.regexes]
    if any(rule.server_names for rule in rules):
        for server_name in server_names:
            if server_name.regex is not None:
                table.host_regexes.append(server_name.regex.pattern)
            elif server_name.text:
                table.names.add(server_name.text.encode(), b"")
    return table
