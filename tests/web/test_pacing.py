"""limit_rate and limit_rate_after."""

from __future__ import annotations

from tests.content.test_documents import FilesCase
from tests.support import Client, ok

SIZE = 100_000


class LimitRateTests(FilesCase):
    """Answers that are sent no faster than a rate; the bench's clock stands still by itself."""

    files = {"big.bin": b"x" * SIZE, "small.txt": b"small"}

    def paced(self, inside: str, path: bytes = b"/big.bin") -> tuple[Client, list[int]]:
        """A client, and how much it had after each of some seconds."""
        bench = self.bench(inside)
        client = bench.client()
        client.ask(path)
        seen = [len(client.received)]
        for _ in range(4):
            bench.advance(1)
            seen.append(len(client.received))
        self.bench_ = bench
        return client, seen

    def test_rate(self) -> None:
        """A second's worth at once, then a second's worth each second, head included."""
        for extra in ("sendfile off;", "sendfile on;"):
            _, seen = self.paced(f"limit_rate 10000; {extra}")
            for second, size in enumerate(seen):
                self.assertEqual(size, 10_000 * (second + 1), extra)

    def test_after(self) -> None:
        """What limit_rate_after says is not counted."""
        _, seen = self.paced("limit_rate 10000; limit_rate_after 50000;")
        self.assertEqual(seen[:3], [60_000, 70_000, 80_000])

    def test_whole(self) -> None:
        """In the end all of it is there, and the connection is as it was before."""
        client, _ = self.paced("location / { limit_rate 10000; } location /small { }")
        self.bench_.advance(10)
        self.assertEqual(client.answer().body, self.files["big.bin"])
        client.ask(b"/small.txt")
        self.assertEqual(client.answer().body, b"small")
        self.assertEqual(type(client.transport).__name__, "Server")

    def test_pipelined(self) -> None:
        """The next request on the connection has a pace of its own."""
        bench = self.bench("limit_rate 10000;")
        client = bench.client()
        client.ask(b"/small.txt")
        self.assertEqual(client.answer().body, b"small")
        client.ask(b"/big.bin")
        self.assertEqual(len(client.take()), 10_000)

    def test_variable(self) -> None:
        """`set $limit_rate` wins over the directive, and a variable can be the directive's."""
        _, seen = self.paced("set $limit_rate 20k; limit_rate 1;")
        self.assertEqual(seen[0], 20 * 1024)
        _, seen = self.paced("limit_rate $arg_r;", b"/big.bin?r=1k")
        self.assertEqual(seen[:2], [1024, 2048])
        _, seen = self.paced("limit_rate $arg_r;", b"/big.bin?r=nonsense")
        self.assertGreater(seen[0], SIZE)
        _, seen = self.paced("set $limit_rate 0; limit_rate 1;")
        self.assertGreater(seen[0], SIZE)

    def test_slow_is_no_time_out(self) -> None:
        """A pace so slow that it takes minutes does not meet send_timeout."""
        client, seen = self.paced("limit_rate 2; send_timeout 3s;")
        self.assertEqual(seen[-1], 10)
        self.bench_.advance(20)
        self.assertEqual((len(client.received), client.ended), (50, ""))

    def test_client_leaves(self) -> None:
        """Nothing goes on for a client that left."""
        client, _ = self.paced("limit_rate 1000;")
        client.reset()
        self.bench_.advance(5)
        calls = [str(call) for call in self.bench_.reactor.getDelayedCalls()]
        self.assertFalse([call for call in calls if "_go_on" in call])

    def test_upstream(self) -> None:
        """What an upstream sends is paced too, and all of it arrives."""
        bench = self.bench("location /p { limit_rate 10000; proxy_pass http://127.0.0.1:8080; }")
        client = bench.client()
        client.ask(b"/p")
        bench.upstream().send(ok(b"y" * SIZE))
        self.assertEqual(len(client.received), 10_000)
        bench.advance(15)
        answer = client.answer()
        self.assertEqual((answer.body, answer.complete), (b"y" * SIZE, True))

    def test_bad(self) -> None:
        """What is no size is an error."""
        for text in ("limit_rate fast;", "limit_rate_after 1x;", "sendfile_max_chunk -1;"):
            self.assertIn("takes", self.errors(text))


class ChunkTests(FilesCase):
    """sendfile_max_chunk."""

    files = {"big.bin": b"x" * SIZE}

    def test_chunks(self) -> None:
        """No system call takes more of a file than that."""
        bench = self.bench("sendfile on; sendfile_max_chunk 10000;")
        client = bench.client()
        client.ask(b"/big.bin")
        self.assertEqual(client.socket.calls.count("file"), 10)
        self.assertEqual(client.answer().body, self.files["big.bin"])
