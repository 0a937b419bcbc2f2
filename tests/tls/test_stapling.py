"""ssl_stapling: responses that are fetched, kept, and sent in handshakes."""

from __future__ import annotations

import os
from typing import Any

from OpenSSL import SSL
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError
from reverseproxy.upstream.dns import Found
from reverseproxy.web.assembly import Assembly

from ..authorities import REVOKED, UNKNOWN, Certificate
from ..certificates import authority, pair, write, write_pair
from ..support import EPOCH, Bench, Upstream, serve
from ..tlsclient import TLSClient
from .test_names import ONLY_12
from .test_serving import ONE

URL = "http://10.0.0.9:81/ocsp"
TYPE = b"Content-Type: application/ocsp-response"


def response(body: bytes, *fields: bytes, status: bytes = b"200 OK") -> bytes:
    """A responder's answer."""
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *(fields or (TYPE,))]
    return b"\r\n".join([*lines, b"", body])


class StaplingCase(SynchronousTestCase):
    """A server whose certificate names a responder."""

    def setUp(self) -> None:
        self.made = pair("example.org", responder=URL)

    def bench(self, extra: str = "", made: Certificate | None = None, chain: bool = True) -> Bench:
        """A bench that staples, and asks."""
        bench = self.quiet(
            f"server {{ listen 443 ssl; {ONE} ssl_stapling on; {extra} }}", made, chain
        )
        bench.assembly.stapling.start()
        bench.advance(2)
        return bench

    def quiet(self, text: str, made: Certificate | None = None, chain: bool = True) -> Bench:
        """A bench that does not ask."""
        folder = os.path.abspath(self.mktemp())
        write_pair(folder, "one", made or self.made, *([authority()] if chain else ()))
        write_pair(folder, "rsa", pair("example.org", "rsa", responder=URL), authority())
        write(folder, ca=authority().pem)
        return serve(self, text, folder)

    def word(
        self, bench: Bench, *args: Any, made: Certificate | None = None, **options: Any
    ) -> bytes:
        """What the authority says now."""
        now = EPOCH + bench.reactor.seconds()
        return authority().word(made or self.made, *args, now=now, **options)

    def answer(
        self, bench: Bench, body: bytes, *fields: bytes, status: bytes = b"200 OK"
    ) -> Upstream:
        """Answer what was asked last."""
        upstream = bench.upstream()
        upstream.send(response(body, *fields, status=status))
        return upstream

    def pause(self, bench: Bench) -> float:
        """Let time pass until it is asked again; how long that took."""
        asked, begin = len(bench.upstreams), bench.reactor.seconds()
        while len(bench.upstreams) == asked:
            bench.advance(1, 1)
        return bench.reactor.seconds() - begin


