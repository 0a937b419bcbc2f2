"""`disable_symlinks`: opening a file without following the links of others.

A check before an open can be raced; so each part of the path is opened from the one before it, and
what was opened is what is judged (nginx's ngx_open_file_wrapper).
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

import attrs

from reverseproxy.config import HTTP_SERVER_LOCATION, Args, BadValue, Template, directive, settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from reverseproxy.web.request import Request

_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


@attrs.frozen
class Symlinks:
    """`mode` is "off", "on" or "if_not_owner"; below `start` links are looked at."""

    mode: str
    start: Template | None = None


def disable_symlinks(args: Args) -> Symlinks:
    """`disable_symlinks off` or `disable_symlinks on|if_not_owner [from=PART]`."""
    mode, start = "", None
    for word in args.words:
        if word.text.startswith("from="):
            start = args.template(attrs.evolve(word, text=word.text.removeprefix("from=")))
        elif word.text in ("off", "on", "if_not_owner") and not mode:
            mode = word.text
        else:
            raise BadValue(
                f'disable_symlinks takes off, on or if_not_owner, and from=, not "{word.text}"',
                word,
            )
    if not mode or (mode == "off" and start is not None):
        raise BadValue("disable_symlinks takes on or if_not_owner beside from=", args.words[0])
    return Symlinks(mode, start)


@settings
class SymlinkSettings:
    """Symbolic links (ngx_http_core_module)."""

    disable_symlinks: Symlinks = directive(
        disable_symlinks,
        "off",
        HTTP_SERVER_LOCATION,
        args="1-2",
        doc="Refuses paths with symbolic links: with any, or with those whose target another owns.",
        syntax="off | on | if_not_owner [from=part]",
    )


def open_strictly(path: bytes, start: bytes, owner_decides: bool) -> int:
    """A descriptor for `path`.

    Raises OSError where a link below `start` is refused: ELOOP, but ENOTDIR for a directory that
    is a link (so the kernel calls it, and so nginx answers 404 there and 403 elsewhere).
    """
    if not start or not path.startswith(start):
        base, rest = b"/", path
    elif path == start:
        return os.open(path, _FILE)
    elif path[len(start) : len(start) + 1] == b"/" or start.endswith(b"/"):
        base, rest = start, path[len(start) :]
    else:
        base, rest = b"/", path
    parts = [part for part in rest.split(b"/") if part]
    step = _owned if owner_decides else _unlinked
    at = os.open(base, _DIRECTORY)
    try:
        for part in parts[:-1]:
            below = step(at, part, _DIRECTORY)
            os.close(at)
            at = below
        last = _FILE | os.O_DIRECTORY if path.endswith(b"/") else _FILE
        return step(at, parts[-1] if parts else b".", last)
    finally:
        os.close(at)


def _unlinked(at: int, name: bytes, flags: int) -> int:
    return os.open(name, flags | os.O_NOFOLLOW, dir_fd=at)


def _owned(at: int, name: bytes, flags: int) -> int:
    fd = os.open(name, flags, dir_fd=at)
    try:
        link = os.stat(name, dir_fd=at, follow_symlinks=False)
        allowed = not stat.S_ISLNK(link.st_mode) or link.st_uid == os.fstat(fd).st_uid
    except OSError:
        os.close(fd)
        raise
    if allowed:
        return fd
    os.close(fd)
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def starting_points(
    rule: Symlinks, compiled: Callable[[Template], Callable[[Request], bytes]]
) -> Callable[[Request], bytes]:
    """The `from=` of a rule as a function of the request; b"" where there is none."""
    if rule.start is None:
        return lambda _request: b""
    return compiled(rule.start)
