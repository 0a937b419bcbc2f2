"""Accepting connections, also when the machine has no more descriptors or memory for them.

Twisted closes whom it can't take; here, as in nginx, they wait at the socket for a while: accepting
is paused, for a socket that stays readable would otherwise keep the process busy with nothing.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

from twisted.internet import tcp
from twisted.python.failure import Failure

if TYPE_CHECKING:
    import socket

#: How long accepting is paused, in seconds (nginx's accept_mutex_delay).
PAUSE = 0.5
#: What passes once something was closed: of this process, of the machine.
_EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
_NOBODY = frozenset((errno.EAGAIN, errno.EWOULDBLOCK))


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
