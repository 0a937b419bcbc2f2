"""`stub_status`: how many connections and requests there are and were, in nginx's words.

Nothing is counted for it as requests pass: connections know how many they carried, and those that
are open are asked when somebody wants to know (ngx_http_stub_status_module). Where there are other
workers, what they last said of themselves is added (`process/scoreboard.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import TYPE_CHECKING

import attrs
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from reverseproxy.config import Args, Context, directive, settings
from reverseproxy.errors import Refusal
from reverseproxy.web.flow import FlowChannel
from reverseproxy.web.response import Response

if TYPE_CHECKING:
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request
    from reverseproxy.web.site import Connections
    from reverseproxy.web.sweep import Checked


def stub_status(_args: Args) -> bool:
    """`stub_status`; an argument is from the time before nginx 1.7.5, and means nothing."""
    return True


@settings
class StubStatusSettings:
    """Basic status (ngx_http_stub_status_module)."""

    stub_status: bool | None = directive(
        stub_status,
        None,
        Context.SERVER | Context.LOCATION,
        args="0-1",
        inherit=False,
        doc="Answers with the numbers of connections and requests; those of workers other than "
        "the one that answers are up to a second old.",
        syntax="",
    )


@attrs.frozen
class Numbers:
    """`active` connections are `reading` a head, `writing` an answer, or `waiting`.

    `accepted` and `handled` are connections since the start, `requests` what they carried.
    """

    accepted: int
    handled: int
    requests: int
    reading: int
    writing: int
    waiting: int

    @property
    def active(self) -> int:
        """All of them."""
        return self.reading + self.writing + self.waiting

    def __add__(self, other: Numbers) -> Numbers:
        pairs = zip(attrs.astuple(self), attrs.astuple(other), strict=True)
        return Numbers(*(one + another for one, another in pairs))


def numbers(request: Request) -> Numbers:
    """The numbers of all workers: of this one now, of the others as of their last sweep."""
    site = request.site
    here = own(site.connections, site.sweep.members)
    elsewhere = site.connections.elsewhere
    return here if elsewhere is None else here + elsewhere()


def own(connections: Connections, members: Set[Checked]) -> Numbers:
    """The numbers of this worker now; `members` are those of its sweep."""
    phases = {"reading": 0, "writing": 0, "waiting": 0}
    requests = connections.requests
    for member in members:
        if isinstance(member, FlowChannel):
            phases[member.phase] += 1
            requests += member.served
    handled = connections.serial
    return Numbers(handled + connections.refused, handled, requests, **phases)


def _number(name: str) -> Callable[[Request], bytes]:
    return lambda request: b"%d" % getattr(numbers(request), name)


GETTERS: dict[str, Callable[[Request], bytes | None]] = {
    f"connections_{name}": _number(name) for name in ("active", "reading", "writing", "waiting")
}


class StubStatus(Resource):
    """Answers GET and HEAD."""

    isLeaf = True

    def render(self, request: Request) -> int:
        """Count, and say it."""
        if request.head.method not in (b"GET", b"HEAD"):
            told = "stub_status answers GET and HEAD only"
            raise Refusal(405, "RP-405-status", told, fields=((b"Allow", b"GET, HEAD"),))
        now = numbers(request)
        body = (
            f"Active connections: {now.active} \n"
            "server accepts handled requests\n"
            f" {now.accepted} {now.handled} {now.requests} \n"
            f"Reading: {now.reading} Writing: {now.writing} Waiting: {now.waiting} \n"
        ).encode()
        request.respond(Response(200, [(b"Content-Type", b"text/plain")], len(body)))
        request.finish(body)
        return NOT_DONE_YET


def content(place: Place) -> StubStatus | None:
    """The resource of a place with `stub_status`."""
    return StubStatus() if place[StubStatusSettings].stub_status else None
