"""A directive is a row, declared as a field of a settings class next to the feature that uses it.

    @settings
    class ProxySettings:
        \"\"\"Proxying (ngx_http_proxy_module).\"\"\"

        proxy_read_timeout: float = directive(
            one(seconds), "60s", HTTP_SERVER_LOCATION, doc="Time between two reads."
        )

A converter takes `Args` and returns the field's value, or raises BadValue.
"""

from __future__ import annotations

import enum
import os.path
import typing
from collections.abc import Callable
from typing import Any, TypeVar

import attrs

from reverseproxy.config.regex import Regex, compile_regex
from reverseproxy.config.source import BadValue, Diagnostic, Statement, Word
from reverseproxy.config.template import Template, parse_template

T = TypeVar("T")


class Context(enum.Flag):
    """Where a directive may stand."""

    MAIN = enum.auto()
    EVENTS = enum.auto()
    HTTP = enum.auto()
    SERVER = enum.auto()
    LOCATION = enum.auto()
    UPSTREAM = enum.auto()
    SERVER_IF = enum.auto()
    LOCATION_IF = enum.auto()
    LIMIT_EXCEPT = enum.auto()

    @property
    def labels(self) -> tuple[str, ...]:
        """The contexts' names as people say them: ("http", "server", "if in location")."""
        return tuple(label for context, label in _LABELS.items() if context in self)


_LABELS = {
    Context.MAIN: "main",
    Context.EVENTS: "events",
    Context.HTTP: "http",
    Context.SERVER: "server",
    Context.LOCATION: "location",
    Context.UPSTREAM: "upstream",
    Context.SERVER_IF: "if in server",
    Context.LOCATION_IF: "if in location",
    Context.LIMIT_EXCEPT: "limit_except",
}

HTTP_SERVER_LOCATION = Context.HTTP | Context.SERVER | Context.LOCATION
HTTP_SERVER_LOCATION_IF = HTTP_SERVER_LOCATION | Context.LOCATION_IF


@attrs.frozen
class Paths:
    """The two directories which relative paths start from, both absolute."""

    conf_dir: str = "/"
    prefix: str = "/"

    def conf(self, text: str) -> str:
        """`text` as an absolute path, from the configuration's directory."""
        return os.path.normpath(os.path.join(self.conf_dir, text))

    def in_prefix(self, text: str) -> str:
        """`text` as an absolute path, from the prefix (`root html`, log files)."""
        return os.path.normpath(os.path.join(self.prefix, text))


@attrs.define
class Notes:
    """What converters found on their way: checked or shown when everything is read."""

    used: list[tuple[str, Word]] = attrs.Factory(list)
    declared: set[str] = attrs.Factory(set)
    warnings: list[Diagnostic] = attrs.Factory(list)


@attrs.define
class Args:
    """One statement, for a converter: `words` are its arguments, `block` its raw statements."""

    name: Word
    words: tuple[Word, ...]
    block: tuple[Statement, ...] | None = None
    paths: Paths = Paths()
    notes: Notes = attrs.Factory(Notes)

    def template(self, word: Word) -> Template:
        """The template in `word`; its variables must be known when everything is read."""
        template = parse_template(word)
        for name in template.names:
            self.notes.used.append((name, word))
        return template

    def regex(self, word: Word, *, ignore_case: bool = False) -> Regex:
        """The PCRE expression in `word`, over bytes; its named groups become variables."""
        regex = compile_regex(word, ignore_case=ignore_case)
        self.notes.declared.update(regex.names)
        return regex

    def declare(self, word: Word) -> str:
        """The name in `$name`, now a known variable (`set`, `map`, `geo`, `split_clients`)."""
        name = word.text[1:]
        if not word.text.startswith("$") or not name.isascii() or not name.isidentifier():
            raise BadValue(f'"{word.text}" is not a variable\'s name such as $name', word)
        self.notes.declared.add(name.lower())
        return name.lower()

    def warn(self, message: str, word: Word | None = None) -> None:
        """Say something that doesn't stop the load."""
        self.notes.warnings.append(Diagnostic((word or self.name).origin, message))


