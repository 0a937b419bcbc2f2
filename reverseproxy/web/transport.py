"""TCP transports that send at once, and send files from the kernel.

Twisted's own transports queue what is written, ask epoll for writability and send on the next turn
of the loop: three system calls more than needed, and half the cost of relaying. Here `write` tries
the socket first and queues only what the kernel did not take. The queue holds memory (never copied,
only sliced) and `Segment`s (files, pipes), which never come into memory.

Theory: bytes are *pending* when they are in memory and the kernel has not taken them. A streaming
producer is paused when more than `high_water` bytes are pending and resumed when the queue is
empty, as Twisted's consumers do it; segments of files hold no memory and do not count.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet import main, tcp, unix
from twisted.internet.interfaces import IConnector
from twisted.python.failure import Failure

from reverseproxy import turns

from .segments import TURN, FileSegment, Segment

#: Longer pieces of files are worth two system calls, so that their packets are full.
CORKED = 64 * 1024
#: How many pieces of the queue go into one sendmsg(2).
PIECES = 32
#: The end in good order, which is the same for all.
DONE = Failure(main.CONNECTION_DONE)


class SendAtOnce(tcp.Connection):
    """The writing half of a connection, for `Server` (`accepted.py`) and `Client` below."""

    high_water = 64 * 1024
    protocol: Any
    producer: Any
    reactor: Any
    #: bytes in memory that the kernel has not taken yet
    pending = 0
    #: bytes that the kernel has taken, ever: a deadline for sending looks whether it grows
    taken = 0
    #: whether a file that was being sent ended before it was said to
    shrunk = False
    #: bytes that the kernel had not taken when the connection was lost
    unsent = 0
    #: whether the socket's bytes are the channel's, so that splice(2) may move them
    splices = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._queue: deque[memoryview | Segment] = deque()
        super().__init__(*args, **kwargs)

    def doRead(self) -> BaseException | None:
        """Hand on what arrived (see `IReadDescriptor.doRead`)."""
        try:
            data = self.socket.recv(self.bufferSize)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return main.CONNECTION_LOST
        if not data:
            return main.CONNECTION_DONE
        self.protocol.dataReceived(data)
        return None

    def write(self, data: bytes) -> None:
        """Send `data`, now as far as the kernel takes it, the rest when it does."""
        if not self.connected or self._writeDisconnected or not data:
            return
        if self._queue:
            self._enqueue(memoryview(data))
            return
        try:
            sent = self.socket.send(data)
        except OSError:
            # Would block, or broken: the reactor finds out which and reports it from its own turn.
            sent = 0
        self.taken += sent
        if sent < len(data):
            self._enqueue(memoryview(data)[sent:])

    def writeSequence(self, iovec: Iterable[bytes]) -> None:
        """Send pieces as one, without joining them."""
        if not self.connected or self._writeDisconnected:
            return
        pieces = list(iovec)
        sent = 0
        if not self._queue and len(pieces) <= PIECES:
            try:
                sent = self.socket.sendmsg(pieces)
            except OSError:
                sent = 0
            self.taken += sent
        for piece in pieces:
            size = len(piece)
            if sent >= size:
                sent -= size
            else:
                self._enqueue(memoryview(piece)[sent:])
                sent = 0

    def write_file(self, head: bytes, segment: FileSegment, cork: bool) -> None:
        """Send `head`, then a piece of a file; `cork` lets packets be full (tcp_nopush)."""
        if not self.connected or self._writeDisconnected:
            return
        if cork and segment.remaining > CORKED:
            segment.corked = True
            self.setTcpCork(True)
        if head and cork and not self._queue:
            try:
                sent = self.socket.send(head, socket.MSG_MORE)
            except OSError:
                sent = 0
            self.taken += sent
            if sent < len(head):
                self._enqueue(memoryview(head)[sent:])
        else:
            self.write(head)
        self._send_segment(segment)

    def write_piped(self, pipe: Segment) -> None:
        """Send what is in a pipe; it may be filled again before all of that is sent."""
        if not self.connected or self._writeDisconnected:
            pipe.drop()
            return
        if not self._queue or self._queue[-1] is not pipe:
            self._send_segment(pipe)
        if pipe.remaining > self.high_water:
            self.hold()

    def _send_segment(self, segment: Segment) -> None:
        self._queue.append(segment)
        if len(self._queue) == 1:
            # The socket had room a moment ago: one try before epoll is asked.
            result = self.doWrite()
            if result is None and not self._queue:
                return
        self.startWriting()

    def setTcpCork(self, enabled: bool) -> None:
        """Let only full packets leave, or what is left of one (TCP_CORK of tcp(7))."""
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, enabled)

    def hold(self) -> None:
        """Pause the producer until the queue is empty."""
        if self.producer is not None and self.streamingProducer:
            self.producerPaused = True
            self.producer.pauseProducing()

    def _enqueue(self, piece: memoryview) -> None:
        self._queue.append(piece)
        self._waits(len(piece))

    def _waits(self, size: int) -> None:
        """So much more is in memory: send it when there is room, and take no more if it is much."""
        self.pending += size
        self.startWriting()
        if self.pending > self.high_water:
            self.hold()

    def _send_front(self) -> int:
        """Send from the front of the queue once; the number of bytes taken."""
        first = self._queue[0]
        if isinstance(first, Segment):
            sent = first.send(self.socket)
            if not first.remaining:
                self._queue.popleft()
                first.sent()
                if first.corked:
                    self.setTcpCork(False)
            elif not sent:
                raise EOFError
            return sent
        pieces: list[memoryview] = []
        for piece in self._queue:
            if isinstance(piece, Segment) or len(pieces) == PIECES:
                break
            pieces.append(piece)
        sent = rest = self.socket.sendmsg(pieces)
        self.pending -= sent
        for piece in pieces:
            if rest < len(piece):
                self._queue[0] = piece[rest:]
                break
            rest -= len(piece)
            self._queue.popleft()
        return sent

    def doWrite(self) -> BaseException | None:
        """Send what is queued (see `IWriteDescriptor.doWrite`)."""
        turn = TURN
        try:
            while self._queue and turn > 0:
                front = self._queue[0]
                sent = self._send_front()
                self.taken += sent
                turn -= sent
                if isinstance(front, Segment) and front.stuck:
                    # Another try would be in vain, and not for nothing: pages are looked for first.
                    return None
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return main.CONNECTION_LOST
        except EOFError:
            # A file shrank under us: only a cut tells the client (RFC 9112 section 8).
            self.shrunk = True
            return main.CONNECTION_LOST
        if self._queue:
            return None
        return self._drained()

    def _drained(self) -> BaseException | None:
        self.stopWriting()
        if self.producer is not None and (not self.streamingProducer or self.producerPaused):
            self.producerPaused = False
            self.producer.resumeProducing()
        elif self.disconnecting:
            return main.CONNECTION_DONE
        elif self._writeDisconnecting:
            self._writeDisconnected = True
            self._closeWriteConnection()
        return None

    def _isSendBufferFull(self) -> bool:
        return self.pending > self.high_water

    @property
    def busy(self) -> bool:
        """Whether something waits to be sent, in memory or in a file."""
        return bool(self._queue)

    def drain(self) -> bool:
        """Whether nothing is queued; if something is, the producer is resumed when it is sent."""
        if self._queue:
            self.producerPaused = True
            return False
        return True

    def discard(self) -> None:
        """Forget what is queued."""
        self.unsent += self.pending
        for piece in self._queue:
            if isinstance(piece, Segment):
                self.unsent += piece.remaining
                piece.drop()
        self._queue.clear()
        self.pending = 0

    def loseConnection(self) -> None:
        """Close when all is sent; at the end of this turn, without epoll, if it is already."""
        if self._queue or self.disconnecting or not self.connected or self._writeDisconnected:
            super().loseConnection()
            return
        self.disconnecting = True
        if turns.TURN.ends:
            turns.TURN.calls.append(self._lose)
        else:
            self.stopReading()
            self.reactor.callLater(0, self._lose)

    def _lose(self) -> None:
        if self.connected and not self._aborting:
            self.connectionLost(DONE)

    def close_at_once(self) -> None:
        """Close without sending what is queued; unlike `abortConnection`, without a reset."""
        if self.disconnected or self._aborting:
            return
        self._aborting = True
        self.discard()
        self.stopReading()
        self.stopWriting()
        self.reactor.callLater(0, self.connectionLost, DONE)

    def peek(self) -> bytes:
        """A byte that has arrived and was not read, if there is one."""
        try:
            return self.socket.recv(1, socket.MSG_PEEK)
        except OSError:
            return b""

    def read_with(self, read: Callable[[], BaseException | None] | None) -> None:
        """Let `read` do what `doRead` does, until None takes its place."""
        if read is None:
            self.__dict__.pop("doRead", None)
        else:
            self.doRead = read

    def connectionLost(self, reason: Any) -> None:
        self.discard()
        self.read_with(None)
        super().connectionLost(reason)


class Client(SendAtOnce, tcp.Client):
    """A connection to an upstream."""

    splices = True


class UnixClient(SendAtOnce, unix.Client):
    """A connection to an upstream on a unix socket; descriptors are not taken over it."""

    splices = True

    def setTcpNoDelay(self, enabled: bool) -> None:
        """There is no TCP."""

    setTcpCork = setTcpNoDelay


class Connector(tcp.Connector):
    """Twisted's connector, with a transport that sends at once."""

    def _makeTransport(self) -> Client:
        return Client(self.host, self.port, self.bindAddress, self, self.reactor)


class UnixConnector(unix.Connector):
    """The same for unix sockets."""

    def _makeTransport(self) -> UnixClient:
        return UnixClient(self.address, self, self.reactor, self.checkPID)


def connect(reactor: Any, host: str, port: int, factory: Any, timeout: float) -> IConnector:
    """Connect to a numeric address, or to `unix:PATH`; `timeout` in seconds.

    `factory.bind`, if there is one, is the address of this machine to connect from.
    """
    connector: UnixConnector | Connector
    if host.startswith("unix:"):
        connector = UnixConnector(host[5:], factory, timeout, reactor, False)
    else:
        connector = Connector(host, port, factory, timeout, getattr(factory, "bind", None), reactor)
    connector.connect()
    return connector


def has_files(transport: object) -> bool:
    """Whether `transport` can send files (those of tests can't); over TLS it reads them."""
    return isinstance(transport, SendAtOnce)
