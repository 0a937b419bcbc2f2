"""TLS while the configuration changes, and certificates that are renewed."""

from __future__ import annotations

import os

from reverseproxy.process import renewing

from ..certificates import pair, write, write_pair
from ..tlsclient import TLSClient
from .test_reload import ReloadCase

SERVER = """server {
    listen 127.0.0.1:8081 ssl;
    ssl_certificate one.pem;
    ssl_certificate_key one-key.pem;
    %s
    location / { return 200 "$scheme"; }
}"""
PLAIN = 'server { listen 127.0.0.1:8081; location / { return 200 "$scheme"; } }'
RENEWS = SERVER % "ssl_certificate_reload on;"


class TLSReloadCase(ReloadCase):
    """A daemon with a certificate."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(renewing, "EVERY", 2.0)
        write_pair(self.prefix, "one", pair("example.org"))

    def subject(self) -> str:
        """The name in the certificate that is shown now."""
        return TLSClient(self, port=8081).subject


class SwapTests(TLSReloadCase):
    def test_certificate(self) -> None:
        """A reload reads certificates anew; connections that are there live on."""
        self.start(SERVER % "")
        client = TLSClient(self, port=8081)
        write_pair(self.prefix, "one", pair("two.test"))
        self.reload(SERVER % "")
        self.assertEqual(self.subject(), "two.test")
        self.assertEqual(client.get().body, b"https")

    def test_broken(self) -> None:
        """With a key that doesn't fit nothing changes, and the log says why."""
        self.start(SERVER % "")
        write(self.prefix, **{"one-key": pair("two.test").key})
        self.reload(SERVER % "")
        self.assertEqual(self.subject(), "example.org")
        self.assertIn("does not belong to", self.log())

    def test_becomes_secure(self) -> None:
        """An address may become one for TLS, and plain again; connections stay what they are."""
        self.start(PLAIN)
        plain = self.client()
        self.assertEqual(plain.get().body, b"http")
        self.reload(SERVER % "")
        client = TLSClient(self, port=8081)
        self.assertEqual(client.get().body, b"https")
        self.assertEqual(plain.get().body, b"http")
        self.reload(PLAIN)
        self.assertEqual(client.get().body, b"https")
        self.assertEqual(self.client().get().body, b"http")


class RenewingTests(TLSReloadCase):
    def test_taken(self) -> None:
        """A pair that was renewed is taken by itself, without the rest of the configuration."""
        self.start(RENEWS)
        write_pair(self.prefix, "one", pair("two.test"))
        self.write("reverseproxy.conf", "nonsense")
        self.advance(2.5)
        self.assertEqual(self.subject(), "two.test")
        count = self.log().count("renewed: ")
        self.advance(5)
        self.assertEqual(self.log().count("renewed: "), count)

    def test_not_asked(self) -> None:
        """Without the directive nothing is looked at."""
        self.start(SERVER % "")
        write_pair(self.prefix, "one", pair("two.test"))
        self.advance(2.5)
        self.assertEqual(self.subject(), "example.org")

    def test_does_not_fit(self) -> None:
        """A certificate without its key waits for it, and is told of once."""
        self.start(RENEWS)
        write(self.prefix, one=pair("two.test").pem)
        self.advance(9)
        self.assertEqual(self.subject(), "example.org")
        self.assertEqual(self.log().count("does not belong to"), 1)
        write_pair(self.prefix, "one", pair("two.test"))
        self.advance(2.5)
        self.assertEqual(self.subject(), "two.test")

    def test_gone(self) -> None:
        """A file that is gone changes nothing."""
        self.start(RENEWS)
        os.unlink(self.path("one.pem"))
        self.advance(5)
        self.assertEqual(self.subject(), "example.org")

    def test_ends(self) -> None:
        """It is told, once a day, that a certificate ends in less than 14 days."""
        write_pair(self.prefix, "one", pair("short.test", "ec", "Test CA", 3))
        self.start(RENEWS)
        self.advance(9)
        told = [line for line in self.log().splitlines() if "ends in" in line]
        self.assertEqual(len(told), 1)
        self.assertRegex(told[0], r'\[warn\].*the certificate ".*/one.pem" ends in [23] days')
