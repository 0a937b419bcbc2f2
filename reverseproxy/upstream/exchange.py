"""One request's way through an upstream: connect, send, read, pass on; again where that is safe.

How the answer's body goes on is `Delivery`, the base class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reverseproxy.errors import (
    NoConnectionLeft,
    NoLiveUpstream,
    ReverseProxyError,
    UpstreamError,
    UpstreamUnanswered,
)

from .attempt import Try
from .client import ProxyClient, ProxyClientFactory
from .delivery import Delivery
from .failover import BLAMELESS
from .tunnel import Tunnel

if TYPE_CHECKING:
    from reverseproxy.content.proxy import ReverseProxyResource
    from reverseproxy.web.request import Request
    from reverseproxy.wire.heads import ResponseHead

    from .attempt import Timeouts
    from .members import Turn
    from .pool import Peer


#: Fields of the upstream's that whatever answers instead of it has as well (nginx's list).
_WITH_REDIRECT = frozenset(
    (
        b"accept-ranges",
        b"cache-control",
        b"content-disposition",
        b"content-type",
        b"expires",
        b"set-cookie",
    )
)


class Exchange(Delivery):
    """One request and its answer, over one connection at a time."""

    head_limit: int
    timeouts: Timeouts
    #: whether the upstream is asked to switch protocols
    upgrades = False
    #: whether the request has gone out as a whole
    complete = True
    #: whether some of the body was passed on that is not kept
    consumed = False

    __slots__ = (
        "_began",
        "_connecting",
        "_head",
        "_left",
        "_reused",
        "_spool",
        "_turn",
        "head_limit",
        "method",
        "timeouts",
    )

    def __init__(self, route: ReverseProxyResource, request: Request, head: bytes) -> None:
        super().__init__(route, request)
        self.method = request.head.method if route.method_of is None else route.method_of(request)
        self._spool = request.spool if route.body_of is None else None
        self.timeouts = route.timeouts
        self.head_limit = route.head_limit
        self._head = head
        self._connecting: ProxyClientFactory | None = None
        self._reused = False
        #: the way through a group; None where there is one peer and nothing to choose
        self._turn: Turn | None = None
        #: how many attempts are left
        self._left = 1
        request.watcher = self

    # --- towards the upstream ---

    def begin(self) -> None:
        """Send the request to the one peer there is, or to the first that the group chooses."""
        route, request = self._route, self.request
        self._began = request.site.seconds()
        peer = route.group.sole
        if peer is not None:
            self._try(peer)
            return
        self._turn = route.group.take(request)
        self._left = route.failover.limited(self._turn.tries)
        self._try_next(first=True)

    def _try_next(self, first: bool = False) -> None:
        """Send the request to whom the group chooses."""
        request, route = self.request, self._route
        now = request.site.seconds()
        member = self._member = self._turn.take(now) if self._turn is not None else None
        if member is not None:
            self._try(member.peer, first)
            return
        tried = self.tried = Try(route.group.name, route.url, now, first, response_time=0.0)
        request.upstream_tries += (tried,)
        self._finish()
        request.fail(NoLiveUpstream("no live upstreams while connecting to upstream"))

    def _try(self, peer: Peer, first: bool = True, fresh: bool = False) -> None:
        """Send the request over an idle connection, or over a new one."""
        client = None if fresh else peer.take()
        request = self.request
        url = self._route.url if self._turn is None else f"http://{peer.address.decode()}"
        tried = self.tried = Try(peer.address, url, request.site.seconds(), first)
        request.upstream_tries += (tried,)
        if client is not None:
            self._reused = True
            self.client = client
            tried.connect_time = 0.0
            client.send(self, self._head, self._spool)
        else:
            self._reused = False
            if not peer.pools.has_room():
                self._free()
                self._finish()
                limit = peer.pools.connections.limit
                request.fail(NoConnectionLeft(f"{limit} worker_connections are not enough"))
                return
            factory = self._connecting = ProxyClientFactory(peer, self)
            if self._route.bind_of is not None:
                factory.bind = self._route.bind(request)
            factory.connector = peer.connect(factory, self.timeouts.connect)

    def connected(self, client: ProxyClient) -> None:
        """A new connection is there."""
        self._connecting = None
        self.client = client
        self.tried.connect_time = self._elapsed()
        if self._route.socket_keepalive:
            client.transport.setTcpKeepAlive(True)
        client.send(self, self._head, self._spool)

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
        sole = self._route.group.sole
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
        """The client left: the upstream need not go on."""
        client, self.client = self.client, None
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        if client is not None and not (self._route.ignores_abort and client.go_on(self)):
            client.drop()
        self._free()
        self._finish()
        request = self.request
        request.location.error_log.info(
            "client prematurely closed connection, so upstream connection is closed too",
            request=request,
        )

    # --- towards the client ---

    def answered(self, head: ResponseHead, length: int | None, body: bytes) -> None:
        """The whole answer came at once."""
        request, tried = self.request, self.tried
        tried.status, tried.head, tried.length = head.status, head, len(body)
        tried.header_time = tried.response_time = self._elapsed()
        if self._turn is not None:
            if self._passed_over(head):
                return
            self._free()
        request.watcher = None
        if self._answered_elsewhere(head):
            return
        request.respond(self._route.response(request, head, length))
        request.finish(body)

    def hinted(self, head: ResponseHead) -> None:
        """An answer is announced."""
        self._route.passing.hint(self.request, head)

    def begun(
        self, head: ResponseHead, length: int | None, trailers: list[tuple[bytes, bytes]]
    ) -> None:
        """The head is here, the body is coming; `trailers` are filled when it has come."""
        request, tried = self.request, self.tried
        tried.status, tried.head = head.status, head
        tried.header_time = self._elapsed()
        if self._turn is not None and self._passed_over(head):
            return
        if self._answered_elsewhere(head):
            return
        route = self._route
        request.respond(route.response(request, head, length))
        if route.passing.passes_trailers and request.chunked:
            route.passing.trail(request, trailers)
        channel = request.channel
        if route.passing.buffers(head):
            channel.high_water(route.memory)
            self._overflow_limit = route.overflow_limit
        else:
            channel.high_water(route.head_limit)
            route.passing.unbuffered(request)
        self._registered = True
        request.registerProducer(self, True)

    def switched(self, client: ProxyClient, head: ResponseHead) -> Tunnel:
        """The upstream switches protocols, as it was asked to."""
        request, tried = self.request, self.tried
        tried.status, tried.head = 101, head
        tried.header_time = self._elapsed()
        self.client = None
        if self._member is not None:
            # The group's server is busy for as long as the tunnel lasts.
            request.held += (self._free,)
        response = self._route.response(request, head, None)
        return Tunnel(request, client, self, response)

    def _answered_elsewhere(self, head: ResponseHead) -> bool:
        """Whether another location answers: as the upstream asks, or as `error_page` has it."""
        passing, request = self._route.passing, self.request
        passing.heed(request, head)
        if passing.redirects(head):
            self._let_go()
            self._send_elsewhere(head)
            return True
        if head.status >= 300 and passing.intercepts(request, head):
            self._let_go()
            fields = [(b"WWW-Authenticate", v) for v in head.get_all(b"www-authenticate")]
            cause = f"RP-{head.status}-upstream"
            request.answer(head.status, cause, fields if head.status == 401 else ())
            return True
        return False

    def _let_go(self) -> None:
        """The rest of the answer is for nobody."""
        self._free()
        client, self.client = self.client, None
        if client is not None:
            client.drop()
        self.request.watcher = None

    def _send_elsewhere(self, head: ResponseHead) -> None:
        """Let another location answer, as the upstream asks with X-Accel-Redirect."""
        request = self.request
        request.carried += tuple(pair for pair in head.fields if pair[0].lower() in _WITH_REDIRECT)
        try:
            request.sent_inside(head.named[b"x-accel-redirect"])
        except ReverseProxyError as error:
            request.fail(error)


class Upgrade(Exchange):
    """An exchange whose request asks the upstream to switch protocols."""

    __slots__ = ()
    upgrades = True

    def _answered_elsewhere(self, head: ResponseHead) -> bool:
        """As of the base class; the upstream stays with HTTP, so what the client sent is dropped.

        It may be anything but the next request.
        """
        self.request.channel.drop_eager()
        return super()._answered_elsewhere(head)

    def failed(self, error: UpstreamError) -> None:
        """As of the base class, and as above."""
        self.request.channel.drop_eager()
        super().failed(error)
