"""Whether files and directories could be opened and made: looked at, and not touched."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import attrs

from reverseproxy.config import Configuration, Diagnostic, Level, Origin
from reverseproxy.content.proxysettings import ProxySettings
from reverseproxy.logs.files import LogFile, LogFiles
from reverseproxy.process.settings import MainSettings
from reverseproxy.web.settings import ClientSettings

if TYPE_CHECKING:
    from reverseproxy.web.assembly import Assembly
    from reverseproxy.web.spool import SpoolDirectory


def could_not_open(configuration: Configuration, assembly: Assembly) -> list[Diagnostic]:
    """What `preparing.prepare` would find wrong, short of binding: that is not tried."""
    main = configuration.main
    errors: list[Diagnostic] = []
    for temporary in temporaries(main):
        try:
            folder = nearest(temporary.directory.path)
        except OSError as error:
            errors.append(temporary.not_made(error))
        else:
            errors += temporary.not_writable(folder)
    errors += pid_file(main)
    files = LogFiles()
    files.origins = assembly.log_files.origins
    for file in assembly.log_files:
        files.add(_Unopened(file.path, ours=is_default(file, assembly)))
    return errors + files.open_all()


@attrs.frozen
class Temporary:
    """A directory for temporary files, the directive that names it, and where; None: a default."""

    directory: SpoolDirectory
    name: str
    origin: Origin | None

    def not_made(self, error: OSError) -> Diagnostic:
        """The error that it can't be made."""
        what = f'"{self.directory.path}" can\'t be made or read: {error.strerror}'
        hint = f"make it, for this user to write in, or name another with {self.name}"
        return Diagnostic(self.origin, what, hint)

    def not_writable(self, folder: str) -> list[Diagnostic]:
        """The error if `folder`, it or what it is to be made in, is not this user's."""
        if os.access(folder, os.W_OK | os.X_OK):
            return []
        hint = f"chown it, or name another with {self.name}"
        return [Diagnostic(self.origin, f'"{folder}" can\'t be written in', hint)]


def temporaries(main: Level) -> Iterator[Temporary]:
    """Every directory of temporary files, once."""
    seen: set[str] = set()
    for level in _all(main):
        if level.kind not in ("http", "server", "location"):
            continue
        for directory, name in (
            (level[ClientSettings].client_body_temp_path, "client_body_temp_path"),
            (level[ProxySettings].proxy_temp_path, "proxy_temp_path"),
        ):
            if directory.path not in seen:
                seen.add(directory.path)
                yield Temporary(directory, name, level.origin_of(name))


def _all(level: Level) -> Iterator[Level]:
    yield level
    for child in level.children:
        yield from _all(child)


def nearest(folder: str) -> str:
    """The folder, or the first above it that is there. OSError where a file is in the way."""
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        raise _error(errno.ENOTDIR, folder)
    return folder


def pid_file(main: Level) -> list[Diagnostic]:
    """What is in the way of writing the pid file; the default's directory is made."""
    path, origin = main[MainSettings].pid, main.origin_of("pid")
    if path is None:
        return []
    folder = os.path.dirname(path)
    if origin is not None and not os.path.isdir(folder):
        return [Diagnostic(origin, f'there is no directory "{folder}"', f"mkdir -p {folder}")]
    try:
        there = path if os.path.exists(path) else nearest(folder)
    except OSError as error:
        return [Diagnostic(origin, f'"{path}" can\'t be written: {error.strerror}')]
    if os.path.isdir(path) or not os.access(there, os.W_OK):
        return [Diagnostic(origin, f'"{path}" can\'t be written', "name another file with pid")]
    return []


def is_default(file: LogFile, assembly: Assembly) -> bool:
    """Whether nobody named the file."""
    return assembly.log_files.origins.get(file.path) is None


class _Unopened(LogFile):
    """A log file whose `open` only looks whether it could be; `ours`: its directory is made."""

    def __init__(self, path: str, *, ours: bool) -> None:
        super().__init__(path)
        self._ours = ours

    def open(self) -> None:
        """Raises the OSError that opening the file would."""
        path, folder = self.path, os.path.dirname(self.path)
        if os.path.isdir(path):
            raise _error(errno.EISDIR, path)
        if os.path.lexists(path):
            fits = os.access(path, os.W_OK)
        else:
            folder = nearest(folder) if self._ours else folder
            if not os.path.isdir(folder):
                raise _error(errno.ENOTDIR if os.path.exists(folder) else errno.ENOENT, path)
            fits = os.access(folder, os.W_OK | os.X_OK)
        if not fits:
            raise _error(errno.EACCES, path)


def _error(number: int, path: str) -> OSError:
    # OSError makes the subclass of the number.
    return OSError(number, os.strerror(number), path)
