"""`limit_except`: other rules for all methods but some (ngx_http_core_module).

For a method that is not in its list the block stands for its location, as an `if` that is true
does. As in nginx that is decided before anything else of the location, its `rewrite` included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from twisted.web.resource import IResource, Resource

from .passing import render

if TYPE_CHECKING:
    from reverseproxy.web.locations import Location
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request


class LimitExcept(Resource):
    """Sends a request to the block, unless its method is one of those that are excepted."""

    isLeaf = True

    def __init__(self, methods: frozenset[bytes], block: Location, inner: IResource) -> None:
        super().__init__()
        self.methods = methods
        self.block = block
        self.inner = inner

    def render(self, request: Request) -> int:
        """Go on here or there."""
        if request.head.method in self.methods:
            return render(self.inner, request)
        request.location = self.block
        return render(self.block.resource, request)


def guard(place: Place, inner: IResource) -> IResource | None:
    """The guard of a location with `limit_except`."""
    for level in place.level.of_kind("limit_except"):
        block = place.assembly.location(attrs.evolve(place, level=level))
        return LimitExcept(level.value, block, inner)
    return None
