"""`auth_request`: another location says who may come in (ngx_http_auth_request_module)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from reverseproxy.config import (
    HTTP_SERVER_LOCATION,
    Args,
    Template,
    directive,
    settings,
)
from reverseproxy.errors import Refusal
from reverseproxy.web.subrequest import Subrequest

from .rewritesettings import set_directive
from .verdicts import PASS, WAIT, Check, Verdict

if TYPE_CHECKING:
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request

    from .access import Turn


@attrs.frozen
class SetAfter:
    """`auth_request_set`: a name, in lower case, and its value after the subrequest."""

    name: str
    value: Template


def auth_request(args: Args) -> bytes:
    """`auth_request URI | off`: the path, decoded, nothing for off."""
    word = args.words[0]
    return b"" if word.text == "off" else word.text.encode()


def auth_request_set(args: Args) -> SetAfter:
    """`auth_request_set $VARIABLE VALUE`."""
    rule = set_directive(args)
    return SetAfter(rule.name, rule.value)


@settings
class AuthRequestSettings:
    """Access by another location's word (ngx_http_auth_request_module)."""

    auth_request: bytes = directive(
        auth_request,
        "off",
        HTTP_SERVER_LOCATION,
        doc="Asks this URI first: 2xx lets in, 401 and 403 keep out, anything else is 500.",
        syntax="uri | off",
    )
    auth_request_set: tuple[SetAfter, ...] = directive(
        auth_request_set,
        None,
        HTTP_SERVER_LOCATION,
        args=2,
        many=True,
        doc="Gives a variable a value when that was asked, such as $upstream_http_x_user.",
        syntax="$variable value",
    )


def check(place: Place) -> Check | None:
    """What the other location says of a request, None where there is none."""
    rules = place[AuthRequestSettings]
    uri = rules.auth_request
    if not uri:
        return None
    values = [(rule.name, place.compile(rule.value)) for rule in rules.auth_request_set]
    origin = place.level.origin_of("auth_request")
    where = "" if origin is None else f" ({origin.file}:{origin.line})"

    def decide(request: Request, turn: Turn) -> Verdict:
        def answered(subrequest: Subrequest) -> None:
            for name, value in values:
                request.assign(name, value(subrequest))
            turn.decided(_verdict(subrequest, where))

        Subrequest(request, uri, None, answered).begin()
        return WAIT

    return decide


def _verdict(subrequest: Subrequest, where: str) -> Verdict:
    status = subrequest.code
    if 200 <= status < 300:
        return PASS
    told = f"auth request answered {status}{where}"
    if status == 403:
        return Refusal(403, "RP-403-auth-request", told, "info")
    if status == 401:
        fields = [] if subrequest.response is None else subrequest.response.fields
        challenges = tuple(pair for pair in fields if pair[0].lower() == b"www-authenticate")
        return Refusal(401, "RP-401-auth-request", told, "info", challenges)
    unexpected = f"auth request unexpected status: {status}{where}"
    return Refusal(500, "RP-500-auth-request", unexpected)
