"""How the files of a place are opened: plainly, without links, from a cache."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from .filecache import FileCache, FileCacheSettings
from .files import OpenFile
from .symlinks import SymlinkSettings, open_strictly, starting_points

if TYPE_CHECKING:
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request

#: Opens the file at a path for a request; raises OSError.
Opener = Callable[["Request", bytes], OpenFile]


def opener(place: Place) -> Opener:
    """The function that opens files in a place."""
    plain = _strict(place) or _plain
    settings = place[FileCacheSettings]
    size = settings.open_file_cache
    if size is None:
        return plain
    caches = place.assembly.file_caches
    cache = caches.setdefault(size, FileCache(size))
    links = place[SymlinkSettings].disable_symlinks
    seconds = place.assembly.seconds

    def cached(request: Request, path: bytes) -> OpenFile:
        return cache.open((path, links), seconds(), settings, lambda: plain(request, path))

    return cached


def _plain(_request: Request, path: bytes) -> OpenFile:
    return OpenFile(path)


def _strict(place: Place) -> Opener | None:
    rule = place[SymlinkSettings].disable_symlinks
    if rule.mode == "off":
        return None
    start_of = starting_points(rule, place.compile)
    owner_decides = rule.mode == "if_not_owner"

    def strict(request: Request, path: bytes) -> OpenFile:
        return OpenFile(path, open_strictly(path, start_of(request), owner_decides))

    return strict


def finder(place: Place) -> Callable[[Request, bytes, bool], bool]:
    """Whether a file (or a directory) is there, for `try_files`."""
    settings = place[FileCacheSettings]
    if settings.open_file_cache is None and place[SymlinkSettings].disable_symlinks.mode == "off":
        return lambda _request, path, directory: (
            os.path.isdir(path) if directory else os.path.isfile(path)
        )
    open_file = opener(place)

    def found(request: Request, path: bytes, directory: bool) -> bool:
        try:
            file = open_file(request, path)
        except OSError:
            return False
        return file.is_directory if directory else file.is_file

    return found
