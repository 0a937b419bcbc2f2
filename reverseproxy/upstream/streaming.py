"""A request whose body goes to the upstream as it comes (`proxy_request_buffering off`).

The head goes out when it is here; the client sends no faster than the upstream reads. What was
passed on is not kept, so nothing is sent twice; and a connection of its own makes it improbable
that a second time is needed, as it is where an idle one was closed just then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from reverseproxy.wire.chunked import LAST_CHUNK, chunk

from .exchange import Exchange
from .tunnel import FromClient

if TYPE_CHECKING:
    from reverseproxy.content.destination import Destination
    from reverseproxy.content.route import Route
    from reverseproxy.web.request import Request

    from .client import ProxyClient
    from .pool import Peer


@implementer(IPushProducer)
class Streamed(Exchange):
    """An exchange that takes the body from the request piece by piece."""

    def __init__(
        self, route: Route, request: Request, destination: Destination, head: bytes
    ) -> None:
        super().__init__(route, request, destination, head)
        self._chunked = request.body_length is None
        self.complete = False

    def _try(self, peer: Peer, first: bool = True, fresh: bool = False) -> None:  # noqa: ARG002 - always
        """Send the request over a new connection; the body waits for it."""
        request = self.request
        if request.wants_body:
            request.wants_body = False
            request.channel.pause_body()
        super()._try(peer, first, fresh=True)

    def _may_repeat(self) -> bool:
        return not self.consumed and super()._may_repeat()

    def connected(self, client: ProxyClient) -> None:
        """A new connection is there: let the body come."""
        super().connected(client)
        client.transport.registerProducer(FromClient(self.request), True)
        self.request.stream_body(self)

    # --- from the request ---

    def body_piece(self, data: bytes) -> None:
        """A piece of the body; where the upstream did not wait for it, it is dropped."""
        self.consumed = True
        client = self.client
        if client is None:
            return
        self.tried.sent += len(data)
        if self._chunked:
            client.transport.writeSequence((chunk(data), data, b"\r\n"))
        else:
            client.transport.write(data)

    def body_ended(self) -> None:
        """The last piece is here: it is the upstream's turn."""
        self.complete = True
        client = self.client
        if client is None:
            return
        if self._chunked:
            client.transport.write(LAST_CHUNK)
        client.transport.unregisterProducer()
        self.request.channel.resume_body()
        client.touch(self.timeouts.read)

    def body_broken(self) -> None:
        """No more of the body comes, and the request is answered from here."""
        client, self.client = self.client, None
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        if client is not None:
            client.drop()
        self._free()
        self._finish()
