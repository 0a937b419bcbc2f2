"""Upstream peers, and the connections to them that wait for their next request.

Invariants (each has a test): a connection carries one request at a time; it is never used again
after an incomplete body, an unread byte, an error or `Connection: close`; a byte that arrives while
it idles drops it; idle ones are bounded in number and in time. The most recently used one is taken
first, so that the others can grow old and go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs

from reverseproxy.web import transport

if TYPE_CHECKING:
    from reverseproxy.web.assembly import Assembly

    from .client import ProxyClient, ProxyClientFactory

#: nginx's defaults for an upstream's keepalive.
IDLE = 32
IDLE_TIMEOUT = 60.0
REQUESTS = 1000
LIFETIME = 3600.0

Connect = Callable[[Any, str, int, "ProxyClientFactory", float], Any]


@attrs.define(eq=False)
class Peer:
    """One address of an upstream, its idle connections, most recently used last."""

    host: str
    port: int
    pools: Pools
    idle: list[ProxyClient] = attrs.Factory(list)
    address: bytes = b""

    def __attrs_post_init__(self) -> None:
        shape = b"[%b]:%d" if ":" in self.host else b"%b:%d"
        self.address = shape % (self.host.encode(), self.port)

    def take(self) -> ProxyClient | None:
        """An idle connection, or None."""
        return self.idle.pop() if self.idle else None

    def put(self, client: ProxyClient) -> bool:
        """Keep a connection for the next request; False when it should be closed instead."""
        now = self.pools.sweep.now
        if client.served >= REQUESTS or now - client.since >= LIFETIME:
            return False
        client.deadline = now + IDLE_TIMEOUT
        self.idle.append(client)
        if len(self.idle) > IDLE:
            self.idle.pop(0).drop()
        return True

    def lost(self, client: ProxyClient) -> None:
        """A connection is gone: it must not be taken any more."""
        if client in self.idle:
            self.idle.remove(client)

    def connect(self, factory: ProxyClientFactory, timeout: float) -> Any:
        """Open a connection; `factory` hears of its success or failure."""
        return self.pools.connect(self.pools.reactor, self.host, self.port, factory, timeout)

    def close(self) -> None:
        """Drop what idles: the peer has left the configuration."""
        for client in tuple(self.idle):
            client.drop()


class Pools:
    """Every peer of a configuration. `connect` can be replaced, for tests."""

    def __init__(self, assembly: Assembly, connect: Connect = transport.connect) -> None:
        self.reactor = assembly.reactor
        self.sweep = assembly.sweep
        self.connections = assembly.connections
        self.connect = connect
        self._peers: dict[tuple[str, int], Peer] = {}

    def peer(self, host: str, port: int) -> Peer:
        """The peer at a numeric address, the same one for everybody who names it."""
        key = (host, port)
        if key not in self._peers:
            self._peers[key] = Peer(host, port, self)
        return self._peers[key]

    def has_room(self) -> bool:
        """Whether `worker_connections` leave one for an upstream; an idle one may have to go."""
        connections = self.connections
        if connections.clients + connections.upstreams < connections.limit:
            return True
        for peer in self._peers.values():
            if peer.idle:
                peer.idle.pop(0).drop()
                return True
        return False

    def close(self) -> None:
        """Drop all that idles."""
        for peer in self._peers.values():
            peer.close()
