"""Memory that processes share: a file without a name, for those that are given its descriptor."""

from __future__ import annotations

import os
from fcntl import F_ADD_SEALS, F_SEAL_GROW, F_SEAL_SEAL, F_SEAL_SHRINK, fcntl
from mmap import mmap
from weakref import WeakValueDictionary

_mappings: WeakValueDictionary[tuple[int, int], mmap] = WeakValueDictionary()


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


def mapping(fd: int) -> mmap:
    """The mapping of a file: one for this process."""
    status = os.fstat(fd)
    key = status.st_dev, status.st_ino
    found = _mappings.get(key)
    if found is None:
        found = _mappings[key] = mmap(fd, status.st_size)
    return found
