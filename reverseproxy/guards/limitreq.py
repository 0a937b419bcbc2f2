"""`limit_req`: how many requests a second a key may make (ngx_http_limit_req_module).

The leaky bucket is nginx's, to the millisecond: what is over the rate but within the burst waits
until its time has come, unless `delay` or `nodelay` lets it through; what is over that is refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import attrs
from twisted.web.resource import IResource
from twisted.web.server import NOT_DONE_YET

from reverseproxy.config import (
    HTTP_SERVER_LOCATION,
    Args,
    BadValue,
    Context,
    Diagnostic,
    Level,
    Template,
    Word,
    directive,
    enum,
    expected,
    flag,
    number,
    one,
    settings,
)
from reverseproxy.web.waiting import Wait

from .limiting import Limiting
from .passing import render
from .zones import Requests, twice, unknown, zone

if TYPE_CHECKING:
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request

LOG_LEVELS = ("info", "notice", "warn", "error")
_RATE = re.compile(r"rate=([0-9]{1,12})(?:r/([sm]))?")


@attrs.frozen
class ZoneRule:
    """`limit_req_zone`: `size` in bytes, `rate` in thousandths of a request a second."""

    name: str
    key: Template
    size: int
    rate: int


def limit_req_zone(args: Args) -> ZoneRule:
    """`limit_req_zone KEY zone=NAME:SIZE rate=RATE`."""
    key, *rest = args.words
    named: tuple[str, int] | None = None
    rate = 1000
    for word in rest:
        if word.text.startswith("zone="):
            named = zone(word)
        elif word.text.startswith("rate="):
            match = _RATE.fullmatch(word.text)
            if match is None or not int(match[1]):
                raise expected("a rate such as rate=10r/s or rate=30r/m", word)
            rate = int(match[1]) * 1000 // (60 if match[2] == "m" else 1)
        elif word.text == "sync":
            raise BadValue('nginx\'s commercial edition has "sync", reverseproxy has not', word)
        else:
            raise BadValue(f'limit_req_zone does not take "{word.text}"', word)
    if named is None:
        raise BadValue("limit_req_zone needs a zone such as zone=one:10m", args.name)
    return ZoneRule(named[0], args.template(key), named[1], rate)


@attrs.frozen
class Limit:
    """`limit_req`: `burst` and `delay` in thousandths of a request, None never delays."""

    name: str
    word: Word
    burst: int = 0
    delay: int | None = 0


def limit_req(args: Args) -> Limit:
    """`limit_req zone=NAME [burst=NUMBER] [nodelay | delay=NUMBER]`."""
    name: Word | None = None
    burst = 0
    delay: int | None = 0
    for word in args.words:
        option, _, value = word.text.partition("=")
        if option == "zone" and value:
            name = word
        elif option in ("burst", "delay"):
            if not value.isascii() or not value.isdigit() or not int(value):
                raise expected(f"a number of requests such as {option}=5", word)
            if option == "burst":
                burst = int(value) * 1000
            else:
                delay = int(value) * 1000
        elif word.text == "nodelay":
            delay = None
        else:
            raise BadValue(f'limit_req does not take "{word.text}"', word)
    if name is None:
        raise BadValue("limit_req needs a zone such as zone=one", args.name)
    return Limit(name.text.removeprefix("zone="), name, burst, delay)


@settings
class LimitReqSettings:
    """Limiting the rate of requests (ngx_http_limit_req_module)."""

    limit_req_zone: tuple[ZoneRule, ...] = directive(
        limit_req_zone,
        None,
        Context.HTTP,
        args=3,
        many=True,
        doc="Declares what is counted, how many keys are remembered, and the rate of each.",
        syntax="key zone=name:size rate=rate",
    )
    limit_req: tuple[Limit, ...] = directive(
        limit_req,
        None,
        HTTP_SERVER_LOCATION,
        args="1-3",
        many=True,
        doc="Holds requests to a zone's rate; of more than that, a burst waits, the rest is 503.",
        syntax="zone=name [burst=number] [nodelay | delay=number]",
    )
    limit_req_status: int = directive(
        one(number(400, 599)),
        "503",
        HTTP_SERVER_LOCATION,
        doc="The status for what is refused; 444 closes the connection.",
    )
    limit_req_log_level: str = directive(
        one(enum(*LOG_LEVELS)),
        "error",
        HTTP_SERVER_LOCATION,
        doc="At what level a refusal is logged; a delay is logged one level lower.",
    )
    limit_req_dry_run: bool = directive(
        one(flag), "off", HTTP_SERVER_LOCATION, doc="Counts and logs, but lets everybody through."
    )

    def check(self, level: Level) -> list[Diagnostic]:
        """A zone is declared once, and there when it is used."""
        declared = [setting for setting in level.own if setting.name == "limit_req_zone"]
        used = [(s.value.name, s.value.word) for s in level.own if s.name == "limit_req"]
        names = {rule.name for rule in self.limit_req_zone}
        return twice(declared) + unknown(used, names, "limit_req_zone")


class LimitReq(Limiting):
    """Counts a request once, wherever it is sent from here."""

    # nginx keeps the length of a key in two bytes.
    longest = 65535

    def __init__(self, place: Place, inner: IResource) -> None:
        rules = place[LimitReqSettings]
        super().__init__(
            inner,
            "limit-req",
            status=rules.limit_req_status,
            dry_run=rules.limit_req_dry_run,
            level=rules.limit_req_log_level,
        )
        self.delay_level = LOG_LEVELS[max(0, LOG_LEVELS.index(self.level) - 1)]
        self.where = place.level.origin_of("limit_req")
        zones = {rule.name: rule for rule in rules.limit_req_zone}
        self.limits = [
            (limit, place.compile(zones[limit.name].key), _shared(place, zones[limit.name]))
            for limit in rules.limit_req
        ]

    def render(self, request: Request) -> int:
        """Go on, now or later, or refuse."""
        main = request.parent or request
        if main.limit_req_status is not None:
            return render(self.inner, request)
        counted = self._count(request, int(request.site.seconds() * 1000))
        if counted is None:
            return render(self.inner, request)
        over, limit, excess, wait = counted
        if over:
            main.limit_req_status = self.rejected
            return self.refuse(request, self._told("limiting requests", limit, excess))
        if not wait:
            main.limit_req_status = b"PASSED"
            return render(self.inner, request)
        main.limit_req_status = b"DELAYED_DRY_RUN" if self.dry_run else b"DELAYED"
        told = self._told("delaying request", limit, excess)
        request.location.error_log.log(self.delay_level, told, request=request)
        if self.dry_run:
            return render(self.inner, request)
        Wait(request, wait / 1000, lambda request: render(self.inner, request))
        return NOT_DONE_YET

    def _count(self, request: Request, now: int) -> tuple[bool, Limit, int, int] | None:
        """Ask every zone, then count in all or in none (ngx_http_limit_req_handler).

        Whether it is too much, by which limit, how far over the rate, and the wait in
        milliseconds; None where no key had a value.
        """
        looked: list[tuple[Limit, bytes, Requests]] = []
        for limit, key_of, buckets in self.limits:
            key = self.key(request, limit.name, key_of)
            if key:
                excess = buckets.look(key, now)
                if excess > limit.burst:
                    return True, limit, excess, 0
                looked.append((limit, key, buckets))
        longest: tuple[bool, Limit, int, int] | None = None
        for limit, key, buckets in looked:
            excess = buckets.take(key, now, limit.burst)
            if excess > limit.burst:
                # Another worker has let one in since.
                return True, limit, excess, 0
            over = 0 if limit.delay is None else max(0, excess - limit.delay)
            wait = over * 1000 // buckets.rate
            if longest is None or wait > longest[3]:
                longest = (False, limit, excess, wait)
        return longest

    def _told(self, what: str, limit: Limit, excess: int) -> str:
        dry = ", dry run" if self.dry_run else ""
        comma = "," if what.startswith("delaying") else ""
        return (
            f"{what}{dry}, excess: {excess // 1000}.{excess % 1000:03d}{comma} "
            f'by zone "{limit.name}" ({limit.word.origin.file}:{limit.word.origin.line})'
        )


def _shared(place: Place, rule: ZoneRule) -> Requests:
    """The zone itself: one for all that use it."""
    name, size, rate = rule.name, rule.size, rule.rate
    definition = ("limit_req", size, rate, rule.key.text)
    return place.assembly.zone(
        name, definition, lambda maker: maker.requests(name, definition, size, rate)
    )


def guard(place: Place, inner: IResource) -> IResource | None:
    """The guard of a place with `limit_req`."""
    return LimitReq(place, inner) if place[LimitReqSettings].limit_req else None
