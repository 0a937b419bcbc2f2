"""What the command says: to whoever started it, and at a failed start to the error log too."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reverseproxy.config import Diagnostic

PROGRAM = "reverseproxy"


def say(text: str, level: str = "") -> None:
    """One line on standard error."""
    mark = f"[{level}] " if level else ""
    print(f"{PROGRAM}: {mark}{text}", file=sys.stderr, flush=True)


def tell(level: str, diagnostics: Iterable[Diagnostic]) -> None:
    """What is wrong or odd, a line each."""
    for diagnostic in diagnostics:
        say(str(diagnostic), level)


def record(path: str, diagnostics: Iterable[Diagnostic]) -> None:
    """What is wrong, to the error log at `path`, which need not be there. Raises OSError."""
    # Not before they are needed: `-v` has no use for them.
    from reverseproxy.logs.errors import ErrorLog
    from reverseproxy.logs.files import LogFile

    file = LogFile(path)
    file.open()
    log = ErrorLog(((lambda line, _level: file.write(line), "error"),))
    for diagnostic in diagnostics:
        log.log("emerg", str(diagnostic))
    file.close()


def to_stderr(line: bytes) -> None:
    """Write a line to descriptor 2: twistd turns sys.stderr into log events."""
    os.write(2, line)
