"""`health_check` (ngx_http_upstream_hc_module)."""

from __future__ import annotations

import re
from typing import Any

import attrs

from reverseproxy.config import (
    Args,
    BadValue,
    Context,
    Word,
    directive,
    number,
    seconds,
    settings,
)


@attrs.frozen
class HealthRule:
    """One `health_check`; times in seconds, `keepalive_time` 0 is a connection for each check."""

    word: Word
    interval: float = 5.0
    jitter: float = 0.0
    fails: int = 1
    passes: int = 1
    uri: str = "/"
    match: Word | None = None
    port: int | None = None
    mandatory: bool = False
    persistent: bool = False
    keepalive_time: float = 0.0

    @property
    def anywhere(self) -> tuple[object, ...]:
        """What it says, wherever it stands: equal for the same check of two configurations."""
        match = None if self.match is None else self.match.text
        return (self.uri, match, self.port, self.fails, self.passes)


_TIMES = ("interval", "jitter", "keepalive_time")
_NUMBERS = {"fails": number(1), "passes": number(1), "port": number(1, 65535)}
_GRPC = ("type", "grpc_service", "grpc_status")
#: What a request line can carry (RFC 9112 section 3): no blank, no control byte, no fragment.
_URI = re.compile(r"/[!-\"$-~]*")


def health_check(args: Args) -> HealthRule:
    """`health_check [interval=] [jitter=] [fails=] [passes=] [uri=] [match=] [port=] …`."""
    given: dict[str, Any] = {}
    for word in args.words:
        name, equals, text = word.text.partition("=")
        value = attrs.evolve(word, text=text)
        if name in ("mandatory", "persistent") and not equals:
            given[name] = True
        elif name in _TIMES and equals:
            given[name] = seconds(value)
        elif name in _NUMBERS and equals:
            given[name] = _NUMBERS[name](value)
        elif name == "uri" and equals:
            if _URI.fullmatch(text) is None:
                raise BadValue(f'health_check takes a URI such as /status, not "{text}"', word)
            given[name] = text
        elif name == "match" and text:
            given[name] = value
        elif name in _GRPC:
            raise BadValue(f'"{name}" of health_check is not there yet: checks are HTTP', word)
        else:
            raise BadValue(f'health_check does not take "{word.text}"', word)
    rule = HealthRule(args.name, **given)
    if not rule.interval:
        raise BadValue("the interval of a health_check can't be 0", args.name)
    if rule.persistent and not rule.mandatory:
        raise BadValue("persistent goes with mandatory", args.name)
    return rule


@settings
class HealthCheckSettings:
    """Health checks (ngx_http_upstream_hc_module)."""

    health_check: tuple[HealthRule, ...] = directive(
        health_check,
        None,
        Context.LOCATION,
        args="0+",
        many=True,
        inherit=False,
        doc="Asks each server of the group again and again whether it is well; no request goes to "
        "one that is not. mandatory has each asked first, persistent remembers it over a reload.",
        syntax="[interval=time] [jitter=time] [fails=number] [passes=number] [uri=uri] "
        "[match=name] [port=number] [mandatory [persistent]] [keepalive_time=time]",
    )
