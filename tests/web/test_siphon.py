"""Large uploads go from the client's socket through a pipe into their file."""

from __future__ import annotations

import errno
from typing import Any

from reverseproxy.web import pipes

from ..answers import chunked
from ..pipescase import PipesCase
from ..support import proxied, request

BODY = bytes(range(256)) * 4096  # 1 MiB


class SiphonTests(PipesCase):
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
        self.assertIn("splice", self.client.socket.calls)
        self.bench.upstream().send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        self.assertEqual(self.client.answer().body, b"hi")
        self.assertEqual(len(self.kept), 1)
        self.assert_none_left()

    def test_next_request_behind_it(self) -> None:
        """A request that is pipelined behind the body is not taken for a part of it."""
        self.begin()
        self.send(BODY + request(b"/next"))
        self.assertEqual(self.upload(), BODY)
        upstream = self.bench.upstream()
        upstream.take()
        upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual(self.bench.upstream().target, b"/next")

    def test_file_system_that_cannot(self) -> None:
        """Where a file can't be spliced into, what is in the pipe is written."""
        self.begin()
        real = pipes.splice

        def refusing(src: int, dst: int, count: int, **more: Any) -> int:
            if "offset_dst" in more:
                raise OSError(errno.EINVAL, "not here")
            return real(src, dst, count, **more)

        self.patch(pipes, "splice", refusing)
        self.send()
        self.assertEqual(self.upload(), BODY)

    def test_disk_full(self) -> None:
        """A disk that takes no more is a 500 that names the directory; the pipe is closed."""
        self.begin()
        real = pipes.splice

        def full(src: int, dst: int, count: int, **more: Any) -> int:
            if more.get("offset_dst", 0) > 300_000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(src, dst, count, **more)

        self.patch(pipes, "splice", full)
        self.send()
        self.assertEqual(self.client.answers()[0].status, 500)
        self.assertIn("client_body_temp", self.bench.errors()[0])
        self.assertEqual(self.bench.upstreams, [])
        self.assert_none_left()

    def test_client_leaves(self) -> None:
        """Half an upload reaches nobody."""
        for end in ("close", "reset"):
            self.begin()
            self.send(BODY[:500_000])
            getattr(self.client, end)()
            self.assertEqual(self.bench.upstreams, [])
            self.assertIn('" 499 0 ', self.bench.lines()[0])
            self.assert_none_left()

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
        self.assert_none_left()

    def test_chunks_are_read(self) -> None:
        """A body in chunks has to be read."""
        self.bench = proxied(self, "client_max_body_size 2m;")
        self.client = self.bench.client()
        self.client.send(request(b"/", b"Transfer-Encoding: chunked", method=b"POST"))
        self.client.send(chunked(BODY))
        self.assertEqual(self.upload(), BODY)
        self.assertNotIn("splice", self.client.socket.calls)
