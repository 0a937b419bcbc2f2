"""Two connections after `101 Switching Protocols`: what one sends, the other gets.

A tunnel takes the place of the `Exchange` that it comes from. Bytes pass in both directions and are
not looked at; whoever does not read holds up who sends. When one side closes, what it sent still
arrives at the other, then that is closed too, as nginx does it. Silence in both directions for
`proxy_read_timeout` ends the tunnel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

if TYPE_CHECKING:
    from reverseproxy.errors import UpstreamError
    from reverseproxy.web.request import Request
    from reverseproxy.web.response import Response
    from reverseproxy.wire.heads import ResponseHead

    from .client import ProxyClient
    from .exchange import Exchange


@implementer(IPushProducer)
class FromClient:
    """The client as the upstream's connection sees it: somebody who can be made to wait."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def pauseProducing(self) -> None:
        """The upstream does not read."""
        self._request.channel.pause_body()

    def resumeProducing(self) -> None:
        """The upstream reads again."""
        self._request.channel.resume_body()

    def stopProducing(self) -> None:
        """The upstream's connection is gone; `failed` or `ended` follows."""


@implementer(IPushProducer)
class Tunnel:
    """`begin` it with the answer that switched protocols."""

    #: the request went out as a whole
    complete = True

    def __init__(
        self, request: Request, client: ProxyClient, exchange: Exchange, response: Response
    ) -> None:
        self.request = request
        self.client: ProxyClient | None = client
        self.tried = exchange.tried
        self.timeouts = exchange.timeouts
        self._response = response
        #: how much waits for a client that does not read
        self._limit = exchange.head_limit

    def begin(self, head: ResponseHead) -> None:
        """Send the 101 on, then what the client has sent already."""
        response = self._response
        request, client = self.request, self.client
        request.watcher = self
        for name, value in head.fields:
            if name.lower() == b"upgrade":
                response.fields.append((name, value))
        channel = request.channel
        channel.persistent = False
        request.respond(response)
        request.flush()
        channel.high_water(self._limit)
        request.registerProducer(self, True)
        if client is None:
            return
        for transport in (channel.transport, client.transport):
            if request.location.client.tcp_nodelay and hasattr(transport, "socket"):
                transport.setTcpNoDelay(True)
        client.transport.registerProducer(FromClient(request), True)
        channel.begin_tunnel(self)

    # --- from the client ---

    def sent(self, data: bytes) -> None:
        """The client sent something."""
        client = self.client
        if client is not None:
            self.tried.sent += len(data)
            client.transport.write(data)
            client.touch(self.timeouts.read)

    def client_gone(self) -> None:
        """The client closed: the upstream gets what there is, and an end."""
        client, self.client = self.client, None
        if client is None:
            return
        self._note_end()
        client.transport.unregisterProducer()
        client.finish(self.timeouts.send)

    # --- from the upstream, as `ProxyClient` tells an exchange ---

    def piece(self, data: bytes) -> None:
        """The upstream sent something."""
        self.tried.length += len(data)
        self.request.write(data)

    def pause_in_stream(self) -> None:
        """Nothing is ever held back."""

    def ended(self, _pieces: list[bytes]) -> None:
        """The upstream closed: the client gets what there is, and an end."""
        self.client = None
        self._note_end()
        request = self.request
        request.watcher = None
        request.unregisterProducer()
        request.finish()

    def failed(self, error: UpstreamError) -> None:
        """The upstream broke, or was silent for too long."""
        self.request.location.error_log.error(
            f"{error} (while proxying upgraded connection)", request=self.request
        )
        self.ended([])

    def _note_end(self) -> None:
        self.tried.response_time = self.request.site.seconds() - self.tried.started

    # --- IPushProducer: the client's connection says when it is full ---

    def pauseProducing(self) -> None:
        """The client does not read."""
        if self.client is not None:
            self.client.pause()

    def resumeProducing(self) -> None:
        """The client reads again."""
        if self.client is not None:
            self.client.resume()

    def stopProducing(self) -> None:
        """The client's connection is gone; `client_gone` follows."""
