"""`map`: a variable whose value is looked up by that of others (ngx_http_map_module)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from reverseproxy.config import (
    Args,
    BadValue,
    Context,
    Level,
    Regex,
    Statement,
    Template,
    Word,
    directive,
    one,
    settings,
    size,
)
from reverseproxy.wire.hostnames import HostNames

from . import remembered

if TYPE_CHECKING:
    from reverseproxy.web.request import Request
    from reverseproxy.web.variables import Rendered, Variables

_SPECIAL = frozenset({"default", "hostnames", "include", "volatile"})


@attrs.frozen
class Map:
    """One `map`.

    `keys` are in lower case, `names` those of a map with `hostnames`; `regexes` are tried in order.
    """

    source: Template
    name: str
    keys: dict[bytes, Template] = attrs.Factory(dict)
    names: HostNames[Template] = attrs.Factory(HostNames)
    regexes: list[tuple[Regex, Template]] = attrs.Factory(list)
    default: list[Template] = attrs.Factory(list)
    volatile: bool = False


def map_block(args: Args) -> Map:
    """`map SOURCE $VARIABLE { [hostnames;] [volatile;] KEY VALUE; … }`."""
    source, variable = args.words
    block = args.block or ()
    alone = {statement.name.text for statement in block if not statement.args}
    made = Map(args.template(source), args.declare(variable), volatile="volatile" in alone)
    for statement in block:
        _add(args, made, statement, hostnames="hostnames" in alone)
    return made


def _add(args: Args, made: Map, statement: Statement, *, hostnames: bool) -> None:
    key = statement.name
    if not statement.args and key.text in ("hostnames", "volatile"):
        return
    if len(statement.args) != 1:
        raise BadValue(f'"{key.text}" takes one value in a map', key)
    value = args.template(statement.args[0])
    if key.text == "default" and not key.quoted:
        if made.default:
            raise BadValue("the map has two defaults", key)
        made.default.append(value)
        return
    if key.text.startswith("~"):
        made.regexes.append((_regex(args, key), value))
        return
    text = key.text.lower()
    if text.startswith("\\") and (text[1:] in _SPECIAL or text[1:2] in ("~", "\\", "*")):
        # A backslash takes the meaning from what would have one.
        text = text[1:]
    lower = text.encode()
    kept = made.names.add(lower, value) if hostnames else made.keys.setdefault(lower, value)
    if kept is not value:
        raise BadValue(f'the key "{key.text}" stands twice in the map', key)


def _regex(args: Args, key: Word) -> Regex:
    ignore_case = key.text.startswith("~*")
    text = key.text[2:] if ignore_case else key.text[1:]
    return args.regex(attrs.evolve(key, text=text), ignore_case=ignore_case)


@settings
class MapSettings:
    """Maps (ngx_http_map_module)."""

    map: tuple[Map, ...] = directive(
        map_block,
        None,
        Context.HTTP,
        args=2,
        many=True,
        block=True,
        doc="A variable whose value depends on others: strings, hostnames, regular expressions.",
        syntax="string $variable",
    )
    map_hash_bucket_size: int | None = directive(
        one(size), None, Context.HTTP, no_effect=True, doc="Maps are dictionaries."
    )
    map_hash_max_size: int | None = directive(
        one(size), None, Context.HTTP, no_effect=True, doc="Maps are dictionaries."
    )


def declare(level: Level, variables: Variables) -> None:
    """Add the variables of every `map`."""
    for made in level[MapSettings].map:
        find = _lookup(made, variables)
        variables.declare(made.name, find if made.volatile else remembered(made.name, find))


def _lookup(made: Map, variables: Variables) -> Callable[[Request], bytes]:
    """The map as a function of the request. What it names is compiled at its first use.

    A map may name variables that a map after it declares.
    """
    compiled: dict[int, Rendered] = {}

    def rendered(template: Template, request: Request) -> bytes:
        found = compiled.get(id(template))
        if found is None:
            found = compiled[id(template)] = variables.compile(template)
        return found(request)

    def find(request: Request) -> bytes:
        key = rendered(made.source, request)
        lower = key.lower()
        value = made.keys.get(lower)
        if value is None and made.names:
            value = made.names.find(lower.removesuffix(b"."))
        if value is None:
            # nginx tries no regular expression on an empty source.
            for regex, template in made.regexes if key else ():
                match = regex.pattern.search(key)
                if match is not None:
                    request.captured(match, regex.names)
                    return rendered(template, request)
            if not made.default:
                return b""
            value = made.default[0]
        return rendered(value, request)

    return find
