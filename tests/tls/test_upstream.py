"""The contexts that `proxy_ssl_…` makes, and what is said of settings that are wrong."""

from __future__ import annotations

from reverseproxy.config import ConfigurationError
from reverseproxy.web.assembly import Assembly

from ..secureupstream import NAMED, TRUST, SecureCase


class LoadTests(SecureCase):
    """What is wrong is told when the configuration is loaded."""

    def assert_wrong(self, extra: str, *words: str) -> None:
        """The settings are an error at their line."""
        error = self.assertRaises(ConfigurationError, self.serve, extra)
        said = "\n".join(map(str, error.diagnostics))
        for word in words:
            self.assertIn(word, said)
        self.assertIn("nginx.conf:4:", said)

    def test_missing(self) -> None:
        """What belongs together must be there."""
        self.assert_wrong("proxy_ssl_verify on;", "there is no proxy_ssl_trusted_certificate")
        self.assert_wrong("proxy_ssl_certificate a;", "there is no proxy_ssl_certificate_key")
        self.assert_wrong(
            "proxy_ssl_verify on; proxy_ssl_trusted_certificate no.pem;",
            "no.pem\" can't be read: No such file",
        )

    def test_wrong_files(self) -> None:
        """Files must hold what they should."""
        mine = self.ca.issue("a")
        self.write("mine.pem", mine.pem)
        self.write("mine.key", mine.encrypted(b"word"))
        self.write("other.key", self.good.key)
        self.write("junk", b"-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n")
        for extra, what in (
            (
                "proxy_ssl_certificate mine.key; proxy_ssl_certificate_key mine.key;",
                "holds no certificate",
            ),
            (
                "proxy_ssl_certificate junk; proxy_ssl_certificate_key mine.key;",
                "holds a certificate that can't be read",
            ),
            (
                "proxy_ssl_certificate mine.pem; proxy_ssl_certificate_key mine.key;",
                'mine.key" holds an encrypted private key, and there is no password',
            ),
            (
                "proxy_ssl_certificate mine.pem; proxy_ssl_certificate_key other.key;",
                'other.key" is not the key of the certificate',
            ),
            (
                "proxy_ssl_certificate mine.pem; proxy_ssl_certificate_key mine.pem;",
                'mine.pem" holds no private key',
            ),
            (
                "proxy_ssl_verify on; proxy_ssl_trusted_certificate other.key;",
                "holds no certificate",
            ),
            (f"{TRUST} proxy_ssl_crl mine.pem;", "holds no list of revoked"),
        ):
            self.assert_wrong(extra, what)

    def test_wrong_words(self) -> None:
        """What OpenSSL does not take is told in its words."""
        for extra, what in (
            ("proxy_ssl_ciphers NONE-OF-THEM;", "no cipher match"),
            ("proxy_ssl_conf_command CipherString NONE;", "no cipher match"),
            ("proxy_ssl_conf_command Ciphersuites NONE;", '"NONE" names no suites of TLS 1.3'),
            ("proxy_ssl_conf_command MinProtocol TLSv9;", "MinProtocol takes None, TLSv1"),
            ("proxy_ssl_conf_command Options Nonsense;", "Options takes SessionTicket"),
        ):
            self.assert_wrong(extra, what)

    def test_commands(self) -> None:
        """What can be set is set."""
        bench = self.serve(
            "proxy_ssl_conf_command MaxProtocol TLSv1.2;"
            "proxy_ssl_conf_command CipherString ECDHE-ECDSA-AES256-GCM-SHA384;"
            "proxy_ssl_conf_command Options -SessionTicket,NoRenegotiation;"
        )
        self.asked(bench)
        end = self.end(bench)
        self.assertEqual(
            (end.connection.get_protocol_version_name(), end.connection.get_cipher_name()),
            ("TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384"),
        )

    def test_suites(self) -> None:
        """The suites of TLS 1.3 are set, with every version of pyOpenSSL."""
        suite = "TLS_CHACHA20_POLY1305_SHA256"
        bench = self.serve(f"proxy_ssl_conf_command Ciphersuites {suite};")
        self.asked(bench)
        self.assertEqual(self.end(bench).connection.get_cipher_name(), suite)

    def test_read(self) -> None:
        """Files are read at load, by whoever reads for the daemon, and never again."""
        bench = self.verified()
        asked = []

        def read(path: str) -> bytes:
            asked.append(path)
            return self.ca.pem

        Assembly(bench.configuration, bench.reactor, read=read)
        self.assertEqual(asked, [f"{self.prefix}/ca.pem"])

    def test_once(self) -> None:
        """Places that say the same share a context, whatever they call who is wanted."""
        bench = self.verified(
            f"{NAMED} location /b {{ proxy_pass https://127.0.0.2; proxy_ssl_name b; }} "
            "location /c { proxy_pass https://127.0.0.2; proxy_ssl_ciphers HIGH; }"
        )
        self.assertEqual(len(bench.assembly.upstream_contexts._made), 2)

    def test_unused(self) -> None:
        """Where nothing is passed on with TLS, no file is read."""
        self.serve("proxy_ssl_verify on; proxy_ssl_certificate no;", "http://127.0.0.1:8080")
        self.serve("proxy_ssl_verify on; proxy_ssl_certificate no;", "http://$host")
