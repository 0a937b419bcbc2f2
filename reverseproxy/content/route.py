"""What a location does with the requests that it passes on, and with their answers.

All of it is made when the configuration is loaded, and the same whoever the upstream is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reverseproxy.upstream.attempt import Timeouts
from reverseproxy.upstream.exchange import Exchange
from reverseproxy.upstream.failover import Failover
from reverseproxy.upstream.storing import Storing, StoringStreamed, StoringUpgrade
from reverseproxy.upstream.streaming import Streamed
from reverseproxy.upstream.upgrade import Upgrade
from reverseproxy.web.response import Fields, Response
from reverseproxy.wire.fields import passed_on

from .answerfields import AnswerFields
from .asking import Asking
from .passing import Passing
from .passingsettings import PassingSettings
from .proxysettings import ProxySettings
from .store import store

if TYPE_CHECKING:
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request
    from reverseproxy.wire.heads import ResponseHead

    from .destination import Destination


class Route:
    """What a location does with the requests that it passes on, and with their answers."""

    def __init__(self, place: Place, asking: Asking, fields: AnswerFields) -> None:
        settings = place[ProxySettings]
        self.asking = asking
        self.failover = place.same(
            Failover(
                settings.proxy_next_upstream,
                settings.proxy_next_upstream_tries,
                settings.proxy_next_upstream_timeout,
            )
        )
        self.timeouts = place.same(
            Timeouts(
                settings.proxy_connect_timeout,
                settings.proxy_send_timeout,
                settings.proxy_read_timeout,
            )
        )
        self.head_limit = settings.proxy_buffer_size
        buffers = settings.proxy_buffers
        self.memory = settings.proxy_buffer_size + buffers.count * buffers.size
        self.busy = settings.proxy_busy_buffers_size or 2 * max(
            settings.proxy_buffer_size, buffers.size
        )
        self.piece_size = settings.proxy_temp_file_write_size or self.busy
        self.overflow = settings.proxy_temp_path
        self.overflow_limit = settings.proxy_max_temp_file_size
        self.passing = place.once((Passing, place[PassingSettings]), lambda: Passing(place))
        self._fields = fields
        #: what becomes of a field's value: its name in any case, and its value
        self.rewritten = fields.rewritten
        self.store = store(place)
        self._plain: type[Exchange] = Storing if self.store else Exchange
        self._upgraded: type[Exchange] = StoringUpgrade if self.store else Upgrade
        self._streamed: type[Streamed] = StoringStreamed if self.store else Streamed

    def response(self, request: Request, head: ResponseHead, length: int | None) -> Response:
        """The upstream's answer, less what stops here."""
        stopped = self.passing.stopped
        kept: Fields | None = head.made.get(stopped)
        if kept is None:
            kept = head.made[stopped] = passed_on(head, stopped)
        fields = [*kept]
        if not head.named.keys().isdisjoint(self._fields.names):
            rewritten = self.rewritten
            fields = [(name, rewritten(request, name, value)) for name, value in fields]
        if self.passing.passes_own:
            request.lines_passed = self.passing.passes_own & head.named.keys()
        method_of = self.asking.method_of
        if method_of is not None and method_of(request) == b"HEAD" != request.head.method:
            # The length is that of a body which nobody has asked for.
            length = 0
        ranges = self.passing.forces_ranges
        return Response(head.status, fields, length, reason=head.reason or None, ranges=ranges)

    def forward(self, request: Request, destination: Destination) -> None:
        """Send a request, whose body is here, to a peer of its destination."""
        asking = self.asking
        if b"upgrade" in request.head.named or asking.sets_upgrade:
            asks, upgrade = asking.upgrade(request)
            head = asking.head(request, destination, upgrade)
            kind = self._upgraded if asks else self._plain
            kind(self, request, destination, head).begin()
        else:
            head = asking.head(request, destination)
            self._plain(self, request, destination, head).begin()

    def stream(self, request: Request, destination: Destination) -> None:
        """Send a request whose body is yet to come."""
        head = self.asking.head(request, destination, streamed=True)
        self._streamed(self, request, destination, head).begin()
