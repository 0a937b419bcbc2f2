"""What is generated is what is committed."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.reference import documents

DOCS = Path(__file__).resolve().parents[1] / "docs"


class ReferenceTests(SynchronousTestCase):
    """docs/directives.md and docs/not-supported.md."""

    def test_is_current(self) -> None:
        """They say what the directive table says; if not, `make docs` makes it so."""
        for name, text in documents().items():
            self.assertEqual((DOCS / name).read_text(encoding="utf-8"), text, name)
