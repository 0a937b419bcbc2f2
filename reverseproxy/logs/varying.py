"""Access logs whose paths have variables in them (`access_log /var/log/$host.log`)."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from reverseproxy.content.documents import document_root

from .files import LogFile

if TYPE_CHECKING:
    from reverseproxy.web.request import Request

    from .access import OpenLogs


@attrs.define(eq=False)
class _Open:
    file: LogFile
    used: float
    checked: float
    uses: int = 1


class VaryingLog:
    """Opens the file that a request's path names, for one line or, with a cache, for more.

    As nginx: nothing is written where the root of the request isn't there, so that requests for
    hosts that nobody has make no files.
    """

    def __init__(
        self,
        path: Callable[[Request], bytes],
        cache: OpenLogs | None,
        seconds: Callable[[], float],
        complain: Callable[[str], None],
    ) -> None:
        self._path = path
        self._cache = cache
        self._seconds = seconds
        self._complain = complain
        self._open: OrderedDict[bytes, _Open] = OrderedDict()

    def write(self, line: bytes, request: Request) -> None:
        """Append a line to the file of this request."""
        path = self._path(request)
        if b"\0" in path or b"/../" in path or not os.path.isdir(document_root(request)):
            return
        cache = self._cache
        if cache is None:
            file = self._opened(path)
            if file is not None:
                file.write(line)
                file.close()
            return
        now = self._seconds()
        known = self._open.get(path)
        if known is not None and now - known.checked >= cache.valid:
            # It may have been renamed or removed meanwhile.
            known.file.close()
            del self._open[path]
            known = None
        if known is None:
            file = self._opened(path)
            if file is None:
                return
            known = self._open[path] = _Open(file, now, now)
        known.used, known.uses = now, known.uses + 1
        self._open.move_to_end(path)
        known.file.write(line)
        if len(self._open) > cache.limit:
            self._open.popitem(last=False)[1].file.close()

    def _opened(self, path: bytes) -> LogFile | None:
        file = LogFile(os.fsdecode(path), self._complain)
        try:
            file.open()
        except OSError as error:
            self._complain(f'opening "{file.path}" failed: {error.strerror}')
            return None
        return file

    def check(self, now: float) -> None:
        """Close what was not used for a while, or not often enough; the sweep calls it."""
        cache = self._cache
        if cache is None:
            return
        for path, known in list(self._open.items()):
            if now - known.used >= cache.inactive:
                known.file.close()
                del self._open[path]

    def retire(self) -> None:
        """Keep nothing open from now on: only requests that are under way still write."""
        self.close()
        self._cache = None

    def close(self) -> None:
        """Close every file."""
        for known in self._open.values():
            known.file.close()
        self._open.clear()
