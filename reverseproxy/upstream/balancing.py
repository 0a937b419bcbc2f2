"""The other ways to choose a server: `least_conn`, `ip_hash`, `hash`, `random`.

Each is a `Turn` that chooses in its own way; those that choose by a number give up after 20
misses, and go on in round robin. The numbers are nginx's: who changes over keeps his sessions.
"""

from __future__ import annotations

import ipaddress
import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from itertools import accumulate
from zlib import crc32

from .members import Member, Rank, Turn, heaviest, slowly

#: How many misses are allowed before it is round robin's turn.
_MISSES = 20
#: Points on the circle for each unit of weight (ketama's).
_POINTS = 160


class LeastConnections(Turn):
    """Who has the least requests under way for his weight; round robin among equals."""

    __slots__ = ()

    def _choose(self, now: float) -> Member | None:
        usable = [member for member in self._rank.members if self._usable(member, now)]
        best: Member | None = None
        equals: list[Member] = []
        for member in usable:
            if best is None:
                best, equals = member, [member]
                continue
            mine, its = member.conns * best.weight, best.conns * member.weight
            if mine < its:
                best, equals = member, [member]
            elif mine == its:
                equals.append(member)
        return heaviest(equals) if len(equals) > 1 else best


class SlowLeastConnections(Turn):
    """The same in a group some of whose servers come back slowly (`slow_start`)."""

    __slots__ = ()

    def _choose(self, now: float) -> Member | None:
        usable = [member for member in self._rank.members if self._usable(member, now)]
        loads = [member.conns / (member.weight * member.grown(now)) for member in usable]
        least = min(loads, default=0.0)
        equals = [one for one, load in zip(usable, loads, strict=True) if load == least]
        return slowly(equals, now)


class Numbered(Turn):
    """Chooses by a number from 0 to the sum of the weights; `_number` gives one after another."""

    __slots__ = ("_misses",)

    def __init__(self, rank: Rank) -> None:
        super().__init__(rank)
        self._misses = 0

    def _choose(self, now: float) -> Member | None:
        rank = self._rank
        if rank.number < 2:
            return self._round_robin(now)
        ends = list(accumulate(member.weight for member in rank.members))
        while self._misses <= _MISSES:
            member = rank.members[bisect_right(ends, self._number() % ends[-1])]
            if self._usable(member, now):
                return member
            self._misses += 1
        return self._round_robin(now)

    def _number(self) -> int:
        raise NotImplementedError


class ByAddress(Numbered):
    """`ip_hash`: by the client's address, the first three bytes of IPv4, all of IPv6."""

    __slots__ = ("_address", "_hash")

    def __init__(self, rank: Rank, address: bytes) -> None:
        super().__init__(rank)
        self._hash = 89
        self._address = packed(address)

    def _number(self) -> int:
        number = self._hash
        for byte in self._address:
            number = (number * 113 + byte) % 6271
        self._hash = number
        return number


def packed(address: bytes) -> bytes:
    """What `ip_hash` looks at of an address; zeros where there is none (a unix socket)."""
    try:
        found = ipaddress.ip_address(address.decode("latin-1"))
    except ValueError:
        return bytes(3)
    return found.packed[:3] if found.version == 4 else found.packed


class ByKey(Numbered):
    """`hash KEY`: as Cache::Memcached does it, ((crc32([REHASH] KEY) >> 16) & 0x7fff)."""

    __slots__ = ("_hash", "_key", "_rehash")

    def __init__(self, rank: Rank, key: bytes) -> None:
        super().__init__(rank)
        self._key = key
        self._hash = self._rehash = 0

    def _choose(self, now: float) -> Member | None:
        return super()._choose(now) if self._key else self._round_robin(now)

    def _number(self) -> int:
        again = b"%d" % self._rehash if self._rehash else b""
        self._hash += (crc32(again + self._key) >> 16) & 0x7FFF
        self._rehash += 1
        return self._hash


class Circle:
    """The points of a group's servers on ketama's circle (as Cache::Memcached::Fast has them)."""

    def __init__(self, rank: Rank) -> None:
        points: dict[int, bytes] = {}
        for member in rank.members:
            base = crc32(_spelled(member.server))
            last = 0
            for _ in range(member.weight * _POINTS):
                last = crc32(last.to_bytes(4, "little"), base)
                points.setdefault(last, member.server)
        self.hashes = sorted(points)
        self.servers = [points[number] for number in self.hashes]
        self.members: dict[bytes, list[Member]] = {}
        for member in rank.members:
            self.members.setdefault(member.server, []).append(member)

    def place(self, key: bytes) -> int:
        """Where the way of a key begins."""
        return bisect_left(self.hashes, crc32(key))


def _spelled(server: bytes) -> bytes:
    """HOST NUL PORT of a server as it was written."""
    if server[:5].lower() == b"unix:":
        return server[5:] + b"\0"
    host, colon, port = server.rpartition(b":")
    if colon and (port.isdigit() or not port):
        return host + b"\0" + port
    return server + b"\0"


class OnCircle(Turn):
    """`hash KEY consistent`: who comes next on the circle."""

    __slots__ = ("_circle", "_misses", "_place")

    def __init__(self, rank: Rank, circle: Circle, key: bytes) -> None:
        super().__init__(rank)
        self._circle = circle
        self._place = circle.place(key)
        self._misses = 0 if key and rank.number > 1 else _MISSES + 1

    def _choose(self, now: float) -> Member | None:
        circle = self._circle
        while self._misses <= _MISSES:
            server = circle.servers[self._place % len(circle.servers)]
            found = heaviest([m for m in circle.members[server] if self._usable(m, now)])
            if found is not None:
                return found
            self._place += 1
            self._misses += 1
        return self._round_robin(now)


class AtRandom(Numbered):
    """`random`: anybody."""

    __slots__ = ("_random",)

    def __init__(self, rank: Rank, below: Callable[[int], int] = random.randrange) -> None:
        super().__init__(rank)
        self._random = below

    def _number(self) -> int:
        return self._random(self._rank.weight)


class BetterOfTwo(AtRandom):
    """`random two least_conn`: of two, the one that has less under way."""

    __slots__ = ()

    def _choose(self, now: float) -> Member | None:
        rank = self._rank
        if rank.number < 2:
            return self._round_robin(now)
        ends = list(accumulate(member.weight for member in rank.members))
        first: Member | None = None
        while self._misses <= _MISSES:
            member = rank.members[bisect_right(ends, self._number() % ends[-1])]
            if member is first or not self._usable(member, now):
                self._misses += 1
            elif first is None:
                first = member
            elif member.conns * first.weight > first.conns * member.weight:
                return first
            else:
                return member
        return self._round_robin(now)
