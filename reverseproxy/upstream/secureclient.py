"""A connection to an upstream with TLS: `ProxyClient` above Twisted's TLS, above the transport.

The handshake is a part of connecting: `proxy_connect_timeout` holds for both, and who waits hears
that there is a connection when the other side is who it should be.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from OpenSSL import SSL
from twisted.internet.interfaces import IHandshakeListener, IPushProducer
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from reverseproxy.errors import (
    UpstreamHandshake,
    UpstreamProtocolError,
    UpstreamTimeout,
    UpstreamUntrusted,
)
from reverseproxy.tls import pem, verification
from reverseproxy.web.segments import TURN, FileSegment

from .client import PATIENCE, ProxyClient

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from reverseproxy.tls.upstream import Secured
    from reverseproxy.wire.heads import ResponseHead

    from .exchange import Exchange
    from .pool import Peer

#: How much of a file is encrypted at once.
PIECE = 64 * 1024
_EOF = "unexpected eof while reading"


class SecureTransport(TLSMemoryBIOProtocol):
    """What a `ProxyClient` asks of its transport, with TLS."""

    wrappedProtocol: SecureClient
    transport: Any
    _tlsConnection: Any
    _upload: Upload | None = None

    def makeConnection(self, transport: Any) -> None:
        """Begin the handshake.

        As of the base classes, less the interfaces that they give to each connection: nobody asks
        for those, and they would cost as much as the request that comes.
        """
        # Whole records go out anyway; as nginx.
        transport.setTcpNoDelay(True)
        client = self.wrappedProtocol
        self._tlsConnection = client.secured.connection(client.peer.sessions.get(client.secured))
        self._appSendBuffer = []
        Protocol.makeConnection(self, transport)
        client.makeConnection(self)
        self._checkHandshakeStatus()

    @property
    def busy(self) -> bool:
        """Whether something waits to be sent."""
        return self._upload is not None or bool(self._appSendBuffer) or self.transport.busy

    @property
    def bufferSize(self) -> int:
        """How much is read at once; it may be less than what a record needs to be whole."""
        size: int = self.transport.bufferSize
        return size

    @bufferSize.setter
    def bufferSize(self, size: int) -> None:
        self.transport.bufferSize = size

    def write_file(self, head: bytes, segment: FileSegment, cork: bool) -> None:  # noqa: ARG002 - as the transport below has it
        """Send `head`, then a piece of a file, as fast as it is taken."""
        self.write(head)
        self._upload = Upload(self, segment)
        self.registerProducer(self._upload, True)
        self._upload.resumeProducing()

    def uploaded(self) -> None:
        """The file was sent."""
        self._upload = None
        self.unregisterProducer()

    def abortConnection(self) -> None:
        if self._upload is not None:
            # Its file may be closed any time now.
            self._upload.stopProducing()
        if self._tlsConnection is not None:
            super().abortConnection()

    @property
    def lost(self) -> bool:
        """Whether TLS has ended, and nothing can be sent any more."""
        return self._lostTLSConnection

    def _tlsShutdownFinished(self, reason: Failure | None) -> None:
        super()._tlsShutdownFinished(reason)
        if reason is None and self.busy:
            # The other side ended in good order, and may never read the rest of the request.
            self.transport.close_at_once()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        connection = self._tlsConnection
        super().connectionLost(reason)
        # OpenSSL would forget the session of a connection that was not closed as it should be.
        connection.set_shutdown(SSL.SENT_SHUTDOWN | SSL.RECEIVED_SHUTDOWN)


@implementer(IPushProducer)
class Upload:
    """A file on its way into a connection with TLS, piece by piece."""

    def __init__(self, transport: SecureTransport, segment: FileSegment) -> None:
        self._transport = transport
        self._segment = segment
        self._paused = True
        self._later: Any = None

    def resumeProducing(self) -> None:
        """Send until the kernel takes no more, or others should get their turn."""
        self._paused = False
        segment, turn = self._segment, TURN
        if self._transport.lost:
            segment.remaining = 0
        while segment.remaining and not self._paused:
            if turn <= 0:
                self._paused = True
                self._later = self._transport.transport.reactor.callLater(0, self._go_on)
                return
            try:
                data = os.pread(segment.fd, min(PIECE, segment.remaining), segment.offset)
            except OSError:
                data = b""
            if not data:
                # It shrank under us, or can't be read: only a cut tells the upstream.
                self._transport.abortConnection()
                return
            segment.offset += len(data)
            segment.remaining -= len(data)
            turn -= len(data)
            self._transport.write(data)
        if not segment.remaining and not self._paused:
            self._transport.uploaded()

    def _go_on(self) -> None:
        self._later = None
        self.resumeProducing()

    def pauseProducing(self) -> None:
        """The kernel takes no more."""
        self._paused = True
        self._wait_no_more()

    def stopProducing(self) -> None:
        """The connection is gone."""
        self._paused = True
        self._segment.remaining = 0
        self._wait_no_more()

    def _wait_no_more(self) -> None:
        later, self._later = self._later, None
        if later is not None:
            later.cancel()


@implementer(IHandshakeListener)
class SecureClient(ProxyClient):
    """The protocol of one pooled connection with TLS."""

    secured: Secured

    def __init__(self, peer: Peer, exchange: Exchange | None, secured: Secured) -> None:
        super().__init__(peer, exchange)
        self.secured = secured
        self._established = False
        self._kept = not secured.reuses
        self._connection: SSL.Connection | None = None

    def connectionMade(self) -> None:
        exchange = self._joined()
        if exchange is not None:
            self.deadline = exchange.tried.started + exchange.timeouts.connect

    def handshakeCompleted(self) -> None:
        """TLS is agreed upon: see who the other side is."""
        exchange = self.exchange
        if exchange is None:
            self.drop()
            return
        objection = self.secured.objection(self.transport.getHandle())
        if objection:
            self.fail(UpstreamUntrusted(f"{objection}, while SSL handshaking to upstream"))
            return
        self._established = True
        exchange.connected(self)

    def _read_head(self, exchange: Exchange, data: bytes) -> None:
        if not self._kept:
            # With TLS 1.3 it comes after the handshake, before the first answer.
            self._kept = True
            session = self.transport.getHandle().get_session()
            if session is not None:
                self.peer.keep_session(self.secured, session)
        super()._read_head(exchange, data)

    def _switch(self, exchange: Exchange, head: ResponseHead, data: bytes) -> None:
        if self.transport.busy:
            raise UpstreamProtocolError("upstream switched protocols before it had the request")
        super()._switch(exchange, head, data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._established:
            super().connectionLost(reason)
            return
        exchange = self._left()
        self.peer.sessions.pop(self.secured, None)
        if exchange is None:
            return
        chain = verification.broken_chain(self.transport.getHandle(), self.secured.name)
        if chain:
            exchange.failed(UpstreamUntrusted(f"{chain}, while SSL handshaking to upstream"))
            return
        why = self._how(reason)
        what = f"SSL handshake failed{why}" if why else "peer closed connection in SSL handshake"
        exchange.failed(UpstreamHandshake(f"{what} while SSL handshaking to upstream"))

    def _how(self, reason: Failure) -> str:
        error = reason.value
        words = pem.told(error) if isinstance(error, SSL.Error) else ""
        return f" (SSL: {words})" if words not in ("", _EOF) else ""

    def check(self, now: float) -> None:
        exchange = self.exchange
        if self._established or exchange is None:
            super().check(now)
        elif now >= self.deadline:
            self.fail(UpstreamTimeout("upstream timed out while SSL handshaking to upstream"))
        elif now >= exchange.tried.started + PATIENCE:
            self.peer.make_way(self)

    @property
    def waits(self) -> bool:
        if not self._established:
            return self.exchange is not None
        return super().waits


class _Maker:
    """What Twisted's TLS tells when a connection is gone, in the place of its factory."""

    def unregisterProtocol(self, _transport: SecureTransport) -> None:
        """The pool and the sweep know already."""


MAKER: Any = _Maker()
