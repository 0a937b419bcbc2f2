"""`upstream_status`: how the servers of each group are, in JSON (this daemon's own).

Where it is configured, groups of one server count their requests too.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from reverseproxy.config import Context, directive, present, settings
from reverseproxy.errors import Refusal
from reverseproxy.web.response import Response

if TYPE_CHECKING:
    from reverseproxy.upstream.group import Group
    from reverseproxy.upstream.health import Health
    from reverseproxy.upstream.members import Member
    from reverseproxy.web.assembly import Assembly
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request


@settings
class UpstreamStatusSettings:
    """Status of groups (this daemon's own)."""

    upstream_status: bool | None = directive(
        present,
        None,
        Context.LOCATION,
        args=0,
        inherit=False,
        doc="Answers with the state of each group's servers, in JSON.",
    )


class UpstreamStatus(Resource):
    """Answers GET and HEAD."""

    isLeaf = True

    def __init__(self, assembly: Assembly) -> None:
        super().__init__()
        self._assembly = assembly

    def render(self, request: Request) -> int:
        """Look at each server."""
        if request.head.method not in (b"GET", b"HEAD"):
            told = "upstream_status answers GET and HEAD only"
            raise Refusal(405, "RP-405-status", told, fields=((b"Allow", b"GET, HEAD"),))
        told = {"groups": [self._group(group) for group in self._assembly.groups.declared]}
        body = json.dumps(told, indent=1).encode() + b"\n"
        fields = [(b"Content-Type", b"application/json"), (b"Cache-Control", b"no-store")]
        request.respond(Response(200, fields, len(body)))
        request.finish(body)
        return NOT_DONE_YET

    def _group(self, group: Group) -> dict[str, Any]:
        behind = () if group.rank.backup is None else group.rank.backup.members
        return {
            "name": group.name.decode(),
            "servers": [
                self._server(member, backup=member in behind) for member in group.rank.everyone
            ],
        }

    def _server(self, member: Member, *, backup: bool) -> dict[str, Any]:
        return {
            "address": member.peer.address.decode(),
            "name": member.server.decode(),
            "weight": member.weight,
            "backup": backup,
            "down": member.down,
            "state": member.state(self._assembly.seconds()),
            "active": member.conns,
            "fails": member.fails,
            "checks": [self._check(health) for health in member.health],
        }

    def _check(self, health: Health) -> dict[str, Any]:
        last = health.last
        return {
            "uri": health.uri,
            "state": health.state,
            "since": self._time(health.since),
            "checked": None if last is None else self._time(last.when),
            "passed": None if last is None else last.passed,
            "reason": None if last is None else last.reason,
        }

    def _time(self, when: float) -> str:
        """A monotonic time as ISO 8601."""
        epoch = self._assembly.dates.clock() - (self._assembly.seconds() - when)
        return datetime.fromtimestamp(epoch, UTC).isoformat(timespec="milliseconds")


def content(place: Place) -> UpstreamStatus | None:
    """The resource of a place with `upstream_status`."""
    if not place[UpstreamStatusSettings].upstream_status:
        return None
    assembly = place.assembly
    for group in assembly.groups.declared:
        group.count()
    return UpstreamStatus(assembly)
