"""The attempts of one request: who is asked, over which connection, and who is asked next."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from reverseproxy.errors import (
    NoConnectionLeft,
    NoLiveUpstream,
    UpstreamError,
    UpstreamUnanswered,
)

from .attempt import Try
from .connecting import client_factory
from .failover import BLAMELESS

if TYPE_CHECKING:
    from reverseproxy.content.destination import Destination
    from reverseproxy.content.route import Route
    from reverseproxy.tls.upstream import Secured
    from reverseproxy.web.request import Request
    from reverseproxy.wire.heads import ResponseHead

    from .client import ProxyClient
    from .connecting import ProxyClientFactory
    from .exchange import Exchange
    from .members import Member, Turn
    from .pool import Peer


class Attempts:
    """The half of an `Exchange` that finds an upstream, again where that is safe."""

    tried: Try
    _began: float

    # Values that most requests never change stay on the class.
    #: whether the upstream is asked to switch protocols
    upgrades = False
    #: whether the request has gone out as a whole
    complete = True
    #: whether some of the body was passed on that is not kept
    consumed = False
    client: ProxyClient | None = None
    #: what a TLS connection is made with
    _secured: Secured | None = None
    _connecting: ProxyClientFactory | None = None
    _reused = False
    #: the way through a group; None where there is one peer and nothing to choose
    _turn: Turn | None = None
    _member: Member | None = None
    #: how many attempts are left
    _left = 1

    def __init__(
        self, route: Route, request: Request, destination: Destination, head: bytes
    ) -> None:
        asking = route.asking
        self._route = route
        self._destination = destination
        if destination.secure is not None:
            self._secured = destination.secure(request)
        self.request = request
        self.method = request.head.method if asking.method_of is None else asking.method_of(request)
        self._spool = request.spool if asking.body_of is None else None
        self.timeouts = route.timeouts
        self.head_limit = route.head_limit
        self._head = head
        request.watcher = self

    def begin(self) -> None:
        """Send the request to the one peer there is, or to the first that the group chooses."""
        group = self._destination.group
        peer = group.sole
        if peer is not None:
            self._try(peer)
            return
        self._turn = group.take(self.request)
        self._left = self._route.failover.limited(self._turn.tries)
        self._try_next(first=True)

    def _try_next(self, first: bool = False) -> None:
        """Send the request to whom the group chooses."""
        request, destination = self.request, self._destination
        now = request.site.seconds()
        member = self._member = self._turn.take(now) if self._turn is not None else None
        if member is not None:
            self._try(member.peer, first)
            return
        name, url = destination.group.name, destination.target.url
        tried = self.tried = Try(name, url, now, first, response_time=0.0)
        request.upstream_tries += (tried,)
        self._finish()
        request.fail(NoLiveUpstream("no live upstreams while connecting to upstream"))

    def _try(self, peer: Peer, first: bool = True, fresh: bool = False) -> None:
        """Send the request over an idle connection, or over a new one."""
        client = None if fresh else peer.take(self._secured)
        request = self.request
        url = self._destination.target.url
        if self._turn is not None:
            url = f"{self._destination.target.scheme}://{peer.address.decode()}"
        now = request.site.seconds()
        if first:
            self._began = now
        tried = self.tried = Try(peer.address, url, now, first)
        request.upstream_tries += (tried,)
        if client is not None:
            self._reused = True
            self.client = client
            tried.connect_time = 0.0
            self._ask(client)
        else:
            self._reused = False
            if not peer.pools.has_room():
                self._free()
                self._finish()
                limit = peer.pools.connections.limit
                request.fail(NoConnectionLeft(f"{limit} worker_connections are not enough"))
                return
            factory = self._connecting = client_factory(peer, cast("Exchange", self), self._secured)
            asking = self._route.asking
            if asking.bind_of is not None:
                factory.bind = asking.bind(request)
            factory.connector = peer.connect(factory, self.timeouts.connect)

    def connected(self, client: ProxyClient) -> None:
        """A new connection is there."""
        self._connecting = None
        self.client = client
        self.tried.connect_time = self._elapsed()
        if self._route.asking.socket_keepalive:
            client.transport.setTcpKeepAlive(True)
        self._ask(client)

    def _elapsed(self) -> float:
        return self.request.site.seconds() - self.tried.started

    def surplus(self, count: int) -> None:
        """More came than the answer has: the connection is not used again."""
        request = self.request
        what = f"upstream sent more than its answer, at least {count} bytes: connection closed"
        request.location.error_log.log("warn", what, request=request)

    def failed(self, error: UpstreamError) -> None:
        """End this attempt: try once more where that is safe, or tell the client."""
        self.client = self._connecting = None
        request, tried = self.request, self.tried
        tried.response_time = self._elapsed()
        if tried.header_time is not None:
            # In the body: the answer is on its way, and nobody is blamed for its end.
            self._free()
        elif self._failed_over(error):
            return
        self._finish()
        request.fail(error)

    def _failed_over(self, error: UpstreamError) -> bool:
        """Whether the request is sent again, to somebody else or over a new connection."""
        failover = self._route.failover
        self.tried.status = error.status
        self._free(failed=True)
        stale = self._reused and isinstance(error, UpstreamUnanswered)
        if not stale:
            self._left -= 1
        if self._left < 1 or not failover.after(error) or not self._may_repeat():
            return False
        sole = self._destination.group.sole
        if self._turn is None and sole is not None:
            # The upstream closed an idle connection just as it was taken (RFC 9112 section 9.3.1).
            # The next idle one may be as old.
            self._try(sole, first=False, fresh=True)
            return True
        location = self.request.location
        location.error_log.error(f"{error} ({error.cause})", request=self.request)
        self._try_next()
        return True

    def _may_repeat(self) -> bool:
        elapsed = self.request.site.seconds() - self._began
        sent = self.tried.connect_time is not None
        return self._route.failover.again(self.method, sent, elapsed)

    def _free(self, failed: bool = False) -> None:
        """The attempt is over, as far as the group is concerned."""
        member, self._member = self._member, None
        turn = self._turn
        if member is None or turn is None:
            return
        if turn.free(member, failed, self.request.site.seconds()):
            self.request.location.error_log.log(
                "warn", "upstream server temporarily disabled", request=self.request
            )

    def _passed_over(self, head: ResponseHead) -> bool:
        """Whether the group's next server is asked instead of passing this answer on."""
        status = head.status
        if status not in self._route.failover.statuses or self._left < 2 or not self._may_repeat():
            return False
        client, self.client = self.client, None
        if client is not None:
            client.drop()
        self._free(failed=status not in BLAMELESS)
        self._left -= 1
        self._try_next()
        return True

    def client_gone(self) -> None:
        """The client left; an `Exchange` knows what then."""
        raise NotImplementedError

    def _ask(self, client: ProxyClient) -> None:
        """Send the request; an `Exchange` knows how."""
        raise NotImplementedError

    def _finish(self) -> None:
        """Let go of the client's side; an `Exchange` knows how."""
        raise NotImplementedError
