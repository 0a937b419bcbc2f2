"""`post_action`: what is asked, inside, when a request is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .subrequest import Subrequest

if TYPE_CHECKING:
    from .request import Request

Log = Callable[["Request"], None]


class PostAction(Subrequest):
    """Goes to a location with what is known of the request that is over.

    Its variables are that request's: `$status`, `$body_bytes_sent`, `$request_time`,
    `$upstream_...`, so that another server can be told of them.
    """

    def __init__(self, asker: Request, target: bytes) -> None:
        named = target.startswith(b"@")
        uri = asker.document_uri if named else target
        super().__init__(asker, uri, asker.query if named else None, lambda _request: None)
        self._target = target if named else b""
        self.method = self.head.method = asker.head.method
        self.started = asker.started
        self.code = asker.code
        self.sentLength, self.head_sent = asker.sentLength, asker.head_sent
        self.upstream_tries = asker.upstream_tries
        self.captures = asker.captures

    def _choose(self) -> None:
        if self._target:
            self.detour(self._target)
        else:
            super()._choose()


def followed(log: Log, target: bytes) -> Log:
    """What a location does when a request is over: the log, and then its `post_action`."""
    if not target:
        return log

    def end(request: Request) -> None:
        log(request)
        # Where `return 444` closed the connection, or this is such an action, nothing follows.
        if request.parent is None and request.code != 444:
            PostAction(request, target).begin()

    return end
