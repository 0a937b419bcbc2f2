"""What a client and the logs are told when an upstream does not answer as it should."""

from __future__ import annotations

from twisted.internet.error import ConnectError
from twisted.trial.unittest import SynchronousTestCase

from ..answers import chunked
from ..support import Bench, Upstream, ok, proxied, request

UPSTREAM = 'upstream: "http://127.0.0.1:8080", host: "example.org"'
LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\n"


class FailureTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bench = proxied(self)
        self.client = self.bench.client()

    def assert_failed(self, status: int, cause: str, why: str) -> None:
        """The client has an error page with a cause, the error log the reason and the upstream."""
        answer = self.client.answer()
        self.assertEqual(answer.status, status)
        self.assertIn(cause.encode(), answer.body)
        self.assertEqual(answer.get(b"Connection"), b"keep-alive")
        (line,) = self.bench.errors()
        self.assertIn(" [error] ", line)
        self.assertIn(why, line)
        self.assertIn(UPSTREAM, line)
        self.assertIn(f'" {status} ', self.bench.lines()[0])

    def test_refused(self) -> None:
        """Nobody listens: 502, and the line says so."""
        self.bench.accepting = False
        self.client.ask()
        self.bench.upstream().refuse()
        self.assert_failed(502, "RP-502-refused", "connect() failed (111: Connection refused)")

    def test_unreachable(self) -> None:
        """No way there: 502 with the system's words."""
        self.bench.accepting = False
        self.client.ask()
        self.bench.upstream().fail(ConnectError(113, "No route to host"))
        self.assert_failed(502, "RP-502-refused", "connect() failed (113: No route to host)")

    def test_connect_time_out(self) -> None:
        """Nobody answers: 504 after proxy_connect_timeout, which the connector is given."""
        self.bench = proxied(self, "proxy_connect_timeout 7s;")
        self.client = self.bench.client()
        self.bench.accepting = False
        self.client.ask()
        self.assertEqual(self.bench.upstream().timeout, 7.0)
        self.bench.upstream().time_out()
        self.assert_failed(504, "RP-504-timeout", "timed out while connecting to upstream")

    def test_send_time_out(self) -> None:
        """An upstream that does not take the request: 504 after proxy_send_timeout."""
        self.bench = proxied(self, "proxy_send_timeout 5s;")
        self.client = self.bench.client()
        self.bench.upstream_room = 100
        self.client.send(request(method=b"PUT", body=b"x" * 100_000))
        self.bench.advance(3)
        self.bench.upstream().read_on(100)
        self.bench.advance(4)
        self.assertEqual(self.client.received, b"")
        self.bench.advance(3)
        self.assert_failed(504, "RP-504-timeout", "timed out while sending request to upstream")
        self.assertEqual(self.bench.upstream().ended, "reset")

    def test_read_time_out(self) -> None:
        """An upstream that is silent: 504 after proxy_read_timeout."""
        self.bench = proxied(self, "proxy_read_timeout 5s;")
        self.client = self.bench.client()
        self.client.ask()
        self.bench.advance(3)
        self.bench.upstream().send(b"HTTP/1.1 ")
        self.bench.advance(4)
        self.assertEqual(self.client.received, b"")
        self.bench.advance(3)
        self.assert_failed(504, "RP-504-timeout", "timed out while reading response header")
        self.assertEqual(self.bench.upstream().ended, "reset")

    def test_read_time_out_in_body(self) -> None:
        """An upstream that falls silent in the body: the answer is cut, and the line says why."""
        self.client.ask()
        self.bench.upstream().send(LENGTH + b"123")
        self.bench.advance(62)
        self.assertEqual((self.client.ended, self.client.answers()[0].complete), ("closed", False))
        self.assertIn("timed out while reading upstream", self.bench.errors()[0])

    def test_fast_enough(self) -> None:
        """Each byte of an answer gives the upstream proxy_read_timeout again."""
        self.client.ask()
        for byte in ok():
            self.bench.advance(50, step=1)
            self.bench.upstream().send(bytes((byte,)))
        self.assertEqual(self.client.answer().body, b"hi")

    def test_closed(self) -> None:
        """A connection that ends without an answer: 502."""
        self.client.ask()
        self.bench.upstream().close()
        self.assert_failed(502, "RP-502-closed", "prematurely closed connection while reading")

    def test_reset(self) -> None:
        """A connection that breaks without an answer: 502."""
        self.client.ask()
        self.bench.upstream().reset()
        self.assert_failed(502, "RP-502-closed", "prematurely closed connection while reading")

    def test_broken_heads(self) -> None:
        """What is no HTTP/1, or leaves two readings of the body, is 502 and never passed on."""
        for sent in (
            b"nonsense\r\n\r\n",
            b"\x16\x03\x01\x02\x00\r\n\r\n",
            b"HTTP/2 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nno field\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nab",
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nab",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\nab",
            b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ):
            self.setUp()
            self.client.ask()
            self.bench.upstream().send(sent)
            self.assert_failed(502, "RP-502-protocol", "")
            self.assertEqual((self.bench.upstream().ended, self.bench.idle()), ("reset", 0), sent)

    def test_long_head(self) -> None:
        """A head over proxy_buffer_size is 502, whether it ends or not."""
        for end in (b"", b"\r\n\r\n"):
            self.setUp()
            self.client.ask()
            self.bench.upstream().send(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 4100 + end)
            self.assert_failed(502, "RP-502-protocol", "upstream sent too big header")

    def test_interim(self) -> None:
        """Interim answers are skipped: the client did not ask for them."""
        self.client.ask()
        for _ in range(3):
            self.bench.upstream().send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        self.bench.upstream().send(b"HTTP/1.1 100 Continue\r\n\r\n" + ok())
        self.assertEqual(self.client.answer().body, b"hi")
        self.assertEqual(self.bench.idle(), 1)

    def test_interim_flood(self) -> None:
        """Interim answers without end are 502."""
        self.client.ask()
        self.bench.upstream().send(b"HTTP/1.1 100 Continue\r\n\r\n" * 17)
        self.assert_failed(502, "RP-502-protocol", "over 16 interim answers")

    def test_switching(self) -> None:
        """A switch of protocols that nobody asked for is 502."""
        self.client.ask()
        self.bench.upstream().send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nabc")
        self.assert_failed(502, "RP-502-protocol", "switched protocols")

    def test_broken_chunk(self) -> None:
        """A chunk that is none is 502 before the answer has begun, and a cut after."""
        self.client.ask()
        self.bench.upstream().send(CHUNKED)
        self.bench.upstream().send(b"zz\r\n")
        answer = self.client.answers()[0]
        self.assertEqual(
            (answer.status, answer.complete, self.client.ended), (200, False, "closed")
        )
        self.assertIn(
            "not a chunk size line: 'zz\\r' at byte 0 of the answer's body", self.bench.errors()[0]
        )

    def test_surplus(self) -> None:
        """What is behind an answer is told of, and the connection is not used again."""
        self.client.ask()
        self.bench.upstream().send(LENGTH + b"1234567890" * 2)
        self.assertTrue(self.client.answer().complete)
        self.assertTrue(self.bench.upstreams[0].ended)
        (line,) = self.bench.errors()
        self.assertIn(" [warn] ", line)
        self.assertIn("more than its answer, at least 10 bytes: connection closed", line)
        self.assertIn(', upstream: "http://127.0.0.1:8080', line)


