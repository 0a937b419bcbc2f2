"""ssl_ocsp: clients whose certificates were taken back."""

from __future__ import annotations

import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError
from reverseproxy.web.assembly import Assembly

from ..authorities import REVOKED, UNKNOWN, Certificate
from ..certificates import authority, pair, write, write_pair
from ..support import EPOCH, Bench, serve
from ..tlsclient import TLSClient
from .test_names import ONLY_12
from .test_serving import ONE
from .test_stapling import response

URL = "http://10.0.0.9/"
VERIFIES = "ssl_verify_client on; ssl_client_certificate ca.pem; ssl_verify_depth 3;"
ASK = b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"


class ClientStatusCase(SynchronousTestCase):
    """A server that asks about its clients."""

    def setUp(self) -> None:
        self.made = pair("Client", responder=URL)

    def bench(self, extra: str = "ssl_ocsp on;", mode: str = "on") -> Bench:
        """A bench that says what became of it."""
        folder = os.path.abspath(self.mktemp())
        write_pair(folder, "one", pair("example.org"))
        write(folder, ca=authority().pem)
        verifies = VERIFIES.replace("client on", f"client {mode}")
        return serve(
            self,
            f"server {{ listen 443 ssl; {ONE} {verifies} {extra} "
            "location / { return 200 $ssl_client_verify; } error_page 495 =200 /bad; "
            "location = /bad { return 200 $ssl_client_verify; } }",
            folder,
        )

    def connect(self, bench: Bench, made: Certificate | None = None, **options: Any) -> TLSClient:
        """A client that has sent a request."""
        client = TLSClient(bench, pair=made or self.made, **options)
        client.send(ASK)
        return client

    def answer(self, bench: Bench, body: bytes) -> None:
        """Answer what was asked last."""
        bench.upstream().send(response(body))

    def word(self, bench: Bench, *args: Any, **options: Any) -> bytes:
        """What the authority says now."""
        return authority().word(self.made, *args, now=EPOCH + bench.reactor.seconds(), **options)

    def said(self, client: TLSClient) -> bytes:
        """The body of the answer."""
        client.pump()
        (found,) = client.answers(b"GET")
        return found.body


class ClientStatusTests(ClientStatusCase):
    """What becomes of requests."""

    def test_good(self) -> None:
        """A request waits until the responder says that the certificate is good."""
        for options in (0, ONLY_12):
            bench = self.bench()
            client = self.connect(bench, options=options)
            self.assertEqual(client.answers(b"GET"), [])
            self.assertEqual(bench.upstream().host, "10.0.0.9")
            self.answer(bench, self.word(bench))
            self.assertEqual(self.said(client), b"SUCCESS")
            # It goes on as any connection.
            self.assertEqual(client.get().body, b"SUCCESS")
            self.assertEqual(len(bench.upstreams), 1)

    def test_not_good(self) -> None:
        """One that was taken back, or that the responder doesn't know, is 495."""
        for status, why in (
            (REVOKED, "certificate revoked"),
            (UNKNOWN, "certificate status unknown"),
        ):
            bench = self.bench()
            client = self.connect(bench)
            self.answer(bench, self.word(bench, status))
            self.assertEqual(self.said(client), b"FAILED:" + why.encode())
            self.assertIn(f"client SSL certificate verify error: {why}", bench.errors()[-1])

    def test_failed(self) -> None:
        """What can't be found out is 495, and the log says why."""
        bench = self.bench()
        client = self.connect(bench)
        self.answer(bench, authority("Other CA").word(self.made))
        self.assertEqual(self.said(client), b"FAILED:certificate status request failed")
        self.assertIn("somebody else than the issuer", "".join(bench.errors()))
        self.assertIn("the status of the client's certificate", "".join(bench.errors()))
        silent = self.connect(bench)
        bench.advance(7)
        self.assertEqual(self.said(silent), b"FAILED:certificate status request failed")
        plain = self.connect(bench, pair("Plain client"))
        self.assertEqual(self.said(plain), b"FAILED:certificate status request failed")
        self.assertIn("no OCSP responder in the certificate", "".join(bench.errors()))

    def test_not_asked(self) -> None:
        """Nobody is asked about a client without a certificate, or with one that doesn't verify."""
        bench = self.bench(mode="optional")
        client = TLSClient(bench)
        client.send(ASK)
        self.assertEqual(self.said(client), b"NONE")
        client = self.connect(bench, pair("Stranger", "ec", "Other CA", responder=URL))
        self.assertIn(b"FAILED:unable to verify", self.said(client))
        self.assertEqual(bench.upstreams, [])

    def test_sessions(self) -> None:
        """It is asked again when a session is resumed."""
        for options in (0, ONLY_12):
            bench = self.bench("ssl_ocsp leaf;")
            first = self.connect(bench, options=options)
            self.answer(bench, self.word(bench))
            self.assertEqual(self.said(first), b"SUCCESS")
            again = self.connect(bench, again=first)
            self.assertTrue(again.reused)
            self.assertEqual(len(bench.upstreams), 2)
            self.answer(bench, self.word(bench, REVOKED))
            self.assertEqual(self.said(again), b"FAILED:certificate revoked")

    def test_chain(self) -> None:
        """With on everybody in the chain but the last is asked about; with leaf only the client."""
        between = authority().issue(common_name="Between", ca=True, responder=URL)
        made = between.issue("client.test", responder=URL)
        for extra, many in (("ssl_ocsp on;", 2), ("ssl_ocsp leaf;", 1)):
            bench = self.bench(extra)
            client = self.connect(bench, made, chain=[between])
            now = EPOCH
            self.answer(bench, between.word(made, now=now))
            self.assertEqual(len(bench.upstreams), many)
            if many == 2:
                self.assertEqual(client.answers(b"GET"), [])
                self.answer(bench, authority().word(between, REVOKED, now=now))
                self.assertEqual(self.said(client), b"FAILED:certificate revoked")
            else:
                self.assertEqual(self.said(client), b"SUCCESS")

    def test_responder(self) -> None:
        """ssl_ocsp_responder is asked instead."""
        bench = self.bench("ssl_ocsp on; ssl_ocsp_responder http://10.0.0.3:82/x;")
        self.connect(bench, pair("Plain client"))
        upstream = bench.upstream()
        self.assertEqual((upstream.host, upstream.port), ("10.0.0.3", 82))
        self.assertTrue(upstream.target.startswith(b"/x/MF"))

    def test_gone(self) -> None:
        """Who leaves meanwhile is forgotten, and so is the question."""
        bench = self.bench()
        client = self.connect(bench)
        client.line.reset()
        bench.advance(70)
        self.assertEqual(bench.upstream().ended, "reset")
        self.assertEqual(bench.assembly.connections.clients, 0)

    def test_bounded(self) -> None:
        """What is sent meanwhile stays in the kernel; ssl_handshake_timeout ends it."""
        bench = self.bench("ssl_ocsp on; ssl_handshake_timeout 2s;")
        client = self.connect(bench)
        client.line.send(b"x" * 100_000)
        self.assertFalse(client.line.reads)
        bench.advance(3.5)
        self.assertIn(client.line.ended, ("closed", "reset"))
        self.assertEqual(bench.upstream().ended, "reset")


