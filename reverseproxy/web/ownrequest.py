"""A request that no client made: what a health check sends to an upstream is rendered with it.

It is in a location as any request is, and templates can be asked with it. Nobody is at its other
end: of most variables the value is empty, as nginx has it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress

from reverseproxy.wire.heads import RequestHead

from .flow import FlowChannel
from .request import Request

if TYPE_CHECKING:
    from .listen import Address
    from .locations import Location
    from .site import Site
    from .vhosts import VirtualHost


class _Nobody:
    """Stands for the transport of a client; `here` is where one would have come in."""

    def __init__(self, here: Address) -> None:
        self._here = here

    def getHost(self) -> IPv4Address | IPv6Address | UNIXAddress:
        """The address that the server listens on."""
        here = self._here
        if here.path:
            return UNIXAddress(here.path)
        kind = IPv6Address if ":" in here.host else IPv4Address
        return kind("TCP", here.host, here.port)

    def getPeer(self) -> UNIXAddress:
        """Somebody without a name."""
        return UNIXAddress(None)

    def write(self, data: bytes) -> None:
        """Take it."""

    def writeSequence(self, pieces: Iterable[bytes]) -> None:
        """Take them."""


class _OwnChannel(FlowChannel):
    """Stands for the connection of a client."""

    persistent = False
    pipelined = False
    peer = b""
    number = 0
    served = 0

    def __init__(self, site: Site, here: Address, location: Location) -> None:
        super().__init__()
        self.transport = _Nobody(here)
        self.request = None
        self.site = site
        self.began = site.seconds()
        self.settings = location.client

    def _advance(self) -> None:
        """Nothing waits here."""


class OwnRequest(Request):
    """`GET uri` in a location of a server that is listened for at `here`."""

    def __init__(
        self, site: Site, vhost: VirtualHost, here: Address, location: Location, uri: bytes
    ) -> None:
        head = RequestHead(b"GET", uri, b"1.1", [], {}, False, b"GET %b HTTP/1.1" % uri)
        channel: Any = _OwnChannel(site, here, location)
        super().__init__(channel, head)
        self.vhost = vhost
        self.location = location
        path, mark, query = uri.partition(b"?")
        self.path = self.document_uri = path
        self.query = query if mark else None
