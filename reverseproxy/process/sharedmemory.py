"""Memory that processes share: a file without a name, for those that are given its descriptor."""

from __future__ import annotations

import os
from fcntl import F_ADD_SEALS, F_SEAL_GROW, F_SEAL_SEAL, F_SEAL_SHRINK, fcntl


def create(name: str, size: int) -> int:
    """A descriptor of so many zeros; `name` is for who looks into /proc.

    Its size is sealed: who made it smaller would kill all that have it mapped.
    """
    fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(fd, size)
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
    except OSError:
        os.close(fd)
        raise
    return fd
