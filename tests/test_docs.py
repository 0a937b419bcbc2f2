"""What is generated is what is committed."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config.reference import reference
from reverseproxy.features import SETTINGS

DIRECTIVES = Path(__file__).resolve().parents[1] / "docs" / "directives.md"


class DirectiveReferenceTests(SynchronousTestCase):
    """docs/directives.md."""

    def test_is_current(self) -> None:
        """The reference says what the directive table says; if not, `make docs` makes it so."""
        self.assertEqual(DIRECTIVES.read_text(encoding="utf-8"), reference(SETTINGS))
