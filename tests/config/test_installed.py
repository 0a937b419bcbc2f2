"""The configuration as it is installed."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy import features
from reverseproxy.config import find, load
from reverseproxy.content.filesettings import StaticSettings
from reverseproxy.process import settings
from reverseproxy.web import variables

INSTALLED = Path(__file__).resolve().parents[2] / "etc" / "reverseproxy"


class Names:
    """A user or group data base in which everybody is the same one."""

    def __init__(self, entry: Any) -> None:
        self.getpwnam = self.getgrnam = lambda _name: entry


class InstalledTests(SynchronousTestCase):
    """etc/reverseproxy."""

    def test_loads(self) -> None:
        """It is taken without an error or a warning, its site included."""
        # The package makes the user, and there need be none here.
        own = pwd.getpwuid(os.getuid())
        self.patch(settings, "pwd", Names(own))
        self.patch(settings, "grp", Names(grp.getgrgid(os.getgid())))
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
