"""What `limit_req` and `limit_conn` count in all workers together: zones in shared memory.

A zone is a file without a name (memfd_create(2)) that all workers have and map. It has a header and
sets of `WAYS` entries; a key belongs to one set, by a hash that is keyed with a secret of the zone,
so that nobody can aim at a set. An entry is found by the hash alone; two keys with the same 128
bits are not to be expected.

There are twice as many entries as nginx has states of the shortest keys in a zone of that size. A
set thus overflows before the zone holds so many about once in 10^12 sets. What is full is a set: a
`SharedRequestZone` forgets the entry of it that nobody asked for the longest, a
`SharedConnectionZone` has no room.

A set is held by a lock of fcntl(2) on one byte, which the kernel takes from a process that dies.
What such a process leaves half done is bounded by the order of its writes: an entry's tag is
cleared first and set last, and numbers are eight aligned bytes, which are stored at once. (These
locks also go when *any* descriptor of the file is closed in the process, so a process has one
mapping of it, however many zones look at it: an mmap owns a descriptor.)

All times are whole milliseconds, monotonic, and so the same in every process of a machine.
"""

from __future__ import annotations

import os
from fcntl import LOCK_EX, LOCK_UN, lockf
from hashlib import blake2b
from struct import Struct

from reverseproxy.process import sharedmemory

#: How many entries a set has.
WAYS = 128
_TAG = 16
_TAGS = WAYS * _TAG
_EMPTY = bytes(_TAG)
#: What a state of the shortest keys takes in nginx, in bytes.
_REQUEST_STATE, _CONNECTION_STATE = 128, 64
#: kind, sets, slots, secret
_HEADER = Struct("=8sQQ16s")
_SETS = 64
_REQUESTS, _CONNECTIONS = b"requests", b"connects"
#: Where a request's entry has, in eight bytes each: how far over the rate it is, as of when, and
#: when it was last asked for.
_EXCESS, _LAST, _USED = _TAGS // 8, _TAGS // 8 + WAYS, _TAGS // 8 + 2 * WAYS
_REQUEST_SET = _TAGS + 3 * 8 * WAYS


def create_requests(size: int) -> int:
    """A descriptor of a new zone for `SharedRequestZone`; `size` is as configured, in bytes."""
    return _created(_REQUESTS, _sets(size, _REQUEST_STATE), 0)


def create_connections(size: int, slots: int) -> int:
    """The same for `SharedConnectionZone`, for workers with the numbers from 0 to `slots` - 1."""
    if slots < 1:
        raise ValueError(f"{slots} slots for workers")
    return _created(_CONNECTIONS, _sets(size, _CONNECTION_STATE), slots)


def forget(fd: int, slot: int) -> None:
    """Count nothing any more of what the dead worker of a slot had under way.

    To be called before another worker is given the slot.
    """
    table = _Table(fd, _CONNECTIONS)
    if not 0 <= slot < table.slots:
        raise ValueError(f"slot {slot} of {table.slots}")
    counts = memoryview(table.map).cast("H")
    unused = bytes(table.bytes)
    for number in range(table.sets):
        tags = _SETS + number * table.bytes
        first = (tags + _TAGS) // 2
        # Read, since a look at the mapping would take memory for what was never used.
        if os.pread(fd, table.bytes, tags) == unused:
            continue
        lockf(fd, LOCK_EX, 1, number)
        try:
            for entry in range(WAYS):
                at = first + entry * table.slots
                if counts[at + slot]:
                    counts[at + slot] = 0
                tag = tags + entry * _TAG
                # The worker may have died between the last count and the tag.
                if table.map[tag : tag + _TAG] != _EMPTY and not any(counts[at : at + table.slots]):
                    table.map[tag : tag + _TAG] = _EMPTY
        finally:
            lockf(fd, LOCK_UN, 1, number)


