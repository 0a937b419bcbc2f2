"""Where a piece of configuration stands, and what is wrong with it.

Everything read from a file keeps its `Origin`, so that an error can say file, line and column at
any later stage.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import attrs

from reverseproxy.errors import ReverseProxyError


@attrs.frozen
class Origin:
    """A place in a file: lines and columns count from 1, columns in characters."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@attrs.frozen
class Word:
    """One word of a statement: its text without quotes and escapes, and where it begins."""

    text: str
    origin: Origin
    quoted: bool = False


@attrs.frozen
class Statement:
    """`name args;` (block is None) or `name args { block }`."""

    name: Word
    args: tuple[Word, ...]
    block: tuple[Statement, ...] | None = None

    @property
    def origin(self) -> Origin:
        """Where the statement's name begins."""
        return self.name.origin


# Line breaks of quoted words, and the surrogates of names that are not UTF-8.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_LONGEST = 300  # characters of a message: a lost quote can make a word of half a file


@attrs.frozen
class Diagnostic:
    """One thing to tell the operator, in one line; `hint` is what to do about it."""

    origin: Origin | None
    message: str
    hint: str = ""

    def __str__(self) -> str:
        where = "" if self.origin is None else f"{self.origin}: "
        hint = f" ({self.hint})" if self.hint else ""
        message = self.message
        if len(message) > _LONGEST:
            message = f"{message[:_LONGEST]}…"
        line = f"{where}{message}{hint}"
        return _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], line)


class ConfigurationError(ReverseProxyError):
    """The configuration can't be used; `diagnostics` holds every reason found, in reading order."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__(*self.diagnostics)

    def __str__(self) -> str:
        return "\n".join(map(str, self.diagnostics))


class BadValue(Exception):
    """What a converter raises: the arguments of a directive mean nothing to it.

    `message` is a whole sentence without a full stop; `word` is the argument at fault (the only
    argument, else the directive's name, when None). See `expected` for the commonest sentence.
    """

    def __init__(self, message: str, word: Word | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.word = word
        self.hint = hint
        self.wanted = ""  # set by `expected`: the sentence is made where the directive is known


def expected(what: str, word: Word, hint: str = "") -> BadValue:
    """The error `"DIRECTIVE" takes WHAT, not "WORD"`; what: "a size such as 10m"."""
    error = BadValue(f'{what} was expected, not "{word.text}"', word, hint)
    error.wanted = what
    return error
