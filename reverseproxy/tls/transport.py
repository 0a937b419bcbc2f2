"""Accepted connections over TLS: what is written is encrypted, what arrives is decrypted.

A `SecureServer` is a `Server` (`web/accepted.py`) with OpenSSL between the socket's bytes and the
channel's, in memory. So everything that a channel asks of its transport is the same.
Here is the way in; the way out is `Sealing`, the base class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from OpenSSL import SSL, crypto
from twisted.internet import main, tcp
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import ISSLTransport
from twisted.python.failure import Failure
from zope.interface import implementer

from reverseproxy.web.accepted import Server, UnixServer

from .pem import told
from .sealing import RECORD, Sealing

if TYPE_CHECKING:
    from .context import SecureHost
    from .names import Secured
    from .overhearing import Heard

#: What TLS begins with: a handshake record, or the hello of SSL 2.
_HANDSHAKE, _SSL2 = 0x16, 0x80


@implementer(ISSLTransport)
class Secure(Sealing):
    """The part of a `SecureServer` that TLS is about."""

    protocol: Any
    secured: Secured
    #: the server that the handshake was with
    host: SecureHost
    #: the name that the client asked for, when it was one of ours
    server_name: bytes | None = None
    #: what speaks against the client's certificate though it verifies (`ssl_ocsp`)
    objection = ""
    #: what was said in the handshake, if a variable tells of it
    heard: Heard | None = None
    _awaited: Deferred[str] | None = None
    _begun = _held = _left = _reading = False

    def secure(self, secured: Secured) -> None:
        """Begin; the client speaks first."""
        self.secured = secured
        self.tls = secured.connection(self)

    # --- in ---

    doRead = tcp.Connection.doRead  # type: ignore[assignment]  # the mixin says less

    def _dataReceived(self, data: bytes | None) -> Any:
        tls = self.tls
        if not data:
            return main.CONNECTION_DONE
        if not self._begun:
            self._begun = True
            if data[0] != _HANDSHAKE and not data[0] & _SSL2:
                self.tls = tls = None
        if tls is None:
            self.protocol.dataReceived(data)
            return None
        tls.bio_write(data)
        return self._decrypt()

    def _decrypt(self) -> BaseException | None:
        """Hand on what is there; what is wrong, or that the client sends no more."""
        tls = self.tls
        if tls is None or self._reading:
            return None
        self._reading = True
        silent = True
        try:
            if not self.agreed:
                tls.do_handshake()
                self.agreed = True
                self._flush()
                self._look_at_client(tls)
            while not self._held and self.connected:
                data = tls.recv(RECORD)
                silent = False
                self.protocol.dataReceived(data)
            self._left = self._held
        except SSL.WantReadError:
            self._left = False
        except SSL.ZeroReturnError:
            return main.CONNECTION_DONE
        except SSL.Error as error:
            self._flush()
            self.secured.broken(self, told(error))
            # The alert is to arrive; nothing that comes is understood any more, nor can be sent.
            self._parted = True
            self.unregisterProducer()
            self._forget_clear()
            self.loseConnection()
            return None
        finally:
            self._reading = False
        if silent:
            # What came was TLS's own; what it says to anything else leaves with the next record.
            self._flush()
        return None

    def _look_at_client(self, tls: SSL.Connection) -> None:
        """Begin with requests, once it is known what the client's certificate is worth."""
        status = self.host.status
        found = "" if status is None else status.objection(tls, self.protocol)
        if isinstance(found, str):
            self.objection = found
            self.protocol.handshakeCompleted()
        else:
            self._awaited = found
            self.pauseProducing()
            found.addCallbacks(self._looked, lambda failure: failure.trap(CancelledError))

    def _looked(self, objection: str) -> None:
        self._awaited, self.objection = None, objection
        if self.connected:
            self.protocol.handshakeCompleted()
            self.resumeProducing()

    def pauseProducing(self) -> None:
        self._held = True
        super().pauseProducing()

    def resumeProducing(self) -> None:
        self._held = False
        super().resumeProducing()
        if self._left and not self._reading:
            self.reactor.callLater(0, self._read_on)

    def _read_on(self) -> None:
        if self.connected and not self.disconnecting and not self._held:
            ended = self._decrypt()
            if ended is not None:
                self.connectionLost(Failure(ended))

    # --- what a channel asks, and a resource of Twisted's ---

    def getPeerCertificate(self) -> crypto.X509 | None:
        """The client's certificate, whatever it is worth (ISSLTransport)."""
        return None if self.tls is None else self.tls.get_peer_certificate()

    def connectionLost(self, reason: Any) -> None:
        super().connectionLost(reason)
        if self._awaited is not None:
            self._awaited.cancel()
        if self.tls is not None:
            # The two know each other: nobody should have to look for that.
            self.tls.set_app_data(None)
            if self.agreed:
                # Else the session is forgotten of who left without a word, or was cut.
                self.tls.set_shutdown(SSL.SENT_SHUTDOWN | SSL.RECEIVED_SHUTDOWN)


class SecureServer(Secure, Server):
    """An accepted connection over TLS."""


class SecureUnixServer(Secure, UnixServer):
    """An accepted connection over TLS on a unix socket."""
