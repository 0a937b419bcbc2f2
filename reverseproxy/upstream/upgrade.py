"""Exchanges that may become tunnels: the request asks the upstream to switch protocols."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reverseproxy.errors import UpstreamError, UpstreamProtocolError
from reverseproxy.wire.framing import connection_tokens

from .exchange import Exchange
from .tunnel import Tunnel

if TYPE_CHECKING:
    from reverseproxy.wire.heads import ResponseHead

    from .client import ProxyClient

#: What the upstream was asked to switch to.
_SENT_UPGRADE = re.compile(rb"\r\nUpgrade:([^\r]*)\r\n", re.IGNORECASE)


class Upgrade(Exchange):
    """An exchange whose request asks the upstream to switch protocols."""

    upgrades = True

    def switched(self, client: ProxyClient, head: ResponseHead) -> Tunnel:
        """The upstream switches; to what was not offered it may not (RFC 9110 section 7.8)."""
        offered = self._offered()
        named = connection_tokens(head.joined(b"upgrade"))
        if not named or not named <= offered:
            to, of = (
                ascii(b", ".join(sorted(names)).decode("latin-1")) for names in (named, offered)
            )
            raise UpstreamProtocolError(f"upstream switched protocols to {to}, {of} was offered")
        request, tried = self.request, self.tried
        tried.status, tried.head = 101, head
        tried.header_time = self._elapsed()
        self._unlimited()
        self.client = None
        if self._member is not None:
            # The group's server is busy for as long as the tunnel lasts.
            request.held += (self._free,)
        response = self._route.response(request, head, None)
        return Tunnel(request, client, self, response)

    def _offered(self) -> frozenset[bytes]:
        """The protocols that the client asked for, and that this proxy passed on.

        None under HTTP/1.0, nor where Connection does not name Upgrade.
        """
        asked, sent = self.request.head, _SENT_UPGRADE.search(self._head)
        asks = b"upgrade" in connection_tokens(asked.joined(b"connection"))
        if sent is None or not asks or asked.version != b"1.1":
            return frozenset()
        return connection_tokens(sent[1]) & connection_tokens(asked.joined(b"upgrade"))

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
