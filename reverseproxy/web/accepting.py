"""Accepting connections, also when the machine has no more descriptors or memory for them.

Twisted closes whom it can't take; here, as in nginx, they wait at the socket for a while: accepting
is paused, for a socket that stays readable would otherwise keep the process busy with nothing.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from typing import Any

from twisted.internet import address, tcp
from twisted.internet.address import UNIXAddress
from twisted.internet.interfaces import IProtocolFactory
from twisted.python.failure import Failure

from .accepted import UNIX_CLIENT, Server, UnixServer

#: How long accepting is paused, in seconds (nginx's accept_mutex_delay).
PAUSE = 0.5
#: What passes once something was closed: of this process, of the machine.
_EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
_NOBODY = frozenset((errno.EAGAIN, errno.EWOULDBLOCK))
#: More than ever wait at a socket (net.core.somaxconn is 4096).
_BACKLOG = 65536


class AcceptingPort(tcp.Port):
    """A listening socket; `site` is what serves its connections."""

    _resumption: Any = None

    @property
    def site(self) -> Any:
        """What serves the connections."""
        return self.factory

    def doRead(self) -> None:
        """Accept who waits: as many at once as the last time, and more if there were as many."""
        accepted = 0
        while accepted < self.numberAccepts:
            try:
                sock, peer = self.socket.accept()
            except OSError as error:
                if error.errno in _NOBODY:
                    break
                accepted += 1
                if error.errno in _EXHAUSTED:
                    self._pause(error)
                    break
                # The client was gone again, or a firewall said no: that one is over.
                continue
            accepted += 1
            try:
                self._take(sock, peer)
            except Exception:  # noqa: BLE001 - one connection's trouble is not the port's end
                sock.close()
                self.site.error_log.failure("a connection can't be taken", Failure())
        if accepted == self.numberAccepts:
            self.numberAccepts += 20
        else:
            self.numberAccepts = max(1, accepted)

    def _take(self, sock: socket.socket, peer: Any) -> None:
        protocol = self.site.buildProtocol(self._buildAddr(peer))
        if protocol is None:
            sock.close()
            return
        number = self.sessionno
        self.sessionno = number + 1
        transport = self.transport(sock, protocol, peer, self, number, self.reactor)
        protocol.makeConnection(transport)

    def _pause(self, error: OSError) -> None:
        why = os.strerror(error.errno or 0)
        self.site.error_log.complain(f"accept() failed ({error.errno}: {why}): accepting is paused")
        self.site.make_room()
        self.stopReading()
        if self._resumption is None:
            reactor: Any = self.reactor
            self._resumption = reactor.callLater(PAUSE, self._resume)

    def _resume(self) -> None:
        self._resumption = None
        if self.connected and not self.disconnecting:
            self.startReading()

    def connectionLost(self, reason: Any) -> None:
        """The socket is closed."""
        call, self._resumption = self._resumption, None
        if call is not None:
            call.cancel()
        super().connectionLost(reason)


class Port(AcceptingPort):
    """A listening socket that was bound before the reactor ran.

    Binding comes first so that a port in use is an error line and an exit status, before the
    process goes to the background.
    """

    _unix_path = ""
    #: whether the name of a unix socket goes with it
    owns_name = True

    def __init__(self, sock: socket.socket, factory: IProtocolFactory, reactor: Any) -> None:
        if sock.family == socket.AF_UNIX:
            super().__init__(0, factory, interface="", reactor=reactor)
            self._preexistingSocket = sock
            self.addressFamily = sock.family
            self._unix_path = sock.getsockname()
            return
        host, port = sock.getsockname()[:2]
        super().__init__(port, factory, interface=host, reactor=reactor)
        self._preexistingSocket = sock
        self.addressFamily = sock.family
        self._addressType = (
            address.IPv6Address if sock.family == socket.AF_INET6 else address.IPv4Address
        )
        self._realPortNumber = port

    def transport(self, sock: socket.socket, *args: Any) -> Any:
        """The transport of a connection: over TLS where the address it came to has that."""
        site = self.site
        if site.specific:
            site = site.specific.get(sock.getsockname()[0], site)
        if site.secured is not None:
            return site.secured.accepted(bool(self._unix_path), sock, *args)
        return (UnixServer if self._unix_path else Server)(sock, *args)

    def accept_all(self) -> None:
        """Let in everybody who waits: nobody listens here any more after that."""
        self.numberAccepts = _BACKLOG
        self.doRead()

    def _buildAddr(self, address: Any) -> Any:
        return UNIX_CLIENT if self._unix_path else super()._buildAddr(address)

    def getHost(self) -> Any:
        """The address that is listened on."""
        return UNIXAddress(self._unix_path) if self._unix_path else super().getHost()

    def connectionLost(self, reason: Any) -> None:
        """The socket is closed, and its name goes with it."""
        super().connectionLost(reason)
        if self._unix_path and self.owns_name:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._unix_path)
