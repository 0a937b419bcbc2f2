"""The Basic scheme's credentials."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.wire.credentials import basic_credentials


class CredentialsTests(SynchronousTestCase):
    """`basic_credentials`, which never raises."""

    def test_read(self) -> None:
        """The user ends at the first colon; the scheme's case and blanks behind it are nothing."""
        for value in (b"Basic YTpiOmM=", b"bAsIc   YTpiOmM=", b"Basic YTpiOmM", b"Basic YTpiOmM=x"):
            self.assertEqual(basic_credentials(value), (b"a", b"b:c"), value)

    def test_none(self) -> None:
        """No field, another scheme, what is no base64, and what has no colon are no credentials."""
        for value in (
            None,
            b"",
            b"Basic",
            b"Basic ",
            b"Bearer YTpi",
            b"Basic YTpi!",
            b"Basic YQ==",
            b"Basic YTpiY",
        ):
            self.assertIsNone(basic_credentials(value), value)
