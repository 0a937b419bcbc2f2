"""Several servers on one address over TLS, and what certificates and keys they may have."""

from __future__ import annotations

import os

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError
from reverseproxy.tls import library

from ..certificates import authority, pair, write, write_pair
from ..support import Bench, serve
from ..tlsclient import TLSClient
from .test_serving import ONE, secure

TWO = "ssl_certificate two.pem; ssl_certificate_key two-key.pem;"
#: What the client of a test says that it can't do.
ONLY_12 = SSL.OP_NO_TLSv1_3


class ChoiceTests(SynchronousTestCase):
    """Which server, by the name that the client asks for."""

    def bench(self, extra: str = "", first: str = "") -> Bench:
        """A bench with two servers, `one` the default, and a wildcard and a regex for `two`."""
        return secure(
            self,
            f'server {{ listen 443 ssl; server_name example.org; {ONE} {first} return 200 "one"; }}'
            f"server {{ listen 443 ssl; server_name two.test *.two.test ~^r[0-9]+[.]test$; {TWO} "
            f'{extra} return 200 "two $ssl_server_name"; }}',
            two="two.test",
        )

    def test_names(self) -> None:
        """The certificate and the server are those of the name: exact, wildcard or regex."""
        bench = self.bench()
        for name, shown in (
            ("example.org", "example.org"),
            ("two.test", "two.test"),
            ("A.TWO.test", "two.test"),
            ("r12.test", "two.test"),
            ("other.test", "example.org"),
            (None, "example.org"),
        ):
            client = TLSClient(bench, name)
            self.assertEqual(client.subject, shown, name)
            host = (name or "x").encode()
            body = b"one" if shown == "example.org" else b"two " + host
            self.assertEqual(client.get(host=host).body, body)

    def test_other_host(self) -> None:
        """Host may choose another server of the address than the handshake's name did."""
        client = TLSClient(self.bench(), "example.org")
        self.assertEqual(client.get(host=b"two.test").body, b"two example.org")

    def test_rejected(self) -> None:
        """ssl_reject_handshake refuses with the alert unrecognized_name, also without a name."""
        bench = secure(
            self,
            "server { listen 443 ssl default_server; ssl_reject_handshake on; }"
            f'server {{ listen 443 ssl; server_name example.org; {ONE} return 200 "one"; }}',
        )
        for name in ("other.test", None):
            client = TLSClient(bench, name)
            self.assertFalse(client.connected)
            self.assertEqual(client.line.ended, "closed")
        self.assertIn("unrecognized name", TLSClient(bench, "other.test").over)
        self.assertEqual(TLSClient(bench).get().body, b"one")

    def test_invalid_name(self) -> None:
        """A name that is none is refused."""
        self.assertFalse(TLSClient(self.bench(), "a/b").connected)

    def test_settings_of_the_chosen(self) -> None:
        """Ciphers are those of the chosen server."""
        bench = self.bench("ssl_ciphers ECDHE-ECDSA-AES256-GCM-SHA384;")
        other = TLSClient(bench, "two.test", options=ONLY_12)
        self.assertEqual(other.tls.get_cipher_name(), "ECDHE-ECDSA-AES256-GCM-SHA384")

    def test_specific_address(self) -> None:
        """An address under a wildcard may be plain where the wildcard is TLS."""
        bench = secure(
            self,
            f'server {{ listen 443 ssl; {ONE} return 200 "tls"; }}'
            'server { listen 198.51.100.1:443; return 200 "plain"; }',
        )
        self.assertEqual(bench.client(443).get().body, b"plain")


