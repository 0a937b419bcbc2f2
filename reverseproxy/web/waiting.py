"""A request that goes on later: the few that wait have a timer each."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .request import Request


class Wait:
    """Calls `then(request)` in `seconds`, unless the client leaves first."""

    def __init__(self, request: Request, seconds: float, then: Callable[[Request], object]) -> None:
        self._request = request
        self._then = then
        self._call = request.site.sweep.clock.callLater(seconds, self._over)
        request.watcher = self

    def _over(self) -> None:
        self._request.watcher = None
        self._request.resume(self._then)

    def client_gone(self) -> None:
        """The client left."""
        self._call.cancel()
