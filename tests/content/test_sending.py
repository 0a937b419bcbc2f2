"""Files on their way to a client that reads slowly, leaves, or finds the file changed."""

from __future__ import annotations

import os
import socket
import zlib
from typing import Any

from reverseproxy.content import files

from ..support import Client
from .test_static import LARGE, FilesTestCase


class SlowClientTests(FilesTestCase):
    def slow(self, extra: str, *fields: bytes) -> Client:
        """A client that has asked for the large file and takes 1000 bytes."""
        self.tree(extra)
        client = self.bench.client()
        client.stop_reading(1000)
        client.ask(b"/large.bin", *fields)
        return client

    def assert_drips(self, client: Client, most: int) -> bytes:
        """Read on in pieces; never are more than `most` bytes in memory."""
        while client.ended == "" and not client.answers()[0].complete:
            self.assertLessEqual(client.transport.pending, most)
            client.read_on(30_000)
        return client.answer().body

    def test_read(self) -> None:
        """Without sendfile one piece is read at a time, as fast as the client takes them."""
        self.assertEqual(self.assert_drips(self.slow(""), 2 * 64 * 1024), LARGE)
        self.assertIn(f" 200 {len(LARGE)} ", self.bench.lines()[0])

    def test_sendfile(self) -> None:
        """With sendfile nothing of the file is ever in memory."""
        self.assertEqual(self.assert_drips(self.slow("sendfile on;"), 0), LARGE)

    def test_cork_without_room(self) -> None:
        """A head that the kernel does not take at all waits with the file behind it."""
        self.tree("sendfile on; tcp_nopush on;")
        client = self.bench.client()
        client.stop_reading()
        client.ask(b"/large.bin")
        self.assertEqual(client.received, b"")
        client.read_on()
        self.assertEqual(client.answer().body, LARGE)

    def test_cork_of_a_large_file(self) -> None:
        """With tcp_nopush a large file leaves in full packets, up to its end and no longer."""
        cork = (socket.IPPROTO_TCP, socket.TCP_CORK)
        for nopush, while_sent, after in (("on", True, False), ("off", None, None)):
            self.tree(f"sendfile on; tcp_nopush {nopush};")
            client = self.bench.client()
            client.stop_reading(10_000)
            client.ask(b"/large.bin")
            self.assertEqual(client.socket.options.get(cork), while_sent)
            client.read_on()
            self.assertEqual(client.answer().body, LARGE)
            self.assertEqual(client.socket.options.get(cork), after)

    def test_gzip(self) -> None:
        """A large compressed file is compressed as fast as the client takes it."""
        client = self.slow("gzip on; gzip_types *;", b"Accept-Encoding: gzip")
        body = self.assert_drips(client, 3 * 64 * 1024)
        self.assertEqual(zlib.decompress(body, 31), LARGE)

    def test_client_leaves(self) -> None:
        """A client that leaves lets go of the file, whichever way it was sent."""
        for extra in ("", "sendfile on;", "gzip on; gzip_types *;"):
            before = len(os.listdir("/proc/self/fd"))
            client = self.slow(extra, b"Accept-Encoding: gzip")
            client.reset()
            self.bench.assembly.log_files.close()
            self.assertEqual(len(os.listdir("/proc/self/fd")), before, extra)
            self.assertEqual(self.bench.assembly.connections.clients, 0)

    def test_log(self) -> None:
        """What was queued for a client that left is not in the log as sent."""
        for extra in ("", "sendfile on;"):
            client = self.slow(extra)
            head = client.received.index(b"\r\n\r\n") + 4
            client.reset()
            self.assertIn(f'" 200 {1000 - head} ', self.bench.lines()[0], extra)

    def test_shrinks(self) -> None:
        """A file that shrinks while it is sent is a cut; where it is read, the log says why."""
        for extra in ("", "sendfile on;", "gzip on; gzip_types *;"):
            client = self.slow(extra, b"Accept-Encoding: gzip")
            os.truncate(self.bench.path("html/large.bin"), 1000)
            client.read_on()
            self.assertFalse(client.answers()[0].complete, extra)
            self.assertIn(client.ended, ("closed", "reset"), extra)
            if "sendfile" not in extra:
                self.assertIn("became shorter", self.bench.errors()[0])

    def test_small_one_shrinks(self) -> None:
        """A small file that shrinks between open and read is a cut as well."""
        self.tree()
        self.patch(files, "os", _ShortReads())
        client = self.bench.client()
        client.ask(b"/a.html")
        self.assertEqual((client.answers()[0].complete, client.ended), (False, "closed"))
        self.assertIn("3 were promised", self.bench.errors()[0])

    def test_grows(self) -> None:
        """Of a file that grows while it is sent the client gets what was promised."""
        for extra in ("", "sendfile on;"):
            client = self.slow(extra)
            with open(self.bench.path("html/large.bin"), "ab") as file:
                file.write(b"more")
            client.read_on()
            self.assertEqual((client.answer().body, client.ended), (LARGE, ""))

    def test_cork(self) -> None:
        """tcp_nopush sends the head with the beginning of the file, in one packet."""
        for extra, flag in (("", 0), ("tcp_nopush on;", socket.MSG_MORE)):
            self.tree("sendfile on; " + extra)
            client = self.bench.client()
            client.ask(b"/large.bin")
            self.assertEqual(client.socket.flags[0], flag)
            self.assertEqual(client.socket.calls[1], "file")


class _ShortReads:
    """An `os` whose files have become shorter than they were."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def pread(self, fd: int, _size: int, offset: int) -> bytes:
        return os.pread(fd, 2, offset)
