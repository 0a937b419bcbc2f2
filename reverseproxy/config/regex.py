"""nginx's regular expressions (PCRE) in Python's syntax."""

from __future__ import annotations

import re
import sys

import attrs

from reverseproxy.config.source import BadValue, Origin, Word


@attrs.frozen(eq=False)
class Regex:
    """A compiled expression over bytes; `names` are its named groups, in lower case."""

    pattern: re.Pattern[bytes]
    text: str
    origin: Origin

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.pattern.groupindex)


_PIECE = re.compile(
    r"""
      (?P<escape> \\x\{[0-9A-Fa-f]{1,2}\} | \\Q.*?(?:\\E|\Z) | \\k[<{'][A-Za-z0-9_]+[>}'] | \\. )
    | (?P<set> \[\^?\]?(?:\[:\^?[a-z]+:\]|\\.|[^]\\])*\] )
    | (?P<group> \(\?P?[<'](?P<name>[A-Za-z_][A-Za-z0-9_]*)[>'] )
    | (?P<again> \(\?P=(?P<same>[A-Za-z_][A-Za-z0-9_]*)\) )
    | (?P<literal> \{(?!\d+(?:,\d*)?\}) )
    """,
    re.VERBOSE | re.DOTALL,
)
_IN_SET = re.compile(r"\[:(?P<class>\^?[a-z]+):\]|(?P<escape>\\.)|(?P<plain>[\[&~|])", re.DOTALL)
_POSIX = {
    "alpha": "A-Za-z",
    "digit": "0-9",
    "alnum": "A-Za-z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r"\s",
    "blank": r" \t",
    "punct": r"!-/:-@\[-`{-~",
    "xdigit": "0-9A-Fa-f",
    "word": r"\w",
    "cntrl": r"\x00-\x1f\x7f",
    "print": r"\x20-\x7e",
    "graph": r"\x21-\x7e",
}
# What the two read differently, or only PCRE reads.
_ESCAPES = {
    r"\z": r"\Z",
    r"\Z": r"(?=\n?\Z)",
    r"\h": r"[ \t]",
    r"\H": r"[^ \t]",
    r"\e": r"\x1b",
    r"\N": r"[^\n]",
    # In Python \v is one character only.
    r"\v": r"[\n\x0b\f\r\x85]",
    r"\V": r"[^\n\x0b\f\r\x85]",
    r"\R": r"(?:\r\n|[\n\x0b\f\r\x85])",
}
_ESCAPES_IN_SET = {r"\h": r" \t", r"\v": r"\n\x0b\f\r\x85", r"\e": r"\x1b"}


# Before 3.11.5 Python forgets where a possessive group began (gh-106052).
_POSSESSIVE_GROUP = re.compile(r"\)(?:[*+?]|\{[0-9,]+\})\+")
_POSSESSIVE_IS_WRONG = sys.version_info < (3, 11, 5)


def translate(text: str) -> str:
    """A PCRE pattern in Python's syntax; ValueError for what Python can't express."""
    if _POSSESSIVE_IS_WRONG and _POSSESSIVE_GROUP.search(text):
        raise ValueError("a possessive group needs Python 3.11.5")
    return _PIECE.sub(_piece, text)


def _piece(found: re.Match[str]) -> str:
    whole = found[0]
    if found["name"]:
        return f"(?P<{found['name'].lower()}>"
    if found["same"]:
        return f"(?P={found['same'].lower()})"
    if found["literal"]:
        return r"\{"
    if found["set"]:
        head = 2 if whole.startswith("[^") else 1
        return whole[:head] + _IN_SET.sub(_in_set, whole[head:-1]) + "]"
    if whole.startswith(r"\x{"):
        return rf"\x{int(whole[3:-1], 16):02x}"
    if whole.startswith(r"\k") and len(whole) > 2:
        return f"(?P={whole[3:-1].lower()})"
    if whole.startswith(r"\Q"):
        return re.escape(whole[2:].removesuffix(r"\E"))
    return _ESCAPES.get(whole, whole)


def _in_set(found: re.Match[str]) -> str:
    if found["plain"]:
        return "\\" + found["plain"]
    if found["escape"]:
        return _ESCAPES_IN_SET.get(found[0], found[0])
    name = found["class"]
    if name not in _POSIX:
        raise ValueError(f"[:{name}:] is not supported")
    return _POSIX[name]


def compile_regex(word: Word, *, ignore_case: bool = False) -> Regex:
    """The expression in `word`, over the bytes of UTF-8; BadValue says what is wrong and where."""
    flags = re.IGNORECASE if ignore_case else 0
    try:
        pattern = re.compile(translate(word.text).encode("utf-8"), flags)
    except (re.error, ValueError, OverflowError, RecursionError) as error:
        reason = error.msg if isinstance(error, re.error) else str(error)
        raise BadValue(f'"{word.text}" is not a regular expression: {reason}', word) from error
    return Regex(pattern, word.text, word.origin)
