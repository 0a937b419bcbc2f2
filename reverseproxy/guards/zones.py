"""What `limit_req` and `limit_conn` count, by key: within one process, and within bounds.

Where several workers serve, they count together in `sharedzones`.

A zone's size is in bytes, and a state in it is counted as what it takes in nginx on a 64-bit
machine: what the slab allocator makes of a node of the tree and the key. So a zone holds as many
states as its documentation says (8 thousand of 128 bytes in a megabyte).

All times are whole milliseconds, all counts of requests thousandths of one, as in nginx.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Protocol

import attrs

from reverseproxy.config import BadValue, Diagnostic, Setting, Word, expected, size

if TYPE_CHECKING:
    from reverseproxy.process.sharedring import SharedRing

#: What a state takes beside its key, in bytes.
_REQUEST_STATE, _CONNECTION_STATE = 80, 36
#: nginx refuses zones of less than eight pages.
_SMALLEST = 8 * 4096
#: A state that nobody asked for so long, in milliseconds, goes when it counts nothing any more.
_IDLE = 60_000


def zone(word: Word) -> tuple[str, int]:
    """`zone=NAME:SIZE` as a name and bytes."""
    name, colon, text = word.text.removeprefix("zone=").partition(":")
    if not word.text.startswith("zone=") or not name or not colon:
        raise expected("a zone such as zone=one:10m", word)
    bytes_ = size(attrs.evolve(word, text=text))
    if bytes_ < _SMALLEST:
        raise BadValue(f'the zone "{name}" is too small: {_SMALLEST} bytes at least', word)
    return name, bytes_


def twice(zones: list[Setting]) -> list[Diagnostic]:
    """Complaints of zones that are there twice."""
    first: dict[str, Setting] = {}
    found = []
    for setting in zones:
        name = setting.value.name
        known = first.setdefault(name, setting)
        if known is not setting:
            where = f"the first is at {known.origin}"
            found.append(Diagnostic(setting.origin, f'the zone "{name}" is there twice: {where}'))
    return found


def unknown(uses: list[tuple[str, Word]], zones: set[str], declares: str) -> list[Diagnostic]:
    """Complaints of zones that nothing declares, or that one level uses twice."""
    found = []
    seen: set[str] = set()
    for name, word in uses:
        if name not in zones:
            hint = f"{declares} declares one, in http"
            found.append(Diagnostic(word.origin, f'there is no zone "{name}"', hint))
        elif name in seen:
            found.append(Diagnostic(word.origin, f'the zone "{name}" is used twice here'))
        seen.add(name)
    return found


def _slab(length: int) -> int:
    """What an allocation of so many bytes takes: the next power of two."""
    return 1 << (length - 1).bit_length()


@attrs.define(eq=False)
class _Bucket:
    excess: int
    last: int


class Requests(Protocol):
    """What `limit_req` counts with: leaky buckets, which `rate` leaves each second."""

    rate: int

    def look(self, key: bytes, now: int) -> int:
        """How much too many there would be with one more request."""

    def take(self, key: bytes, now: int, burst: int) -> int:
        """As `look`; and let the request in, unless there are more than `burst` too many."""


class Connections(Protocol):
    """What `limit_conn` counts with: requests under way."""

    def enter(self, key: bytes, most: int) -> bool:
        """Count one in; False when there are `most` already, or no room for another key."""

    def leave(self, key: bytes) -> None:
        """Count one out."""


class ZoneMaker(Protocol):
    """Makes zones, by their names and what they are like."""

    def requests(self, name: str, definition: object, size: int, rate: int) -> Requests:
        """A zone of `limit_req`; `size` in bytes, `rate` in thousandths of a request a second."""

    def connections(self, name: str, definition: object, size: int) -> Connections:
        """A zone of `limit_conn`."""

    def ring(self, name: str, definition: object, size: int) -> SharedRing | None:
        """A zone of `ssl_session_cache` and its like; None: this process is the only one."""


class InProcess:
    """Zones of one process: dictionaries."""

    def requests(self, _name: str, _definition: object, size: int, rate: int) -> Requests:
        """See `ZoneMaker`."""
        return RequestZone(size, rate)

    def connections(self, _name: str, _definition: object, size: int) -> Connections:
        """See `ZoneMaker`."""
        return ConnectionZone(size)

    def ring(self, _name: str, _definition: object, _size: int) -> SharedRing | None:
        """See `ZoneMaker`."""
        return None


IN_PROCESS = InProcess()


class RequestZone:
    """Leaky buckets, which `rate` thousandths of a request leave each second."""

    def __init__(self, size: int, rate: int) -> None:
        self.rate = rate
        self._left = size
        self._buckets: OrderedDict[bytes, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def look(self, key: bytes, now: int) -> int:
        """How much too many there would be with one more request."""
        bucket = self._buckets.get(key)
        if bucket is None:
            return 0
        self._buckets.move_to_end(key)
        return max(0, bucket.excess - self.rate * (now - bucket.last) // 1000 + 1000)

    def take(self, key: bytes, now: int, burst: int) -> int:
        """As `look`; and let the request in, unless there are more than `burst` too many."""
        excess = self.look(key, now)
        bucket = self._buckets.get(key)
        if bucket is None:
            self._add(key, now)
        elif excess <= burst:
            bucket.excess, bucket.last = excess, now
        return excess

    def _add(self, key: bytes, now: int) -> None:
        cost = _slab(_REQUEST_STATE + len(key))
        for _ in range(2):
            if not self._drop_idle(now):
                break
        while self._left < cost and self._buckets:
            self._drop()
        self._left -= cost
        self._buckets[key] = _Bucket(0, now)

    def _drop_idle(self, now: int) -> bool:
        bucket = next(iter(self._buckets.values()), None)
        if bucket is None or now - bucket.last < _IDLE:
            return False
        if bucket.excess - self.rate * (now - bucket.last) // 1000 > 0:
            return False
        self._drop()
        return True

    def _drop(self) -> None:
        key, _ = self._buckets.popitem(last=False)
        self._left += _slab(_REQUEST_STATE + len(key))


class ConnectionZone:
    """How many requests are under way."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._counts: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self._counts)

    def enter(self, key: bytes, most: int) -> bool:
        """Count one in; False when there are `most` already, or no room for another key."""
        count = self._counts.get(key, 0)
        if count >= most:
            return False
        if not count:
            cost = _slab(_CONNECTION_STATE + len(key))
            if self._left < cost:
                return False
            self._left -= cost
        self._counts[key] = count + 1
        return True

    def leave(self, key: bytes) -> None:
        """Count one out."""
        count = self._counts[key] - 1
        if count:
            self._counts[key] = count
        else:
            del self._counts[key]
            self._left += _slab(_CONNECTION_STATE + len(key))
