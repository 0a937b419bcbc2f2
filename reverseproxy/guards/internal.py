"""`internal`: a location that only internal redirects reach."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.web.resource import IResource, Resource

from reverseproxy.config import Context, directive, present, settings
from reverseproxy.errors import Refusal

from .passing import render

if TYPE_CHECKING:
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request


@settings
class InternalSettings:
    """Internal locations (ngx_http_core_module)."""

    internal: bool | None = directive(
        present,
        None,
        Context.LOCATION,
        args=0,
        doc="Answers 404 to requests that came from outside.",
    )


class InternalOnly(Resource):
    """Lets through what an internal redirect, a rewrite or an upstream sent here."""

    isLeaf = True

    def __init__(self, inner: IResource, where: str) -> None:
        super().__init__()
        self.inner = inner
        self.where = where

    def render(self, request: Request) -> int:
        """Render the inner resource, or refuse."""
        if not request.internal:
            raise Refusal(404, "RP-404-internal", f"the location is internal ({self.where})")
        return render(self.inner, request)


def guard(place: Place, inner: IResource) -> IResource | None:
    """The guard of a location with `internal`."""
    if not place[InternalSettings].internal:
        return None
    return InternalOnly(inner, str(place.level.origin_of("internal")))
