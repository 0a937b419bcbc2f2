"""Large uploads go from the client's socket into their file, a megabyte at a time."""

from __future__ import annotations

import errno
import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from ..answers import chunked
from ..support import proxied, request

BODY = bytes(range(256)) * 4096  # 1 MiB


class SiphonTests(SynchronousTestCase):
    def begin(self, extra: str = "", size: int = len(BODY)) -> None:
        """A client begins an upload."""
        self.bench = proxied(self, "client_max_body_size 2m; client_body_buffer_size 8k;" + extra)
        self.client = self.bench.client()
        self.client.send(request(b"/", b"Content-Length: %d" % size, method=b"POST"))

    def send(self, data: bytes = BODY, size: int = 50_000) -> None:
        """Let it arrive, in pieces."""
        self.client.send(*(data[at : at + size] for at in range(0, len(data), size)))

    def upload(self) -> bytes:
        """The body that the upstream was sent."""
        return self.bench.upstream().received.partition(b"\r\n\r\n")[2]

    def test_whole(self) -> None:
        """The upstream gets the body as it was sent; then the client's connection serves on."""
        self.begin()
        self.send()
        self.assertEqual(self.upload(), BODY)
        self.assertIn("into", self.client.socket.calls)
        self.bench.upstream().send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        self.assertEqual(self.client.answer().body, b"hi")

    def test_next_request_behind_it(self) -> None:
        """A request that is pipelined behind the body is not taken for a part of it."""
        self.begin()
        self.send(BODY + request(b"/next"))
        self.assertEqual(self.upload(), BODY)
        upstream = self.bench.upstream()
        upstream.take()
        upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(self.bench.upstream().target, b"/next")

    def test_disk_full(self) -> None:
        """A disk that takes no more is a 500 that names the directory, and the rest is dropped."""
        self.begin()
        self.send(BODY[:300_000])

        real = os.write

        def full(fd: int, data: Any) -> int:
            if len(data) < 10_000:  # a log's line
                return real(fd, data)
            raise OSError(errno.ENOSPC, "No space left on device")

        self.patch(os, "write", full)
        self.client.send(BODY[300_000:350_000])
        self.assertEqual(self.client.answers()[0].status, 500)
        self.assertIn("client_body_temp", self.bench.errors()[0])
        self.assertEqual(self.bench.upstreams, [])

    def test_buffer_is_shared(self) -> None:
        """Uploads that come at the same time do not get into each other."""
        self.begin()
        others = [self.client]
        for _ in range(2):
            client = self.bench.client()
            client.send(request(b"/", b"Content-Length: %d" % len(BODY), method=b"POST"))
            others.append(client)
        bodies = [bytes([at]) * len(BODY) for at in range(3)]
        for at in range(0, len(BODY), 100_000):
            for client, body in zip(others, bodies, strict=True):
                client.send(body[at : at + 100_000])
        sent = [one.received.partition(b"\r\n\r\n")[2] for one in self.bench.upstreams]
        self.assertEqual(sorted(sent), bodies)

    def test_client_leaves(self) -> None:
        """Half an upload reaches nobody."""
        for end in ("close", "reset"):
            self.begin()
            self.send(BODY[:500_000])
            getattr(self.client, end)()
            self.assertEqual(self.bench.upstreams, [])
            self.assertIn('" 499 0 ', self.bench.lines()[0])

    def test_too_slow(self) -> None:
        """Silence in the middle of a body ends after client_body_timeout, as in memory."""
        self.begin("client_body_timeout 5s;")
        self.send(BODY[:200_000])
        self.bench.advance(4)
        self.send(BODY[200_000:300_000])
        self.bench.advance(4)
        self.assertEqual(self.client.ended, "")
        self.bench.advance(3)
        self.assertNotEqual(self.client.ended, "")
        self.assertEqual(self.bench.upstreams, [])

    def test_chunks_are_read(self) -> None:
        """A body in chunks has to be read."""
        self.bench = proxied(self, "client_max_body_size 2m;")
        self.client = self.bench.client()
        self.client.send(request(b"/", b"Transfer-Encoding: chunked", method=b"POST"))
        self.client.send(chunked(BODY))
        self.assertEqual(self.upload(), BODY)
        self.assertNotIn("into", self.client.socket.calls)
