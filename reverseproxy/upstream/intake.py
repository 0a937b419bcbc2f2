"""Reading an answer no faster than a rate (`proxy_limit_rate`).

The count is a `Pace`, as `limit_rate` has it for what is sent. No read takes more than the rate has
left, and when nothing is left the connection is paused, as it is for a slow client; so silence that
is our own doing does not count as the upstream's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from reverseproxy.web.pacing import Pace

if TYPE_CHECKING:
    from reverseproxy.web.site import Site

    from .attempt import Try
    from .client import ProxyClient

#: How much Twisted's transports read at once.
READ = 64 * 1024


class Intake:
    """One answer's reading; `stop` it before its connection goes to anybody else."""

    __slots__ = ("_before", "_client", "_pace", "_tried", "then")

    def __init__(
        self, client: ProxyClient, tried: Try, head_limit: int, then: Callable[[], None]
    ) -> None:
        """`then` is called when reading may go on; with the head `head_limit` bytes may come."""
        self._client = client
        self._tried = tried
        self._pace: Pace | None = None
        self._before = 0
        self.then = then
        client.transport.bufferSize = head_limit

    def begin(self, rate: int, site: Site) -> None:
        """The body begins: `rate` bytes a second from now on."""
        self._pace = Pace(rate, 0, site.seconds, site.sweep.clock, site.seconds())
        self._before = self._tried.received - self._client.ahead

    @property
    def waiting(self) -> bool:
        """Whether the connection is paused until the rate allows more."""
        return self._pace is not None and self._pace.waiting is not None

    def came(self) -> None:
        """Something was read: see how much may be read next, and when."""
        pace = self._pace
        if pace is None or pace.waiting is not None:
            return
        pace.passed = self._tried.received - self._before
        room = pace.room()
        if room > 0:
            self._client.transport.bufferSize = min(room, READ)
        else:
            self._client.pause()
            pace.wait(room, self._go_on)

    def _go_on(self) -> None:
        self.came()
        if not self.waiting:
            self.then()

    def stop(self) -> None:
        """Limit no more."""
        self._client.transport.bufferSize = READ
        if self._pace is not None:
            self._pace.stop()
