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
    levels = [main]
    while levels:
        level = levels.pop()
        levels.extend(level.children)
        for setting in level.own:
            if isinstance(setting.value, SetVariable) and setting.value.name == "limit_rate":
                return True
    return False


def _main(level: Level) -> Level:
    while level.parent is not None:
        level = level.parent
    return level


def _size_of(place: Place, template: Template) -> Callable[[Request], int]:
    render = place.compile(template)
    return lambda request: _parsed(render(request)) or 0


def header_filter(place: Place) -> HeaderFilter | None:
    """The filter of a level with `limit_rate`, or with a `set $limit_rate` somewhere."""
    settings = place[LimitRateSettings]
    is_set = _is_set(_main(place.level))
    if (
        not is_set
        and settings.limit_rate.constant is not None
        and not _parsed(settings.limit_rate.text.encode())
    ):
        return None
    rate_of = _size_of(place, settings.limit_rate)
    after_of = _size_of(place, settings.limit_rate_after)

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