class TruncationTests(SynchronousTestCase):
    """An answer that ends too early must not look complete (RFC 9112 section 8)."""

    def cut(self, *sent: bytes, version: bytes, reset: bool = False) -> tuple[bytes, bool, str]:
        """Send part of an answer and end; the body, whether it looks complete, and the end."""
        bench = proxied(self)
        client = bench.client()
        client.send(request(version=version))
        bench.upstream().send(*sent)
        (bench.upstream().reset if reset else bench.upstream().close)()
        answer = client.answers()[0]
        self.log = bench.lines()
        self.errors = bench.errors()
        return answer.body, answer.complete, client.ended

    def test_length(self) -> None:
        """A body shorter than its length is cut: the length tells the client of either version."""
        for version in (b"1.0", b"1.1"):
            found = self.cut(LENGTH + b"123", version=version)
            self.assertEqual(found, (b"123", False, "closed"))
            what = "prematurely closed connection in the body, after 3 bytes of it"
            self.assertIn(what, self.errors[0])
            self.assertIn('" 200 3 ', self.log[0])

    def test_chunks(self) -> None:
        """Chunks without an end have none for an HTTP/1.1 client either."""
        found = self.cut(CHUNKED + b"3\r\nabc\r\n", version=b"1.1")
        self.assertEqual(found, (b"abc", False, "closed"))

    def test_chunks_to_old_client(self) -> None:
        """An HTTP/1.0 client has no chunks: only a reset tells it that something is missing."""
        found = self.cut(CHUNKED + b"3\r\nabc\r\n", version=b"1.0")
        self.assertEqual(found, (b"abc", False, "reset"))

    def test_within_a_chunk(self) -> None:
        """A chunk that breaks off is a cut."""
        found = self.cut(CHUNKED + b"5\r\nabc", version=b"1.1")
        self.assertEqual(found, (b"abc", False, "closed"))

    def test_until_close(self) -> None:
        """Where closing is the end of the body, a close completes it for either version."""
        self.assertEqual(self.cut(UNTIL_CLOSE + b"abc", version=b"1.1"), (b"abc", True, ""))
        self.assertEqual(self.cut(UNTIL_CLOSE + b"abc", version=b"1.0"), (b"abc", True, "closed"))
        self.assertEqual(self.errors, [])

    def test_until_reset(self) -> None:
        """Where closing is the end of the body, a reset is not."""
        self.assertEqual(
            self.cut(UNTIL_CLOSE + b"abc", version=b"1.1", reset=True), (b"abc", False, "closed")
        )
        self.assertEqual(
            self.cut(UNTIL_CLOSE + b"abc", version=b"1.0", reset=True), (b"abc", False, "reset")
        )

    def test_complete(self) -> None:
        """Chunks for an HTTP/1.0 client become a body that ends with the connection."""
        found = self.cut(CHUNKED + chunked(b"abc", b"def"), version=b"1.0")
        self.assertEqual(found, (b"abcdef", True, "closed"))


