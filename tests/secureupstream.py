"""An upstream's end that speaks TLS, in memory: OpenSSL over the bytes of an `Upstream`."""

from __future__ import annotations

import os
from typing import Any

from OpenSSL import SSL, crypto
from OpenSSL._util import lib  # pyOpenSSL has no name for SSL_session_reused
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.tls import pem

from .authorities import Certificate, shared
from .support import Bench, Client, Upstream, serve

#: Whoever the authority vouches for is right.
TRUST = "proxy_ssl_verify on; proxy_ssl_trusted_certificate ca.pem;"
#: Who is wanted, and told so.
NAMED = "proxy_ssl_name app.example; proxy_ssl_server_name on;"


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

    def __init__(self, upstream: Upstream, context: SSL.Context, pieces: int = 0) -> None:
        """What is sent arrives as it was written, or in `pieces` of so many bytes."""
        self.upstream = upstream
        self._size = pieces
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
        data = b"".join(pieces)
        size = self._size or max(len(data), 1)
        self.upstream.send(*(data[at : at + size] for at in range(0, len(data), size)))
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


class SecureCase(SynchronousTestCase):
    """A location that goes to an upstream with TLS."""

    def setUp(self) -> None:
        self.prefix = os.path.abspath(self.mktemp())
        os.makedirs(self.prefix)
        self.ca = shared()
        self.write("ca.pem", self.ca.pem)
        self.good = self.ca.issue("app.example", "127.0.0.1")

    def write(self, name: str, data: bytes) -> None:
        """Write a file that a configuration can name."""
        with open(os.path.join(self.prefix, name), "wb") as file:
            file.write(data)

    def serve(self, extra: str = "", url: str = "https://127.0.0.1:8443", more: str = "") -> Bench:
        """A bench whose only location goes to `url`."""
        text = f"{more} server {{ listen 80; location / {{ proxy_pass {url}; {extra} }} }}"
        return serve(self, text, self.prefix)

    def verified(self, extra: str = NAMED, url: str = "https://127.0.0.1:8443") -> Bench:
        """The same, where certificates of the authority are trusted."""
        return self.serve(f"{TRUST} {extra}", url)

    def end(
        self,
        bench: Bench,
        certificate: Certificate | None = None,
        context: SSL.Context | None = None,
    ) -> SecureUpstream:
        """The upstream's end of the newest connection, after the handshake."""
        context = context or server_context(certificate or self.good)
        return SecureUpstream(bench.upstream(), context).pump()

    def asked(self, bench: Bench, path: bytes = b"/") -> Client:
        """A client that has asked for something."""
        client = bench.client()
        client.ask(path)
        return client

    def assert_failed(self, client: Client, bench: Bench, status: int, *words: str) -> None:
        """The client got an error, and the log says why."""
        self.assertEqual(client.answer().status, status)
        line = bench.errors()[-1]
        for word in words:
            self.assertIn(word, line)