class PairTests(SynchronousTestCase):
    """Certificates and keys."""

    def folder(self) -> str:
        """A new directory."""
        path = os.path.abspath(self.mktemp())
        os.makedirs(path)
        return path

    def errors(self, folder: str, text: str) -> list[str]:
        """What is wrong with a server."""
        with self.assertRaises(ConfigurationError) as caught:
            serve(self, f"server {{ listen 443 ssl;\n{text}\n}}", folder)
        return [str(error).replace(folder, "") for error in caught.exception.diagnostics]

    def test_two_kinds(self) -> None:
        """A server has an ECDSA and an RSA certificate, each with a chain of its own."""
        folder = self.folder()
        ca, between = authority(), authority("Between", "Test CA")
        write_pair(folder, "ec", pair("example.org"), ca)
        write_pair(folder, "rsa", pair("example.org", "rsa", "Between"), between)
        bench = serve(
            self,
            "server { listen 443 ssl; ssl_certificate ec.pem; ssl_certificate_key ec-key.pem; "
            "ssl_certificate rsa.pem; ssl_certificate_key rsa-key.pem; return 200 $ssl_cipher; }",
            folder,
        )
        for ciphers, kind, issuer in (
            (b"ECDHE-RSA-AES128-GCM-SHA256", b"RSA", "Between"),
            (b"ECDHE-ECDSA-AES128-GCM-SHA256", b"ECDSA", "Test CA"),
        ):
            client = TLSClient(bench, ciphers=ciphers, options=ONLY_12)
            self.assertIn(kind, client.get().body)
            chain = client.tls.get_peer_cert_chain() or []
            self.assertEqual([one.get_subject().CN for one in chain], ["example.org", issuer])

    def test_encrypted(self) -> None:
        """An encrypted key is opened with one of the passwords of ssl_password_file."""
        folder = self.folder()
        made = pair("example.org")
        write(folder, one=made.pem, **{"one-key": made.encrypted(b"secret")})
        write(folder, passwords=b"wrong\nsecret\n")
        bench = serve(
            self,
            f"ssl_password_file passwords.pem; server {{ listen 443 ssl; {ONE} return 200 hi; }}",
            folder,
        )
        self.assertEqual(TLSClient(bench).get().body, b"hi")

    def test_key_beside_certificate(self) -> None:
        """One file may hold the key and the certificate."""
        folder = self.folder()
        made = pair("example.org")
        write(folder, both=made.key + made.pem)
        bench = serve(
            self,
            "server { listen 443 ssl; ssl_certificate both.pem; ssl_certificate_key both.pem; "
            "return 200 hi; }",
            folder,
        )
        self.assertEqual(TLSClient(bench).get().body, b"hi")

    def test_errors(self) -> None:
        """What is wrong with a pair is said in words, at the directive that names the file."""
        folder = self.folder()
        one, two = pair("example.org"), pair("two.test")
        write_pair(folder, "one", one)
        write_pair(folder, "two", two)
        write(folder, empty=b"", broken=one.pem[:100] + one.pem[120:], locked=one.encrypted(b"x"))
        for text, said in (
            (
                "ssl_certificate one.pem; ssl_certificate_key two-key.pem;",
                '/nginx.conf:5:46: the key "/two-key.pem" does not belong to "/one.pem"',
            ),
            (
                "ssl_certificate none.pem; ssl_certificate_key two-key.pem;",
                '/nginx.conf:5:17: "/none.pem" can\'t be read: No such file or directory',
            ),
            (
                "ssl_certificate empty.pem; ssl_certificate_key two-key.pem;",
                '/nginx.conf:5:17: "/empty.pem" holds no certificate',
            ),
            (
                "ssl_certificate one.pem; ssl_certificate_key empty.pem;",
                '/nginx.conf:5:46: "/empty.pem" holds no private key',
            ),
            (
                "ssl_certificate one.pem; ssl_certificate_key locked.pem;",
                '/nginx.conf:5:46: "/locked.pem" holds an encrypted private key, and there is no '
                "password for it",
            ),
            (
                f"{ONE} ssl_password_file two.pem; ssl_certificate_key locked.pem; "
                "ssl_certificate one.pem;",
                '"/locked.pem" holds an encrypted private key that none of the passwords opens',
            ),
            ("", 'a server that listens with "ssl" needs ssl_certificate'),
            ("ssl_certificate one.pem;", "there are 1 ssl_certificate and 0 ssl_certificate_key"),
            (f"{ONE} ssl_ciphers nonsense;", '"nonsense" names no cipher'),
            (f"{ONE} ssl_verify_client on;", "ssl_verify_client needs ssl_client_certificate"),
            (
                f"{ONE} ssl_verify_client on; ssl_client_certificate empty.pem;",
                '"/empty.pem" holds no certificate',
            ),
            (f"{ONE} ssl_crl one.pem; ssl_verify_client optional_no_ca;", "holds no list of"),
            (f"{ONE} ssl_dhparam one.pem;", '"/one.pem" holds no parameters for Diffie-Hellman'),
            (f"{ONE} ssl_conf_command Options Fast;", 'the option "Fast" can\'t be set here'),
            (f"{ONE} ssl_conf_command MinProtocol SSL;", '"SSL" is no protocol'),
            (f"{ONE} ssl_conf_command Ciphersuites FAST;", '"FAST" names no suites of TLS 1.3'),
            (f"{ONE} ssl_session_ticket_key one.pem;", "ticket"),
        ):
            found = self.errors(folder, text)
            self.assertEqual(len(found), 1, found)
            self.assertIn(said, found[0])
        (found,) = self.errors(
            folder, f"{ONE} ssl_certificate broken.pem; ssl_certificate_key one-key.pem;"
        )
        self.assertIn('"/broken.pem" holds a certificate that can\'t be read', found)

    def test_commands(self) -> None:
        """ssl_conf_command sets what it names, over the directive of the same."""
        bench = secure(
            self,
            f"server {{ listen 443 ssl; {ONE} ssl_conf_command MaxProtocol TLSv1.2; "
            "ssl_conf_command CipherString ECDHE-ECDSA-CHACHA20-POLY1305; "
            "ssl_conf_command Options PrioritizeChaCha,-SessionTicket; "
            "ssl_conf_command SignatureAlgorithms ECDSA+SHA256; "
            'return 200 "$ssl_protocol $ssl_cipher"; }',
        )
        self.assertEqual(TLSClient(bench).get().body, b"TLSv1.2 ECDHE-ECDSA-CHACHA20-POLY1305")

    def test_suites(self) -> None:
        """The suites of TLS 1.3 are set with ssl_conf_command."""
        bench = secure(
            self,
            f"server {{ listen 443 ssl; {ONE} ssl_conf_command Ciphersuites "
            "TLS_CHACHA20_POLY1305_SHA256; return 200 $ssl_cipher; }",
        )
        self.assertEqual(TLSClient(bench).get().body, b"TLS_CHACHA20_POLY1305_SHA256")

    def test_curve(self) -> None:
        """ssl_ecdh_curve says which curves there are; where that can't be set it is an error."""
        text = (
            f"server {{ listen 443 ssl; {ONE} ssl_ecdh_curve secp384r1; return 200 $ssl_curve; }}"
        )
        if not library.can_set_groups():
            with self.assertRaises(ConfigurationError):
                secure(self, text)
            return
        client = TLSClient(secure(self, text))
        self.assertIn(client.get().body, (b"secp384r1", b""))

    def test_stapled(self) -> None:
        """A response from ssl_stapling_file is stapled."""
        folder = self.folder()
        write_pair(folder, "one", pair("example.org"))
        response = authority().word(pair("example.org"))
        write(folder, ocsp=response)
        extra = "ssl_stapling on; ssl_stapling_file ocsp.pem;"
        bench = serve(self, f"server {{ listen 443 ssl; {ONE} {extra} }}", folder)
        self.assertEqual(TLSClient(bench).stapled, response)


