"""What `twisted.web.proxy` does wrong, row by row, beside what this package does.

Every scenario runs against both. The wrong behaviour of the stock classes is asserted as well, so
that we notice when Twisted changes: then the row can be told in the past tense.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.web.segments import FileSegment
from reverseproxy.web.transport import SendAtOnce

from .answers import chunked
from .support import Bench, StockBench, ok, proxied, request


def held(transport: Any) -> int:
    """How many bytes a transport holds in memory."""
    if isinstance(transport, SendAtOnce):
        return transport.pending
    return len(transport.dataBuffer) - transport.offset + transport._tempDataLen


def descriptors() -> int:
    """How many files this process has open."""
    return len(os.listdir("/proc/self/fd"))


class StockTests(SynchronousTestCase):
    def ours(self, extra: str = "") -> Bench:
        return proxied(self, extra)

    def test_connection_for_every_request(self) -> None:
        """Stock connects for each request; here the second takes the connection of the first."""
        for bench, connections in ((StockBench(), 2), (self.ours(), 1)):
            client = bench.client()
            for _ in range(2):
                client.ask()
                bench.upstream().send(ok())
                if isinstance(bench, StockBench):
                    bench.upstream().close()
            self.assertEqual([a.body for a in client.answers()], [b"hi", b"hi"])
            self.assertEqual(len(bench.upstreams), connections)

    def test_body_in_memory(self) -> None:
        """Stock hands a body to the transport in one piece; here it waits in a file."""
        size = 600_000
        for bench in (StockBench(), self.ours()):
            bench.upstream_room = 1000
            client = bench.client()
            before = descriptors()
            client.send(request(method=b"PUT", body=b"x" * size))
            transport = bench.upstream().transport
            if isinstance(bench, StockBench):
                self.assertGreater(held(transport), size - 1000)
            else:
                self.assertEqual(held(transport), 0)
                (segment,) = transport._queue
                self.assertIsInstance(segment, FileSegment)
                self.assertEqual(descriptors(), before + 1)
            bench.upstream().read_on()
            self.assertTrue(bench.upstream().received.endswith(b"\r\n\r\n" + b"x" * size))

    def test_chunked_request(self) -> None:
        """Stock sends the body de-chunked under the chunked field; here it is framed anew."""
        message = request(b"/", b"Transfer-Encoding: chunked", method=b"PUT")
        for bench in (StockBench(), self.ours()):
            bench.client().send(message + chunked(b"one", b"two"))
            head, _, body = bench.upstream().received.partition(b"\r\n\r\n")
            self.assertEqual(body, b"onetwo")
            if isinstance(bench, StockBench):
                self.assertTrue(head.startswith(b"PUT / HTTP/1.0\r\n"))
                self.assertIn(b"transfer-encoding: chunked", head)
            else:
                self.assertTrue(head.startswith(b"PUT / HTTP/1.1\r\n"))
                self.assertNotIn(b"chunked", head)
                self.assertIn(b"\r\nContent-Length: 6", head)

    def test_chunked_answer(self) -> None:
        """Stock chunks the chunks; here the body is read and chunked anew."""
        sent = chunked(b"one", b"two")
        for bench, seen in ((StockBench(), sent), (self.ours(), b"onetwo")):
            client = bench.client()
            client.ask()
            bench.upstream().send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + sent)
            bench.upstream().close()
            body = client.received.partition(b"\r\n\r\n")[2]
            self.assertEqual(b"".join(_chunks(body)), seen)

    def test_truncated_answer(self) -> None:
        """Stock leaves the client waiting for what never comes; here the client sees the cut."""
        for bench, ended in ((StockBench(), ""), (self.ours(), "closed")):
            client = bench.client()
            client.ask()
            bench.upstream().send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1234")
            bench.upstream().close()
            bench.advance(1)
            answer = client.answers()[0]
            self.assertEqual((answer.body, answer.complete), (b"1234", False))
            self.assertEqual(client.ended, ended)

    def test_no_answer(self) -> None:
        """An upstream that closes without an answer is an empty 200 for stock, 502 here."""
        for bench, status in ((StockBench(), 200), (self.ours(), 502)):
            client = bench.client()
            client.ask()
            bench.upstream().close()
            answer = client.answer()
            self.assertEqual(answer.status, status)
            self.assertEqual(answer.body == b"", status == 200)

    def test_refused(self) -> None:
        """An upstream that is not there is 501 for stock, 502 here."""
        for bench, status in ((StockBench(), 501), (self.ours(), 502)):
            bench.accepting = False
            client = bench.client()
            client.ask()
            bench.upstream().refuse()
            self.assertEqual(client.answer().status, status)

    def test_time_out(self) -> None:
        """Stock waits for a silent upstream for ever; here it is 504 after proxy_read_timeout."""
        for bench, statuses in ((StockBench(), []), (self.ours(), [504])):
            client = bench.client()
            client.ask()
            bench.advance(62)
            self.assertEqual([answer.status for answer in client.answers()], statuses)

    def test_repeated_fields(self) -> None:
        """Stock keeps the last of equal fields, in lower case; here all go, as they came."""
        fields = (b"X-B: 1", b"x-a: 2", b"X-B: 3")
        for bench in (StockBench(), self.ours()):
            bench.client().ask(b"/", *fields)
            seen = [pair for pair in bench.upstream().fields() if pair[0].lower()[:2] == b"x-"]
            if isinstance(bench, StockBench):
                self.assertEqual(sorted(seen), [(b"x-a", b"2"), (b"x-b", b"3")])
            else:
                self.assertEqual(seen, [(b"X-B", b"1"), (b"x-a", b"2"), (b"X-B", b"3")])

    def test_hop_by_hop(self) -> None:
        """Stock forwards what is for one hop only; here TE, Upgrade and named fields stop."""
        fields = (b"TE: trailers", b"Upgrade: x", b"X-Secret: 1", b"Connection: X-Secret, Upgrade")
        for bench, seen in ((StockBench(), True), (self.ours(), False)):
            bench.client().ask(b"/", *fields)
            names = {name.lower() for name, _ in bench.upstream().fields()}
            for name in (b"te", b"upgrade", b"x-secret"):
                self.assertEqual(name in names, seen, name)

    def test_client_leaves(self) -> None:
        """Stock lets the upstream go on, and stumbles over its answer; here it is aborted."""
        stock, ours = StockBench(), self.ours()
        for bench in (stock, ours):
            client = bench.client()
            client.ask()
            client.close()
        self.assertEqual(stock.upstream().ended, "")
        self.assertRaises(RuntimeError, stock.upstream().send, ok())
        self.assertEqual(ours.upstream().ended, "reset")
        self.assertIn('" 499 0 ', ours.lines()[0])

    def test_back_pressure(self) -> None:
        """Stock keeps in memory whatever a slow reader leaves; here that is bounded."""
        piece = b"z" * 50_000
        stock, ours = StockBench(), self.ours("proxy_max_temp_file_size 0;")
        for bench in (stock, ours):
            client = bench.client()
            client.stop_reading()
            client.ask()
            upstream = bench.upstream()
            upstream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
            upstream.send(*[piece] * 20)
            if bench is stock:
                self.assertGreater(held(client.transport), 1_000_000)
            else:
                self.assertLess(held(client.transport), 36 * 1024 + 2 * 65536)
                self.assertFalse(upstream.reads)
            client.read_on()
            self.assertEqual(client.answers()[0].body, piece * 20)

    def test_accepted(self) -> None:
        """Stock forwards requests that two servers can read in two ways; here they are 400.

        Twisted 22.4 and 26.10 accept all of these.
        """
        for fields in (
            b"",  # no Host
            b"Host: a\r\nHost: b\r\n",
            b"Host: a b/c\r\n",
            b"Host: a\r\nX: 1\r\n 2\r\n",
            b"Host: a\r\nX: \x01\r\n",
            b"Host: a\r\nTransfer-Encoding: identity\r\n",
        ):
            message = b"GET / HTTP/1.1\r\n" + fields + b"\r\n"
            stock, ours = StockBench(), self.ours()
            stock.client().send(message)
            self.assertEqual(len(stock.upstreams), 1, fields)
            client = ours.client()
            client.send(message)
            self.assertEqual(client.answer().status, 400, fields)
            self.assertEqual((ours.upstreams, client.ended), ([], "closed"))

    def test_idle_time_out(self) -> None:
        """A line a minute keeps stock waiting for a head for ever; here it has one deadline.

        With 26.10 a byte is enough, with 22.4 it takes a line.
        """
        for bench, ended in ((StockBench(), ""), (self.ours(), "closed")):
            client = bench.client()
            client.send(b"GET / HTTP/1.1\r\n")
            for _ in range(10):
                bench.advance(50)
                client.send(b"X: 1\r\n")
            self.assertEqual(client.ended, ended)

    def test_lookup(self) -> None:
        """Stock takes a whole body before it looks who wants it; here 413 comes with the head."""
        message = request(method=b"PUT", body=b"x" * 2_000_000)
        for bench, statuses in ((StockBench(), []), (self.ours(), [413])):
            client = bench.client()
            client.send(message[:300])
            self.assertEqual([answer.status for answer in client.answers()], statuses)
            self.assertEqual(bench.upstreams, [])


def _chunks(data: bytes) -> list[bytes]:
    found = []
    while data:
        line, _, rest = data.partition(b"\r\n")
        size = int(line, 16)
        found.append(rest[:size])
        data = rest[size + 2 :]
    return found
