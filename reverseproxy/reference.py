"""`make docs`: write the documents that are made from the directive table.

python -m reverseproxy.reference docs
"""

from __future__ import annotations

import os
import sys

from reverseproxy.config.blocks import BLOCKS
from reverseproxy.config.manual import manual
from reverseproxy.config.reference import not_supported, reference
from reverseproxy.features import SETTINGS


def documents() -> dict[str, str]:
    """The text of each document, by its file's name."""
    return {
        "directives.md": reference(SETTINGS),
        "not-supported.md": not_supported(SETTINGS, BLOCKS),
        "man/reverseproxy.conf.5": manual(SETTINGS),
    }


def write(directory: str) -> None:
    """Write them all into `directory`."""
    for name, text in documents().items():
        path = os.path.join(directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    write(sys.argv[1])
