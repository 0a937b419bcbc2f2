"""The numbers of every worker, where every other can read them: a file in memory with a slot each.

A slot is written by its worker alone and without a lock. It has two copies: the one that is current
(the last bit of its sequence number says which) is never written, so that a reader has a whole one
even of a worker that died as it wrote. A reader begins again when the sequence number has moved on.

What a slot's former workers carried stays in it, so that no total ever goes down.
"""

from __future__ import annotations

import os
from collections.abc import Set
from mmap import mmap
from typing import TYPE_CHECKING

import attrs

from reverseproxy.content.stubstatus import Numbers, own
from reverseproxy.process import sharedmemory

if TYPE_CHECKING:
    from reverseproxy.web.site import Connections
    from reverseproxy.web.sweep import Checked

#: What a slot takes, in numbers of eight bytes: the sequence number, and two copies.
_SLOT = 32
_COPY = 12
_SLOT_BYTES = 8 * _SLOT
#: Where in a copy the numbers of the worker are, in the order of Numbers; and of those before it.
_OWN, _GONE = slice(2, 8), slice(9, 12)


@attrs.frozen
class Row:
    """What a slot says: `pid` is 0 where nobody is.

    `generation` tells configurations apart, `upstreams` are open connections to upstreams, and
    `gone_…` is what the slot's former workers had carried.
    """

    pid: int = 0
    generation: int = 0
    accepted: int = 0
    handled: int = 0
    requests: int = 0
    reading: int = 0
    writing: int = 0
    waiting: int = 0
    upstreams: int = 0
    gone_accepted: int = 0
    gone_handled: int = 0
    gone_requests: int = 0

    def vacated(self) -> Row:
        """The same when its worker has gone."""
        return Row(
            gone_accepted=self.gone_accepted + self.accepted,
            gone_handled=self.gone_handled + self.handled,
            gone_requests=self.gone_requests + self.requests,
        )


def create(slots: int) -> int:
    """A descriptor of a new scoreboard for so many workers."""
    if slots < 1:
        raise ValueError(f"{slots} slots for workers")
    return sharedmemory.create("scoreboard", slots * _SLOT_BYTES)


class Scoreboard:
    """The slots, numbered from 0, in the file of a descriptor that `create` made."""

    def __init__(self, fd: int) -> None:
        size = os.fstat(fd).st_size
        self.slots = size // _SLOT_BYTES
        self._map = mmap(fd, size)
        self._numbers = memoryview(self._map).cast("q")

    def close(self) -> None:
        """Look at it no more."""
        self._numbers.release()
        self._map.close()

    def claim(self, slot: int, pid: int, generation: int) -> None:
        """A worker begins in a slot; by whom it is done, and when, it is the slot's only writer."""
        row = self.read(slot).vacated()
        self._publish(slot, attrs.evolve(row, pid=pid, generation=generation))

    def write(self, slot: int, numbers: Numbers, upstreams: int) -> None:
        """The numbers of a slot's worker now: its own, since it began."""
        self._publish(
            slot, attrs.evolve(self.read(slot), upstreams=upstreams, **attrs.asdict(numbers))
        )

    def renew(self, slot: int, generation: int) -> None:
        """A slot's worker serves another configuration from now on."""
        self._publish(slot, attrs.evolve(self.read(slot), generation=generation))

    def retire(self, slot: int) -> None:
        """A slot's worker has gone; what it had carried stays counted."""
        self._publish(slot, self.read(slot).vacated())

    def read(self, slot: int) -> Row:
        """What a slot says."""
        return Row(*self._read(slot))

    def rows(self) -> list[Row]:
        """What all slots say."""
        return [self.read(slot) for slot in range(self.slots)]

    def total(self, except_slot: int | None = None) -> Numbers:
        """The sum of all workers' numbers, former ones included; one worker's may be left out."""
        # Requests may ask for this: it makes no Rows.
        sums = [0] * 6
        for slot in range(self.slots):
            row = self._read(slot)
            for at, gone in enumerate(row[_GONE]):
                sums[at] += gone
            if slot != except_slot:
                for at, number in enumerate(row[_OWN]):
                    sums[at] += number
        return Numbers(*sums)

    def _read(self, slot: int) -> list[int]:
        numbers, start = self._numbers, self._start(slot)
        while True:
            sequence = numbers[start]
            copy = start + 1 + _COPY * (sequence & 1)
            found: list[int] = numbers[copy : copy + _COPY].tolist()
            # Were it written twice meanwhile, the copy would have been the one that is written.
            if numbers[start] == sequence:
                return found

    def _start(self, slot: int) -> int:
        if not 0 <= slot < self.slots:
            raise ValueError(f"slot {slot} of {self.slots}")
        return slot * _SLOT

    def _publish(self, slot: int, row: Row) -> None:
        numbers, start = self._numbers, self._start(slot)
        sequence = numbers[start] + 1
        copy = start + 1 + _COPY * (sequence & 1)
        for at, value in enumerate(attrs.astuple(row)):
            numbers[copy + at] = value
        numbers[start] = sequence


class Reporting:
    """Writes a worker's numbers into its slot once a sweep, and when it is asked to."""

    def __init__(
        self, scoreboard: Scoreboard, slot: int, connections: Connections, members: Set[Checked]
    ) -> None:
        self._scoreboard = scoreboard
        self._slot = slot
        self._connections = connections
        self._members = members

    def check(self, _now: float) -> None:
        """Write them."""
        numbers = own(self._connections, self._members)
        self._scoreboard.write(self._slot, numbers, self._connections.upstreams)

    def elsewhere(self) -> Numbers:
        """What the other workers have, and those that have gone had: for `Connections`."""
        return self._scoreboard.total(except_slot=self._slot)
