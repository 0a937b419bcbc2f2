"""What systemd wants to hear of a service of Type=notify (sd_notify(3))."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any

#: How often the status is told where no sign of life is expected, in seconds.
STATUS_PAUSE = 10.0


class Notifier:
    """Tells systemd how the daemon is; where nobody listens it says nothing."""

    def __init__(self, reactor: Any, environ: Mapping[str, str] = os.environ) -> None:
        self._reactor = reactor
        path = environ.get("NOTIFY_SOCKET", "")
        #: an abstract socket is written with an @
        self._path = "\0" + path[1:] if path.startswith("@") else path
        mine = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        microseconds = environ.get("WATCHDOG_USEC", "")
        #: seconds between two signs of life, half of what is expected; 0 is none
        self._interval = int(microseconds) / 2e6 if mine and microseconds.isdigit() else 0.0
        self._call: Any = None

    def ready(self, status: Callable[[], str]) -> None:
        """It serves; from now on it says so again and again, if that is wanted."""
        if not self._path:
            return
        # Where a newer program ended again, this is the main process once more.
        self.tell("READY=1", f"MAINPID={os.getpid()}", f"STATUS={status()}")
        if self._call is None:
            self._again(status)

    def _again(self, status: Callable[[], str]) -> None:
        def go() -> None:
            watched = ["WATCHDOG=1"] if self._interval else []
            self.tell(*watched, f"STATUS={status()}")
            self._again(status)

        self._call = self._reactor.callLater(self._interval or STATUS_PAUSE, go)

    def reloading(self) -> None:
        """It reads its configuration again; `ready` ends that."""
        self.tell("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self, successor: int | None = None) -> None:
        """It is about to end; the service is not, where a newer program has its sockets.

        systemd believes only the main process, so it is this one that names the next.
        """
        call, self._call = self._call, None
        if call is not None:
            call.cancel()
        self.tell("STOPPING=1" if successor is None else f"MAINPID={successor}")

    def tell(self, *lines: str) -> None:
        """Send lines, if somebody listens."""
        if not self._path:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            try:
                sock.connect(self._path)
                sock.sendall("\n".join(lines).encode())
            except OSError:
                # Nobody listens any more: that is systemd's affair.
                self._path = ""
