"""What the workers of a daemon share: places, the scoreboard, the zones of limits."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from reverseproxy.guards.zones import IN_PROCESS, ZoneMaker

from . import scoreboard
from .scoreboard import Scoreboard
from .settings import MainSettings
from .zonefiles import ZoneFiles

if TYPE_CHECKING:
    from reverseproxy.config import Configuration, Level

#: How many places there are at least, and for each worker: old ones and new ones live side by side.
_LEAST, _FOR_EACH = 32, 4


def number_of_workers(main: Level) -> int:
    """How many workers a configuration wants (`worker_processes`)."""
    wanted = main[MainSettings].worker_processes
    return len(os.sched_getaffinity(0)) if wanted is None else wanted


class Shared:
    """Made once for the life of a master: a worker's place is a number from 0 to `slots` - 1."""

    def __init__(self, main: Level) -> None:
        self.slots = max(_LEAST, _FOR_EACH * number_of_workers(main))
        self.board = scoreboard.create(self.slots)
        self.scoreboard = Scoreboard(self.board)
        self._free = set(range(self.slots))
        self._files: ZoneFiles | None = None

    def zone_maker(self, configuration: Configuration) -> ZoneMaker:
        """Who makes the zones of a configuration; `keep` or `discard` it."""
        if number_of_workers(configuration.main) == 1:
            return IN_PROCESS
        return ZoneFiles(self.slots, self._files)

    def keep(self, maker: ZoneMaker) -> None:
        """Serve this configuration from now on."""
        before, self._files = self._files, maker if isinstance(maker, ZoneFiles) else None
        if self._files is not None:
            self._files.succeed()
        elif before is not None:
            before.discard()

    @staticmethod
    def discard(maker: ZoneMaker) -> None:
        """Don't serve this configuration."""
        if isinstance(maker, ZoneFiles):
            maker.discard()

    def close(self) -> None:
        """Nothing will be served."""
        self.scoreboard.close()
        os.close(self.board)

    @property
    def zone_files(self) -> dict[str, int]:
        """The descriptors of the zones, by name."""
        return {} if self._files is None else dict(self._files)

    def take(self) -> int | None:
        """A place for a worker; None when all are taken."""
        if not self._free:
            return None
        slot = min(self._free)
        self._free.discard(slot)
        return slot

    def give_back(self, slot: int) -> None:
        """The worker of a place is gone: what it carried stays counted, what it held does not."""
        self.scoreboard.retire(slot)
        if self._files is not None:
            self._files.forget(slot)
        self._free.add(slot)