class CacheTests(ClientStatusCase):
    """ssl_ocsp_cache."""

    def test_kept(self) -> None:
        """A word is kept until it ends, whatever it says, and on a reload."""
        bench = self.bench("ssl_ocsp on; ssl_ocsp_cache shared:a:32k;")
        for status, said in ((None, b"SUCCESS"), (REVOKED, b"FAILED:certificate revoked")):
            asked = len(bench.upstreams)
            client = self.connect(bench)
            self.assertEqual(len(bench.upstreams), asked + 1)
            self.answer(bench, self.word(bench, *([status] if status else []), end=1))
            self.assertEqual(self.said(client), said)
            self.assertEqual(self.said(self.connect(bench)), said)
            self._reload(bench)
            self.assertEqual(self.said(self.connect(bench)), said)
            self.assertEqual(len(bench.upstreams), asked + 1)
            bench.advance(3601, 1)

    def _reload(self, bench: Bench) -> None:
        before = bench.assembly
        bench.assembly = Assembly(
            bench.configuration,
            bench.reactor,
            seconds=bench.reactor.seconds,
            clock=lambda: EPOCH + bench.reactor.seconds(),
            previous=before,
        )
        bench.assembly.succeed()

    def test_without_end(self) -> None:
        """A word that holds until there is another is not kept."""
        bench = self.bench("ssl_ocsp on; ssl_ocsp_cache shared:a:32k;")
        for number in (1, 2):
            client = self.connect(bench)
            self.assertEqual(len(bench.upstreams), number)
            self.answer(bench, self.word(bench, end=None))
            self.assertEqual(self.said(client), b"SUCCESS")

    def test_bound(self) -> None:
        """The longest unused makes room."""
        bench = self.bench("ssl_ocsp on; ssl_ocsp_cache shared:a:512;")
        clients = [pair(f"Client {number}", responder=URL) for number in range(3)]
        for made in clients:
            self.connect(bench, made)
            self.answer(bench, authority().word(made, now=EPOCH))
        for made, asked in ((clients[2], 3), (clients[1], 3), (clients[0], 4)):
            self.connect(bench, made)
            self.assertEqual(len(bench.upstreams), asked)


class SettingsTests(ClientStatusCase):
    """What does not fit together."""

    def test_errors(self) -> None:
        """optional_no_ca is no verification that one could add to; a cache has one size."""
        for text, said in (
            (
                f"server {{ listen 443 ssl; {ONE} ssl_client_certificate ca.pem; ssl_ocsp on; "
                "ssl_verify_client optional_no_ca; }",
                '"ssl_ocsp" is incompatible with "ssl_verify_client optional_no_ca"',
            ),
            (
                "".join(
                    f"server {{ listen 443 ssl; server_name {name}; {ONE} {VERIFIES} ssl_ocsp on; "
                    f"ssl_ocsp_cache shared:a:{size}; }}"
                    for name, size in (("a", "1m"), ("b", "2m"))
                ),
                'the cache "a" has another size elsewhere',
            ),
        ):
            folder = os.path.abspath(self.mktemp())
            write_pair(folder, "one", pair("example.org"))
            write(folder, ca=authority().pem)
            with self.assertRaises(ConfigurationError) as caught:
                serve(self, text, folder)
            self.assertIn(said, str(caught.exception))
