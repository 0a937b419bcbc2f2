"""Large answers go from socket to socket through a pipe, and only where nobody looks at them."""

from __future__ import annotations

import errno
import os
from typing import Any

from reverseproxy.web import pipes

from ..answers import chunked
from ..pipescase import PipesCase, open_pipes
from ..support import Bench, Client, Upstream, proxied

BODY = bytes(range(256)) * 4096  # 1 MiB
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Type: text/plain\r\n%b\r\n"


class RelayTests(PipesCase):
    def begin(self, extra: str = "", *fields: bytes, more: bytes = b"") -> None:
        """An upstream begins an answer of 1 MiB with its head and a first piece."""
        self.bench: Bench = proxied(self, extra)
        self.client: Client = self.bench.client()
        self.client.ask(b"/", *fields)
        self.upstream: Upstream = self.bench.upstream()
        self.upstream.send(HEAD % (len(BODY), more) + BODY[:1000])

    def send(self, start: int = 1000, stop: int = len(BODY), size: int = 50_000) -> None:
        """Let more of the answer arrive, in pieces."""
        for at in range(start, stop, size):
            self.upstream.send(BODY[at : min(at + size, stop)])

    def spliced(self) -> tuple[bool, bool]:
        """Whether splice(2) was called for the upstream's socket, and for the client's."""
        return "splice" in self.upstream.socket.calls, "splice" in self.client.socket.calls

    def test_whole(self) -> None:
        """The body arrives as it was sent, and the upstream's connection serves on."""
        self.begin()
        self.send()
        self.assertEqual(self.client.answer().body, BODY)
        self.assertEqual(self.spliced(), (True, True))
        self.assertIn(f'" 200 {len(BODY)} ', self.bench.lines()[0])
        self.assertEqual((self.bench.idle(), len(self.kept)), (1, 1))
        self.client.ask(b"/2")
        self.upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        self.assertEqual(self.client.answer().body, b"hi")
        self.assert_none_left()

    def test_nothing_reaches_python(self) -> None:
        """From the second piece on only a look is taken at whether something follows the body."""
        self.begin()
        asked = []
        self.patch(self.upstream.socket, "recv", lambda size, _flags=0: asked.append(size) or b"")
        self.upstream.socket.pour = lambda pipe, size: os.write(pipe, BODY[:size])  # type: ignore[method-assign]
        self.upstream.socket.arrived.append(b"-")
        self.upstream.transport.doRead()
        self.assertEqual(asked, [1])

    def test_head_alone_first(self) -> None:
        """A head that comes before its body is sent with the first of it."""
        bench = proxied(self)
        client = bench.client()
        client.ask()
        upstream = bench.upstream()
        upstream.send(HEAD % (len(BODY), b""))
        self.assertEqual(client.received, b"")
        upstream.send(BODY[:1000])
        self.assertIn(b"\r\n\r\n" + BODY[:10], client.received)
        upstream.send(BODY[1000:])
        self.assertEqual(client.answer().body, BODY)

    def test_pipe_is_used_again(self) -> None:
        """One pipe serves answer after answer."""
        self.begin()
        self.send()
        first = self.kept.take()
        if first is None:
            raise AssertionError("there is no pipe")
        first.end()
        self.client.take()
        self.client.ask()
        self.upstream.send(HEAD % (len(BODY), b""), BODY)
        self.assertEqual(self.client.answer().body, BODY)
        self.assertIs(self.kept.take(), first)
        first.drop()

    def test_unused_pipe(self) -> None:
        """A pipe that nobody needs between two sweeps is closed."""
        self.begin()
        self.send()
        self.bench.advance(1.1)
        self.assertEqual(len(self.kept), 1)
        self.bench.advance(1.1)
        self.assertEqual((len(self.kept), open_pipes()), (0, self.before))

    def test_slow_reader(self) -> None:
        """Who reads slowly gets all of it in order, whether a file takes the rest or nothing."""
        for extra in ("", "proxy_max_temp_file_size 0;", "proxy_max_temp_file_size 100k;"):
            self.begin(extra)
            self.client.stop_reading(20_000)
            self.upstream.socket.arrived.extend(
                BODY[at : at + 30_000] for at in range(1000, len(BODY), 30_000)
            )
            self.bench.reactor.settle()
            while not self.client.answers()[0].complete:
                self.client.read_on(70_000)
            self.assertEqual(self.client.answer().body, BODY)
            self.assertEqual(self.bench.idle(), 1)
            self.assert_none_left()

    def test_reader_who_recovers(self) -> None:
        """After a pause the rest goes from socket to socket again."""
        self.begin("proxy_max_temp_file_size 0;")
        self.client.stop_reading(1000)
        self.send(stop=401_000)
        self.assertFalse(self.upstream.reads)
        self.client.read_on()
        self.upstream.socket.calls.clear()
        self.send(401_000)
        self.assertEqual(self.client.answer().body, BODY)
        self.assertIn("splice", self.upstream.socket.calls)

    def test_small_pipe(self) -> None:
        """A user who has had his share of pipes gets small ones, and the answer none the worse."""

        def refused(*_: Any) -> int:
            raise PermissionError(errno.EPERM, "not yours")

        self.patch(pipes.fcntl, "fcntl", refused)
        self.begin()
        self.client.stop_reading(5000)
        self.upstream.socket.arrived.append(BODY[1000:])
        self.bench.reactor.settle()
        self.client.read_on()
        self.assertEqual(self.client.answer().body, BODY)
        self.assert_none_left()

    def test_kernel_that_cannot(self) -> None:
        """Where the kernel can't splice from a socket, nothing is lost, nor tried again."""
        self.begin()
        asked = []

        def unable(*_: Any, **__: Any) -> int:
            asked.append(1)
            raise OSError(errno.EINVAL, "Invalid argument")

        self.patch(pipes, "splice", unable)
        self.send()
        self.assertEqual(self.client.answer().body, BODY)
        self.client.ask()
        self.upstream.send(HEAD % (len(BODY), b""), BODY)
        self.assertEqual(self.client.answer().body, BODY)
        self.assertEqual(len(asked), 1)
        self.assert_none_left()

    def test_no_descriptors(self) -> None:
        """Without a descriptor for a pipe the answer goes through memory."""

        def none_left(*_: Any) -> Any:
            raise OSError(errno.EMFILE, "too many")

        self.patch(pipes.os, "pipe2", none_left)
        self.begin()
        self.send()
        self.assertEqual(self.client.answer().body, BODY)
        self.assertEqual(self.spliced(), (False, False))

    def test_who_looks_at_it(self) -> None:
        """What is compressed, limited, kept, sent by chunks or not buffered is read."""
        cases = (
            ("gzip on; gzip_types text/plain;", (b"Accept-Encoding: gzip",), b""),
            ("proxy_limit_rate 100m;", (), b""),
            ("limit_rate 100m;", (), b""),
            ("proxy_store kept;", (), b""),
            ("proxy_buffering off;", (), b""),
            ("", (), b"X-Accel-Buffering: no\r\n"),
        )
        for extra, fields, more in cases:
            self.begin(extra, *fields, more=more)
            self.send()
            self.assertEqual(self.spliced(), (False, False), extra)
        bench = proxied(self)
        client = bench.client()
        client.ask()
        bench.upstream().send(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", chunked(BODY)
        )
        self.assertEqual(client.answer().body, BODY)
        self.assertNotIn("splice", bench.upstream().socket.calls)

    def test_rest_too_small(self) -> None:
        """An answer of which little is left after its first piece is read."""
        self.begin()
        bench = proxied(self)
        client = bench.client()
        client.ask()
        bench.upstream().send(HEAD % (60_000, b"") + b"a" * 1000, b"a" * 59_000)
        self.assertEqual(len(client.answer().body), 60_000)
        self.assertNotIn("splice", client.socket.calls)

    def test_upstream_ends_early(self) -> None:
        """An upstream that closes or breaks in the middle is a cut for the client."""
        for end in ("close", "reset"):
            self.begin()
            self.send(stop=500_000)
            getattr(self.upstream, end)()
            self.assertEqual((self.client.ended, self.bench.idle()), ("closed", 0))
            self.assertFalse(self.client.answers()[0].complete)
            self.assertIn("prematurely closed", self.bench.errors()[0])
            self.assert_none_left()

    def test_more_than_promised(self) -> None:
        """What an upstream sends behind its answer reaches nobody, and ends its connection."""
        self.begin()
        self.upstream.socket.arrived.append(BODY[1000:] + b"HTTP/1.1 200 OK\r\n\r\n")
        self.upstream.transport.doRead()
        # Not even for a moment may somebody else get it.
        self.assertEqual(self.bench.idle(), 0)
        self.bench.reactor.settle()
        self.assertEqual(self.client.answer().body, BODY)
        self.assertEqual(self.upstream.ended, "reset")
        self.assertIn("sent more than its answer", self.bench.errors()[0])

    def test_client_leaves(self) -> None:
        """A client that leaves takes the upstream with it, or not where that is configured."""
        for extra, ended in (("", "reset"), ("proxy_ignore_client_abort on;", "")):
            self.begin(extra)
            self.client.stop_reading(30_000)
            self.send(stop=200_000)
            self.client.reset()
            self.assertEqual(self.upstream.ended, ended)
            self.assert_none_left()
            if not ended:
                self.send(200_000)
                self.assertEqual(self.bench.idle(), 1)

    def test_silence(self) -> None:
        """An upstream that falls silent in the middle is given up after proxy_read_timeout."""
        self.begin("proxy_read_timeout 5s;")
        self.send(stop=200_000)
        self.bench.advance(4)
        self.send(200_000, 300_000)
        self.bench.advance(4)
        self.assertEqual(self.client.ended, "")
        self.bench.advance(3)
        self.assertEqual((self.client.ended, self.upstream.ended), ("closed", "reset"))
        self.assertIn("timed out while reading", self.bench.errors()[0])
        self.assert_none_left()

    def test_client_that_stops_reading(self) -> None:
        """A client that takes nothing for send_timeout is cut off, with what waits in the pipe."""
        self.begin("proxy_max_temp_file_size 0; send_timeout 5s;")
        self.client.stop_reading(1000)
        self.send(stop=300_000)
        self.bench.advance(7)
        self.assertNotEqual(self.client.ended, "")
        self.assertEqual(self.upstream.ended, "reset")
        self.assert_none_left()
