r"""Text -> tokens, as nginx's ngx_conf_read_token() reads them.

White space separates words; `;`, `{` and `}` end statements; `#` where a word could begin starts a
comment. Inside a word `#`, `}` and quotes are ordinary, and the `{` of `${name}` opens no block. A
backslash takes the next character's meaning away; afterwards `\"`, `\'`, `\\`, `\t`, `\r` and
`\n` are replaced, with quotes and without, and any other backslash stays in the text (regular
expressions need it). A quoted word is followed by white space, `;`, `{` or `)`.

Two things differ. A backslash at the end of a line, where a word could begin, continues the
statement: nginx makes a word of the backslash and the line end, which matches nothing
(`gzip_types`) or is an error. And text that is no text (control bytes, invalid UTF-8, a line break
escaped inside an unquoted word) is refused, outside comments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from sys import intern

from reverseproxy.config.source import ConfigurationError, Diagnostic, Origin

WORD = "word"
QUOTED = "quoted"


#: kind, text, line, column: the kind is WORD, QUOTED, ";", "{" or "}"; the text is without quotes
#: and escapes. A plain tuple, since a large configuration has hundreds of thousands.
Token = tuple[str, str, int, int]


# No part can give back what it took and leave the rest matching, so nothing is tried twice.
# Possessive quantifiers would say so, but are wrong in Debian 12's Python (gh-106052).
_GAP = r"[ \t\r\n]* (?: (?: \#[^\n]*(?=\n|\Z) | \\\r?\n ) [ \t\r\n]* )*"
_TOKEN = re.compile(
    _GAP
    + r"""(?:
      ( (?: [^ \t\r\n;{}\#"'\\$] | \\(?!\r?\n). | \$\{* ) (?: [^ \t\r\n;{\\$]+ | \\. | \$\{* )* )
    | ([;{}])
    | ( "[^"\\]*(?:\\.[^"\\]*)*" | '[^'\\]*(?:\\.[^'\\]*)*' )
    )""",
    re.VERBOSE | re.DOTALL,
)
_END = re.compile(_GAP + r"(.?)", re.VERBOSE | re.DOTALL)
_ESCAPE = re.compile(r"""\\(["'\\trn])""")
_UNESCAPED = {'"': '"', "'": "'", "\\": "\\", "t": "\t", "r": "\r", "n": "\n"}
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufeff]")
_AFTER_QUOTE = frozenset(" \t\r\n;{)")


def decode(data: bytes) -> str:
    """A file's text; bytes that are not UTF-8 become surrogates, which `tokens` refuses."""
    return data.decode("utf-8", "surrogateescape")


def tokens(text: str, file: str) -> Iterator[Token]:
    """The tokens of `text`; a ConfigurationError where it can't go on."""
    match = _TOKEN.match
    suspect = _NO_TEXT.search(text) is not None
    position, line, line_start = 0, 1, 0
    next_break = text.find("\n")
    while True:
        found = match(text, position)
        if found is None:
            break
        index = found.lastindex or 0  # never 0: every branch of _TOKEN is a group
        start, position = found.span(index)
        while -1 < next_break < start:
            line += 1
            line_start = next_break + 1
            next_break = text.find("\n", line_start)
        value = intern(found[index])
        column = start - line_start + 1
        if index == 2:
            yield (value, value, line, column)
            continue
        if suspect:
            _refuse_no_text(value, file, line, column)
        if index == 1:
            if "\\" in value:
                _refuse_line_break(value, file, line, column)
                value = _unescape(value)
            yield (WORD, value, line, column)
            continue
        if position < len(text) and text[position] not in _AFTER_QUOTE:
            where = _origin(text, file, position)
            raise _error(
                where, f'unexpected "{text[position]}" after a quoted word', "a space is missing"
            )
        value = value[1:-1]
        yield (QUOTED, _unescape(value) if "\\" in value else value, line, column)
    end = _END.match(text, position)
    if end is not None and end[1]:
        raise _unfinished(text, file, end.start(1))


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda found: _UNESCAPED[found[1]], text)


def _origin(text: str, file: str, position: int) -> Origin:
    line_start = text.rfind("\n", 0, position) + 1
    return Origin(file, text.count("\n", 0, position) + 1, position - line_start + 1)


def _error(origin: Origin, message: str, hint: str = "") -> ConfigurationError:
    return ConfigurationError([Diagnostic(origin, message, hint)])


def _unfinished(text: str, file: str, position: int) -> ConfigurationError:
    """Why no token begins at `position`: an open quote, or a backslash with nothing after it."""
    where = _origin(text, file, position)
    if text[position] in "\"'":
        return _error(where, f"unexpected end of file: the quote {text[position]} is not closed")
    return _error(where, "unexpected end of file after a backslash")


def _refuse_line_break(value: str, file: str, line: int, column: int) -> None:
    if "\n" in value or "\r" in value:
        raise _error(
            Origin(file, line, column),
            "a backslash joins this word and the next line",
            "put a space before the backslash",
        )


def _refuse_no_text(value: str, file: str, line: int, column: int) -> None:
    bad = _NO_TEXT.search(value)
    if bad is None:
        return
    here = _origin(value, file, bad.start())
    if here.line == 1:
        column += here.column - 1
    else:
        column = here.column
    where = Origin(file, line + here.line - 1, column)
    code = ord(bad[0])
    if code == 0xFEFF:
        raise _error(where, "a byte order mark (U+FEFF)", "save the file as UTF-8 without it")
    if code >= 0xD800:
        raise _error(where, f"the byte 0x{code - 0xDC00:02x} is not UTF-8", "save it as UTF-8")
    raise _error(where, f"the control byte 0x{code:02x}")
