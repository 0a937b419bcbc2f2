"""A listening address: its virtual hosts and what its connections share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs
from twisted.web import server

from reverseproxy.errors import ClientError

from .channel import HTTPChannel
from .dates import Dates
from .request import Request
from .room import is_short, make_room
from .sweep import Sweep

if TYPE_CHECKING:
    from reverseproxy.content.stubstatus import Numbers
    from reverseproxy.logs.errors import ErrorLog
    from reverseproxy.tls.names import Secured

    from .settings import ClientSettings, ServerSettings
    from .vhosts import NameVirtualHost


@attrs.frozen
class HeadLimits:
    """How large a head may be.

    No line longer than `line`, no head longer than `whole` (`large_client_header_buffers`), no more
    than `fields` fields (`max_headers`).
    """

    line: int
    whole: int
    fields: int

    @classmethod
    def of(cls, settings: ServerSettings) -> HeadLimits:
        """From the directives of an address's default server."""
        buffers = settings.large_client_header_buffers
        return cls(buffers.size, buffers.size * buffers.count, settings.max_headers)

    def exceeded(self, head: bytes) -> bool:
        """Whether a (possibly unfinished) head is over a limit; asked only of long ones."""
        return len(head) > self.whole or self._longest(head) > self.line

    @staticmethod
    def _longest(head: bytes) -> int:
        return max(map(len, head.split(b"\n")))

    def error(self, head: bytes) -> ClientError:
        """Say which limit it was: 414 for the request line, 494 (a 400) for fields, as nginx.

        The offset is that of the first byte beyond it.
        """
        why = "(large_client_header_buffers)"
        at = len(head) - len(head.lstrip(b"\r\n"))
        for number, line in enumerate(head[at:].split(b"\n")):
            if len(line) > self.line and at + self.line < self.whole:
                if not number:
                    detail = f"client sent a request line over {self.line} bytes {why}"
                    return ClientError(414, "RP-414-request-line", detail, at + self.line)
                name = line.partition(b":")[0][:60].decode("latin-1")
                detail = f"client sent a line over {self.line} bytes, field {name!a} {why}"
                return ClientError(494, "RP-400-head-size", detail, at + self.line)
            at += len(line) + 1
        detail = f"client sent a head over {self.whole} bytes {why}"
        return ClientError(494, "RP-400-head-size", detail, self.whole)


@attrs.define(eq=False)
class Connections:
    """`worker_connections`: how many connections there are, and how many there may be."""

    limit: int
    clients: int = 0
    upstreams: int = 0
    serial: int = 0
    #: how many requests those carried that are closed
    requests: int = 0
    #: how many connections there was no room for
    refused: int = 0
    #: when it was last found that nobody idles, so that nobody could make room (monotonic)
    searched: float = -1.0
    #: what the other workers count, where there are any
    elsewhere: Callable[[], Numbers] | None = None


class Site(server.Site):
    """Twisted's Site for one address, with strict channels and lazy requests."""

    protocol = HTTPChannel
    requestFactory = Request
    displayTracebacks = False
    #: A form's fields are parsed for foreign resources up to this size, in bytes.
    form_limit = 1024 * 1024
    draining = False
    noisy = False

    def __init__(
        self,
        vhosts: NameVirtualHost,
        *,
        reactor: Any,
        sweep: Sweep,
        dates: Dates,
        seconds: Callable[[], float],
        connections: Connections,
        settings: ClientSettings,
        head_limits: HeadLimits,
        error_log: ErrorLog,
        secured: Secured | None = None,
    ) -> None:
        super().__init__(vhosts, reactor=reactor)
        self.vhosts = vhosts
        self.sweep = sweep
        self.dates = dates
        self.seconds = seconds
        self.connections = connections
        self.settings = settings
        self.head_limits = head_limits
        self.error_log = error_log
        #: what TLS needs, where it is spoken
        self.secured = secured
        #: sites of single addresses, by host, whose connections arrive at this wildcard's socket
        self.specific: dict[str, Site] = {}
        # The base class's clock for its log is a timer that nobody needs here.
        self._logDateTimeCall = None

    def become(self, other: Site) -> None:
        """Serve from now on what `other` would: the next request of each connection is its.

        Requests under way hold their server and their location, and end as they began.
        """
        self.resource = other.resource
        self.vhosts = other.vhosts
        self.settings = other.settings
        self.head_limits = other.head_limits
        self.error_log = other.error_log
        self.secured = other.secured
        for host, site in self.specific.items():
            site.become(other.specific.get(host, other))
        self.specific = {
            host: self.specific.get(host, site) for host, site in other.specific.items()
        }

    def drain(self) -> None:
        """Let no connection outlive the request that it carries."""
        self.draining = True
        for site in self.specific.values():
            site.drain()

    def startFactory(self) -> None:
        """Twisted's own access log is not started: locations have theirs."""

    def stopFactory(self) -> None:
        """Nothing was started."""

    def buildProtocol(self, addr: Any) -> HTTPChannel | None:  # type: ignore[override]
        """A channel for a new connection, or None when `worker_connections` are taken."""
        connections = self.connections
        freed = self.make_room() if is_short(connections) else 0
        if connections.clients + connections.upstreams - freed >= connections.limit:
            connections.refused += 1
            self.error_log.log(
                "alert",
                f"{connections.limit} worker_connections are not enough: "
                f"connection from {getattr(addr, 'host', addr)} closed",
            )
            return None
        channel = self.protocol()
        channel.site = self
        channel.factory = self
        return channel

    def make_room(self) -> int:
        """Close connections that idle, as there are too few left; how many."""
        freed = make_room(self.connections, self.sweep)
        if freed:
            self.error_log.complain("worker_connections are not enough, reusing connections")
        return freed

    def next_connection(self) -> int:
        """Count a connection in; its number for the error log."""
        connections = self.connections
        connections.clients += 1
        connections.serial += 1
        return connections.serial

    def connection_closed(self, requests: int) -> None:
        """Count a connection out, and the requests that it carried."""
        self.connections.requests += requests
        self.connections.clients -= 1
