"""`match NAME { … }`: what the answer to a health check must be like (ngx_http_upstream_hc_module).

A block is a list of tests; an answer passes if it passes all of them. An answer that no block
looks at passes with a status of 2xx or 3xx.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from reverseproxy.config import (
    Args,
    BadValue,
    Context,
    Regex,
    Statement,
    Template,
    Word,
    directive,
    settings,
)
from reverseproxy.config.regex import compile_regex
from reverseproxy.wire.grammar import is_token

if TYPE_CHECKING:
    from reverseproxy.web.request import Request
    from reverseproxy.wire.heads import ResponseHead

#: How much of a body is looked at, in bytes.
EXAMINED = 256 * 1024


@attrs.frozen
class StatusTest:
    """`status [!] CODE | FROM-TO …`."""

    ranges: tuple[tuple[int, int], ...]
    negated: bool

    def passes(self, head: ResponseHead, _body: bytes) -> bool:
        """Whether the status is one of these, or none of them."""
        return any(low <= head.status <= high for low, high in self.ranges) != self.negated


@attrs.frozen
class HeaderTest:
    """`header [!] NAME` or `header NAME =|!=|~|!~ VALUE`; `value` takes a field's value."""

    name: bytes
    negated: bool
    value: Callable[[bytes], bool] | None = None

    def passes(self, head: ResponseHead, _body: bytes) -> bool:
        """Whether the field is there; and with a value, whether one of its lines has it."""
        values = head.get_all(self.name)
        if self.value is None:
            return bool(values) != self.negated
        # A field that isn't there has no other value either.
        return bool(values) and any(map(self.value, values)) != self.negated


@attrs.frozen
class BodyTest:
    """`body ~|!~ REGEX`."""

    regex: Regex
    negated: bool

    def passes(self, _head: ResponseHead, body: bytes) -> bool:
        """Whether the expression is found in the body, or isn't."""
        return (self.regex.pattern.search(body) is not None) != self.negated


Test = StatusTest | HeaderTest | BodyTest


@attrs.frozen
class Match:
    """One block: its tests, each with what was written, and the variables that it requires."""

    name: Word
    tests: tuple[tuple[str, Test], ...]
    required: tuple[Template, ...] = ()


_RANGE = re.compile(r"([1-9][0-9]{2})(?:-([1-9][0-9]{2}))?")


def _status(statement: Statement) -> StatusTest:
    words = list(statement.args)
    negated = words[0].text == "!"
    ranges = []
    for word in words[1:] if negated else words:
        found = _RANGE.fullmatch(word.text)
        if found is None:
            raise BadValue(
                f'status takes codes and ranges such as 200-399, not "{word.text}"', word
            )
        low, high = int(found[1]), int(found[2] or found[1])
        if high < low:
            raise BadValue(f'"{word.text}" is no range: it ends before it begins', word)
        ranges.append((low, high))
    if not ranges:
        raise BadValue('status takes codes after "!"', words[0])
    return StatusTest(tuple(ranges), negated)


def _header(statement: Statement) -> HeaderTest:
    first, *rest = statement.args
    if first.text == "!" and len(rest) == 1:
        return HeaderTest(_name(rest[0]), negated=True)
    if not rest:
        return HeaderTest(_name(first), negated=False)
    operator = rest[0]
    if len(rest) != 2 or operator.text not in ("=", "!=", "~", "!~"):
        raise BadValue("header takes a name, or a name, one of =, !=, ~, !~ and a value", first)
    negated = operator.text.startswith("!")
    if operator.text.endswith("~"):
        search = compile_regex(rest[1]).pattern.search
        return HeaderTest(_name(first), negated, lambda value: search(value) is not None)
    wanted = rest[1].text.encode()
    return HeaderTest(_name(first), negated, lambda value: value == wanted)


def _name(word: Word) -> bytes:
    if not is_token(word.text.encode()):
        raise BadValue(f'"{word.text}" is not a field name (RFC 9110 section 5.1)', word)
    return word.text.lower().encode()


def _body(statement: Statement) -> BodyTest:
    operator, *rest = statement.args
    if operator.text not in ("~", "!~") or len(rest) != 1:
        raise BadValue("body takes ~ or !~ and a regular expression", operator)
    return BodyTest(compile_regex(rest[0]), operator.text == "!~")


_TESTS: dict[str, Callable[[Statement], Test]] = {
    "status": _status,
    "header": _header,
    "body": _body,
}


def match(args: Args) -> Match:
    """`match NAME { status …; header …; body …; require $variable …; }`."""
    tests: list[tuple[str, Test]] = []
    required: list[Template] = []
    for statement in args.block or ():
        kind = statement.name.text
        if kind not in _TESTS and kind != "require":
            what = f'match takes status, header, body and require, not "{kind}"'
            raise BadValue(what, statement.name)
        if statement.block is not None or not statement.args:
            raise BadValue(f'"{kind}" takes at least 1 argument and no block', statement.name)
        if kind == "require":
            required += [_variable(args, word) for word in statement.args]
        else:
            written = " ".join(word.text for word in (statement.name, *statement.args))
            tests.append((written, _TESTS[kind](statement)))
    if not tests and not required:
        raise BadValue(f'the match "{args.words[0].text}" has no tests', args.words[0])
    return Match(args.words[0], tuple(tests), tuple(required))


def _variable(args: Args, word: Word) -> Template:
    template = args.template(word)
    if len(template.parts) != 1 or not template.names:
        raise BadValue(f'require takes variables such as $name, not "{word.text}"', word)
    return template


@settings
class MatchSettings:
    """Tests of answers to health checks (ngx_http_upstream_hc_module)."""

    match: tuple[Match, ...] = directive(
        match,
        None,
        Context.HTTP,
        many=True,
        block=True,
        doc="Tests for the answers to health checks: their status, fields, body, and variables.",
        syntax="name",
    )


class Examination:
    """The tests of a health check, ready to be used; without a `match` it is the status alone."""

    def __init__(
        self, match: Match | None, compile_: Callable[[Template], Callable[[Request], bytes]]
    ) -> None:
        self._tests = () if match is None else match.tests
        required = () if match is None else match.required
        self._required = [(template.text, compile_(template)) for template in required]
        self._plain = match is None
        #: whether a verdict needs the body
        self.reads_body = any(isinstance(test, BodyTest) for _, test in self._tests)

    def objection(self, head: ResponseHead, body: bytes, request: Request) -> str:
        """What is wrong with an answer; nothing if it passes."""
        if self._plain and not 200 <= head.status < 400:
            return f"status {head.status}"
        for written, test in self._tests:
            if not test.passes(head, body):
                return f'status {head.status}, and not "{written}"'
        for written, value_of in self._required:
            if value_of(request) in (b"", b"0"):
                return f'status {head.status}, and not "require {written}"'
        return ""
