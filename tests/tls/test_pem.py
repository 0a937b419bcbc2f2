"""Certificates, keys and lists from PEM files."""

from __future__ import annotations

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.tls import pem

from ..certificates import shared


class PemTests(SynchronousTestCase):
    """What is found in files, and what is said of those that are not right."""

    def test_certificates(self) -> None:
        """Every certificate is found, whatever stands around it."""
        made = [shared().issue(name) for name in ("a", "b")]
        data = b"comment\n" + made[0].pem + b"\nmore\n" + made[1].key + made[1].pem
        found = [one.get_subject().CN for one in pem.certificates(data)]
        self.assertEqual(found, ["a", "b"])

    def test_pair(self) -> None:
        """A chain and its key are shown; the first certificate is the key's."""
        middle = shared().issue("middle", ca=True)
        leaf = middle.issue("leaf")  # type: ignore[attr-defined]  # an authority signs
        for context in (SSL.Context(SSL.TLS_METHOD),):
            pem.use_pair(context, leaf.pem + middle.pem, leaf.key)
        with self.assertRaisesRegex(pem.BadPem, "the key is not the certificate's"):
            pem.use_pair(SSL.Context(SSL.TLS_METHOD), middle.pem + leaf.pem, leaf.key)

    def test_passwords(self) -> None:
        """Passwords are tried in turn; none is asked for at the terminal."""
        leaf = shared().issue("leaf")
        locked = leaf.encrypted(b"word")
        pem.use_pair(SSL.Context(SSL.TLS_METHOD), leaf.pem, locked, [b"other", b"word"])
        pem.use_pair(SSL.Context(SSL.TLS_METHOD), leaf.pem, leaf.key, [b"needless"])
        for passwords in ([], [b"other"]):
            with self.assertRaisesRegex(pem.BadPem, "encrypted, and no password fits"):
                pem.private_key(locked, passwords)

    def test_broken(self) -> None:
        """What is missing or broken is said."""
        broken = b"-----BEGIN %b-----\nQUJD\n-----END %b-----\n"
        for call, data, what in (
            (pem.certificates, b"", "there is no certificate in it"),
            (pem.certificates, broken % (b"CERTIFICATE", b"CERTIFICATE"), "certificate 1 in it is"),
            (pem.revocation_lists, b"", "there is no revocation list in it"),
            (pem.revocation_lists, broken % (b"X509 CRL", b"X509 CRL"), "revocation list 1 in it"),
            (pem.private_key, b"", "there is no key in it"),
            (pem.private_key, broken % (b"PRIVATE KEY", b"PRIVATE KEY"), "there is no key in it"),
        ):
            with self.assertRaisesRegex(pem.BadPem, what):
                call(data)

    def test_lists(self) -> None:
        """Every revocation list is found."""
        one = shared().revocations(shared().issue("a"))
        self.assertEqual(len(pem.revocation_lists(one + one)), 2)
