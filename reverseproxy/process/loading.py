"""The configuration, from what a command line says of it."""

from __future__ import annotations

import glob as file_names
import os
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from reverseproxy.config import (
    Configuration,
    find,
    load,
)
from reverseproxy.config.load import outline, read_file
from reverseproxy.config.parser import Glob, Read
from reverseproxy.logs.errors import ErrorLogSettings, ErrorLogTarget
from reverseproxy.process import workersettings
from reverseproxy.process.settings import MainSettings


@attrs.frozen
class Given:
    """What a command line says: where the configuration is, and what it adds to it.

    `path` is a file or a directory (see `config.find`), `directives` are what `-g` has, `error_log`
    the file of `-e` or "stderr", `pid` the pid file where the configuration names none. Relative
    paths start where the command did; without a `prefix` it is the configuration's directory.
    """

    path: str
    prefix: str | None = None
    directives: str = ""
    error_log: str | None = None
    pid: str | None = None

    def defaults(self) -> Mapping[str, str]:
        """The arguments of directives that are not in the configuration."""
        found = {}
        if self.error_log is not None:
            found["error_log"] = f"{_quoted(self.error_log)} error"
        if self.pid is not None:
            found["pid"] = _quoted(self.pid)
        return found

    def find(self) -> tuple[str, str]:
        """The configuration's file and the prefix. Raises ConfigurationError."""
        path = find(self.path)
        return path, os.path.abspath(self.prefix or os.path.dirname(path))


def _quoted(path: str) -> str:
    return '"' + path.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _arguments(given: Given, read: Read, glob: Glob) -> dict[str, Any]:
    """What `load` and `outline` are called with."""
    path, prefix = given.find()
    return {
        "path": path,
        "prefix": prefix,
        "read": read,
        "glob": glob,
        "more": given.directives,
        "defaults": given.defaults(),
    }


def configuration(
    given: Given, read: Read = read_file, glob: Glob = file_names.glob
) -> Configuration:
    """Read and check the whole configuration. Raises ConfigurationError."""
    # Both import Twisted, its reactor too: a daemon is in the background before.
    from reverseproxy import features
    from reverseproxy.web import variables

    arguments = _arguments(given, read, glob)
    loaded = load(classes=features.SETTINGS, variables=variables.known, **arguments)
    odd = workersettings.warnings(loaded.main)
    return attrs.evolve(loaded, warnings=(*loaded.warnings, *odd)) if odd else loaded


@attrs.frozen
class Outline:
    """What must be known of a configuration before the rest of it is read, or if that is wrong.

    `error_log` is the first file that the main level names, and `named` whether it does.
    """

    daemon: bool
    pid: str | None
    error_log: str | None
    named: bool


def outlined(
    given: Given,
    names: Sequence[str] = ("daemon", "pid", "error_log"),
    read: Read = read_file,
    glob: Glob = file_names.glob,
) -> Outline:
    """Read only the directives `names` of the main level, of those that make an Outline.

    Raises ConfigurationError if they are wrong, or nothing can be read.
    """
    arguments = _arguments(given, read, glob)
    main = outline(names=names, classes=(MainSettings, ErrorLogSettings), **arguments)
    settings = main[MainSettings]
    return Outline(
        daemon=settings.daemon,
        pid=settings.pid,
        error_log=next(filter(None, map(_file, main[ErrorLogSettings].error_log)), None),
        named=main.origin_of("error_log") is not None,
    )


def _file(target: ErrorLogTarget) -> str | None:
    if target.syslog is not None or target.memory or target.path in ("off", "stderr"):
        return None
    return target.path
