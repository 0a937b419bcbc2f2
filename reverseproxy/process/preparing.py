"""Before the daemon runs: directories, log files and sockets, opened while errors can be shown.

All of it happens before twistd goes to the background, so that a port in use or a missing directory
is a line on the terminal and an exit status.
"""

from __future__ import annotations

import contextlib
import os
import socket
from types import MappingProxyType
from typing import TYPE_CHECKING

from reverseproxy.config import Configuration, ConfigurationError, Diagnostic, Level
from reverseproxy.process.settings import MainSettings

from .checking import is_default, nearest, pid_file, temporaries
from .rights import serving_user
from .sockets import advice, bind

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from reverseproxy.web.assembly import Assembly
    from reverseproxy.web.listen import Address


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
    main = configuration.main
    errors = _directories(main, assembly, sweep=not have)
    defaults = [file.path for file in assembly.log_files if is_default(file, assembly)]
    pid = main[MainSettings].pid
    if pid is not None and main.origin_of("pid") is None:
        defaults.append(pid)
    for path in defaults:
        # The default's directory is ours to make, as an installation would have made it.
        # Where that fails, so does opening the file, which says why.
        with contextlib.suppress(OSError):
            os.makedirs(os.path.dirname(path), exist_ok=True)
    errors += pid_file(main)
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
    for temporary in temporaries(main):
        directory = temporary.directory
        folder = directory.path
        try:
            there = nearest(folder)
            if temporary.origin is not None or user is not None:
                os.makedirs(folder, 0o700, exist_ok=True)
            else:
                # The default's directory is made when it is needed: that it can be is enough.
                folder = there
            if user is not None:
                # The workers are to write there, and nobody else.
                os.chown(folder, user.uid, user.gid)
            count = directory.sweep() if sweep else 0
        except OSError as error:
            errors.append(temporary.not_made(error))
            continue
        errors += temporary.not_writable(folder)
        if count:
            assembly.swept.append(
                f'{count} left-over temporary files removed from "{directory.path}"'
            )
    return errors
