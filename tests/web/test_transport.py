"""The transport over real pairs of sockets, with a reactor that is driven by hand."""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet import main
from twisted.internet.error import ConnectionAborted, ConnectionDone
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.turns import TURN
from reverseproxy.web import transport as transport_module
from reverseproxy.web.accepted import Server
from reverseproxy.web.segments import FileSegment
from reverseproxy.web.transport import SendAtOnce, has_files

from ..fakes import FakeReactor

MUCH = 2_000_000


class Producer:
    """A producer that notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def resumeProducing(self) -> None:
        self.told.append("resume")

    def stopProducing(self) -> None:
        self.told.append("stop")


class TransportTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = FakeReactor()
        ours, self.peer = socket.socketpair()
        self.peer.setblocking(False)
        self.protocol = Protocol()
        self.lost: list[Failure] = []
        self.protocol.connectionLost = self.lost.append  # type: ignore[method-assign,assignment]
        self.transport = Server(ours, self.protocol, ("", 0), None, 0, self.reactor)
        self.protocol.makeConnection(self.transport)
        self.addCleanup(self.peer.close)
        self.addCleanup(ours.close)

    def read(self) -> bytes:
        """All that has arrived at the other end."""
        data = b""
        try:
            while piece := self.peer.recv(1 << 20):
                data += piece
        except BlockingIOError:
            pass
        return data

    def pump(self) -> bytes:
        """Write as the reactor would, and read at the other end, until nothing waits."""
        data = self.read()
        while self.transport in self.reactor.writers:
            result = self.transport.doWrite()
            data += self.read()
            if result is not None:
                self.reactor._after(self.transport, result, reading=False)
        return data + self.read()

    def file(self, data: bytes) -> int:
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(data)
        fd = os.open(path, os.O_RDONLY)
        self.addCleanup(os.close, fd)
        return fd

    def segment(self, data: bytes, start: int = 0, more: int = 0) -> FileSegment:
        return FileSegment(self.file(data), start, len(data) - start + more, self)

    def test_at_once(self) -> None:
        """What fits leaves within `write`, without the reactor."""
        self.transport.write(b"abc")
        self.transport.writeSequence([b"def", b"", b"ghi"])
        self.assertEqual(self.read(), b"abcdefghi")
        self.assertEqual((self.reactor.writers, self.transport.busy), ({}, False))
        self.assertEqual(self.transport.taken, 9)

    def test_rest(self) -> None:
        """What does not fit is counted as pending and leaves in order when there is room."""
        data = os.urandom(MUCH)
        self.transport.write(data)
        taken = self.transport.taken
        self.assertEqual(self.transport.pending, MUCH - taken)
        self.assertIn(self.transport, self.reactor.writers)
        self.transport.write(b"more")
        self.transport.writeSequence([b"and", b"more"])
        self.assertEqual(self.pump(), data + b"moreandmore")
        self.assertEqual((self.transport.pending, self.transport.taken), (0, MUCH + 11))

    def test_many_pieces(self) -> None:
        """More pieces than one sendmsg takes are all sent."""
        pieces = [b"%d," % number for number in range(1000)]
        self.transport.writeSequence(pieces)
        self.assertEqual(self.pump(), b"".join(pieces))

    def test_file(self) -> None:
        """A file leaves from the kernel: it is never pending."""
        data = os.urandom(MUCH)
        self.transport.write_file(b"head", self.segment(data, start=10), cork=False)
        self.assertEqual(self.transport.pending, 0)
        self.transport.write(b"tail")
        self.assertEqual(self.pump(), b"head" + data[10:] + b"tail")

    def test_order(self) -> None:
        """Memory and files leave in the order in which they were written."""
        self.transport.write(b"a" * MUCH)
        for number in range(5):
            self.transport.write_file(b"<%d" % number, self.segment(b"file%d" % number), True)
            self.transport.write(b">")
        expected = b"".join(b"<%dfile%d>" % (n, n) for n in range(5))
        self.assertEqual(self.pump(), b"a" * MUCH + expected)

    def test_empty_file(self) -> None:
        """A segment of nothing sends its head and is done."""
        self.transport.write_file(b"head", self.segment(b""), cork=True)
        self.assertEqual((self.pump(), self.transport.busy), (b"head", False))

    def test_shrunken_file(self) -> None:
        """A file that is shorter than was said ends the connection: what follows would lie."""
        self.transport.write_file(b"head", self.segment(b"abc", more=1), cork=False)
        self.assertEqual(self.pump(), b"headabc")
        self.assertEqual(len(self.lost), 1)
        self.assertEqual(self.transport.unsent, 1)

    def test_turn(self) -> None:
        """One connection sends no more than TURN bytes before others get theirs."""
        self.patch(transport_module, "TURN", 10)
        sock = _Greedy()
        self.transport.write(b"a" * MUCH)
        self.read()
        self.transport.socket = sock
        self.transport.write_file(b"", self.segment(b"b" * 100), cork=False)
        self.transport.doWrite()
        self.assertEqual(sock.calls, 1)
        self.assertIn(self.transport, self.reactor.writers)

    def test_producer(self) -> None:
        """A producer is paused over high_water, and resumed when all is sent."""
        producer = Producer()
        self.transport.registerProducer(producer, True)
        self.transport.high_water = MUCH
        self.transport.write(b"a" * MUCH)
        self.assertEqual(producer.told, [])
        self.transport.write(b"a" * MUCH)
        self.assertEqual(producer.told, ["pause"])
        self.read()
        self.transport.doWrite()
        self.assertEqual(producer.told, ["pause"])
        self.pump()
        self.assertEqual(producer.told, ["pause", "resume"])

    def test_drain(self) -> None:
        """`drain` says whether all is sent; if not, the producer hears of it."""
        producer = Producer()
        self.transport.registerProducer(producer, True)
        self.assertTrue(self.transport.drain())
        self.transport.write_file(b"", self.segment(b"a" * MUCH), cork=False)
        self.assertFalse(self.transport.drain())
        self.assertEqual(producer.told, [])
        self.pump()
        self.assertEqual(producer.told, ["resume"])

    def test_close(self) -> None:
        """A connection that is closed sends first what waits."""
        self.transport.write(b"a" * MUCH)
        self.transport.loseConnection()
        self.transport.write(b"ignored?")
        self.assertTrue(self.pump().startswith(b"a" * MUCH))
        self.assertTrue(self.lost[0].check(ConnectionDone))
        self.assertEqual(self.peer.recv(1), b"")

    def test_close_at_end(self) -> None:
        """One with nothing to send is closed at the end of the turn, and the reactor forgets it."""
        forgotten: list[object] = []
        self.patch(TURN, "ends", True)
        self.patch(TURN, "forget", forgotten.append)
        self.transport.write(b"all")
        self.transport.loseConnection()
        self.transport.loseConnection()
        self.assertEqual((self.read(), self.lost, self.reactor.calls), (b"all", [], []))
        TURN.end()
        self.assertEqual((forgotten, len(self.lost)), ([self.transport], 1))
        self.assertTrue(self.lost[0].check(ConnectionDone))
        self.assertEqual(self.peer.recv(1), b"")
        self.transport.connectionLost(self.lost[0])
        self.assertEqual(len(self.lost), 1)

    def test_lost_before_end(self) -> None:
        """The client may be gone before the turn ends: it is lost once."""
        self.patch(TURN, "ends", True)
        self.transport.loseConnection()
        self.transport.connectionLost(Failure(ConnectionDone()))
        TURN.end()
        self.assertEqual(len(self.lost), 1)

    def test_names(self) -> None:
        """What Twisted's log and a developer call it."""
        self.assertEqual(self.transport.logPrefix(), "Protocol,0,")
        self.assertEqual(repr(self.transport), "<Server #0 from >")

    def test_close_for_writing(self) -> None:
        """Closing one direction sends first what waits, and reads on."""
        self.transport.write(b"a" * MUCH)
        self.transport.loseWriteConnection()
        self.assertEqual(self.pump(), b"a" * MUCH)
        self.assertEqual((self.peer.recv(1), self.lost), (b"", []))
        self.assertIn(self.transport, self.reactor.readers)
        self.transport.write(b"dropped")
        self.transport.writeSequence([b"dropped"])
        self.transport.write_file(b"dropped", self.segment(b"x"), cork=False)
        self.assertEqual((self.transport.pending, self.transport.busy), (0, False))

    def test_abort(self) -> None:
        """Aborting drops what waits, and counts it as unsent."""
        self.transport.write(b"a" * MUCH)
        self.transport.write_file(b"", self.segment(b"x" * 10), cork=False)
        taken = self.transport.taken
        self.transport.abortConnection()
        self.reactor.advance(0)
        self.assertTrue(self.lost[0].check(ConnectionAborted))
        self.assertEqual(self.transport.unsent, MUCH + 10 - taken)
        self.assertFalse(self.transport.busy)

    def test_peer_gone(self) -> None:
        """A broken connection is found out in the reactor's turn, never within `write`."""
        self.peer.close()
        self.transport.write(b"abc")
        self.transport.writeSequence([b"abc"])
        self.assertEqual(self.lost, [])
        self.assertIs(self.transport.doWrite(), main.CONNECTION_LOST)

    def test_nothing(self) -> None:
        """Writing nothing asks nobody."""
        self.transport.write(b"")
        self.transport.writeSequence([])
        self.assertEqual(self.reactor.writers, {})

    def test_has_files(self) -> None:
        """Only this transport sends files from the kernel."""
        self.assertTrue(has_files(self.transport))
        self.assertFalse(has_files(object()))
        self.assertIsInstance(self.transport, SendAtOnce)


class _Greedy:
    """A socket that takes everything, and counts how often it was asked."""

    calls = 0

    def sendmsg(self, pieces: list[Any]) -> int:
        self.calls += 1
        return sum(map(len, pieces))
