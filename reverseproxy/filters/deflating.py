"""What compresses: ISA-L where it is installed (`pip install reverseproxy[fast]`), zlib otherwise.

ISA-L has four levels. On pages, scripts and style sheets its second makes no more bytes than zlib's
first, and its last no more than zlib's second (and a hundredth more than the third), for a fifth
to a third of the time; what is smaller than that only zlib makes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial
from typing import Protocol

try:
    from isal import isal_zlib
except ImportError:
    isal_zlib = None  # type: ignore[assignment]  # a module that is not there

#: ISA-L's level for each of `gzip_comp_level` that it serves.
_LEVELS = {1: 1, 2: 3, 3: 3}
#: A window of 32 KiB, in a gzip wrapper.
_GZIP = 31


class Compressor(Protocol):
    """As of `zlib.compressobj`."""

    def compress(self, data: bytes, /) -> bytes:
        """Take a piece; what is ready of the outcome."""

    def flush(self, mode: int = zlib.Z_FINISH, /) -> bytes:
        """What else is ready; with Z_FINISH the end."""


def compressors(level: int) -> Callable[[], Compressor]:
    """What makes a compressor for one answer, with this `gzip_comp_level`."""
    if isal_zlib is not None and level in _LEVELS:
        return partial(isal_zlib.compressobj, _LEVELS[level], zlib.DEFLATED, _GZIP)
    return partial(zlib.compressobj, level, zlib.DEFLATED, _GZIP)
