"""What makes the client of a new connection to an upstream, in the clear or with TLS."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from twisted.internet import error as neterror
from twisted.web import proxy

from reverseproxy.errors import UpstreamError, UpstreamRefused, UpstreamTimeout

from .client import ProxyClient
from .secureclient import MAKER, SecureClient, SecureTransport

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from reverseproxy.tls.upstream import Secured

    from .exchange import Exchange
    from .pool import Peer


class ProxyClientFactory(proxy.ProxyClientFactory):
    """Makes the `ProxyClient` for one new connection."""

    protocol = ProxyClient
    noisy = False

    def __init__(self, peer: Peer, exchange: Exchange) -> None:
        self.peer = peer
        self.exchange: Exchange | None = exchange
        self.connector: Any = None
        #: the address of this machine to connect from, and the port (0: any)
        self.bind: tuple[str, int] | None = None

    def buildProtocol(self, _addr: Any) -> ProxyClient:
        client = self.protocol(self.peer, self.exchange)
        self.exchange = None
        return client

    def clientConnectionFailed(self, _connector: Any, reason: Failure) -> None:
        exchange, self.exchange = self.exchange, None
        if exchange is None:
            return
        if reason.check(neterror.TimeoutError, neterror.TCPTimedOutError):
            error: UpstreamError = UpstreamTimeout(
                "upstream timed out while connecting to upstream"
            )
        else:
            number = getattr(reason.value, "osError", None)
            why = (
                f"{number}: {os.strerror(number)}"
                if isinstance(number, int)
                else reason.getErrorMessage()
            )
            error = UpstreamRefused(f"connect() failed ({why}) while connecting to upstream")
        exchange.failed(error)

    def cancel(self) -> None:
        """Nobody waits any more: stop connecting."""
        if self.exchange is not None:
            self.exchange = None
            if self.connector is not None:
                self.connector.stopConnecting()


class SecureClientFactory(ProxyClientFactory):
    """Makes the `SecureClient` for one new connection."""

    def __init__(self, peer: Peer, exchange: Exchange, secured: Secured) -> None:
        super().__init__(peer, exchange)
        self.secured = secured
        self._client: SecureClient | None = None

    def buildProtocol(self, _addr: Any) -> Any:
        client = self._client = SecureClient(self.peer, self.exchange, self.secured)
        self.exchange = None
        return SecureTransport(MAKER, client)

    def cancel(self) -> None:
        """As of the base class; in the middle of a handshake too."""
        super().cancel()
        if self._client is not None:
            self._client.drop()


def client_factory(peer: Peer, exchange: Exchange, secured: Secured | None) -> ProxyClientFactory:
    """What makes the client for a new connection, with TLS or without."""
    if secured is None:
        return ProxyClientFactory(peer, exchange)
    return SecureClientFactory(peer, exchange, secured)
