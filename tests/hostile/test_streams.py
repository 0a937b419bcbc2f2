"""What nobody thought of: streams that are valid, nearly so, or hostile, whole and cut anywhere."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from ..support import Bench, ok
from ..wire.nearly import near_requests, near_responses
from .clients import PROXY, STREAMING
from .holding import PASS, HostileClient, HostileUpstream, read
from .strict import Received

BOUNDED = settings(derandomize=True, deadline=None, max_examples=300)


def streams() -> st.SearchStrategy[bytes]:
    """Up to three requests, one behind the other; answers to HEAD are not told apart here."""
    return st.lists(near_requests(), min_size=1, max_size=3).map(
        lambda messages: b"".join(messages).replace(b"HEAD", b"GET")
    )


_places = st.lists(st.integers(0, 400), max_size=3).map(sorted)


def cut(raw: bytes, places: list[int]) -> tuple[bytes, ...]:
    """`raw` in pieces."""
    ends = [min(place, len(raw)) for place in (0, *places, len(raw))]
    pieces = [raw[start:stop] for start, stop in pairwise(ends)]
    return tuple(piece for piece in pieces if piece)


class ClientStreamTests(HostileClient):
    """Holds `HostileClient.hold` for generated streams."""

    def seen(self, bench: Bench, pieces: tuple[bytes, ...]) -> tuple[list[int], list[Received]]:
        """The statuses of the answers, and what reached the upstream."""
        self.recorder.requests.clear()
        client = bench.client()
        self.send(bench, client, pieces)
        reached = [
            Received(one.method, one.target, one.body, one.fields) for one in self.recorder.requests
        ]
        return [reply.status for reply in self.hold(bench, client)], reached

    def holds(self, server: str) -> None:
        """A stream is read alike, whole and in pieces, and the invariant is held."""
        bench = self.begin(server)
        reached: list[int] = []

        @given(streams(), _places)
        @BOUNDED
        def held(raw: bytes, places: list[int]) -> None:
            whole = self.seen(bench, (raw,))
            self.assertEqual(self.seen(bench, cut(raw, places)), whole)
            reached.append(len(whole[1]))

        held()
        # The examples are worth their time: many get through, and many don't.
        self.assertGreater(sum(map(bool, reached)), len(reached) // 5)
        self.assertGreater(reached.count(0), len(reached) // 5)

    def test_spooled(self) -> None:
        """Bodies are complete before an upstream sees a byte of them."""
        self.holds(PROXY)

    def test_streamed(self) -> None:
        """Bodies go on as they come: what is broken half-way reaches no upstream as a whole."""
        self.holds(STREAMING)


class UpstreamStreamTests(HostileUpstream):
    """Holds for generated answers what holds for those of the table."""

    def seen(self, bench: Bench, pieces: tuple[bytes, ...]) -> tuple[int, bytes, bool]:
        """The status, the body and whether it is whole; the next request has its own answer."""
        client = bench.client()
        client.ask(b"/first")
        upstream = next(one for one in bench.upstreams if one.received)
        upstream.take()
        for piece in pieces:
            upstream.send(piece)
        upstream.close()
        (reply,) = read(client)
        if not reply.complete:
            self.assertIn(client.ended, ("closed", "reset", "shut"))
        self.hold(bench, client, [upstream])
        for one in bench.upstreams:
            if one.state == "connected":
                one.take()
        return reply.status, reply.body, reply.complete

    def holds(self, more: str) -> None:
        """An answer is read alike, whole and in pieces."""
        bench = self.begin(PASS % ("127.0.0.1:8080", more))
        statuses: list[int] = []

        @given(near_responses(), _places)
        @BOUNDED
        def held(raw: bytes, places: list[int]) -> None:
            whole = self.seen(bench, (raw,) if raw else ())
            self.assertEqual(self.seen(bench, cut(raw, places)), whole)
            statuses.append(whole[0])

        held()
        # As above.
        self.assertGreater(statuses.count(502), len(statuses) // 5)
        self.assertGreater(statuses.count(200), len(statuses) // 20)

    def test_buffered(self) -> None:
        """With proxy_buffering."""
        self.holds("")

    def test_unbuffered(self) -> None:
        """Without."""
        self.holds("proxy_buffering off;")

    def test_small(self) -> None:
        """The reader itself tells a whole answer from a cut one."""
        bench = self.begin(PASS % ("127.0.0.1:8080", ""))
        self.assertEqual(self.seen(bench, (ok(),)), (200, b"hi", True))
        self.assertEqual(self.seen(bench, (ok()[:-1],)), (200, b"h", False))
