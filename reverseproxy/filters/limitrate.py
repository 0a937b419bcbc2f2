"""`limit_rate`: how fast an answer is sent (ngx_http_core_module)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from reverseproxy.config import (
    HTTP_SERVER_LOCATION_IF,
    Args,
    BadValue,
    Level,
    Origin,
    Template,
    Word,
    directive,
    settings,
    size,
)
from reverseproxy.guards.rewritesettings import SetVariable
from reverseproxy.web import pacing
from reverseproxy.web.response import Response

if TYPE_CHECKING:
    from reverseproxy.web.locations import HeaderFilter
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request


def size_template(args: Args) -> Template:
    """A size, or variables that give one."""
    template = args.template(args.words[0])
    if template.constant is not None:
        size(args.words[0])
    return template


@settings
class LimitRateSettings:
    """How fast answers are sent (ngx_http_core_module)."""

    limit_rate: Template = directive(
        size_template,
        "0",
        HTTP_SERVER_LOCATION_IF,
        doc="The rate of an answer, in bytes a second; 0 is no limit. $limit_rate changes it.",
        syntax="rate",
    )
    limit_rate_after: Template = directive(
        size_template,
        "0",
        HTTP_SERVER_LOCATION_IF,
        doc="How many bytes of an answer are sent before its rate is limited.",
        syntax="size",
    )


_NOWHERE = Origin("", 0, 0)


@lru_cache(maxsize=256)
def _parsed(value: bytes) -> int | None:
    try:
        return size(Word(value.decode("latin-1"), _NOWHERE))
    except BadValue:
        return None


@lru_cache(maxsize=1)
def _is_set(main: Level) -> bool:
    """Whether a `set $limit_rate` stands anywhere in a configuration."""
    return any(
        isinstance(setting.value, SetVariable) and setting.value.name == "limit_rate"
        for level in main.all()
        for setting in level.own
    )


def size_of(place: Place, template: Template) -> Callable[[Request], int] | None:
    """What gives a size for a request, 0 where variables give none; None where it is always 0."""
    if template.constant is not None and not _parsed(template.text.encode()):
        return None
    render = place.compile(template)
    return lambda request: _parsed(render(request)) or 0


def _none(_request: Request) -> int:
    return 0


def header_filter(place: Place) -> HeaderFilter | None:
    """The filter of a level with `limit_rate`, or with a `set $limit_rate` somewhere."""
    settings = place[LimitRateSettings]
    is_set = _is_set(place.level.main)
    rate_of = size_of(place, settings.limit_rate)
    if rate_of is None and not is_set:
        return None
    rate_of = rate_of or _none
    after_of = size_of(place, settings.limit_rate_after) or _none

    def limit(request: Request, _response: Response) -> None:
        rate = None
        value = request.variables.get("limit_rate") if is_set else None
        if value is not None:
            rate = _parsed(value)
        if rate is None:
            rate = rate_of(request)
        if rate:
            _begin(request, rate, after_of(request))

    return limit


def fixed(rate: int) -> HeaderFilter:
    """A filter for an answer whose rate an upstream decides (X-Accel-Limit-Rate)."""

    def limit(request: Request, _response: Response) -> None:
        if rate:
            _begin(request, rate, 0)
        else:
            pacing.end(request.channel.transport)

    return limit


def _begin(request: Request, rate: int, after: int) -> None:
    site = request.site
    pace = pacing.Pace(rate, after, site.seconds, site.sweep.clock, request.started)
    pacing.begin(request.channel.transport, pace)