class StaplingTests(StaplingCase):
    """What is sent to clients."""

    def test_fetched(self) -> None:
        """The responder in the certificate is asked, and what it says is stapled from then on."""
        bench = self.bench()
        upstream = bench.upstream()
        self.assertEqual((upstream.host, upstream.port), ("10.0.0.9", 81))
        self.assertTrue(upstream.target.startswith(b"/ocsp/MF"), upstream.target)
        self.assertIn((b"Host", b"10.0.0.9:81"), upstream.fields())
        # Nobody waits for it.
        self.assertEqual(TLSClient(bench).stapled, b"")
        word = self.word(bench)
        self.answer(bench, word)
        self.assertEqual(upstream.ended, "reset")
        for options in (0, ONLY_12):
            self.assertEqual(TLSClient(bench, options=options).stapled, word)
        self.assertEqual(len(bench.upstreams), 1)

    def test_in_pieces(self) -> None:
        """The answer may come in pieces, with any framing."""
        for head, end in (
            (b"Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
            (b"", None),
        ):
            bench = self.bench()
            upstream, word = bench.upstream(), self.word(bench)
            upstream.send(b"HTTP/1.1 200 OK\r\n" + head + TYPE + b"\r\n\r\n")
            for part in (word[:100], word[100:]):
                upstream.send(b"%x\r\n%b\r\n" % (len(part), part) if end else part)
            if end:
                upstream.send(end)
            else:
                upstream.close()
            self.assertEqual(TLSClient(bench).stapled, word)

    def test_both_kinds(self) -> None:
        """A server with an RSA and an ECDSA certificate staples what belongs to the one shown."""
        rsa = pair("example.org", "rsa", responder=URL)
        bench = self.bench("ssl_certificate rsa.pem; ssl_certificate_key rsa-key.pem;")
        words = []
        for upstream, made in zip(bench.upstreams, (self.made, rsa), strict=True):
            words.append(self.word(bench, made=made))
            upstream.send(response(words[-1]))
        for kind, word in ((b"ECDSA", words[0]), (b"RSA", words[1])):
            ciphers = b"ECDHE-%b-AES128-GCM-SHA256" % kind
            client = TLSClient(bench, ciphers=ciphers, options=ONLY_12)
            self.assertEqual(client.stapled, word)

    def test_refreshed(self) -> None:
        """It is asked again after an hour, and five minutes before it ends if that is sooner."""
        for hours, pause in ((24.0, 3600), (0.5, 1500), (0.05, 300)):
            bench = self.bench()
            self.answer(bench, self.word(bench, end=hours))
            self.assertLess(abs(self.pause(bench) - pause), 4, hours)
            word = self.word(bench)
            self.answer(bench, word)
            self.assertEqual(TLSClient(bench).stapled, word)

    def test_ends(self) -> None:
        """What has ended is not sent any more, whatever became of asking again."""
        bench = self.bench()
        self.answer(bench, self.word(bench, end=0.5))
        self.pause(bench)
        bench.upstream().close()
        self.assertNotEqual(TLSClient(bench).stapled, b"")
        bench.advance(300, 1)
        self.assertEqual(TLSClient(bench).stapled, b"")

    def test_not_good(self) -> None:
        """Only good answers are sent; one that says revoked ends what was sent before."""
        for status, name in ((REVOKED, "revoked"), (UNKNOWN, "unknown")):
            bench = self.bench()
            self.answer(bench, self.word(bench, status))
            self.assertEqual(TLSClient(bench).stapled, b"")
            self.assertIn(f'certificate status "{name}" in the OCSP', bench.errors()[-1])
        bench = self.bench()
        self.answer(bench, self.word(bench))
        self.pause(bench)
        self.answer(bench, self.word(bench, REVOKED))
        self.assertEqual(TLSClient(bench).stapled, b"")

    def test_resumed(self) -> None:
        """After a reload it is there at once, and is asked for when it would have been."""
        bench = self.bench()
        word = self.word(bench)
        self.answer(bench, word)
        before = bench.assembly
        bench.assembly = Assembly(
            bench.configuration,
            bench.reactor,
            seconds=bench.reactor.seconds,
            clock=lambda: EPOCH + bench.reactor.seconds(),
            previous=before,
        )
        bench.assembly.succeed()
        bench.assembly.stapling.start()
        self.assertEqual(TLSClient(bench).stapled, word)
        self.assertLess(abs(self.pause(bench) - 3600), 4)

    def test_more_than_an_answer(self) -> None:
        """What a responder sends behind its answer is nobody's, and no trouble."""
        bench = self.bench()
        word = self.word(bench)
        bench.upstream().send(response(word) + b"and more")
        self.assertEqual(TLSClient(bench).stapled, word)
        self.assertEqual(bench.upstream().ended, "reset")

    def test_stopped(self) -> None:
        """Who stops waits for no answer."""
        bench = self.bench()
        bench.assembly.stapling.stop()
        bench.reactor.settle()
        self.assertEqual(bench.upstream().ended, "reset")
        bench.advance(600, 1)
        self.assertEqual(len(bench.upstreams), 1)


class FailureTests(StaplingCase):
    """What goes wrong is told, once for each cause, and tried again."""

    def test_told(self) -> None:
        """The log says what is wrong with an answer, and of whom it came."""
        bench = self.bench()
        word = self.word(bench)
        for answer, why in (
            (response(b"", status=b"503 Busy"), "it answered with status 503"),
            (response(word, b"Content-Type: text/html"), "it answered with 'text/html'"),
            (response(b"nonsense"), "OCSP response can't be read"),
            (response(self.word(bench, end=-1)), "OCSP response has expired"),
            (response(authority("Other CA").word(self.made)), "somebody else than the issuer"),
            (response(bytes(70_000)), "more than 65536 bytes"),
            (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 9000, "too big header"),
            (b"SSH-2.0-OpenSSH\r\n\r\n", "not a status line of HTTP/1"),
        ):
            bench.upstream().send(answer)
            self.assertIn('no OCSP response for the certificate "', bench.errors()[-1])
            self.assertIn(why, bench.errors()[-1])
            self.assertIn(f"responder: {URL}", bench.errors()[-1])
            self.assertEqual(bench.upstream().ended, "reset")
            self.assertEqual(TLSClient(bench).stapled, b"")
            self.assertLess(abs(self.pause(bench) - 300), 4)

    def test_once(self) -> None:
        """A cause that lasts is told once; that it is over is told, too."""
        bench = self.bench()
        for _ in range(3):
            bench.upstream().close()
            self.pause(bench)
        lines = [line for line in bench.errors() if "OCSP" in line]
        self.assertEqual(len(lines), 1, lines)
        self.answer(bench, self.word(bench))
        self.assertIn("there is an OCSP response", bench.errors()[-1])

    def test_hangs(self) -> None:
        """A responder that says nothing, or drips, is given up, and holds nobody up meanwhile."""
        for drips in (False, True):
            bench = self.bench()
            upstream = bench.upstream()
            upstream.send(b"HTTP/1.1 200 OK\r\n" + TYPE + b"\r\n\r\n")
            self.assertTrue(TLSClient(bench).connected)
            for _ in range(20):
                if drips and not upstream.ended:
                    upstream.send(b"x")
                bench.advance(1)
            self.assertEqual(upstream.ended, "reset")
            why = "no answer within 15 s" if drips else "timed out"
            self.assertIn(why, bench.errors()[-1])

    def test_refused(self) -> None:
        """Where nobody listens the next address is tried."""
        made = pair("example.org", responder="http://ocsp.test/")
        bench = self.quiet(f"server {{ listen 443 ssl; {ONE} ssl_stapling on; }}", made)
        bench.assembly.groups.names.lookup = lambda _host: succeed(Found(["10.0.0.1", "10.0.0.2"]))
        bench.accepting = False
        bench.assembly.stapling.start()
        bench.advance(2)
        bench.upstream().refuse()
        self.assertEqual([one.host for one in bench.upstreams], ["10.0.0.1", "10.0.0.2"])
        bench.upstream().accept()
        self.assertIn((b"Host", b"ocsp.test"), bench.upstream().fields())
        word = self.word(bench, made=made)
        self.answer(bench, word)
        self.assertEqual(TLSClient(bench).stapled, word)

    def test_unresolved(self) -> None:
        """A responder whose host has no address is told, and looked up again."""
        made = pair("example.org", responder="http://ocsp.test/")
        bench = self.quiet(f"server {{ listen 443 ssl; {ONE} ssl_stapling on; }}", made)
        bench.assembly.groups.names.lookup = lambda _host: succeed(Found([]))
        bench.assembly.stapling.start()
        bench.advance(2)
        self.assertIn("its host could not be resolved, ", bench.errors()[-1])
        bench.assembly.groups.names.lookup = lambda _host: Deferred()
        bench.advance(330, 1)
        self.assertIn("its host could not be resolved within 15 s, ", bench.errors()[-1])
        self.assertEqual(bench.upstreams, [])

    def test_crowded(self) -> None:
        """Where there is no connection left it is not asked now."""
        bench = self.quiet(f"server {{ listen 443 ssl; {ONE} ssl_stapling on; }}")
        bench.assembly.connections.limit = 0
        bench.assembly.stapling.start()
        bench.advance(2)
        self.assertEqual(bench.upstreams, [])
        self.assertIn("worker_connections are not enough", bench.errors()[-1])


class SettingsTests(StaplingCase):
    """The directives around it."""

    def test_responder(self) -> None:
        """ssl_stapling_responder is asked instead, of certificates that name none, too."""
        bench = self.bench(
            "ssl_stapling_responder http://10.0.0.3/a?b;", pair("example.org", "ec", "Test CA", 80)
        )
        upstream = bench.upstream()
        self.assertEqual((upstream.host, upstream.port), ("10.0.0.3", 80))
        self.assertTrue(upstream.target.startswith(b"/a/MF"), upstream.target)

    def test_resolver(self) -> None:
        """Its host is looked up at the resolver of the server, if there is one."""
        asked = []

        def asking(servers: Any, timeout: float) -> Any:
            asked.append((servers, timeout))
            return self

        made = pair("example.org", responder="http://ocsp.test/")
        bench = self.quiet(
            f"server {{ listen 443 ssl; {ONE} ssl_stapling on; resolver 127.0.0.9 ipv6=off; "
            "resolver_timeout 3s; }",
            made,
        )
        bench.assembly.groups.names.asking = asking
        bench.assembly.stapling.start()
        bench.advance(2)
        self.assertEqual(asked, [((("127.0.0.9", 53),), 3.0)])
        self.assertEqual([one.host for one in bench.upstreams], ["10.0.0.4"])

    def lookup(self, _host: str) -> Any:
        """Stand for name servers."""
        return succeed(Found(["::4", "10.0.0.4"]))

    def test_trusted(self) -> None:
        """The issuer may be in ssl_trusted_certificate instead of the chain."""
        bench = self.bench("ssl_trusted_certificate ca.pem;", chain=False)
        self.answer(bench, self.word(bench))
        self.assertNotEqual(TLSClient(bench).stapled, b"")

    def test_verify(self) -> None:
        """With ssl_stapling_verify a delegate's chain must end at a trusted certificate."""
        delegate = authority().issue(common_name="delegate", delegated=True, age=1000, days=1000)
        for extra, sent in (
            ("", True),
            ("ssl_stapling_verify on;", False),
        ):
            bench = self.bench(extra)
            self.answer(bench, self.word(bench, signer=delegate))
            self.assertEqual(bool(TLSClient(bench).stapled), sent, bench.errors())

    def test_ignored(self) -> None:
        """What keeps a certificate from being asked about is a warning at the directive."""
        plain = pair("example.org")
        secure = pair("example.org", responder="https://ocsp.test/")
        for extra, made, chain, why in (
            ("", plain, True, "no OCSP responder URL in the certificate"),
            ("", secure, True, "only http:// can be asked"),
            ("", self.made, False, "issuer certificate not found for certificate"),
        ):
            bench = self.bench(extra, made, chain)
            (warning,) = bench.assembly.warnings
            self.assertIn('"ssl_stapling" ignored, ', str(warning))
            self.assertIn(why, str(warning))
            self.assertIn("nginx.conf:4:", str(warning))
            self.assertEqual(bench.upstreams, [])
            self.assertEqual(TLSClient(bench).stapled, b"")

    def test_varying(self) -> None:
        """Certificates that variables name are not asked about, which is a warning."""
        bench = self.quiet(
            "server { listen 443 ssl; ssl_certificate $ssl_server_name.pem; ssl_stapling on; "
            "ssl_certificate_key $ssl_server_name-key.pem; }"
        )
        (warning,) = bench.assembly.warnings
        self.assertIn("variables name", str(warning))

    def test_shared(self) -> None:
        """Servers with the same certificate ask once."""
        server = "server { listen 443 ssl; server_name %s; }"
        text = f"{ONE} ssl_stapling on; {server % 'a'} {server % 'b'}"
        bench = self.quiet(text)
        bench.assembly.stapling.start()
        bench.advance(2)
        self.assertEqual(len(bench.upstreams), 1)
        word = self.word(bench)
        self.answer(bench, word)
        for name in ("a", "b"):
            self.assertEqual(TLSClient(bench, name).stapled, word)

    def test_bad_url(self) -> None:
        """A responder that can't be one is an error."""
        for url in ("https://a/", "ocsp.test", "http://", "http://a:0/", "http://a/ü"):
            with self.assertRaises(ConfigurationError):
                self.quiet(f"server {{ listen 443 ssl; {ONE} ssl_stapling_responder {url}; }}")

    def test_not_asked(self) -> None:
        """A client that does not ask for it gets none, and is served."""
        bench = self.bench()
        self.answer(bench, self.word(bench))
        client = TLSClient(bench, connect=False)
        client.tls = tls = SSL.Connection(client.context, None)
        tls.set_connect_state()
        client.pump()
        self.assertTrue(client.connected)
        self.assertEqual(client.stapled, b"")
