"""`limit_conn`: how many requests a key may have under way (ngx_http_limit_conn_module)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import attrs
from twisted.web.resource import IResource

from reverseproxy.config import (
    HTTP_SERVER_LOCATION,
    Args,
    Context,
    Diagnostic,
    Level,
    Template,
    Word,
    directive,
    enum,
    flag,
    number,
    one,
    settings,
)

from .limiting import Limiting
from .limitreq import LOG_LEVELS
from .passing import render
from .zones import Connections, twice, unknown, zone

if TYPE_CHECKING:
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request


@attrs.frozen
class ZoneRule:
    """`limit_conn_zone`: `size` in bytes."""

    name: str
    key: Template
    size: int


def limit_conn_zone(args: Args) -> ZoneRule:
    """`limit_conn_zone KEY zone=NAME:SIZE`."""
    key, word = args.words
    name, size = zone(word)
    return ZoneRule(name, args.template(key), size)


@attrs.frozen
class Limit:
    """`limit_conn`: `most` requests at a time."""

    name: str
    word: Word
    most: int


def limit_conn(args: Args) -> Limit:
    """`limit_conn NAME NUMBER`."""
    name, most = args.words
    return Limit(name.text, name, number(1, 65535)(most))


@settings
class LimitConnSettings:
    """Limiting requests under way (ngx_http_limit_conn_module)."""

    limit_conn_zone: tuple[ZoneRule, ...] = directive(
        limit_conn_zone,
        None,
        Context.HTTP,
        args=2,
        many=True,
        doc="Declares what is counted, and how many keys there may be at a time.",
        syntax="key zone=name:size",
    )
    limit_conn: tuple[Limit, ...] = directive(
        limit_conn,
        None,
        HTTP_SERVER_LOCATION,
        args=2,
        many=True,
        doc="How many requests of a key may be under way; the next ones get 503.",
        syntax="zone number",
    )
    limit_conn_status: int = directive(
        one(number(400, 599)),
        "503",
        HTTP_SERVER_LOCATION,
        doc="The status for what is refused; 444 closes the connection.",
    )
    limit_conn_log_level: str = directive(
        one(enum(*LOG_LEVELS)),
        "error",
        HTTP_SERVER_LOCATION,
        doc="At what level a refusal is logged.",
    )
    limit_conn_dry_run: bool = directive(
        one(flag), "off", HTTP_SERVER_LOCATION, doc="Counts and logs, but lets everybody through."
    )

    def check(self, level: Level) -> list[Diagnostic]:
        """A zone is declared once (for connections or for requests), and there when it is used."""
        declared = [s for s in level.own if s.name in ("limit_conn_zone", "limit_req_zone")]
        used = [(s.value.name, s.value.word) for s in level.own if s.name == "limit_conn"]
        names = {rule.name for rule in self.limit_conn_zone}
        found = twice(declared) if any(s.name == "limit_conn_zone" for s in declared) else []
        return found + unknown(used, names, "limit_conn_zone")


class LimitConn(Limiting):
    """Counts a request once, until it is over."""

    # nginx keeps the length of a key in a byte.
    longest = 255

    def __init__(self, place: Place, inner: IResource) -> None:
        rules = place[LimitConnSettings]
        super().__init__(
            inner,
            "limit-conn",
            status=rules.limit_conn_status,
            dry_run=rules.limit_conn_dry_run,
            level=rules.limit_conn_log_level,
        )
        zones = {rule.name: rule for rule in rules.limit_conn_zone}
        self.limits = [
            (limit, place.compile(zones[limit.name].key), _shared(place, zones[limit.name]))
            for limit in rules.limit_conn
        ]

    def render(self, request: Request) -> int:
        """Go on, or refuse."""
        main = request.parent or request
        if main.limit_conn_status is not None:
            return render(self.inner, request)
        entered: list[partial[None]] = []
        for limit, key_of, counts in self.limits:
            key = self.key(request, limit.name, key_of)
            if key and not counts.enter(key, limit.most):
                for leave in entered:
                    leave()
                main.limit_conn_status = self.rejected
                return self.refuse(request, self._told(limit))
            elif key:
                entered.append(partial(counts.leave, key))
                main.limit_conn_status = b"PASSED"
        main.held += tuple(entered)
        return render(self.inner, request)

    def _told(self, limit: Limit) -> str:
        dry = ", dry run," if self.dry_run else ""
        where = f"{limit.word.origin.file}:{limit.word.origin.line}"
        return f'limiting connections{dry} by zone "{limit.name}": {limit.most} at most ({where})'


def _shared(place: Place, rule: ZoneRule) -> Connections:
    """The zone itself: one for all that use it."""
    name, size = rule.name, rule.size
    definition = ("limit_conn", size, rule.key.text)
    return place.assembly.zone(
        name, definition, lambda maker: maker.connections(name, definition, size)
    )


def guard(place: Place, inner: IResource) -> IResource | None:
    """The guard of a place with `limit_conn`."""
    return LimitConn(place, inner) if place[LimitConnSettings].limit_conn else None
