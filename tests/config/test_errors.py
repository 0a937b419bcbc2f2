"""Every error as the operator reads it: tests/golden/NAME.conf gives NAME.expected.

After a deliberate change of a message, `python -m tests.config.test_errors` writes the expected
files anew; the difference is what to review.
"""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError, load
from tests.config.sample import CLASSES, VARIABLES

GOLDEN = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "golden")


def names() -> list[str]:
    return sorted(name[:-5] for name in os.listdir(GOLDEN) if name.endswith(".conf"))


def actual(name: str) -> str:
    """The errors of one golden file, with paths from the golden directory."""
    try:
        load(
            os.path.join(GOLDEN, f"{name}.conf"),
            prefix="/srv/rp",
            classes=CLASSES,
            variables=VARIABLES.__contains__,
        )
    except ConfigurationError as error:
        return f"{error}\n".replace(GOLDEN + os.sep, "")
    return "accepted\n"


class GoldenTests(SynchronousTestCase):
    """All errors of a file, in reading order."""

    maxDiff = None

    def test_golden(self) -> None:
        """Each golden configuration gives exactly the errors beside it."""
        self.assertGreater(len(names()), 9)
        for name in names():
            with open(os.path.join(GOLDEN, f"{name}.expected"), encoding="utf-8") as file:
                self.assertEqual(actual(name), file.read(), name)


def write() -> None:
    """Write what the errors are now as what is expected."""
    for name in names():
        with open(os.path.join(GOLDEN, f"{name}.expected"), "w", encoding="utf-8") as file:
            file.write(actual(name))


if __name__ == "__main__":
    write()
