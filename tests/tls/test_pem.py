"""Certificates, keys and lists from PEM files."""

from __future__ import annotations

from OpenSSL import SSL, crypto
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.tls import pem

from ..authorities import shared


class PemTests(SynchronousTestCase):
    """What is found in files, and what is said of those that are not right."""

    def test_certificates(self) -> None:
        """Every certificate is found, whatever stands around it."""
        made = [shared().issue(name) for name in ("a", "b")]
        data = b"comment\n" + made[0].pem + b"\nmore\n" + made[1].key + made[1].pem
        self.assertEqual(pem.certificates(data), [one.certificate for one in made])

    def test_pair(self) -> None:
        """A chain and its key are shown; the first certificate is the key's."""
        middle = shared().issue("middle", ca=True)
        leaf = middle.issue("leaf")  # type: ignore[attr-defined]  # an authority signs
        context = SSL.Context(SSL.TLS_METHOD)
        chain = pem.use_pair(context, leaf.pem + middle.pem, leaf.key)
        self.assertEqual(chain, [leaf.certificate, middle.certificate])
        with self.assertRaisesRegex(pem.BadKey, "is not the key of the certificate"):
            pem.use_pair(SSL.Context(SSL.TLS_METHOD), middle.pem + leaf.pem, leaf.key)

    def test_passwords(self) -> None:
        """Passwords are tried in turn; none is asked for at the terminal."""
        leaf = shared().issue("leaf")
        locked = leaf.encrypted(b"word")
        pem.use_pair(SSL.Context(SSL.TLS_METHOD), leaf.pem, locked, [b"other", b"word"])
        pem.use_pair(SSL.Context(SSL.TLS_METHOD), leaf.pem, leaf.key, [b"needless"])
        with self.assertRaisesRegex(pem.BadKey, "there is no password for it"):
            pem.private_key(locked)
        with self.assertRaisesRegex(pem.BadKey, "none of the passwords opens"):
            pem.private_key(locked, [b"other"])

    def test_broken(self) -> None:
        """What is missing or broken is said."""

        def revoke(data: bytes) -> None:
            pem.revoke(crypto.X509Store(), data)

        broken = b"-----BEGIN %b-----\nQUJD\n-----END %b-----\n"
        for call, data, what in (
            (pem.certificates, b"", "holds no certificate"),
            (pem.certificates, broken % (b"CERTIFICATE", b"CERTIFICATE"), "certificate that can't"),
            (revoke, b"", "holds no list of revoked certificates"),
            (revoke, broken % (b"X509 CRL", b"X509 CRL"), "holds a list that can't be read"),
            (pem.private_key, b"", "holds no private key"),
            (pem.private_key, broken % (b"PRIVATE KEY", b"PRIVATE KEY"), "key that can't be read"),
        ):
            with self.assertRaisesRegex(pem.PEMError, what):
                call(data)

    def test_lists(self) -> None:
        """Every revocation list of a file is looked at."""
        taken = []

        class Store:
            def add_crl(self, crl: object) -> None:
                taken.append(crl)

            def set_flags(self, flags: int) -> None:
                self.flags = flags

        one = shared().revocations(shared().issue("a"))
        store = Store()
        pem.revoke(store, one + one)  # type: ignore[arg-type]  # what is asked of a store
        self.assertEqual(len(taken), 2)
        self.assertTrue(store.flags & crypto.X509StoreFlags.CRL_CHECK)
