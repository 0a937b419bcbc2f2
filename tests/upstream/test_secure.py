"""TLS to upstreams: the handshake, who the other side is, and what goes over the connection."""

from __future__ import annotations

import os

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from tests.certificates import Certificate, shared
from tests.secureupstream import SecureUpstream, server_context
from tests.support import Bench, Client, ok, serve

NAMED = "proxy_ssl_name app.example; proxy_ssl_server_name on;"


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
        return self.serve(
            f"proxy_ssl_verify on; proxy_ssl_trusted_certificate ca.pem; {extra}", url
        )

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


class HandshakeTests(SecureCase):
    """From the connection to the answer."""

    def test_answer(self) -> None:
        """A request goes over TLS, its answer comes back, and the connection is kept."""
        bench = self.serve()
        client = self.asked(bench, b"/a")
        end = self.end(bench)
        self.assertEqual(end.take(), b"GET /a HTTP/1.1\r\nHost: 127.0.0.1:8443\r\n\r\n")
        end.send(ok(b"hello"))
        self.assertEqual((client.answer().body, bench.idle(port=8443)), (b"hello", 1))
        client.ask(b"/b")
        end.pump()
        self.assertEqual(end.take()[:7], b"GET /b ")
        self.assertEqual(len(bench.upstreams), 1)

    def test_nothing_before(self) -> None:
        """Nothing of a request goes out before the other side is who it should be."""
        bench = self.verified()
        client = self.asked(bench, b"/secret")
        end = self.end(bench, self.ca.issue("other.example"))
        self.assertEqual(end.take(), b"")
        self.assert_failed(client, bench, 502, "(RP-502-untrusted)")
        self.assertEqual(bench.upstream().ended, "reset")
