"""What glibc's malloc is told of a process that serves.

An answer under way holds blocks of some hundred kilobytes for a moment: a compressor, pieces of a
body. By default their pages go back to the kernel each time, and are cleared each time they come
again. Blocks of a megabyte and more, which are bodies, are mapped by themselves and go back at
once; by default malloc learns from the first of them to keep the next.
"""

from __future__ import annotations

import ctypes
import os
from typing import Any

#: mallopt(3): M_TRIM_THRESHOLD and M_MMAP_THRESHOLD of malloc.h, in bytes.
_SETTINGS = {-1: 8 * 1024 * 1024, -3: 1024 * 1024}


def settle(program: Any = None) -> None:
    """Tell it, where there is such a malloc and the environment has told it nothing.

    `program` is what has a `mallopt`, this process if it is not given.
    """
    if any(name.startswith("MALLOC_") for name in os.environ):
        return
    mallopt = getattr(ctypes.CDLL(None) if program is None else program, "mallopt", None)
    if mallopt is not None:
        for name, value in _SETTINGS.items():
            mallopt(name, value)
