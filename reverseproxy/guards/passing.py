"""Handing a request on to the next resource of a chain."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.web.resource import IResource
from twisted.web.server import NOT_DONE_YET

if TYPE_CHECKING:
    from reverseproxy.web.request import Request


def render(resource: IResource, request: Request) -> int:
    """Render the next resource of a chain; each of ours answers through the request itself."""
    resource.render(request)
    return NOT_DONE_YET
