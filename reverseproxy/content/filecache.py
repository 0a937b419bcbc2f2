"""`open_file_cache`: files that stay open between requests (ngx_open_file_cache.c).

An entry is believed for `open_file_cache_valid`; then the file is opened again, and the entry stays
if it is still the same file. Within that time a small file is not even read again.
"""

from __future__ import annotations

import errno
import os
from collections import OrderedDict
from collections.abc import Callable, Hashable

import attrs

from reverseproxy.config import (
    HTTP_SERVER_LOCATION,
    Args,
    BadValue,
    directive,
    flag,
    number,
    one,
    seconds,
    settings,
)

from .files import OpenFile

#: Errors that `open_file_cache_errors` remembers.
_REMEMBERED = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ELOOP})


@attrs.frozen
class CacheSize:
    """At most `most` entries; one that was not used for `inactive` seconds goes."""

    most: int
    inactive: float


def open_file_cache(args: Args) -> CacheSize | None:
    """`open_file_cache off` or `open_file_cache max=N [inactive=TIME]`."""
    if len(args.words) == 1 and args.words[0].text == "off":
        return None
    most, inactive = 0, 60.0
    for word in args.words:
        name, _, value = word.text.partition("=")
        rest = attrs.evolve(word, text=value)
        if name == "max":
            most = number(1)(rest)
        elif name == "inactive":
            inactive = seconds(rest)
        else:
            raise BadValue(
                f'open_file_cache takes off, max= and inactive=, not "{word.text}"', word
            )
    if not most:
        raise BadValue("open_file_cache needs max=N", args.words[0])
    return CacheSize(most, inactive)


@settings
class FileCacheSettings:
    """Files that stay open (ngx_http_core_module)."""

    open_file_cache: CacheSize | None = directive(
        open_file_cache,
        "off",
        HTTP_SERVER_LOCATION,
        args="1-2",
        doc="Keeps files open, and small ones in memory, for as long as they are in use.",
        syntax="off | max=N [inactive=time]",
    )
    open_file_cache_valid: float = directive(
        one(seconds), "60s", HTTP_SERVER_LOCATION, doc="How long a kept file is not looked at."
    )
    open_file_cache_min_uses: int = directive(
        one(number(1)),
        "1",
        HTTP_SERVER_LOCATION,
        doc="How often a file must be asked for within inactive= to be kept.",
    )
    open_file_cache_errors: bool = directive(
        one(flag), "off", HTTP_SERVER_LOCATION, doc="Remembers also that a file is not there."
    )


@attrs.define(eq=False)
class _Entry:
    checked: float
    used: float
    uses: int = 0
    file: OpenFile | None = None
    error: int = 0


class FileCache:
    """Open files by path, the least recently used first."""

    def __init__(self, size: CacheSize) -> None:
        self._most = size.most
        self._inactive = size.inactive
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def open(
        self,
        key: Hashable,
        now: float,
        settings: FileCacheSettings,
        really: Callable[[], OpenFile],
    ) -> OpenFile:
        """The file of `key`, from the cache or from `really`. Raises OSError, fresh or kept."""
        self._expire(now)
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _Entry(now, now)
            while len(self._entries) > self._most:
                self._entries.popitem(last=False)
        else:
            self._entries.move_to_end(key)
        entry.used = now
        entry.uses += 1
        if now - entry.checked < settings.open_file_cache_valid:
            if entry.file is not None:
                return entry.file
            if entry.error:
                raise OSError(entry.error, os.strerror(entry.error))
        return self._reopen(entry, now, settings, really)

    @staticmethod
    def _reopen(
        entry: _Entry, now: float, settings: FileCacheSettings, really: Callable[[], OpenFile]
    ) -> OpenFile:
        entry.checked = now
        try:
            file = really()
        except OSError as error:
            entry.file = None
            remember = settings.open_file_cache_errors and error.errno in _REMEMBERED
            entry.error = (error.errno or 0) if remember else 0
            raise
        entry.error = 0
        if entry.file is not None and entry.file.identity == file.identity:
            return entry.file
        entry.file = None
        if entry.uses >= settings.open_file_cache_min_uses:
            file.kept = True
            entry.file = file
        return file

    def _expire(self, now: float) -> None:
        """Drop a few of those that nobody asked for; each request does its share."""
        for _ in range(2):
            if not self._entries:
                return
            key, entry = next(iter(self._entries.items()))
            if now - entry.used <= self._inactive:
                return
            del self._entries[key]
