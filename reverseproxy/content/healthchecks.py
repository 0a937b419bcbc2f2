"""`health_check` in a location: what its checks send, and which group they are of.

A check is sent what a request to this location would be sent, as far as the location says it
itself: the fields of `proxy_set_header`, with variables that mostly are empty, as nobody asks. What
concerns the connection is the check's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from reverseproxy.config import Level, Template
from reverseproxy.config.names import nearest
from reverseproxy.errors import ClientError
from reverseproxy.upstream.attempt import Timeouts
from reverseproxy.upstream.healthcheck import HealthCheck
from reverseproxy.upstream.healthsettings import HealthCheckSettings, HealthRule
from reverseproxy.upstream.matching import Examination, Match, MatchSettings
from reverseproxy.upstream.question import Inquiry
from reverseproxy.web.ownrequest import OwnRequest
from reverseproxy.wire.fields import HOP_BY_HOP, safe_field_value

from .askingsettings import AskingSettings, own_address
from .proxysettings import ProxySettings
from .securing import securing
from .target import Target

if TYPE_CHECKING:
    from reverseproxy.upstream.group import Group
    from reverseproxy.web.locations import Location
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request

#: Fields that are the check's own: of the connection, and of a body that it hasn't.
_OWN = HOP_BY_HOP | {b"content-length"}


def declare(place: Place, location: Location) -> None:
    """Add the checks of a place to its group."""
    target = place[ProxySettings].proxy_pass
    for rule in place[HealthCheckSettings].health_check:
        group = _group(place, rule, target)
        match = _match(place, rule)
        if group is not None and isinstance(target, Target):
            inquiry = _inquiry(place, location, rule, target, match)
            group.add_check(HealthCheck(place.assembly, group.name.decode(), inquiry))


def _group(place: Place, rule: HealthRule, target: Target | Template | None) -> Group | None:
    groups = place.assembly.groups
    if target is None:
        what = "health_check needs a proxy_pass to a group of servers beside it"
        place.complain(rule.word.origin, what, "proxy_pass http://NAME; with an upstream NAME")
        return None
    if isinstance(target, Template):
        what = f'health_check: proxy_pass names no group of servers, but "{target.text}"'
        place.complain(rule.word.origin, what, "write the name of the upstream there")
        return None
    if not groups.declares(target.host):
        what = f'health_check: proxy_pass names no group of servers, but "{target.host}"'
        hint = f"upstream {target.host} {{ server …; }} makes it one"
        place.complain(rule.word.origin, what, hint)
    return groups.named(target.host)


def _match(place: Place, rule: HealthRule) -> Match | None:
    if rule.match is None:
        return None
    there = {match.name.text: match for match in place[MatchSettings].match}
    found = there.get(rule.match.text)
    if found is None:
        near = nearest(rule.match.text, there)
        hint = f'did you mean "{near}"?' if near else ""
        place.complain(rule.match.origin, f'there is no match "{rule.match.text}"', hint)
    return found


def _inquiry(
    place: Place, location: Location, rule: HealthRule, target: Target, match: Match | None
) -> Inquiry:
    settings = place[ProxySettings]
    server = _server(place.level)
    uri = rule.uri.encode()

    def request() -> Request:
        served = place.assembly.served[server]
        return OwnRequest(served.site, served.host, served.address, location, uri)

    return Inquiry(
        rule,
        Timeouts(
            settings.proxy_connect_timeout,
            settings.proxy_send_timeout,
            settings.proxy_read_timeout,
        ),
        settings.proxy_buffer_size,
        Examination(match, place.compile),
        location.error_log,
        request,
        _head(place, rule, target),
        _bind(place),
        securing(place)(target) if target.secure else None,
    )


def _server(level: Level) -> Level:
    """The server that a location is in."""
    while level.kind != "server" and level.parent is not None:
        level = level.parent
    return level


def _head(place: Place, rule: HealthRule, target: Target) -> Callable[[Request], bytes]:
    """The bytes of a check's request, as a function of it."""
    start = b"GET %b HTTP/1.1\r\n" % rule.uri.encode()
    name = target.name.encode()
    set_ = [
        (one.name.encode(), place.compile(one.value))
        for one in place[ProxySettings].proxy_set_header
        if one.name.lower().encode() not in _OWN
    ]
    end = b"\r\n" if rule.keepalive_time else b"Connection: close\r\n\r\n"

    def head(request: Request) -> bytes:
        host, lines = b"", []
        for field, value_of in set_:
            value = value_of(request)
            if not safe_field_value(value):
                what = f"a control byte in proxy_set_header {field.decode()}: {value!r}"
                raise ClientError(400, "RP-400-set-header", what)
            if field.lower() == b"host":
                host = value
            elif value:
                lines.append(b"%b: %b\r\n" % (field, value))
        # What names no host where nobody asks ($http_host) must not make a request without one.
        return b"%bHost: %b\r\n%b%b" % (start, host or name, b"".join(lines), end)

    return head


def _bind(place: Place) -> Callable[[Request], tuple[str, int] | None]:
    template = place[AskingSettings].proxy_bind
    if template is None:
        return lambda _request: None
    text_of = place.compile(template)
    return lambda request: own_address(text_of(request).decode("latin-1"))