class UnheardTests(SynchronousTestCase):
    """proxy_ignore_client_abort."""

    def leave(self, *sent: bytes) -> tuple[Bench, Upstream]:
        """A client leaves when its upstream has `sent` something."""
        bench = proxied(self, "proxy_ignore_client_abort on;")
        client = bench.client()
        client.stop_reading()
        client.ask()
        bench.upstream().send(*sent)
        client.reset()
        return bench, bench.upstream()

    def test_before_the_answer(self) -> None:
        """The upstream finishes, whatever the framing, and its connection serves on."""
        for answer in (ok(b"x"), b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"):
            bench, upstream = self.leave()
            self.assertIn('" 499 ', bench.lines()[0])
            self.assertEqual(upstream.ended, "")
            upstream.send(answer)
            self.assertEqual((upstream.ended, bench.idle()), ("", 1))
            self.assertEqual(len(bench.lines()), 1)

    def test_in_the_body(self) -> None:
        """An upstream that had to wait for the client goes on."""
        half = b"HTTP/1.1 200 OK\r\nX-Accel-Buffering: no\r\nContent-Length: 200000\r\n\r\n"
        bench, upstream = self.leave(half, b"x" * 50_000, b"x" * 50_000)
        upstream.send(b"x" * 100_000)
        self.assertEqual((upstream.ended, bench.idle()), ("", 1))

    def test_failure(self) -> None:
        """A failure or silence ends it, and nobody is told again."""
        bench, upstream = self.leave()
        upstream.send(b"nonsense\r\n\r\n")
        self.assertEqual((upstream.ended, bench.idle()), ("reset", 0))
        bench, upstream = self.leave()
        bench.advance(62)
        self.assertEqual(upstream.ended, "reset")
        self.assertEqual(len(bench.lines()), 1)

    def test_request_not_sent(self) -> None:
        """A request of which a part is still here can't be finished."""
        bench = proxied(self, "proxy_ignore_client_abort on;")
        bench.upstream_room = 10
        client = bench.client()
        client.ask()
        client.reset()
        self.assertEqual(bench.upstream().ended, "reset")


class ClientGoneTests(SynchronousTestCase):
    """The client leaves: the upstream is stopped at once, and the log has 499."""

    def setUp(self) -> None:
        self.bench = proxied(self)
        self.client = self.bench.client()

    def assert_gone(self, status: int) -> None:
        self.assertIn(f'" {status} ', self.bench.lines()[0])
        self.assertIn(" [info] ", self.bench.errors()[0])
        self.assertIn("client prematurely closed connection", self.bench.errors()[0])
        connections = self.bench.assembly.connections
        self.assertEqual((connections.clients, connections.upstreams), (0, 0))
        self.assertEqual(len(self.bench.lines()), 1)

    def test_while_connecting(self) -> None:
        """The attempt to connect is given up."""
        self.bench.accepting = False
        self.client.ask()
        self.client.close()
        self.assertEqual(self.bench.upstream().state, "cancelled")
        self.assert_gone(499)

    def test_while_waiting(self) -> None:
        """The connection is aborted before an answer came."""
        self.client.ask()
        self.client.reset()
        self.assertEqual(self.bench.upstream().ended, "reset")
        self.assert_gone(499)

    def test_in_the_body(self) -> None:
        """The connection is aborted in the body; the log keeps the status that was sent."""
        self.client.ask()
        self.bench.upstream().send(LENGTH + b"123")
        self.client.reset()
        self.assertEqual(self.bench.upstream().ended, "reset")
        self.assert_gone(200)

    def test_while_sending(self) -> None:
        """The connection is aborted while a body goes out, and its file is let go."""
        self.bench.upstream_room = 100
        self.client.send(request(method=b"PUT", body=b"x" * 100_000))
        self.client.reset()
        self.assertEqual(self.bench.upstream().ended, "reset")
        self.assert_gone(499)

    def test_before_the_body_is_here(self) -> None:
        """A body that never comes: no upstream was asked."""
        self.client.send(request(method=b"PUT", body=b"x" * 10)[:-3])
        self.client.close()
        self.assertEqual(self.bench.upstreams, [])
        self.assertIn('" 499 0 ', self.bench.lines()[0])

    def test_pipelined(self) -> None:
        """Requests behind the one that is being answered are dropped with the connection."""
        self.client.send(request() + request(b"/second"))
        self.client.close()
        self.assert_gone(499)
