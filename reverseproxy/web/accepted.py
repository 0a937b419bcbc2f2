"""Connections that clients made: Twisted's `tcp.Server`, that sends at once and costs less.

Many clients make one for each request, so what Twisted does for every one of them is left out where
nobody needs it: texts for its log, a shutdown(2) before close(2), a system call that tells epoll
what closing tells it as well.
"""

from __future__ import annotations

import socket
from collections import deque
from typing import Any

from twisted.internet import abstract, address, tcp
from twisted.internet.address import UNIXAddress
from twisted.internet.error import ConnectionAborted
from twisted.python.failure import Failure

from reverseproxy.turns import TURN

from .segments import Segment
from .transport import DONE, SendAtOnce

#: A client on a unix socket has no name.
UNIX_CLIENT = UNIXAddress(None)


class Server(SendAtOnce, tcp.Server):
    """An accepted connection."""

    splices = True
    #: nobody else holds the socket, so close(2) is enough
    _shouldShutdown = False

    def __init__(
        self,
        sock: socket.socket,
        protocol: Any,
        client: Any,
        server: Any,
        sessionno: int,
        reactor: Any,
    ) -> None:
        # As tcp.Server's, but for the texts below.
        self._queue: deque[memoryview | Segment] = deque()
        tcp.Connection.__init__(self, sock, protocol, reactor)
        if len(client) != 2:
            self._addressType = address.IPv6Address
        self.server = server
        self.client = client
        self.sessionno = sessionno
        self.hostname = client[0]
        self.startReading()
        self.connected = 1

    def logPrefix(self) -> str:
        """What stands before Twisted's log lines of this connection."""
        return f"{type(self.protocol).__name__},{self.sessionno},{self.hostname}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} #{self.sessionno} from {self.hostname}>"

    def connectionLost(self, reason: Failure) -> None:
        """Close, and tell the protocol (see `tcp.Connection.connectionLost`)."""
        if not hasattr(self, "socket"):
            # The reactor and an end of ours may both come to it.
            return
        self.discard()
        self.read_with(None)
        if TURN.forget is not None:
            TURN.forget(self)
        abstract.FileDescriptor.connectionLost(self, reason)
        self._closeSocket(reason is DONE or not reason.check(ConnectionAborted))
        protocol = self.protocol
        del self.protocol, self.socket, self.fileno
        protocol.connectionLost(reason)


class UnixServer(Server):
    """An accepted connection on a unix socket."""

    def __init__(self, sock: socket.socket, protocol: Any, _client: object, *rest: Any) -> None:
        super().__init__(sock, protocol, ("unix:", 0), *rest)

    def getHost(self) -> UNIXAddress:
        """The address of this end."""
        return UNIXAddress(self.socket.getsockname() or None)

    def getPeer(self) -> UNIXAddress:
        """The client, which has no name."""
        return UNIX_CLIENT

    def setTcpNoDelay(self, enabled: bool) -> None:
        """There is no TCP."""

    setTcpCork = setTcpNoDelay
