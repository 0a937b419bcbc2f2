"""A client that reads slowly: memory is bounded, the upstream is free early, nothing is lost."""

from __future__ import annotations

import errno
import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.upstream import overflow as overflow_module
from reverseproxy.upstream.overflow import Overflow
from reverseproxy.web.spool import SpoolDirectory

from ..answers import chunked
from ..support import Bench, Client, Upstream, ok, proxied

PIECE = bytes(range(256)) * 64  # 16 KiB
#: proxy_buffer_size + proxy_buffers
MEMORY = 36 * 1024
#: proxy_busy_buffers_size
BUSY = 8 * 1024
#: what one read of a socket brings, at most
READ = 64 * 1024


class SlowTests(SynchronousTestCase):
    def begin(self, extra: str = "", pieces: int = 64) -> tuple[Bench, Client, Upstream]:
        """Let an upstream send 1 MiB to a client that does not read."""
        bench = proxied(self, extra)
        client = bench.client()
        client.stop_reading(1000)
        client.ask()
        upstream = bench.upstream()
        upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (pieces * len(PIECE)))
        return bench, client, upstream

    def files(self, bench: Bench) -> int:
        """How many temporary files of the bench are open (and unlinked)."""
        found = 0
        for name in os.listdir("/proc/self/fd"):
            try:
                target = os.readlink(f"/proc/self/fd/{name}")
            except OSError:
                continue
            found += target.startswith(bench.path("proxy_temp/")) and target.endswith("(deleted)")
        return found

    def test_file(self) -> None:
        """What is beyond the buffers waits in a file; the upstream is free for others."""
        bench, client, upstream = self.begin()
        for _ in range(64):
            upstream.send(PIECE)
            self.assertLess(client.transport.pending, MEMORY + READ)
        self.assertEqual((bench.idle(), self.files(bench)), (1, 1))
        while not client.answers()[0].complete:
            client.read_on(50_000)
            # What comes back from the file does so in pieces of proxy_busy_buffers_size.
            self.assertLessEqual(client.transport.pending, 2 * BUSY)
        self.assertEqual(client.answer().body, PIECE * 64)
        self.assertEqual((self.files(bench), client.ended), (0, ""))
        self.assertIn(f'" 200 {64 * len(PIECE)} ', bench.lines()[0])

    def test_file_and_more(self) -> None:
        """A client that reads while the upstream sends gets everything in order."""
        bench, client, upstream = self.begin()
        for count in range(64):
            upstream.send(PIECE)
            client.read_on(count * 400)
        client.read_on()
        self.assertEqual(client.answer().body, PIECE * 64)
        self.assertEqual((bench.idle(), self.files(bench)), (1, 0))

    def test_no_file(self) -> None:
        """With proxy_max_temp_file_size 0 the upstream waits, and is not blamed for it."""
        bench, client, upstream = self.begin("proxy_max_temp_file_size 0; send_timeout 500s;")
        for _ in range(64):
            upstream.socket.arrived.append(PIECE)
        bench.reactor.settle()
        self.assertFalse(upstream.reads)
        self.assertLess(client.transport.pending, MEMORY + READ)
        self.assertGreater(len(upstream.socket.arrived), 50)
        bench.advance(100)
        client.read_on(MEMORY * 2)
        self.assertLess(len(upstream.socket.arrived), 60)
        client.read_on()
        self.assertEqual(client.answer().body, PIECE * 64)
        self.assertEqual((bench.idle(), self.files(bench)), (1, 0))

    def test_full_file(self) -> None:
        """A file at its limit makes the upstream wait until it was read."""
        bench, client, upstream = self.begin("proxy_max_temp_file_size 100k;")
        for _ in range(64):
            upstream.socket.arrived.append(PIECE)
        bench.reactor.settle()
        self.assertFalse(upstream.reads)
        rest = len(upstream.socket.arrived)
        self.assertGreater(rest, 64 - (MEMORY + 102_400 + 2 * READ) // len(PIECE))
        client.read_on(60_000)
        self.assertEqual(len(upstream.socket.arrived), rest)
        client.read_on(140_000)
        self.assertLess(len(upstream.socket.arrived), rest)
        client.read_on()
        self.assertEqual(client.answer().body, PIECE * 64)
        self.assertEqual((bench.idle(), self.files(bench)), (1, 0))

    def test_client_leaves(self) -> None:
        """The file goes with the client, whether the upstream is done or not."""
        for count in (32, 64):
            bench, client, upstream = self.begin()
            upstream.send(*[PIECE] * count)
            self.assertEqual(self.files(bench), 1)
            client.reset()
            self.assertEqual(self.files(bench), 0)
            self.assertEqual(upstream.ended, "reset" if count == 32 else "")

    def test_log_counts_what_was_taken(self) -> None:
        """The log of a client that leaves has the bytes the kernel took, not what was queued."""
        bench, client, upstream = self.begin()
        upstream.send(*[PIECE] * 2)
        head = client.received.index(b"\r\n\r\n") + 4
        client.reset()
        self.assertIn(f'" 200 {1000 - head} ', bench.lines()[0])

    def test_upstream_breaks(self) -> None:
        """A cut answer of which part waits in a file is a cut for the client."""
        bench, client, upstream = self.begin()
        upstream.send(*[PIECE] * 32)
        upstream.reset()
        client.read_on()
        self.assertEqual((client.answers()[0].complete, client.ended), (False, "closed"))
        self.assertEqual(self.files(bench), 0)

    def test_send_time_out(self) -> None:
        """A client that reads nothing for send_timeout is given up, with all that waits for it."""
        bench, client, upstream = self.begin("send_timeout 10s;")
        upstream.send(*[PIECE] * 64)
        bench.advance(9)
        client.read_on(10)
        bench.advance(9)
        self.assertEqual(client.ended, "")
        bench.advance(4)
        self.assertEqual((client.ended, self.files(bench)), ("closed", 0))
        self.assertIn("client did not read for send_timeout", bench.errors()[0])

    def test_disk_full(self) -> None:
        """A disk that takes no more cuts the answer, frees the upstream, and is told of."""
        bench, client, upstream = self.begin()
        self.patch(overflow_module, "os", _FullDisk())
        upstream.send(*[PIECE] * 20)
        self.assertEqual((upstream.ended, self.files(bench)), ("reset", 0))
        client.read_on()
        self.assertEqual((client.answers()[0].complete, client.ended), (False, "closed"))
        (line, *_) = bench.errors()
        self.assertIn("[crit]", line)
        self.assertIn(f'"{bench.path("proxy_temp")}" failed: No space left', line)

    def test_disk_full_for_a_moment(self) -> None:
        """A disk that fails once, in the last bytes of an answer, leaves no file behind."""
        bench = proxied(self)
        client = bench.client()
        client.stop_reading(1000)
        client.ask()
        upstream = bench.upstream()
        upstream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        upstream.send(chunked(b"x" * 50_000)[:-5])
        self.patch(overflow_module, "os", _FullDisk(times=1))
        upstream.send(chunked(b"a", b"b", b"c"))
        self.assertEqual(self.files(bench), 0)
        client.read_on()
        self.assertEqual((client.answers()[0].complete, client.ended), (False, "closed"))
        self.assertEqual(len(bench.errors()), 1)

    def test_next_request(self) -> None:
        """After a slow answer the connection serves on, and its next answer is whole."""
        bench, client, upstream = self.begin()
        upstream.send(*[PIECE] * 64)
        client.ask(b"/next")
        self.assertEqual(len(bench.upstreams), 1)
        upstream.take()
        client.read_on()
        self.assertEqual(upstream.target, b"/next")
        upstream.send(ok(b"next"))
        self.assertEqual([len(a.body) for a in client.answers()], [64 * len(PIECE), 4])


class OverflowTests(SynchronousTestCase):
    def test_first_in_first_out(self) -> None:
        """What goes in comes out, in order and whatever the sizes."""
        overflow = Overflow(SpoolDirectory(self.mktemp()), 100)
        self.addCleanup(overflow.close)
        overflow.write(b"abc")
        self.assertEqual(overflow.read(2), b"ab")
        overflow.write(b"def")
        self.assertEqual(
            [overflow.read(3), overflow.read(9), overflow.read(9)], [b"cde", b"f", b""]
        )

    def test_full(self) -> None:
        """The limit is reached by what was written, read or not."""
        overflow = Overflow(SpoolDirectory(self.mktemp()), 4)
        self.addCleanup(overflow.close)
        overflow.write(b"abc")
        self.assertFalse(overflow.full)
        overflow.write(b"d")
        overflow.read(4)
        self.assertTrue(overflow.full)


class _FullDisk:
    """The `os` of a machine whose disk is full, for so many `times`."""

    def __init__(self, times: int = 1_000_000) -> None:
        self.times = times

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def pwrite(self, *args: Any) -> int:
        self.times -= 1
        if self.times >= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return os.pwrite(*args)
