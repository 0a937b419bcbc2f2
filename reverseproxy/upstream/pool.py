"""Upstream peers, and the connections to them that wait for their next request.

Invariants (each has a test): a connection carries one request at a time; it is never used again
after an incomplete body, an unread byte, an error or `Connection: close`; a byte that arrives while
it idles drops it; idle ones are bounded in number and in time; it serves only who asks for the TLS
that it was made with (the settings and the name), or for none if it has none. The most recently
used one is taken first, so that the others can grow old and go.

Of many requests that come together, all are sent before the first is answered, and so many
connections are there. If those beyond `keepalive` were closed at once, the next such wave would
make them anew; so they stay for a moment, and those go that nobody took in it.

An upstream may serve one connection at a time, to its end, or only so many: then an idle one is in
the way of a new one, which the kernel has connected and nobody accepts. That can't be seen from
here; but a new connection that had no byte for a while makes one other of its peer close, the one
that idles or the next that would. It may do so once a sweep: a slow upstream loses little by it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs

from reverseproxy.web import transport
from reverseproxy.web.room import make_room

if TYPE_CHECKING:
    from reverseproxy.tls.upstream import Secured
    from reverseproxy.web.assembly import Assembly

    from .client import ProxyClient
    from .connecting import ProxyClientFactory

#: How many sessions a peer remembers: names may come from requests.
SESSIONS = 32
#: How long connections beyond `keepalive` wait for somebody who takes them, in seconds.
MOMENT = 0.05

Connect = Callable[[Any, str, int, "ProxyClientFactory", float], Any]


@attrs.define(eq=False)
class Keeping:
    """What a group keeps of idle connections: how many, how long, for how many requests.

    The defaults are nginx's. Times are in seconds, `waiting` has the least recently used first.
    """

    most: int = 32
    timeout: float = 60.0
    requests: int = 1000
    lifetime: float = 3600.0
    waiting: dict[ProxyClient, None] = attrs.Factory(dict)
    #: how many nobody took since the last `trim`
    unused: int = 0

    def trim(self) -> bool:
        """Close what is beyond `most`, if nobody took it since the last time; whether all is."""
        waiting = self.waiting
        for _ in range(min(self.unused, len(waiting)) - self.most):
            next(iter(waiting)).drop()
        self.unused = len(waiting)
        return len(waiting) <= self.most

    def alike(self, other: Keeping) -> bool:
        """Whether another keeps as many, for as long."""
        mine = (self.most, self.timeout, self.requests, self.lifetime)
        return mine == (other.most, other.timeout, other.requests, other.lifetime)


@attrs.define(eq=False)
class Peer:
    """One address of an upstream, its idle connections, most recently used last.

    A unix socket's `host` is `unix:PATH`.
    """

    host: str
    port: int
    pools: Pools
    keeping: Keeping
    idle: list[ProxyClient] = attrs.Factory(list)
    #: new connections without a byte so far, for which the next that is free will be closed
    queued: dict[ProxyClient, None] = attrs.Factory(dict)
    address: bytes = b""
    #: sessions of TLS to be resumed, by what they are good for, least recently used first
    sessions: dict[Secured, Any] = attrs.Factory(dict)

    def __attrs_post_init__(self) -> None:
        if self.host.startswith("unix:"):
            self.address = self.host.encode()
            return
        shape = b"[%b]:%d" if ":" in self.host else b"%b:%d"
        self.address = shape % (self.host.encode(), self.port)

    def take(self, secured: Secured | None = None) -> ProxyClient | None:
        """An idle connection with this TLS, or without any, or None."""
        idle = self.idle
        if not idle:
            return None
        if idle[-1].secured is secured:
            client = idle.pop()
        else:
            found = next((one for one in reversed(idle) if one.secured == secured), None)
            if found is None:
                return None
            client = found
            idle.remove(client)
        keeping = self.keeping
        del keeping.waiting[client]
        if keeping.unused > len(keeping.waiting):
            keeping.unused = len(keeping.waiting)
        return client

    def keep_session(self, secured: Secured, session: Any) -> None:
        """Remember a session for the next connection with this TLS."""
        self.sessions.pop(secured, None)
        self.sessions[secured] = session
        if len(self.sessions) > SESSIONS:
            del self.sessions[next(iter(self.sessions))]

    def put(self, client: ProxyClient) -> bool:
        """Keep a connection for the next request; False when it should be closed instead."""
        keeping = self.keeping
        now = self.pools.sweep.now
        if (
            client.served >= keeping.requests
            or now - client.since >= keeping.lifetime
            or not keeping.most
            or (self.queued and self._is_in_the_way())
        ):
            return False
        client.deadline = now + keeping.timeout
        self.idle.append(client)
        waiting = keeping.waiting
        waiting[client] = None
        if len(waiting) > keeping.most:
            self.pools.trim_soon(keeping)
        return True

    def make_way(self, client: ProxyClient) -> None:
        """Close a connection so that the upstream comes to accept `client`, now or when one can."""
        if self.idle:
            self.idle[0].drop()
        else:
            self.queued[client] = None

    def _is_in_the_way(self) -> bool:
        """Whether one that asked for it still waits; it won't be asked for again at once."""
        while self.queued:
            client = next(iter(self.queued))
            del self.queued[client]
            if client.waits:
                return True
        return False

    def lost(self, client: ProxyClient) -> None:
        """A connection is gone: it must not be taken any more."""
        self.queued.pop(client, None)
        if client in self.idle:
            self.idle.remove(client)
            del self.keeping.waiting[client]

    def connect(self, factory: ProxyClientFactory, timeout: float) -> Any:
        """Open a connection; `factory` hears of its success or failure."""
        return self.pools.connect(self.pools.reactor, self.host, self.port, factory, timeout)

    def close(self) -> None:
        """Drop what idles."""
        for client in tuple(self.idle):
            client.drop()

    def leave(self) -> None:
        """Be nobody's: drop what idles, and keep nothing that comes back."""
        self.close()
        self.sessions.clear()
        self.keeping = Keeping(most=0)


