"""`allow` and `deny`: who may come in, by address (ngx_http_access_module)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reverseproxy.config import (
    HTTP_SERVER_LOCATION,
    Args,
    Context,
    Level,
    Setting,
    directive,
    expected,
    settings,
)
from reverseproxy.errors import Refusal

from .networks import EVERYBODY, UNIX, Network, network, packed
from .verdicts import PASS, Check, Verdict

if TYPE_CHECKING:
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request

    from .access import Turn

WHERE = HTTP_SERVER_LOCATION | Context.LIMIT_EXCEPT


def rule(args: Args) -> Network:
    """`allow ADDRESS | CIDR | unix: | all`, and `deny` alike."""
    word = args.words[0]
    if word.text == "all":
        return EVERYBODY
    if word.text == "unix:":
        return UNIX
    found = network(word, args)
    if found is None:
        raise expected("an address, a CIDR such as 192.0.2.0/24, unix: or all", word)
    return found


@settings
class AddressSettings:
    """Access by address (ngx_http_access_module)."""

    allow: tuple[Network, ...] = directive(
        rule,
        None,
        WHERE,
        many=True,
        doc="Lets an address or network in; the first allow or deny that matches decides.",
        syntax="address | CIDR | unix: | all",
    )
    deny: tuple[Network, ...] = directive(
        rule,
        None,
        WHERE,
        many=True,
        doc="Keeps an address or network out, with 403.",
        syntax="address | CIDR | unix: | all",
    )


def nearest(level: Level | None, *names: str) -> list[Setting]:
    """The settings of the nearest level that has any of these directives: they inherit as one."""
    while level is not None:
        found = [setting for setting in level.own if setting.name in names]
        if found:
            return found
        level = level.parent
    return []


def check(place: Place) -> Check | None:
    """What `allow` and `deny` say of a request, None where there are none."""
    settings = place[AddressSettings]
    if not settings.allow and not settings.deny:
        return None
    rules: list[tuple[Network, Setting]] = [
        (setting.value, setting) for setting in nearest(place.level, "allow", "deny")
    ]

    def decide(request: Request, _turn: Turn) -> Verdict:
        address = packed(request.peer)
        for clients, rule in rules:
            if clients.holds(address):
                return PASS if rule.name == "allow" else _refusal(rule)
        return None

    return decide


def _refusal(rule: Setting) -> Refusal:
    where = f"{rule.origin.file}:{rule.origin.line}"
    return Refusal(403, "RP-403-deny", f"access forbidden by rule ({where})")
