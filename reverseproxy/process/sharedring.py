"""Bytes by key in memory that all workers share: sessions of TLS, what is known of certificates.

Theory. It is a ring of bytes, to which values are appended, the oldest being overwritten; and an
index of sets of `WAYS` entries, a tag and a position each. A position counts all bytes that were
ever written, so it is seen whether what was there is there still. The tag is a keyed hash of the
key: nobody can aim at a set.

One lock of fcntl(2) holds all of it, for the microseconds that it takes to copy a value; see
`guards/sharedzones` for what becomes of locks. A process that dies meanwhile has moved the head
before it wrote, and sets the tag last: what it leaves half done is found by nobody.

Sessions are secret: whoever reads one can read what was sent with it. The memory has no name, and
only the workers, each of which could have had any of them, are given it.
"""

from __future__ import annotations

import os
from fcntl import LOCK_EX, LOCK_UN, lockf
from hashlib import blake2b
from struct import Struct

from reverseproxy.process import sharedmemory

#: How many entries a set has.
WAYS = 64
#: How long a value may be, in bytes, as nginx has it; and how long one is expected to be.
MOST = 4096
_EXPECTED = 256
_TAG = 16
_EMPTY = bytes(_TAG)
#: kind, sets, bytes of the ring, secret
_HEADER = Struct("=8sQQ16s")
_KIND = b"ring\0\0\0\0"
#: where the head stands, and where the sets begin
_HEAD, _SETS = 48, 64
_TAGS = WAYS * _TAG
_SET = _TAGS + 8 * WAYS
_ENTRY = Struct("=16sQ")


def create(size: int) -> int:
    """A descriptor of a new ring; `size` is as configured, in bytes."""
    ring = max(size, 4 * MOST) // 8 * 8
    sets = max(1, -(-2 * (ring // _EXPECTED) // WAYS))
    fd = sharedmemory.create("ring", _SETS + sets * _SET + ring)
    os.pwrite(fd, _HEADER.pack(_KIND, sets, ring, os.urandom(16)), 0)
    return fd


class SharedRing:
    """What is in such memory. Raises ValueError where a file is none."""

    def __init__(self, fd: int) -> None:
        header = os.pread(fd, _HEADER.size, 0)
        if len(header) < _HEADER.size or not header.startswith(_KIND):
            raise ValueError(f"descriptor {fd} is no ring")
        _, self._sets, self._ring, secret = _HEADER.unpack(header)
        self._fd = fd
        self._map = sharedmemory.mapping(fd)
        self._numbers = memoryview(self._map).cast("q")
        self._begin = _SETS + self._sets * _SET
        self._hash = blake2b(digest_size=_TAG, key=secret)

    def put(self, key: bytes, value: bytes) -> None:
        """Keep a value; one that is too long is not kept."""
        if len(value) > MOST:
            return
        tag, start = self._place(key)
        lockf(self._fd, LOCK_EX, 1)
        try:
            at = self._append(tag, value)
            way = self._way(tag, start)
            where = start + way * _TAG
            self._map[where : where + _TAG] = _EMPTY
            self._numbers[self._position(start, way)] = at
            self._map[where : where + _TAG] = tag
        finally:
            lockf(self._fd, LOCK_UN, 1)

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, if it is still there."""
        tag, start = self._place(key)
        lockf(self._fd, LOCK_EX, 1)
        try:
            found = self._map.find(tag, start, start + _TAGS)
            if found < 0:
                return None
            at = self._numbers[self._position(start, (found - start) // _TAG)]
            if self._is_gone(at):
                return None
            where = self._begin + at % self._ring
            kept, length = _ENTRY.unpack_from(self._map, where)
            where += _ENTRY.size
            return self._map[where : where + length] if kept == tag else None
        finally:
            lockf(self._fd, LOCK_UN, 1)

    def remove(self, key: bytes) -> None:
        """Forget a value."""
        tag, start = self._place(key)
        lockf(self._fd, LOCK_EX, 1)
        try:
            found = self._map.find(tag, start, start + _TAGS)
            if found >= 0:
                self._map[found : found + _TAG] = _EMPTY
        finally:
            lockf(self._fd, LOCK_UN, 1)

    def _place(self, key: bytes) -> tuple[bytes, int]:
        """A key's tag, and where its set is."""
        hashed = self._hash.copy()
        hashed.update(key)
        tag = hashed.digest()
        return tag, _SETS + int.from_bytes(tag[:4], "little") % self._sets * _SET

    @staticmethod
    def _position(start: int, way: int) -> int:
        return (start + _TAGS) // 8 + way

    def _is_gone(self, at: int) -> bool:
        return bool(self._numbers[_HEAD // 8] - at > self._ring)

    def _append(self, tag: bytes, value: bytes) -> int:
        """Write behind the head, where the end of the ring does not part it; its position."""
        need = (_ENTRY.size + len(value) + 7) // 8 * 8
        at = self._numbers[_HEAD // 8]
        left = self._ring - at % self._ring
        if left < need:
            at += left
        self._numbers[_HEAD // 8] = at + need
        where = self._begin + at % self._ring
        _ENTRY.pack_into(self._map, where, tag, len(value))
        where += _ENTRY.size
        self._map[where : where + len(value)] = value
        return at

    def _way(self, tag: bytes, start: int) -> int:
        """Which entry of a set to use: its own, an empty one, or the oldest."""
        for wanted in (tag, _EMPTY):
            found = self._map.find(wanted, start, start + _TAGS)
            # The entry before an empty one may end in zeros.
            if found >= 0:
                return (found - start + _TAG - 1) // _TAG
        first = self._position(start, 0)
        positions = self._numbers[first : first + WAYS].tolist()
        return positions.index(min(positions))
