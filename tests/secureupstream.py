"""An upstream's end that speaks TLS, in memory: OpenSSL over the bytes of an `Upstream`."""

from __future__ import annotations

from typing import Any

from OpenSSL import SSL, crypto
from OpenSSL._util import lib  # pyOpenSSL has no name for SSL_session_reused

from reverseproxy.tls import pem

from .certificates import Certificate
from .support import Upstream


def server_context(
    certificate: Certificate,
    *chain: Certificate,
    clients: Certificate | None = None,
    protocol: int = 0,
) -> SSL.Context:
    """What a server has: its certificate, and the authority that its clients need if they do."""
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    pem.use_pair(context, certificate.pem + b"".join(link.pem for link in chain), certificate.key)
    context.set_session_id(b"test")
    if protocol:
        context.set_max_proto_version(protocol)
    if clients is not None:
        store: Any = context.get_cert_store()
        store.add_cert(crypto.X509.from_cryptography(clients.certificate))
        context.set_verify(
            SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, lambda *args: bool(args[-1])
        )
    return context


class SecureUpstream:
    """The TLS above one connection to an upstream."""

    def __init__(self, upstream: Upstream, context: SSL.Context) -> None:
        self.upstream = upstream
        self.connection = SSL.Connection(context, None)
        self.connection.set_accept_state()
        self.received = bytearray()
        #: whether the other end said that it sends no more
        self.ended = False
        #: what OpenSSL had against it
        self.error: SSL.Error | None = None
        #: whether this one finished the handshake
        self.established = False

    def pump(self) -> SecureUpstream:
        """Let bytes go to and fro until nothing moves."""
        for _ in range(10_000):
            arrived = self.upstream.take()
            if arrived:
                self.connection.bio_write(arrived)
            self._read()
            if not self.flush() and not self.upstream.received:
                return self
        raise AssertionError("it never comes to rest")

    def _read(self) -> None:
        try:
            if not self.established:
                self.connection.do_handshake()
                self.established = True
            while not self.ended:
                self.received += self.connection.recv(65_536)
        except SSL.WantReadError:
            pass
        except SSL.ZeroReturnError:
            self.ended = True
        except SSL.Error as error:
            self.error = self.error or error

    def flush(self) -> bool:
        """Let what is encrypted arrive; whether there was anything."""
        pieces = []
        while True:
            try:
                pieces.append(self.connection.bio_read(65_536))
            except SSL.WantReadError:
                break
        if pieces:
            self.upstream.send(b"".join(pieces))
        return bool(pieces)

    def send(self, *pieces: bytes) -> None:
        """Send, each piece in records of its own."""
        for piece in pieces:
            sent = 0
            while sent < len(piece):
                sent += self.connection.send(piece[sent:])
            self.flush()
        self.pump()

    def take(self) -> bytes:
        """What was received, decrypted; it is not given again."""
        data = bytes(self.received)
        self.received.clear()
        return data

    def close(self) -> None:
        """Say that nothing more comes, and close."""
        self.connection.shutdown()
        self.flush()
        self.upstream.close()

    @property
    def name(self) -> bytes | None:
        """The name that was asked for (SNI)."""
        return self.connection.get_servername()

    @property
    def resumed(self) -> bool:
        """Whether an older session goes on."""
        found: int = lib.SSL_session_reused(self.connection._ssl)  # type: ignore[attr-defined]  # OpenSSL's own
        return bool(found)
