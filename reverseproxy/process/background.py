"""Going to the background, and the three standard descriptors.

The process that was started forks at once, before Twisted's reactor is imported: an epoll
descriptor must not be shared. It then waits on a pipe until its child says that it serves, or ends.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from typing import NoReturn

_READY = b"."


def open_standard() -> None:
    """Put /dev/null where descriptor 0, 1 or 2 is closed: else a socket or a log would be there."""
    while True:
        fd = os.open(os.devnull, os.O_RDWR)
        if fd > 2:
            os.close(fd)
            break
        os.set_inheritable(fd, True)
    # Python has None for a stream whose descriptor was closed at its start.
    for name, number in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w", closefd=False))  # noqa: SIM115 - for good


def detach() -> Callable[[], None]:
    """Go on in a child, the leader of a session of its own; what it calls when it serves.

    The parent never returns from here: it ends with status 0 when the child has called that, else
    with the child's status.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        _wait(reading, pid)
    os.close(reading)
    os.setsid()

    def serves() -> None:
        # Who waited may have been killed: the daemon serves all the same.
        with contextlib.suppress(BrokenPipeError):
            os.write(writing, _READY)
        os.close(writing)

    return serves


def _wait(reading: int, pid: int) -> NoReturn:
    """End as the child does, or when it serves."""
    if os.read(reading, 1) == _READY:
        status = 0
    else:
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        # Killed, or gone with status 0 without ever having served: no success either way.
        status = code if code > 0 else 1
    sys.stdout.flush()
    sys.stderr.flush()
    # Not sys.exit: what the child has yet to do at its exit is not done here.
    os._exit(status)


def let_go() -> None:
    """Put /dev/null in the place of the terminal: before workers are forked, who would keep it."""
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)
    if null > 2:
        os.close(null)
