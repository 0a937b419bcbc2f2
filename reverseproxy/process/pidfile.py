"""The file that says which process the daemon is (`pid`)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reverseproxy.logs.errors import ErrorLog


#: What is added to the name while an older program and a newer one serve side by side.
OLD = ".oldbin"


class PidFile:
    """A decimal number and a line end; without a path there is none."""

    def __init__(self, path: str | None) -> None:
        self.path = path

    def write(self) -> None:
        """Say that it is this process. Raises OSError."""
        if self.path is not None:
            with open(self.path, "w") as file:
                file.write(f"{os.getpid()}\n")

    def move(self, path: str | None, error_log: ErrorLog) -> None:
        """Be at another path from now on, after a reload."""
        if path == self.path:
            return
        self.remove(error_log)
        self.path = path
        try:
            self.write()
        except OSError as error:
            error_log.log("alert", f'"{path}" can\'t be written: {error.strerror}')

    def step_aside(self) -> None:
        """Be called .oldbin: another program is about to be the daemon. Raises OSError."""
        self._rename(f"{self.path}{OLD}")

    def step_back(self) -> None:
        """Be the daemon's again. Raises OSError."""
        if self.path is not None:
            self._rename(self.path.removesuffix(OLD))

    def _rename(self, path: str) -> None:
        if self.path is not None:
            os.rename(self.path, path)
            self.path = path

    def remove(self, error_log: ErrorLog) -> None:
        """The process ends."""
        if self.path is None:
            return
        try:
            os.unlink(self.path)
        except OSError as error:
            error_log.log("alert", f'"{self.path}" stays: {error.strerror}')
