"""Before the daemon runs: directories, log files and sockets, opened while errors can be shown.

All of it happens before twistd goes to the background, so that a port in use or a missing directory
is a line on the terminal and an exit status.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from types import MappingProxyType
from typing import TYPE_CHECKING

from reverseproxy.config import Configuration, ConfigurationError, Diagnostic, Level
from reverseproxy.content.proxysettings import ProxySettings
from reverseproxy.process.settings import MainSettings
from reverseproxy.web.settings import ClientSettings

from .rights import serving_user
from .sockets import advice, bind

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from reverseproxy.web.assembly import Assembly
    from reverseproxy.web.listen import Address
    from reverseproxy.web.spool import SpoolDirectory


def prepare(
    configuration: Configuration,
    assembly: Assembly,
    have: Container[Address] = (),
    inherited: Mapping[Address, socket.socket] = MappingProxyType({}),
) -> dict[Address, socket.socket]:
    """Open everything; the listening sockets of all addresses that are not there yet.

    Those that are `inherited` are taken, the others of them closed. Raises ConfigurationError with
    all that could not be opened.
    """
    errors = _directories(configuration.main, assembly, sweep=not have)
    errors += _pid_file(configuration.main)
    for file in assembly.log_files:
        if assembly.log_files.origins.get(file.path) is None:
            # The default's directory is ours to make, as an installation would have made it.
            # Where that fails, so does opening the file, which says why.
            with contextlib.suppress(OSError):
                os.makedirs(os.path.dirname(file.path), exist_ok=True)
    errors += assembly.log_files.open_all()
    sockets: dict[Address, socket.socket] = {}
    for listen in assembly.sites:
        if listen.address in have:
            continue
        try:
            sockets[listen.address] = inherited.get(listen.address) or bind(listen)
        except OSError as error:
            errors.append(
                Diagnostic(
                    listen.origin,
                    f"can't listen on {listen.address}: {error.strerror}",
                    advice(error, listen.address),
                )
            )
    for address in inherited.keys() - sockets.keys():
        inherited[address].close()
    if errors:
        for sock in sockets.values():
            sock.close()
        assembly.discard()
        raise ConfigurationError(errors)
    return sockets


def _directories(main: Level, assembly: Assembly, *, sweep: bool) -> list[Diagnostic]:
    """Make the directories of temporary files, and sweep out what killed processes left."""
    errors: list[Diagnostic] = []
    user = serving_user(main)
    seen: set[str] = set()
    for level in main.all():
        for spool, name in _spools(level):
            if spool.path in seen:
                continue
            seen.add(spool.path)
            origin = level.origin_of(name)
            folder = spool.path
            try:
                if origin is not None or user is not None:
                    os.makedirs(folder, 0o700, exist_ok=True)
                else:
                    # The default's directory is made when it is needed: that it can be is enough.
                    folder = _nearest(folder)
                if user is not None and os.path.isdir(spool.path):
                    os.chown(spool.path, user.uid, user.gid)
                count = spool.sweep() if sweep else 0
            except OSError as error:
                what = f'"{spool.path}" can\'t be made or read: {error.strerror}'
                hint = f"make it, for this user to write in, or name another with {name}"
                errors.append(Diagnostic(origin, what, hint))
                continue
            if not os.access(folder, os.W_OK | os.X_OK):
                hint = f"chown it, or name another with {name}"
                errors.append(Diagnostic(origin, f'"{folder}" can\'t be written in', hint))
            if count:
                assembly.swept.append(
                    f'{count} left-over temporary files removed from "{spool.path}"'
                )
    return errors


def _nearest(folder: str) -> str:
    """The folder, or the first above it that is there. OSError where a file is in the way."""
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    if not os.path.isdir(folder):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), folder)
    return folder


def _spools(level: Level) -> list[tuple[SpoolDirectory, str]]:
    if level.kind not in ("http", "server", "location"):
        return []
    return [
        (level[ClientSettings].client_body_temp_path, "client_body_temp_path"),
        (level[ProxySettings].proxy_temp_path, "proxy_temp_path"),
    ]


def _pid_file(main: Level) -> list[Diagnostic]:
    path = main[MainSettings].pid
    if path is None:
        return []
    origin = main.origin_of("pid")
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        return [Diagnostic(origin, f'there is no directory "{folder}"', f"mkdir -p {folder}")]
    if not os.access(path if os.path.exists(path) else folder, os.W_OK):
        return [Diagnostic(origin, f'"{path}" can\'t be written', "name another file with pid")]
    return []
