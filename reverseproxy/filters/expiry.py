"""`expires`: what an answer says of how long it may be kept (ngx_http_headers_module)."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

import attrs

from reverseproxy.config import Args, BadValue, Origin, Template, Word, seconds
from reverseproxy.web.response import Response
from reverseproxy.wire.conditional import http_date, parse_http_date

if TYPE_CHECKING:
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request

DAY = 24 * 60 * 60
EPOCH = (b"Thu, 01 Jan 1970 00:00:01 GMT", b"no-cache")
MAX = (b"Thu, 31 Dec 2037 23:55:55 GMT", b"max-age=315360000")
_WORDS = ("epoch", "max", "off")


@attrs.frozen
class Expiry:
    """When an answer expires.

    `kind` is "off", "epoch", "max", "access" (`seconds` from now), "modified" (`seconds` from the
    last change) or "daily" (at `seconds` after midnight, local time).
    """

    kind: str
    seconds: int = 0


@attrs.frozen
class Expires:
    """One `expires`: an `expiry`, or a `template` that gives one for each request."""

    expiry: Expiry
    template: Template | None = None
    modified: bool = False


def parse_expiry(word: Word, *, modified: bool = False) -> Expiry:
    """`[+|-]TIME`, `@TIME`, `epoch`, `max` or `off`; BadValue."""
    text = word.text
    if text in _WORDS and not modified:
        return Expiry(text)
    sign, rest = (text[0], text[1:]) if text[:1] in ("+", "-", "@") else ("+", text)
    if sign == "@" and modified:
        raise BadValue('a time of day can\'t be used with "modified"', word)
    if rest.endswith("ms"):
        raise BadValue(f'expires takes whole seconds, not "{text}"', word)
    try:
        value = int(seconds(Word(rest, word.origin)))
    except BadValue:
        raise BadValue(
            f'expires takes a time such as 30d, -1 or @15h30m, epoch, max or off, not "{text}"',
            word,
        ) from None
    if sign == "@":
        if value > DAY:
            raise BadValue(f'a time of day is less than 24 hours, not "{text}"', word)
        return Expiry("daily", value)
    return Expiry("modified" if modified else "access", -value if sign == "-" else value)


def expires(args: Args) -> Expires:
    """`expires [modified] TIME | epoch | max | off`."""
    word = args.words[-1]
    modified = len(args.words) > 1
    if modified and args.words[0].text != "modified":
        raise BadValue(
            f'expires takes "modified" before a time, not "{args.words[0].text}"', args.words[0]
        )
    if "$" in word.text:
        return Expires(Expiry("off"), args.template(word), modified)
    return Expires(parse_expiry(word, modified=modified))


_NOWHERE = Origin("", 0, 0)


@lru_cache(maxsize=256)
def _parsed(value: bytes, modified: bool) -> Expiry:
    """What a variable's value asks for; nothing, if it is no such thing."""
    try:
        return parse_expiry(Word(value.decode("latin-1"), _NOWHERE), modified=modified)
    except BadValue:
        return Expiry("off")


def expiry_of(place: Place, rule: Expires) -> Callable[[Request], Expiry] | None:
    """The rule as a function of the request, None for `off`."""
    if rule.template is not None:
        render, modified = place.compile(rule.template), rule.modified
        return lambda request: _parsed(render(request), modified)
    if rule.expiry.kind == "off":
        return None
    expiry = rule.expiry
    return lambda _request: expiry


def next_time_of_day(when: int, now: int) -> int:
    """The next moment at `when` seconds after local midnight (ngx_next_time)."""
    today = time.localtime(now)
    clock = (when // 3600, when // 60 % 60, when % 60)
    for days in (0, 1):
        day = (today.tm_year, today.tm_mon, today.tm_mday + days)
        then = int(time.mktime((*day, *clock, 0, 0, -1)))
        if then > now:
            break
    return then


def expiry_fields(expiry: Expiry, now: int, mtime: int | None) -> tuple[bytes, bytes]:
    """The values of Expires and Cache-Control (ngx_http_set_expires)."""
    if expiry.kind == "epoch":
        return EPOCH
    if expiry.kind == "max":
        return MAX
    if not expiry.seconds and expiry.kind != "daily":
        return http_date(now), b"max-age=0"
    if expiry.kind == "daily":
        at = next_time_of_day(expiry.seconds, now)
    elif expiry.kind == "modified" and mtime is not None:
        at = mtime + expiry.seconds
    else:
        at = now + expiry.seconds
    age = at - now
    # A time before 1970 can't be written in the form that HTTP has for it.
    shown = http_date(max(at, 0))
    if age < 0 or (expiry.seconds < 0 and expiry.kind != "daily"):
        return shown, b"no-cache"
    return shown, b"max-age=%d" % age


def last_modified(response: Response) -> int | None:
    """When the content was last changed, as far as the answer says."""
    if response.mtime is not None:
        return response.mtime
    value = response.get(b"last-modified")
    return None if value is None else parse_http_date(value)
