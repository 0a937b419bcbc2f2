"""Listening sockets that come from before: from the master of an older program, or from systemd.

An older master names them in `REVERSEPROXY` (SIGUSR2), as nginx does in NGINX; systemd passes them
from descriptor 3 on (sd_listen_fds(3)). They are taken by the addresses they are bound to.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, MutableMapping

from twisted.python.systemd import ListenFDs

from reverseproxy.web.listen import Address

from . import HANDED_OVER


def inherited(environ: MutableMapping[str, str] = os.environ) -> dict[Address, socket.socket]:
    """The sockets by address; the variables that told of them are gone."""
    numbers = [int(word) for word in environ.pop(HANDED_OVER, "").split(";") if word.isdigit()]
    count = environ.get("LISTEN_FDS", "")
    if count.isdigit():
        # Newer versions of Twisted take no descriptor without a name, and not everybody names them.
        environ.setdefault("LISTEN_FDNAMES", ":".join(["unknown"] * int(count)))
    numbers += ListenFDs.fromEnvironment(environ).inheritedDescriptors()
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        environ.pop(name, None)
    found: dict[Address, socket.socket] = {}
    for number in numbers:
        os.set_inheritable(number, False)
        sock = socket.socket(fileno=number)
        sock.setblocking(False)
        found[address_of(sock)] = sock
    return found


def address_of(sock: socket.socket) -> Address:
    """The address that a socket is bound to."""
    name = sock.getsockname()
    if sock.family == socket.AF_UNIX:
        return Address("unix:", 0, name)
    return Address(str(name[0]), int(name[1]))


def passed(sockets: Mapping[Address, socket.socket]) -> str:
    """The variable's value for sockets that another program is to inherit."""
    return ";".join(str(sock.fileno()) for sock in sockets.values())