Converter = Callable[[Args], T]

C = TypeVar("C", bound=Callable[..., Any])

_shown: dict[object, str] = {}


def shown_as(syntax: str) -> Callable[[C], C]:
    """Say how the reference shows the arguments that the decorated converter takes."""

    def note(convert: C) -> C:
        _shown[convert] = syntax
        return convert

    return note


def syntax_of(convert: Callable[..., object]) -> str:
    """The arguments as the reference shows them, "" if the converter doesn't say."""
    own: str | None = getattr(convert, "syntax", None)
    return _shown.get(convert, "") if own is None else own


@attrs.frozen(eq=False)
class Row:
    """A directive, as `directive` declared it; `most` is None for "any number"."""

    name: str
    field: str
    convert: Converter[Any]
    default: str | None
    context: Context
    least: int
    most: int | None
    many: bool
    inherit: bool
    into_if: bool
    block: bool
    doc: str
    no_effect: bool
    syntax: str


_ROW = "reverseproxy.directive"


def directive(
    convert: Converter[Any],
    default: str | None,
    context: Context,
    *,
    args: int | str = 1,
    many: bool = False,
    inherit: bool = True,
    into_if: bool = False,
    block: bool = False,
    doc: str,
    name: str | None = None,
    no_effect: bool = False,
    syntax: str = "",
) -> Any:
    """Declare the directive that fills a field; the field's name, less a final "_", is its name.

    `default` is the arguments as a person would write them, given to `convert` once per load; None
    is "no default": the value is None, or () when `many`. `args` counts the arguments: 2, "1+",
    "0-2". `many` may be repeated in a level, the value is a tuple in order. `inherit=False` falls
    back to the default in each level, but with `into_if` not in `if` and `limit_except`. `block`
    directives take a `{…}`, whose raw statements the converter gets. `no_effect` directives are
    accepted and mean nothing here. `syntax` are the arguments as the reference shows them, where
    the converter doesn't say them itself.
    """
    least, most = _counts(args)
    row = {
        "name": name,
        "convert": convert,
        "default": default,
        "context": context,
        "least": least,
        "most": most,
        "many": many,
        "inherit": inherit,
        "into_if": into_if,
        "block": block,
        "doc": doc,
        "no_effect": no_effect,
        "syntax": syntax or syntax_of(convert),
    }
    return attrs.field(metadata={_ROW: row})


def _counts(args: int | str) -> tuple[int, int | None]:
    """`args` of `directive` as the least and the most arguments."""
    if isinstance(args, int):
        return args, args
    least, dash, most = args.partition("-")
    if dash:
        return int(least), int(most)
    if not args.endswith("+"):
        raise ValueError(f'args is a number, "1+" or "0-2", not {args!r}')
    return int(args[:-1]), None


@typing.dataclass_transform(
    kw_only_default=True, frozen_default=True, field_specifiers=(directive,)
)
def settings(cls: type[T]) -> type[T]:
    """Make a frozen attrs class of directives; its docstring's first line titles the reference."""
    made: Any = attrs.frozen(kw_only=True, slots=True)(cls)
    rows = []
    for field in attrs.fields(made):
        if _ROW not in field.metadata:
            raise TypeError(f"{cls.__name__}.{field.name} is not declared with directive()")
        row = dict(field.metadata[_ROW])
        row["name"] = row["name"] or field.name.removesuffix("_")
        rows.append(Row(field=field.name, **row))
    made.__directives__ = tuple(rows)
    return typing.cast("type[T]", made)


def rows(cls: type) -> tuple[Row, ...]:
    """The rows of a settings class, in the order written."""
    found: tuple[Row, ...] = cls.__directives__  # type: ignore[attr-defined]
    return found
