"""The directives that open a level: where they may stand, and what their arguments mean.

`location`, `if` and `limit_except` have arguments of their own syntax; they become a `Matcher`, a
`Condition` and a set of methods, `Level.value`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from reverseproxy.config.directive import Args, Context, Converter
from reverseproxy.config.regex import Regex
from reverseproxy.config.source import BadValue, Word
from reverseproxy.config.template import Template

#: How a location may be matched; "prefix" is written without a modifier, "@" is a named one.
MODIFIERS = ("=", "^~", "~*", "~")


@attrs.frozen
class Matcher:
    """`location [= | ~ | ~* | ^~] TEXT` or `location @name`.

    `kind` is "=", "^~", "~", "~*", "prefix" or "@"; `regex` is there for "~" and "~*".
    """

    kind: str
    word: Word
    regex: Regex | None = None


def matcher(args: Args) -> Matcher:
    """Read the arguments of `location`, the modifier attached or apart."""
    first = args.words[0]
    kind, word = "prefix", first
    if len(args.words) == 2:
        kind, word = first.text, args.words[1]
        if kind not in MODIFIERS:
            raise BadValue(f'location takes =, ^~, ~ or ~* before the path, not "{kind}"', first)
    else:
        for modifier in MODIFIERS:
            if first.text.startswith(modifier) and len(first.text) > len(modifier):
                kind = modifier
                text = first.text[len(modifier) :]
                word = Word(text, attrs.evolve(first.origin), first.quoted)
                break
        else:
            if first.text.startswith("@"):
                kind = "@"
    if kind in ("~", "~*"):
        return Matcher(kind, word, args.regex(word, ignore_case=kind == "~*"))
    return Matcher(kind, word)


@attrs.frozen
class Condition:
    """The condition of `if`.

    `test` is "true" (a variable that is neither empty nor 0), "=", "~", or a file test "-f", "-d",
    "-e", "-x"; `negated` turns it round. `subject` is the variable or the file's path.
    """

    test: str
    subject: Template
    negated: bool = False
    text: Template | None = None
    regex: Regex | None = None


#: What may be asked for besides GET: the methods that ngx_http_limit_except knows.
_METHODS = frozenset(
    b"GET HEAD POST PUT DELETE MKCOL COPY MOVE OPTIONS PROPFIND PROPPATCH LOCK UNLOCK PATCH".split()
)


def methods(args: Args) -> frozenset[bytes]:
    """Read the arguments of `limit_except`: methods; GET brings HEAD along."""
    found = {word.text.upper().encode() for word in args.words}
    for word in args.words:
        if word.text.upper().encode() not in _METHODS:
            raise BadValue(f'limit_except takes methods such as GET, not "{word.text}"', word)
    return frozenset(found | {b"HEAD"} if b"GET" in found else found)


_OPERATORS = ("=", "!=", "~", "~*", "!~", "!~*")
_FILE_TESTS = ("-f", "-d", "-e", "-x")


def condition(args: Args) -> Condition:
    """Read the arguments of `if`: `( CONDITION )`, the parentheses apart or attached."""
    words = _unwrapped(args)
    test = words[0]
    negated = test.text.startswith("!")
    if test.text.removeprefix("!") in _FILE_TESTS and len(words) == 2:
        return Condition(test.text.removeprefix("!"), args.template(words[1]), negated)
    if not test.text.startswith("$"):
        raise BadValue(f'if takes a variable or a file test such as -f, not "{test.text}"', test)
    subject = args.template(test)
    if len(words) == 1:
        return Condition("true", subject)
    if len(words) != 3 or words[1].text not in _OPERATORS:
        wanted = ", ".join(_OPERATORS)
        raise BadValue(f'if takes one of {wanted} and a text after "{test.text}"', words[1])
    operator = words[1].text
    negated = operator.startswith("!")
    operator = operator.removeprefix("!")
    if operator == "=":
        return Condition("=", subject, negated, text=args.template(words[2]))
    regex = args.regex(words[2], ignore_case=operator == "~*")
    return Condition("~", subject, negated, regex=regex)


def _unwrapped(args: Args) -> list[Word]:
    """The words between the parentheses."""
    words = list(args.words)
    first, last = words[0], words[-1]
    if not first.text.startswith("(") or not last.text.endswith(")"):
        raise BadValue("the condition of if stands in parentheses", first, "if ($variable) { … }")
    if len(words) == 1:
        words = [attrs.evolve(first, text=first.text[1:-1])]
    else:
        words[0] = attrs.evolve(first, text=first.text[1:])
        words[-1] = attrs.evolve(last, text=last.text[:-1])
    words = [word for word in words if word.text or word.quoted]
    if not words:
        raise BadValue("the condition of if is empty", first)
    return words


@attrs.frozen
class Block:
    """A directive that opens a level."""

    context: Context
    inside: Mapping[Context, Context]
    least: int = 0
    most: int | None = 0
    once: bool = False
    convert: Converter[Any] | None = None


def _block(
    allowed: Context,
    inside: Context,
    least: int = 0,
    most: int | None = 0,
    *,
    once: bool = False,
    convert: Converter[Any] | None = None,
) -> Block:
    return Block(allowed, dict.fromkeys(allowed, inside), least, most, once, convert)


BLOCKS: Mapping[str, Block] = {
    "events": _block(Context.MAIN, Context.EVENTS, once=True),
    "http": _block(Context.MAIN, Context.HTTP, once=True),
    "server": _block(Context.HTTP, Context.SERVER),
    "upstream": _block(Context.HTTP, Context.UPSTREAM, 1, 1),
    "location": _block(Context.SERVER | Context.LOCATION, Context.LOCATION, 1, 2, convert=matcher),
    "limit_except": _block(
        Context.LOCATION, Context.LIMIT_EXCEPT, 1, None, once=True, convert=methods
    ),
    "if": Block(
        Context.SERVER | Context.LOCATION,
        {Context.SERVER: Context.SERVER_IF, Context.LOCATION: Context.LOCATION_IF},
        1,
        None,
        convert=condition,
    ),
}
