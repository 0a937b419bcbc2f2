"""The automatic 301 to the path with a slash at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

if TYPE_CHECKING:
    from reverseproxy.web.request import Request


class AddsSlash:
    """Marks content whose `location /app/` also answers `/app`, with a redirect (nginx's rule)."""


class SlashResource(Resource):
    """Redirects every request."""

    isLeaf = True

    def render(self, request: Request) -> int:
        request.add_slash()
        return NOT_DONE_YET
