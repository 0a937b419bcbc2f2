"""`twisted.web.server.Request`, made lazily.

What Twisted computes for every request (`requestHeaders`, `args`, `content`, cookies, addresses) is
made here when somebody asks: a foreign resource finds all of it, and the proxy pays for none.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from twisted.internet import address
from twisted.internet.defer import Deferred
from twisted.web import server
from twisted.web.http import datetimeToString, parse_qs
from twisted.web.http_headers import Headers

from reverseproxy.wire.fields import safe_field_value

from .response import BODILESS, Fields, Response
from .spool import Spool

if TYPE_CHECKING:
    from reverseproxy.wire.heads import RequestHead

    from .channel import HTTPChannel
    from .locations import Location
    from .site import Site

#: Fields that the framing decides, or that the proxy says of itself.
_OURS = frozenset({b"server", b"date", b"connection", b"transfer-encoding", b"keep-alive"})


class LazyRequest(server.Request):
    """The attributes that a resource written for Twisted expects of a request."""

    channel: HTTPChannel
    location: Location
    head: RequestHead
    site: Site
    spool: Spool | None = None
    query: bytes | None = None
    path: bytes = b""
    queued = False
    peer: bytes
    #: the client's port as its proxy says, empty if it says none; None: it is the connection's
    peer_port: bytes | None = None

    def _foreign_response(self) -> Response:
        """The answer as a foreign resource described it."""
        fields: Fields = []
        length: int | None = None
        for name, values in self.responseHeaders.getAllRawHeaders():
            lower = name.lower()
            if lower == b"content-length":
                length = int(values[-1])
            elif lower not in _OURS:
                fields += [(name, value) for value in values]
        fields += [(b"Set-Cookie", cookie) for cookie in self.cookies]
        kind = self.defaultContentType
        if _has(fields, b"content-type") or length == 0 or self.code in BODILESS:
            kind = None
        if kind is not None:
            fields.append((b"Content-Type", kind))
        if self.etag is not None:
            fields.append((b"ETag", self.etag))
        if self.lastModified is not None:
            fields.append((b"Last-Modified", datetimeToString(self.lastModified)))
        reason = self.code_message if safe_field_value(self.code_message) else None
        return Response(self.code, fields, length, reason=reason)

    def prepare_for_resource(self) -> None:
        """Set what `twisted.web.server.Request.process` sets before a resource is looked up."""
        self.clientproto = b"HTTP/" + self.head.version
        self.prepath: list[bytes] = []
        self.sitepath: list[bytes] = []  # part of the session cookie's name
        self.postpath: list[bytes] = [
            unquote_to_bytes(segment) for segment in self.path[1:].split(b"/")
        ]
        if (self.head.named.get(b"content-type") or b"").split(b";")[0].strip().lower() == (
            b"application/x-www-form-urlencoded"
        ):
            form = self.content.read(self.site.form_limit)
            self.content.seek(0)
            self.args.update(parse_qs(form, 1))

    @cached_property
    def requestHeaders(self) -> Headers:  # type: ignore[override]
        headers = Headers()
        for name, value in self.head.fields:
            headers.addRawHeader(name, value)
        return headers

    @cached_property
    def responseHeaders(self) -> Headers:  # type: ignore[override]
        return Headers()

    @cached_property
    def received_cookies(self) -> dict[bytes, bytes]:  # type: ignore[override]
        cookies: dict[bytes, bytes] = {}
        for line in self.head.get_all(b"cookie"):
            for pair in line.split(b";"):
                name, equals, value = pair.lstrip().partition(b"=")
                if equals:
                    cookies[name] = value
        return cookies

    @cached_property
    def cookies(self) -> list[bytes]:  # type: ignore[override]
        return []

    @cached_property
    def notifications(self) -> list[Deferred[None]]:  # type: ignore[override]
        return []

    @cached_property
    def _adapterCache(self) -> dict[Any, Any]:
        return {}

    @cached_property
    def args(self) -> dict[bytes, list[bytes]]:  # type: ignore[override]
        return parse_qs(self.query, 1) if self.query else {}

    @cached_property
    def content(self) -> Any:  # type: ignore[override]
        if self.spool is not None:
            return self.spool.open()
        return Spool(self.location.spool, 0).open()

    @cached_property
    def client(self) -> Any:  # type: ignore[override]
        if self.peer_port is None:
            return self.channel.getPeer()
        host = self.peer.decode()
        kind = address.IPv6Address if ":" in host else address.IPv4Address
        return kind("TCP", host, int(self.peer_port or 0))

    @cached_property
    def host(self) -> Any:  # type: ignore[override]
        return self.channel.getHost()

    @property
    def transport(self) -> Any:  # type: ignore[override]
        return self.channel.transport

    def _taken_notifications(self) -> list[Deferred[None]]:
        notifications: list[Deferred[None]] = self.__dict__.pop("notifications", [])
        return notifications


def _has(fields: Fields, lower_name: bytes) -> bool:
    return any(name.lower() == lower_name for name, _ in fields)
