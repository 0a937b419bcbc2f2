"""`-s`: tell a running daemon to stop, to finish, to reload or to open its logs anew."""

from __future__ import annotations

import os
import signal

SIGNALS = {
    "stop": signal.SIGTERM,
    "quit": signal.SIGQUIT,
    "reload": signal.SIGHUP,
    "reopen": signal.SIGUSR1,
}
#: More than this is no number of a process.
_LONGEST = 20


class NotSignalled(Exception):
    """The daemon can't be told; the text is nginx's."""

    level = "error"


class NotThere(NotSignalled):
    """There is no such process, or it is somebody else's."""

    level = "alert"


def send(name: str, pid_file: str) -> None:
    """Send the signal `name` to the process in the pid file. Raises NotSignalled."""
    number, pid = SIGNALS[name], read_pid(pid_file)
    try:
        os.kill(pid, number)
    except OSError as error:
        raise NotThere(f"kill({pid}, {number:d}) failed ({_reason(error)})") from error


def read_pid(path: str) -> int:
    """The number in a pid file. Raises NotSignalled."""
    try:
        with open(path, "rb") as file:
            text = file.read(_LONGEST + 1)
    except OSError as error:
        raise NotSignalled(f'open() "{path}" failed ({_reason(error)})') from error
    digits = text.rstrip(b"\r\n")
    # 0 is a number, but to kill(2) it is the caller's own group.
    if not digits.isdigit() or len(digits) > _LONGEST or not 0 < int(digits) < 1 << 31:
        shown = ascii(digits.decode("latin-1"))[1:-1]
        raise NotSignalled(f'invalid PID number "{shown}" in "{path}"')
    return int(digits)


def _reason(error: OSError) -> str:
    return f"{error.errno}: {error.strerror}"
