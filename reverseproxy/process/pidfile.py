"""The file that says which process the daemon is (`pid`)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reverseproxy.logs.errors import ErrorLog


class PidFile:
    """A decimal number and a line end; without a path there is none."""

    def __init__(self, path: str | None) -> None:
        self.path = path

    def write(self) -> None:
        """Say that it is this process. Raises OSError."""
        if self.path is not None:
            with open(self.path, "w") as file:
                file.write(f"{os.getpid()}\n")

    def remove(self, error_log: ErrorLog) -> None:
        """The process ends."""
        if self.path is None:
            return
        try:
            os.unlink(self.path)
        except OSError as error:
            error_log.log("alert", f'"{self.path}" stays: {error.strerror}')