class VaryingTests(SynchronousTestCase):
    """Certificates that variables name."""

    def bench(self, extra: str = "") -> Bench:
        """A bench whose server has a certificate for each name."""
        return secure(
            self,
            "server { listen 443 ssl; ssl_certificate $ssl_server_name.pem; "
            f'ssl_certificate_key $ssl_server_name-key.pem; {extra} return 200 "hi"; }}',
            **{"a.test": "a.test", "b.test": "b.test"},
        )

    def test_names(self) -> None:
        """Each name has the certificate in its file; where there is none, the log says why."""
        bench = self.bench()
        for name in ("a.test", "b.test", "a.test"):
            client = TLSClient(bench, name)
            self.assertEqual(client.subject, name)
            self.assertEqual(client.get().body, b"hi")
        refused = TLSClient(bench, "c.test")
        self.assertFalse(refused.connected)
        self.assertIn("No such file or directory", bench.errors()[-2])
        self.assertIn("c.test.pem", bench.errors()[-2])

    def test_wrong(self) -> None:
        """A pair that doesn't fit refuses its own name only."""
        bench = self.bench()
        write_pair(bench.prefix, "a.test", pair("a.test"))
        write(bench.prefix, **{"a.test-key": pair("b.test").key})
        self.assertFalse(TLSClient(bench, "a.test").connected)
        self.assertIn("does not belong to", bench.errors()[-2])
        self.assertTrue(TLSClient(bench, "b.test").connected)

    def test_cache(self) -> None:
        """What is in the cache is not read again while it is valid, and is when it is not."""
        bench = self.bench("ssl_certificate_cache max=1 inactive=20s valid=10s;")
        self.assertEqual(TLSClient(bench, "a.test").subject, "a.test")
        write_pair(bench.prefix, "a.test", pair("other.test"))
        self.assertEqual(TLSClient(bench, "a.test").subject, "a.test")
        bench.advance(11)
        self.assertEqual(TLSClient(bench, "a.test").subject, "other.test")
        write_pair(bench.prefix, "a.test", pair("a.test"))
        # Another one takes its place.
        self.assertEqual(TLSClient(bench, "b.test").subject, "b.test")
        self.assertEqual(TLSClient(bench, "a.test").subject, "a.test")

    def test_not_cached(self) -> None:
        """Without a cache the files are read for each handshake."""
        bench = self.bench()
        self.assertEqual(TLSClient(bench, "a.test").subject, "a.test")
        write_pair(bench.prefix, "a.test", pair("other.test"))
        self.assertEqual(TLSClient(bench, "a.test").subject, "other.test")
