"""The zones of limits where several workers count together: files in memory, one for each zone.

The master makes the files, and hands them on from one configuration to the next where a zone's
definition is the same; a worker maps those that it is given.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Iterator, Mapping

from reverseproxy.guards.sharedzones import (
    SharedConnectionZone,
    SharedRequestZone,
    create_connections,
    create_requests,
    forget,
)
from reverseproxy.guards.zones import IN_PROCESS, Connections, Requests

from . import sharedring
from .sharedring import SharedRing


class ZoneFiles:
    """The master's: it makes files and counts nothing; `slots` is how many workers there may be."""

    def __init__(self, slots: int, before: ZoneFiles | None = None) -> None:
        self.slots = slots
        self._before = {} if before is None else before._files
        self._files: dict[str, tuple[object, int]] = {}
        self._connections: set[int] = set()

    def __iter__(self) -> Iterator[tuple[str, int]]:
        """The zones' names and descriptors."""
        return ((name, number) for name, (_, number) in self._files.items())

    def requests(self, name: str, definition: object, size: int, rate: int) -> Requests:
        """See `ZoneMaker`."""
        self._file(name, definition, lambda: create_requests(size))
        return IN_PROCESS.requests(name, definition, size, rate)

    def connections(self, name: str, definition: object, size: int) -> Connections:
        """See `ZoneMaker`."""
        self._connections.add(
            self._file(name, definition, lambda: create_connections(size, self.slots))
        )
        return IN_PROCESS.connections(name, definition, size)

    def ring(self, name: str, definition: object, size: int) -> SharedRing | None:
        """See `ZoneMaker`."""
        self._file(name, definition, lambda: sharedring.create(size))
        return None

    def _file(self, name: str, definition: object, make: Callable[[], int]) -> int:
        known = self._before.get(name)
        if known is None or known[0] != definition:
            known = (definition, make())
        self._files[name] = known
        return known[1]

    def succeed(self) -> None:
        """Close the files that only the configuration before had."""
        mine = {number for _, number in self}
        for _, number in self._before.values():
            if number not in mine:
                os.close(number)
        self._before = {}

    def discard(self) -> None:
        """Close the files that the configuration before has not: this one is not served."""
        theirs = {number for _, number in self._before.values()}
        for _, number in self:
            if number not in theirs:
                os.close(number)

    def forget(self, slot: int) -> None:
        """Count nothing any more of what the worker of a slot had under way: it is gone."""
        for number in self._connections:
            forget(number, slot)


class GivenZones:
    """A worker's: it maps the files that it was given, and owns their descriptors."""

    def __init__(self, files: Mapping[str, int], slot: int, slots: int) -> None:
        self._files = dict(files)
        self._slot = slot
        self._slots = slots

    def requests(self, name: str, _definition: object, size: int, rate: int) -> Requests:
        """See `ZoneMaker`."""
        number = self._files.pop(name)
        zone = SharedRequestZone(number, size, rate)
        weakref.finalize(zone, os.close, number)
        return zone

    def connections(self, name: str, _definition: object, size: int) -> Connections:
        """See `ZoneMaker`."""
        number = self._files.pop(name)
        zone = SharedConnectionZone(number, size, self._slot, self._slots)
        weakref.finalize(zone, os.close, number)
        return zone

    def ring(self, name: str, _definition: object, _size: int) -> SharedRing | None:
        """See `ZoneMaker`."""
        number = self._files.pop(name)
        ring = SharedRing(number)
        # At the end OpenSSL looks there once more.
        weakref.finalize(ring, os.close, number).atexit = False
        return ring

    def close(self) -> None:
        """Close what was not needed: zones that are there already."""
        for number in self._files.values():
            os.close(number)
        self._files = {}
