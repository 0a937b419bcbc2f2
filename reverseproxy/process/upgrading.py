"""SIGUSR2: another program takes over the sockets, side by side with this one, as nginx does it.

The old one is told to quit by the operator, once the new one is seen to be well; if the new one
ends first all is as it was.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from . import HANDED_OVER
from .inheriting import passed

if TYPE_CHECKING:
    from .master import Master

#: Where the daemon was started: relative paths of its command line start there.
_DIRECTORY = os.getcwd()


class Upgrade:
    """The master's view of a newer program; None of it before SIGUSR2."""

    def __init__(self, master: Master) -> None:
        self._master = master
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def under_way(self) -> bool:
        """Whether a newer program runs."""
        return self._process is not None

    @property
    def successor(self) -> int | None:
        """The process number of the newer program, if there is one."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Run the program that is installed now, with this one's command line and sockets."""
        master = self._master
        log = master.error_log.log
        if self._process is not None:
            log("error", f"the new program runs already, process {self._process.pid}")
            return
        sockets = master.sockets
        try:
            master.pid_file.step_aside()
        except OSError as error:
            log("alert", f"the pid file can't be renamed: {error.strerror}")
            return
        environ = {**os.environ, HANDED_OVER: passed(sockets)}
        # The signs of life that systemd expects are the new one's to give.
        environ.pop("WATCHDOG_PID", None)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - what was run before
                sys.orig_argv,
                cwd=_DIRECTORY,
                env=environ,
                pass_fds=[sock.fileno() for sock in sockets.values()],
            )
        except OSError as error:
            log("alert", f"the new program can't be run: {error.strerror}")
            master.pid_file.step_back()
            return
        log("notice", f"start new program process {self._process.pid}")

    def reap(self) -> bool:
        """See whether the newer program has ended: then this one is the daemon again."""
        process = self._process
        if process is None or process.poll() is None:
            return False
        self._process = None
        log = self._master.error_log.log
        log("alert", f"new program process {process.pid} exited with code {process.returncode}")
        try:
            self._master.pid_file.step_back()
        except OSError as error:
            log("alert", f"the pid file can't be renamed: {error.strerror}")
        return True
