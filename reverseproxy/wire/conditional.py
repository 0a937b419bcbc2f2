"""Conditional requests: dates, entity tags, and what a precondition makes of a request.

Theory: RFC 9110 §13.2.2 orders the conditions, because they speak of the same thing with different
precision: If-Match before If-Unmodified-Since, then If-None-Match before If-Modified-Since; the
entity tag decides where it is there, the date otherwise. `precondition` is that order and nothing
else: values in, one of three statuses out.
"""

from __future__ import annotations

import calendar
import re
import time
from functools import lru_cache

from reverseproxy.wire.heads import RequestHead

_DAYS = (b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun")
_MONTHS = (
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
)  # fmt: skip
_MONTH_NUMBERS = {name: number for number, name in enumerate(_MONTHS, 1)}

_MONTH = rb"(?P<month>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_TIME = rb"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"

#: RFC 9110 §5.6.7: HTTP-date = IMF-fixdate / obs-date. In order: IMF-fixdate, rfc850-date,
#: asctime-date. That the day of the week fits the date is not looked at.
_DATES = (
    re.compile(
        rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (?P<day>[0-9]{2}) "
        + _MONTH + rb" (?P<year>[0-9]{4}) " + _TIME + rb" GMT"
    ),
    re.compile(
        rb"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (?P<day>[0-9]{2})-"
        + _MONTH + rb"-(?P<year>[0-9]{2}) " + _TIME + rb" GMT"
    ),
    re.compile(
        rb"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) " + _MONTH + rb" (?P<day>[0-9]{2}| [0-9]) "
        + _TIME + rb" (?P<year>[0-9]{4})"
    ),
)  # fmt: skip

#: RFC 9110 §8.8.3: entity-tag = [ weak ] opaque-tag; weak = %s"W/"; opaque-tag = DQUOTE *etagc
#: DQUOTE; etagc = "!" / %x23-7E / obs-text
#: It is a member of a list (RFC 9110 §5.6.1): a comma or the end comes after it.
_MEMBER = re.compile(rb'[ \t,]*+((?:W/)?"[!#-~\x80-\xff]*+")[ \t]*+(?=,|\Z)')


def http_date(seconds: int) -> bytes:
    """Return an IMF-fixdate (RFC 9110 §5.6.7) of seconds since 1970."""
    return _http_date(int(seconds))


@lru_cache(maxsize=512)
def _http_date(seconds: int) -> bytes:
    year, month, day, hour, minute, second, weekday, _, _ = time.gmtime(seconds)
    return b"%b, %02d %b %04d %02d:%02d:%02d GMT" % (
        _DAYS[weekday], day, _MONTHS[month - 1], year, hour, minute, second,
    )  # fmt: skip


def parse_http_date(value: bytes, now: float | None = None) -> int | None:
    """Return the seconds since 1970 of an HTTP-date in any of its three formats, or None.

    A year of two digits is the one that is at most 50 years ahead of `now` (default: the clock).
    """
    for pattern in _DATES:
        match = pattern.fullmatch(value)
        if match is not None:
            break
    else:
        return None
    year = int(match["year"])
    if len(match["year"]) == 2:
        current = time.gmtime(now).tm_year
        year += current - current % 100
        if year > current + 50:
            year -= 100
        elif year <= current - 50:
            year += 100
    month = _MONTH_NUMBERS[match["month"]]
    day, hour, minute, second = (int(match[g]) for g in ("day", "hour", "minute", "second"))
    if not year or not 1 <= day <= calendar.monthrange(year, month)[1]:
        return None
    # RFC 9110 §5.6.7 has a leap second as 60; gmtime has none, it is the next minute's first.
    if hour > 23 or minute > 59 or second > 60:
        return None
    return calendar.timegm((year, month, day, hour, minute, second))


def strong_match(one: bytes, other: bytes) -> bool:
    """Return whether two entity tags are the same and neither is weak (RFC 9110 §8.8.3.2)."""
    return one == other and not one.startswith(b"W/") and one != b""


def weak_match(one: bytes, other: bytes) -> bool:
    """Return whether two entity tags are the same, weak or not (RFC 9110 §8.8.3.2)."""
    return one.removeprefix(b"W/") == other.removeprefix(b"W/") and one != b""


def etag_in(value: bytes, etag: bytes, weak: bool) -> bool:
    """Return whether `etag` is in a list of entity tags, by weak or strong comparison.

    `value` is the combined value of If-Match or If-None-Match. `*` matches whatever there is. What
    is no entity tag is skipped up to the next comma, as nginx does.
    """
    if value == b"*":
        return True
    same = weak_match if weak else strong_match
    at = 0
    while at >= 0:
        member = _MEMBER.match(value, at)
        if member is None:
            at = value.find(b",", at + 1)
        elif same(member[1], etag):
            return True
        else:
            at = member.end() if member.end() < len(value) else -1
    return False


def precondition(
    method: bytes,
    head: RequestHead,
    etag: bytes,
    mtime: int | None,
    if_modified_since: str = "exact",
) -> int:
    """Return 200 to go on, 304 for not modified, 412 for a failed precondition (RFC 9110 §13.2.2).

    `etag` is the entity tag with its quotes, b"" if there is none; `mtime` the modification time in
    seconds since 1970, None if unknown. `if_modified_since` is nginx's directive: "exact" (the date
    must be the same), "before" (it may be later), or "off" (it is not looked at). A date that is
    none is ignored (RFC 9110 §13.1.3).
    """
    named = head.named
    reads = method == b"GET" or method == b"HEAD"
    if b"if-match" in named:
        if not etag_in(head.joined(b"if-match") or b"", etag, weak=False):
            return 412
    elif b"if-unmodified-since" in named:
        limit = parse_http_date(named[b"if-unmodified-since"])
        if limit is not None and mtime is not None and mtime > limit:
            return 412
    if b"if-none-match" in named:
        if etag_in(head.joined(b"if-none-match") or b"", etag, weak=True):
            return 304 if reads else 412
    elif reads and if_modified_since != "off" and b"if-modified-since" in named:
        since = parse_http_date(named[b"if-modified-since"])
        if since is not None and mtime is not None:
            unchanged = mtime == since if if_modified_since == "exact" else mtime <= since
            if unchanged:
                return 304
    return 200
