"""The directives of character sets (ngx_http_charset_module)."""

from __future__ import annotations

import re

import attrs

from reverseproxy.config import (
    HTTP_SERVER_LOCATION,
    HTTP_SERVER_LOCATION_IF,
    Args,
    BadValue,
    Context,
    Statement,
    Template,
    directive,
    flag,
    one,
    settings,
    template,
)

UTF8 = "utf-8"
_BYTE = re.compile(r"(?:0[xX])?([0-9A-Fa-f]{1,2})")
_BYTES = re.compile(r"(?:[0-9A-Fa-f]{2}){1,4}")

TYPES = frozenset(
    b"text/html text/xml text/plain text/vnd.wap.wml application/javascript "
    b"application/rss+xml".split()
)


@attrs.frozen
class CharsetMap:
    """One `charset_map`: what a byte of `source` is in `target`, and in UTF-8 where that is it."""

    source: str
    target: str
    pairs: tuple[tuple[int, bytes], ...]


def charset_map(args: Args) -> CharsetMap:
    """`charset_map CHARSET1 CHARSET2 { XX YY; … }`."""
    source, target = (word.text.lower() for word in args.words)
    if source == target:
        raise BadValue(f'a charset_map is between two charsets, not twice "{source}"')
    if source == UTF8:
        raise BadValue("utf-8 stands second in a charset_map", args.words[0])
    pairs = tuple(_pair(statement, target) for statement in args.block or ())
    return CharsetMap(source, target, pairs)


def _pair(statement: Statement, target: str) -> tuple[int, bytes]:
    word = statement.name
    code = _BYTE.fullmatch(word.text)
    if code is None or len(statement.args) != 1 or statement.block is not None:
        raise BadValue('a line of charset_map is two codes in hex, such as "C0 FE;"', word)
    to = statement.args[0]
    if target == UTF8:
        if not _BYTES.fullmatch(to.text):
            raise BadValue(f'"{to.text}" is not one to four bytes in hex', to)
        made = bytes.fromhex(to.text)
        try:
            made.decode("utf-8")
        except UnicodeDecodeError:
            raise BadValue(f'"{to.text}" is no character of UTF-8', to) from None
        return int(code[1], 16), made
    other = _BYTE.fullmatch(to.text)
    if other is None:
        raise BadValue(f'"{to.text}" is not a byte in hex', to)
    return int(code[1], 16), bytes([int(other[1], 16)])


def charset_types(args: Args) -> frozenset[bytes]:
    """`charset_types TYPE…`; text/html is always one of them, `*` is any."""
    return frozenset({b"text/html", *(word.text.lower().encode() for word in args.words)})


@settings
class CharsetSettings:
    """Character sets (ngx_http_charset_module)."""

    charset: Template = directive(
        template,
        "off",
        HTTP_SERVER_LOCATION_IF,
        doc="Names the character set in Content-Type; with source_charset, converts to it.",
        syntax="charset | off",
    )
    source_charset: Template | None = directive(
        template,
        None,
        HTTP_SERVER_LOCATION_IF,
        doc="The character set that an answer is in before it is converted.",
        syntax="charset",
    )
    charset_map: tuple[CharsetMap, ...] = directive(
        charset_map,
        None,
        Context.HTTP,
        args=2,
        block=True,
        many=True,
        doc="How the bytes of one character set are those of another; works in both directions.",
        syntax="charset1 charset2 { code code; ... }",
    )
    charset_types: frozenset[bytes] = directive(
        charset_types,
        "text/html text/xml text/plain text/vnd.wap.wml application/javascript application/rss+xml",
        HTTP_SERVER_LOCATION,
        args="1+",
        doc="The media types beside text/html whose character set is named or converted.",
        syntax="type ...",
    )
    override_charset: bool = directive(
        one(flag),
        "off",
        HTTP_SERVER_LOCATION_IF,
        doc="Converts also what an upstream sent with a character set of its own.",
    )