def _sets(size: int, state: int) -> int:
    return max(1, -(-2 * (size // state) // WAYS))


def _set_bytes(slots: int) -> int:
    """What a set takes: the counts of a set are two bytes for each entry and slot."""
    return _TAGS + 2 * WAYS * slots if slots else _REQUEST_SET


def _created(kind: bytes, sets: int, slots: int) -> int:
    fd = sharedmemory.create("limits", _SETS + sets * _set_bytes(slots))
    os.pwrite(fd, _HEADER.pack(kind, sets, slots, os.urandom(16)), 0)
    return fd


class _Table:
    """The sets of a zone. Raises ValueError where the file is no zone of that kind."""

    def __init__(self, fd: int, kind: bytes) -> None:
        self.fd = fd
        header = os.pread(fd, _HEADER.size, 0)
        if len(header) < _HEADER.size or not header.startswith(kind):
            raise ValueError(f"descriptor {fd} is not a zone of {kind.decode()}")
        self.sets: int
        self.slots: int
        _, self.sets, self.slots, secret = _HEADER.unpack(header)
        self.bytes = _set_bytes(self.slots)
        self.map = sharedmemory.mapping(fd)
        self._hash = blake2b(digest_size=_TAG, key=secret)
        # A request is looked for and counted by the same key.
        self._last = b"", _EMPTY

    def __len__(self) -> int:
        """How many keys there are; this looks at all sets."""
        found = 0
        for number in range(self.sets):
            start = _SETS + number * self.bytes
            tags = os.pread(self.fd, _TAGS, start)
            found += sum(tags[at : at + _TAG] != _EMPTY for at in range(0, _TAGS, _TAG))
        return found

    def tag(self, key: bytes) -> bytes:
        """What an entry is found by."""
        known, tag = self._last
        if key != known:
            hashed = self._hash.copy()
            hashed.update(key)
            tag = hashed.digest()
            self._last = key, tag
        return tag

    def set_of(self, tag: bytes) -> int:
        """The number of the set that a tag belongs to."""
        return int.from_bytes(tag[:4], "little") % self.sets

    def free(self, start: int) -> int | None:
        """An empty entry of the set that starts there."""
        at = self.map.find(_EMPTY, start, start + _TAGS)
        # The entry before may end in zeros.
        return None if at < 0 else (at - start + _TAG - 1) // _TAG


class SharedRequestZone:
    """`RequestZone` for several processes; `size` is the one that it was created with.

    An entry goes only when another one needs its place.
    """

    def __init__(self, fd: int, size: int, rate: int) -> None:
        self.rate = rate
        self._table = _Table(fd, _REQUESTS)
        _check(self._table, _sets(size, _REQUEST_STATE))
        self._numbers = memoryview(self._table.map).cast("q")

    def __len__(self) -> int:
        return len(self._table)

    def look(self, key: bytes, now: int) -> int:
        """How much too many there would be with one more request."""
        return self._ask(key, now, None)

    def take(self, key: bytes, now: int, burst: int) -> int:
        """As `look`; and let the request in, unless there are more than `burst` too many."""
        return self._ask(key, now, burst)

    def _ask(self, key: bytes, now: int, burst: int | None) -> int:
        table, numbers = self._table, self._numbers
        tag = table.tag(key)
        number = table.set_of(tag)
        start = _SETS + number * table.bytes
        lockf(table.fd, LOCK_EX, 1, number)
        try:
            at = table.map.find(tag, start, start + _TAGS)
            if at < 0:
                if burst is not None:
                    self._add(tag, start, now)
                return 0
            entry = start // 8 + (at - start) // _TAG
            last = numbers[entry + _LAST]
            # Another worker may have read its clock a little later, and been here before.
            excess = numbers[entry + _EXCESS] - self.rate * max(0, now - last) // 1000 + 1000
            excess = max(0, excess)
            numbers[entry + _USED] = now
            if burst is not None and excess <= burst:
                # In this order: between the two writes it is too little, never too much.
                numbers[entry + _EXCESS] = excess
                if now > last:
                    numbers[entry + _LAST] = now
            return excess
        finally:
            lockf(table.fd, LOCK_UN, 1, number)

    def _add(self, tag: bytes, start: int, now: int) -> None:
        table, numbers = self._table, self._numbers
        way = table.free(start)
        if way is None:
            first = start // 8 + _USED
            used = numbers[first : first + WAYS].tolist()
            way = used.index(min(used))
            table.map[start + way * _TAG : start + (way + 1) * _TAG] = _EMPTY
        entry = start // 8 + way
        numbers[entry + _EXCESS] = 0
        numbers[entry + _LAST] = numbers[entry + _USED] = now
        table.map[start + way * _TAG : start + (way + 1) * _TAG] = tag


class SharedConnectionZone:
    """`ConnectionZone` for several processes, each of which counts in a slot of its own.

    `size` and `slots` are those that it was created with.
    """

    def __init__(self, fd: int, size: int, slot: int, slots: int) -> None:
        self._table = table = _Table(fd, _CONNECTIONS)
        _check(table, _sets(size, _CONNECTION_STATE), slots)
        if not 0 <= slot < slots:
            raise ValueError(f"slot {slot} of {slots}")
        self._slot, self._slots = slot, slots
        self._counts = memoryview(table.map).cast("H")

    def __len__(self) -> int:
        return len(self._table)

    def enter(self, key: bytes, most: int) -> bool:
        """Count one in; False when there are `most` already, or no room for another key."""
        table, counts, slots = self._table, self._counts, self._slots
        tag = table.tag(key)
        number = table.set_of(tag)
        start = _SETS + number * table.bytes
        lockf(table.fd, LOCK_EX, 1, number)
        try:
            at = table.map.find(tag, start, start + _TAGS)
            if at >= 0:
                entry = (start + _TAGS) // 2 + (at - start) // _TAG * slots
                if sum(counts[entry : entry + slots]) >= most:
                    return False
                counts[entry + self._slot] += 1
                return True
            way = table.free(start)
            if way is None or most < 1:
                return False
            counts[(start + _TAGS) // 2 + way * slots + self._slot] = 1
            table.map[start + way * _TAG : start + (way + 1) * _TAG] = tag
            return True
        finally:
            lockf(table.fd, LOCK_UN, 1, number)

    def leave(self, key: bytes) -> None:
        """Count one out. Raises KeyError where this worker has none of the key."""
        table, counts, slots = self._table, self._counts, self._slots
        tag = table.tag(key)
        number = table.set_of(tag)
        start = _SETS + number * table.bytes
        lockf(table.fd, LOCK_EX, 1, number)
        try:
            at = table.map.find(tag, start, start + _TAGS)
            entry = (start + _TAGS) // 2 + (at - start) // _TAG * slots
            if at < 0 or not counts[entry + self._slot]:
                raise KeyError(key)
            counts[entry + self._slot] -= 1
            if not any(counts[entry : entry + slots]):
                table.map[at : at + _TAG] = _EMPTY
        finally:
            lockf(table.fd, LOCK_UN, 1, number)


def _check(table: _Table, sets: int, slots: int = 0) -> None:
    if (table.sets, table.slots) != (sets, slots):
        raise ValueError(f"descriptor {table.fd} is a zone of another size, or for other slots")
