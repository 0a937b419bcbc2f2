"""The converters that many directives share.

Two kinds: functions of one word (`flag`, `size`, `seconds`, `text`, and what `number` and `enum`
make), which `one` lifts to a directive's converter and other converters may call for a word of
theirs; and converters of a whole statement (`words`, `buffers`, `template`, `regex`, `conf_path`,
`prefix_path`, `present`).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Generic, TypeVar

import attrs

from reverseproxy.config.directive import Args, shown_as, syntax_of
from reverseproxy.config.regex import Regex
from reverseproxy.config.source import Word, expected
from reverseproxy.config.template import Template

T = TypeVar("T")


@attrs.frozen
class One(Generic[T]):
    """The converter of a directive with one argument."""

    convert: Callable[[Word], T]

    def __call__(self, args: Args) -> T:
        return self.convert(args.words[0])

    @property
    def syntax(self) -> str:
        """The argument as the reference shows it."""
        return syntax_of(self.convert)


def one(convert: Callable[[Word], T]) -> One[T]:
    """Lift a function of a word to a converter of one argument."""
    return One(convert)


@shown_as("text")
def text(word: Word) -> str:
    """The word's text as it is."""
    return word.text


@shown_as("on | off")
def flag(word: Word) -> bool:
    """`on` or `off`, in any case (ngx_conf_set_flag_slot)."""
    value = word.text.lower()
    if value not in ("on", "off"):
        raise expected('"on" or "off"', word)
    return value == "on"


_SIZE = re.compile(r"([0-9]{1,18})([kKmMgG]?)")
_BYTES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


@shown_as("size")
def size(word: Word) -> int:
    """Bytes: `1024`, `8k`, `10m`, `1g`, below 2**63 (ngx_parse_offset)."""
    found = _SIZE.fullmatch(word.text)
    value = int(found[1]) * _BYTES[found[2].lower()] if found else 1 << 63
    if value >= 1 << 63:
        raise expected("a size such as 10m", word)
    return value


# Each unit once, from years down; only the last may lack its unit, and is in seconds then.
_TIME = re.compile(
    r"(?=[0-9])"
    + "".join(rf"(?:([0-9]+){unit} *)?" for unit in "yMwdhm")
    + r"(?:([0-9]+)s *)?(?:([0-9]+)(ms)?)?"
)
_UNITS = (365 * 86400, 30 * 86400, 7 * 86400, 86400, 3600, 60, 1)
_LONGEST = 300 * 365 * 86400


@shown_as("time")
def seconds(word: Word) -> float:
    """Seconds: `90`, `1h30m`, `1d 12h`, `500ms` (ngx_parse_time); a month is 30 days."""
    found = _TIME.fullmatch(word.text) if len(word.text) <= 64 else None
    if found is None:
        raise expected("a time such as 90, 1h30m or 500ms", word)
    *parts, rest, milliseconds = found.groups()
    if parts[-1] and rest and not milliseconds:  # "5s 3": two numbers of seconds
        raise expected("a time such as 90, 1h30m or 500ms", word)
    value = float(sum(int(part or 0) * unit for part, unit in zip(parts, _UNITS, strict=True)))
    value += int(rest or 0) / (1000 if milliseconds else 1)
    if value > _LONGEST:
        raise expected("a time of at most 300 years", word)
    return value


@attrs.frozen
class _Number:
    least: int
    most: int | None

    def __call__(self, word: Word) -> int:
        digits = word.text
        value = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else -1
        if value < self.least or (self.most is not None and value > self.most):
            if self.most is not None:
                raise expected(f"a number from {self.least} to {self.most}", word)
            raise expected(f"a number of at least {self.least}" if self.least else "a number", word)
        return value

    @property
    def syntax(self) -> str:
        return "number"


def number(min: int = 0, max: int | None = None) -> Callable[[Word], int]:  # noqa: A002
    """Digits only, between `min` and `max`, both included."""
    return _Number(min, max)


@attrs.frozen
class _Enum:
    choices: tuple[str, ...]

    def __call__(self, word: Word) -> str:
        if word.text not in self.choices:
            *first, last = (f'"{choice}"' for choice in self.choices)
            raise expected(f"{', '.join(first)} or {last}" if first else last, word)
        return word.text

    @property
    def syntax(self) -> str:
        return " | ".join(self.choices)


def enum(*choices: str) -> Callable[[Word], str]:
    """One of `choices`, exactly."""
    return _Enum(choices)


@shown_as("text …")
def words(args: Args) -> tuple[str, ...]:
    """All arguments' texts."""
    return tuple(word.text for word in args.words)


def present(args: Args) -> bool:
    """True, for a directive that is on when it is there (`internal`)."""
    return not args.words


@attrs.frozen
class Buffers:
    """`count` buffers of `size` bytes each."""

    count: int
    size: int


@shown_as("number size")
def buffers(args: Args) -> Buffers:
    """`number size`, such as `4 32k` (ngx_conf_set_bufs_slot)."""
    count, each = args.words
    made = Buffers(number(min=1)(count), size(each))
    if not made.size:
        raise expected("a size such as 32k", each)
    return made


@shown_as("text")
def template(args: Args) -> Template:
    """One argument with variables in it."""
    return args.template(args.words[0])


@shown_as("regex")
def regex(args: Args) -> Regex:
    """One argument, a PCRE expression."""
    return args.regex(args.words[0])


@shown_as("path")
def conf_path(args: Args) -> str:
    """One argument, a path from the configuration's directory (`auth_basic_user_file`)."""
    return args.paths.conf(args.words[0].text)


@shown_as("path")
def prefix_path(args: Args) -> str:
    """One argument, a path from the prefix (`root`, `pid`)."""
    return args.paths.in_prefix(args.words[0].text)
