"""What is said of certificates."""

from __future__ import annotations

from OpenSSL import crypto
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.content.securing import bare
from reverseproxy.tls import verification

from ..authorities import shared


class NamesTests(SynchronousTestCase):
    """Names, wanted and had."""

    def test_told(self) -> None:
        """A certificate's names are told, and not more of them than anybody reads."""
        for names, told in (
            (["a.example", "::1"], ["a.example", "::1"]),
            ([f"n{number}" for number in range(20)], [f"n{n}" for n in range(16)] + ["and 4 more"]),
            ([], []),
        ):
            made = crypto.X509.from_cryptography(shared().issue(*names).certificate)
            self.assertEqual(verification.names_of(made), told)

    def test_one_label(self) -> None:
        """A name without a dot is held against the names, wildcards beside it or not."""
        made = crypto.X509.from_cryptography(shared().issue("Localhost", "*.a.test").certificate)

        class Connection:
            def get_peer_certificate(self) -> crypto.X509:
                return made

        for wanted, told in (
            ("localhost", ""),
            ("x.a.test", ""),
            ("other", 'does not match "other": it has Localhost, *.a.test'),
            ("test", 'does not match "test"'),
        ):
            said = verification.wrong_name(Connection(), wanted)  # type: ignore[arg-type]  # enough
            self.assertEqual(told in said and bool(said) == bool(told), True, said)

    def test_bare(self) -> None:
        """A port goes, and an address's brackets."""
        for given, name in (
            ("a", "a"),
            ("a:443", "a"),
            ("[::1]:443", "::1"),
            ("::1", "::1"),
            ("", ""),
        ):
            self.assertEqual(bare(given), name, given)

    def test_is_name(self) -> None:
        """What can't be a host's name is told apart from what can."""
        for name in ("a", "a_b.example", "10.0.0.1", "::1", "x" * 255):
            self.assertTrue(verification.is_name(name), name)
        for name in ("", "a b", "a\n", "é", "x" * 256, "a\0"):
            self.assertFalse(verification.is_name(name), name)
