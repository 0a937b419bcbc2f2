"""Odd files: what may lie where a file is looked for, and all the places where one is."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator

import attrs

AUTHORIZATION = b"Authorization: Basic YTpi"


def _socket(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        # The path of a socket may have 107 bytes, by whatever name its directory goes.
        directory = os.open(os.path.dirname(path), os.O_RDONLY)
        try:
            made.bind(f"/proc/self/fd/{directory}/{os.path.basename(path)}")
        finally:
            os.close(directory)


#: What lies at a path, and how it comes there.
KINDS: dict[str, Callable[[str], None]] = {
    "a fifo": os.mkfifo,
    "a device without an end": lambda path: os.symlink("/dev/zero", path),
    "an empty device": lambda path: os.symlink("/dev/null", path),
    "a socket": _socket,
    "a directory": os.mkdir,
    "a link to nothing": lambda path: os.symlink("nothing", path),
    "a link to itself": lambda path: os.symlink(os.path.basename(path), path),
    "a link to a directory": lambda path: os.symlink("/proc/self/fd", path),
}
#: Where a file is looked for: the directives, the name of the file, and what is asked for.
USES: dict[str, tuple[str, str, bytes]] = {
    "asked for": ("", "odd", b"/odd"),
    "asked for, by sendfile": ("sendfile on;", "odd", b"/odd"),
    "asked for, cached": ("open_file_cache max=9; open_file_cache_errors on;", "odd", b"/odd"),
    "asked for, without links": ("disable_symlinks on;", "odd", b"/odd"),
    "asked for with a slash": ("", "odd", b"/odd/"),
    "asked for below it": ("", "odd", b"/odd/x"),
    "asked for as a list": ("autoindex on;", "odd", b"/odd/"),
    "of an alias": ("location /x { alias html/odd; }", "odd", b"/x"),
    "compressed beforehand": ("gzip_static always;", "a.html.gz", b"/a.html"),
    "an index": ("", "sub/index.html", b"/sub/"),
    "tried": ("location = /t { try_files /odd =404; }", "odd", b"/t"),
    "tried, cached": (
        "open_file_cache max=9; location = /t { try_files /odd =404; }",
        "odd",
        b"/t",
    ),
    "the last that is tried": ("location = /t { try_files /none /odd; }", "odd", b"/t"),
    "an error's page": ("location = /t { error_page 404 /odd; return 404; }", "odd", b"/t"),
    "another status's page": (
        "location = /t { error_page 404 =200 /odd; return 404; }",
        "odd",
        b"/t",
    ),
    "a file of users": ('auth_basic "x"; auth_basic_user_file html/odd;', "odd", b"/a.html"),
    "in a list": ("location /sub/ { autoindex on; }", "sub/odd", b"/sub/"),
    "an upstream's word": (
        "location = /t { proxy_pass http://127.0.0.1:8080; }",
        "odd",
        b"/t",
    ),
}

_DIRECTORIES = ("a directory", "a link to a directory")
#: What becomes of a directory where a file is meant: the client is told to add a slash, else this.
_OF_DIRECTORIES = {
    "asked for with a slash": 403,
    "asked for below it": 404,
    "asked for as a list": 200,
    "tried": 404,
    "tried, cached": 404,
}


def _status(kind: str, use: str) -> int:
    """What is answered: 403 or 404, unless something else is meant to be there instead of it.

    As nginx 1.22, but for a socket, which is 500 there, and a fifo of users, which hangs it.
    """
    if use == "in a list":
        return 200
    if use == "a file of users":
        # As nginx: a file that is not there lets nobody in, one that can't be read is a fault.
        return 403 if kind == "a link to nothing" else 500
    if use == "compressed beforehand":
        return 404 if kind in ("a fifo", "a device without an end", "an empty device") else 200
    if use == "asked for, without links" and ("link" in kind or "device" in kind):
        return 403
    if kind in _DIRECTORIES:
        return _OF_DIRECTORIES.get(use, 301)
    if use.startswith("tried"):
        return 404
    if kind == "a link to itself":
        return 403
    if use == "an index" and kind in ("a link to nothing", "a socket"):
        # As if there were no index: the directory's list is forbidden.
        return 403
    return 404


@attrs.frozen
class Odd:
    """One kind of file in one place, and the status that is answered."""

    kind: str
    use: str
    status: int

    @property
    def name(self) -> str:
        """As `naming.Named`."""
        return f"{self.kind}, {self.use}"


def cases() -> Iterator[Odd]:
    """Every kind in every place."""
    for kind in KINDS:
        for use in USES:
            yield Odd(kind, use, _status(kind, use))