class Pools:
    """Every peer of a configuration. `connect` can be replaced, for tests.

    Peers that the configuration before it had as well stay who they are, with their connections.
    """

    def __init__(
        self,
        assembly: Assembly,
        previous: Pools | None = None,
        connect: Connect = transport.connect,
    ) -> None:
        self.reactor = assembly.reactor
        self.sweep = assembly.sweep
        self.connections = assembly.connections
        self.connect: Connect = connect if previous is None else previous.connect
        self._peers: dict[tuple[str, int, Keeping | None], Peer] = {}
        #: who has more idle connections than it keeps, while a timer runs
        self._over: set[Keeping] = set()
        self._before = {} if previous is None else previous._peers

    def peer(self, host: str, port: int, keeping: Keeping | None = None) -> Peer:
        """The peer at a numeric address, the same one for everybody in a group who names it.

        Without `keeping` it is in no group, and keeps what nginx keeps by default.
        """
        key = (host, port, keeping)
        if key not in self._peers:
            known = self._before.get(key)
            self._peers[key] = known or Peer(host, port, self, keeping or Keeping())
        return self._peers[key]

    def succeed(self) -> None:
        """The configuration before this one is gone: drop the peers that only it had."""
        before, self._before = self._before, {}
        for key, peer in before.items():
            if key in self._peers:
                peer.pools = self
            else:
                peer.leave()

    def forget(self, peer: Peer) -> None:
        """A peer has left its group: drop what idles, and keep nothing that comes back."""
        for key in [key for key, known in self._peers.items() if known is peer]:
            del self._peers[key]
        peer.leave()

    def trim_soon(self, keeping: Keeping) -> None:
        """Let a group have more idle connections than it keeps, for a moment."""
        if not self._over:
            self.reactor.callLater(MOMENT, self._trim)
        self._over.add(keeping)

    def _trim(self) -> None:
        self._over = {keeping for keeping in self._over if not keeping.trim()}
        if self._over:
            self.reactor.callLater(MOMENT, self._trim)

    def has_room(self) -> bool:
        """Whether `worker_connections` leave one for an upstream; an idle one may have to go.

        First one to an upstream, then clients'.
        """
        connections = self.connections
        if connections.clients + connections.upstreams < connections.limit:
            return True
        for peer in self._peers.values():
            if peer.idle:
                peer.idle[0].drop()
                return True
        return make_room(connections, self.sweep) > 0

    def close(self) -> None:
        """Drop all that idles."""
        for peer in self._peers.values():
            peer.close()
