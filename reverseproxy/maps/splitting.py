"""`split_clients`: a variable for A/B tests (ngx_http_split_clients_module)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from reverseproxy.config import Args, BadValue, Context, Level, Template, directive, settings

from . import remembered

if TYPE_CHECKING:
    from reverseproxy.web.request import Request
    from reverseproxy.web.variables import Variables

_PERCENT = re.compile(r"([0-9]{1,3})(?:\.([0-9]{1,2}))?%")
_ALL = 0xFFFFFFFF


@attrs.frozen
class Split:
    """One `split_clients`: `parts` are (upper bound of the hash, value), the last for the rest."""

    source: Template
    name: str
    parts: tuple[tuple[int, bytes], ...]


def split_clients(args: Args) -> Split:
    """`split_clients STRING $VARIABLE { PERCENT VALUE; … * VALUE; }`."""
    parts: list[tuple[int, bytes]] = []
    total = bound = 0
    for statement in args.block or ():
        word = statement.name
        if len(statement.args) != 1:
            raise BadValue(f'"{word.text}" takes one value in split_clients', word)
        value = statement.args[0].text.encode()
        if word.text == "*":
            parts.append((_ALL + 1, value))
            continue
        match = _PERCENT.fullmatch(word.text)
        share = int(match[1]) * 100 + int((match[2] or "0").ljust(2, "0")) if match else 0
        if not share:
            raise BadValue(f'split_clients takes shares such as 0.5% or *, not "{word.text}"', word)
        total += share
        if total > 10_000:
            raise BadValue("the shares are more than 100% together", word)
        bound += share * _ALL // 10_000
        parts.append((bound, value))
    return Split(args.template(args.words[0]), args.declare(args.words[1]), tuple(parts))


def murmur_hash2(data: bytes) -> int:
    """MurmurHash2 with the seed that nginx has: as long as the data, without another."""
    length = len(data)
    value = length
    whole = length - length % 4
    for at in range(0, whole, 4):
        part = int.from_bytes(data[at : at + 4], "little") * 0x5BD1E995 & _ALL
        part = (part ^ part >> 24) * 0x5BD1E995 & _ALL
        value = value * 0x5BD1E995 & _ALL ^ part
    rest = data[whole:]
    if rest:
        value = (value ^ int.from_bytes(rest, "little")) * 0x5BD1E995 & _ALL
    value = (value ^ value >> 13) * 0x5BD1E995 & _ALL
    return value ^ value >> 15


@settings
class SplitSettings:
    """Splitting clients (ngx_http_split_clients_module)."""

    split_clients: tuple[Split, ...] = directive(
        split_clients,
        None,
        Context.HTTP,
        args=2,
        many=True,
        block=True,
        doc="A variable whose value is given to shares of the clients.",
        syntax="string $variable",
    )


def declare(level: Level, variables: Variables) -> None:
    """Add the variables of every `split_clients`."""
    for made in level[SplitSettings].split_clients:
        variables.declare(made.name, remembered(made.name, _chooser(made, variables)))


def _chooser(made: Split, variables: Variables) -> Callable[[Request], bytes]:
    source = variables.compile(made.source)

    def choose(request: Request) -> bytes:
        number = murmur_hash2(source(request))
        for bound, value in made.parts:
            if number < bound:
                return value
        return b""

    return choose
