"""Requests that came over TLS, or should have: which of them a server takes.

nginx's rules: plain HTTP on an address for TLS is 497; a server that verifies clients answers for
no other name than the one that the handshake was for (421), and 495 or 496 where the certificate
doesn't verify or is not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reverseproxy.errors import ClientError, ReverseProxyError
from reverseproxy.web.request import Request
from reverseproxy.wire.hosts import parse_host

from . import library
from .transport import Secure

if TYPE_CHECKING:
    from reverseproxy.web.channel import HTTPChannel
    from reverseproxy.web.vhosts import VirtualHost
    from reverseproxy.wire.heads import RequestHead

#: X509_V_ERR_…, each "the issuer is not known": what optional_no_ca takes.
UNKNOWN_ISSUER = frozenset({2, 18, 19, 20, 21})


class SecureRequest(Request):
    """A request on an address that listens with TLS."""

    def __init__(self, channel: HTTPChannel, head: RequestHead) -> None:
        super().__init__(channel, head)
        if channel.transport.tls is not None:
            self.scheme = b"https"

    def isSecure(self) -> bool:
        return self.scheme == b"https"

    def begin(self) -> None:
        """Find out whether the request may come at all, then go the way of all."""
        target = self.head.target
        if target.startswith(b"/"):
            vhost = self.site.vhosts.default
            try:
                vhost = self.site.vhosts.choose(self.head.named.get(b"host", b""))
                self._admit(vhost)
            except ReverseProxyError as error:
                self.vhost, self.location = vhost, vhost.location
                self.fail(error)
                return
        super().begin()

    def _other_target(self) -> VirtualHost:
        vhost = super()._other_target()
        self._admit(vhost)
        return vhost

    def _admit(self, vhost: VirtualHost) -> None:
        """Raises ClientError unless the server takes requests over this connection."""
        transport: Secure = self.channel.transport
        tls = transport.tls
        if tls is None:
            raise ClientError(
                497, "RP-400-plain-http", "client sent plain HTTP request to HTTPS port"
            )
        secured = self.site.secured
        host = None if secured is None else secured.hosts.get(vhost)
        if host is None or host.settings.ssl_verify_client == "off":
            return
        name = transport.server_name
        if (
            parse_host(self.head.named.get(b"host") or b"")[0] != name
            if name is not None
            else host.identity != transport.host.identity
        ):
            raise ClientError(
                421,
                "RP-421-name",
                "client attempted to request the server name different from the one that was "
                "negotiated",
            )
        mode = host.settings.ssl_verify_client
        result = library.verify_result(tls)
        if result and not (mode == "optional_no_ca" and result in UNKNOWN_ISSUER):
            raise ClientError(
                495,
                "RP-400-client-certificate",
                f"client SSL certificate verify error: ({result}:{library.verify_error(result)})",
            )
        if transport.objection:
            raise ClientError(
                495,
                "RP-400-client-certificate",
                f"client SSL certificate verify error: {transport.objection}",
            )
        if mode == "on" and tls.get_peer_certificate() is None:
            raise ClientError(
                496,
                "RP-400-no-client-certificate",
                "client sent no required SSL certificate",
            )
