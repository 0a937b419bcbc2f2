"""Listening sockets: made, told their options, bound, while errors can still be shown."""

from __future__ import annotations

import errno
import os
import socket
import stat

from reverseproxy.web.listen import Address, Listen, SocketOptions

from .holders import holder


def bind(listen: Listen) -> socket.socket:
    """A socket that listens. Raises OSError."""
    address = listen.address
    if address.path:
        family = socket.AF_UNIX
    else:
        family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family != socket.AF_UNIX:
            _tell(sock, listen.options)
        if address.path:
            _clear(address.path)
            sock.bind(address.path)
            # As nginx: who may enter the directory may connect.
            os.chmod(address.path, 0o666)  # noqa: S103 - the directory decides
        else:
            sock.bind((address.host, address.port))
        sock.listen(listen.options.backlog)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


def _tell(sock: socket.socket, options: SocketOptions) -> None:
    """Set what must be set before bind(2); accepted connections inherit the buffers."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, options.ipv6only)
    if options.reuseport:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if options.rcvbuf is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, options.rcvbuf)
    if options.sndbuf is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, options.sndbuf)
    if options.deferred:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 1)
    if options.fastopen is not None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, options.fastopen)
    probes = options.so_keepalive
    if probes is None:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, probes.on)
    for name, value in (
        (socket.TCP_KEEPIDLE, probes.idle),
        (socket.TCP_KEEPINTVL, probes.interval),
        (socket.TCP_KEEPCNT, probes.count),
    ):
        if value is not None:
            sock.setsockopt(socket.IPPROTO_TCP, name, value)


def _clear(path: str) -> None:
    """Remove the socket that a killed process left; one that somebody serves stays."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)


def advice(error: OSError, address: Address) -> str:
    """What the operator can do about a failed bind(2)."""
    if error.errno == errno.EADDRINUSE:
        if address.path:
            return "another program serves it, or it is no socket"
        who = holder(address.port)
        if who is None:
            return f"another program has it; ss -ltnp 'sport = :{address.port}' says which"
        return f"{who}, has it: stop that, or listen on another port"
    if error.errno == errno.EACCES:
        if address.path:
            return "let this user write in the directory"
        return "ports below 1024 are root's: start as root, or listen on 8080"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine has no such address; ip addr says which it has"
    if error.errno == errno.ENOENT:
        return f"make the directory: mkdir -p {os.path.dirname(address.path)}"
    return ""
