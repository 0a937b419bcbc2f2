"""How places and errors are written."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError, Diagnostic, Origin
from reverseproxy.errors import ReverseProxyError


class DiagnosticTests(SynchronousTestCase):
    """What the operator reads."""

    def test_text(self) -> None:
        """A diagnostic is its place, its message and its hint, of which two may lack."""
        origin = Origin("a.conf", 3, 7)
        self.assertEqual(str(Diagnostic(origin, "no", "do this")), "a.conf:3:7: no (do this)")
        self.assertEqual(str(Diagnostic(None, "no")), "no")

    def test_one_line(self) -> None:
        """A diagnostic is one printable line, whatever the words in it held."""
        shown = str(Diagnostic(Origin("\udcff", 1, 1), "a\nb\x1b[0m\u2028"))
        self.assertEqual(shown, "\\udcff:1:1: a\\nb\\x1b[0m\\u2028")
        self.assertTrue(shown.encode("utf-8"))

    def test_short(self) -> None:
        """A message that quotes half a file is cut; the place and the hint stay."""
        shown = str(Diagnostic(Origin("f", 1, 1), "x" * 5000, "hint"))
        self.assertEqual(shown, "f:1:1: " + "x" * 300 + "… (hint)")

    def test_error(self) -> None:
        """A ConfigurationError is one of the house's, and says everything, a line each."""
        error = ConfigurationError(Diagnostic(None, text) for text in "ab")
        self.assertIsInstance(error, ReverseProxyError)
        self.assertEqual([each.message for each in error.diagnostics], ["a", "b"])
        self.assertEqual(str(error), "a\nb")
