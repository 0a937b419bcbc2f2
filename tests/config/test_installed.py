"""The configuration as it is installed."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy import features
from reverseproxy.config import find, load
from reverseproxy.content.filesettings import StaticSettings
from reverseproxy.web import variables

INSTALLED = Path(__file__).resolve().parents[2] / "etc" / "reverseproxy"


class InstalledTests(SynchronousTestCase):
    """etc/reverseproxy."""

    def test_loads(self) -> None:
        """It is taken without an error or a warning, its site included."""
        configuration = load(
            find(str(INSTALLED)),
            prefix="/usr/share/reverseproxy",
            classes=features.SETTINGS,
            variables=variables.known,
        )
        (http,) = configuration.main.of_kind("http")
        self.assertEqual(configuration.warnings, ())
        self.assertEqual(len(http.of_kind("server")), 1)
        (types,) = http[StaticSettings].types
        self.assertEqual(types[b"svg"], b"image/svg+xml")
