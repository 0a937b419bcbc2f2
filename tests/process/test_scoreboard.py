"""The numbers of several workers."""

from __future__ import annotations

import os
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.content.stubstatus import Numbers
from reverseproxy.process.scoreboard import Reporting, Row, Scoreboard, create

from ..support import Bench, serve

MANY = Numbers(10, 9, 8, 7, 6, 5)


class ScoreboardCase(SynchronousTestCase):
    def made(self, slots: int = 3) -> tuple[Scoreboard, Scoreboard]:
        """The same scoreboard as two processes see it."""
        fd = create(slots)
        self.addCleanup(os.close, fd)
        return Scoreboard(fd), Scoreboard(fd)


class ScoreboardTests(ScoreboardCase):
    """Slots that one writes and all read."""

    def test_begins_empty(self) -> None:
        """Nobody is there, nothing is counted."""
        board, _ = self.made()
        self.assertEqual(board.rows(), [Row()] * 3)
        self.assertEqual(board.total(), Numbers(0, 0, 0, 0, 0, 0))

    def test_written(self) -> None:
        """What a worker writes the others read, again and again."""
        board, other = self.made()
        board.claim(1, 4711, 3)
        for number in range(5):
            board.write(1, attrs.evolve(MANY, accepted=10 + number), 4)
            self.assertEqual(other.read(1), Row(4711, 3, 10 + number, 9, 8, 7, 6, 5, 4))
        board.renew(1, 4)
        self.assertEqual(other.read(1), Row(4711, 4, 14, 9, 8, 7, 6, 5, 4))
        self.assertEqual((other.read(0), other.read(2)), (Row(), Row()))

    def test_total(self) -> None:
        """The total is of all workers, or of all others."""
        board, other = self.made()
        for slot in range(3):
            board.claim(slot, slot + 1, 1)
            board.write(slot, MANY, 0)
        self.assertEqual(other.total(), Numbers(30, 27, 24, 21, 18, 15))
        self.assertEqual(other.total(except_slot=1), Numbers(20, 18, 16, 14, 12, 10))

    def test_retired(self) -> None:
        """A dead worker has no connections, and what it had carried stays counted; for ever."""
        board, other = self.made(2)
        for pid in (1, 2, 3):
            board.claim(0, pid, 1)
            board.write(0, MANY, 3)
            board.retire(0)
        self.assertEqual(other.total(), Numbers(30, 27, 24, 0, 0, 0))
        self.assertEqual((other.read(0).pid, other.read(0).upstreams), (0, 0))

    def test_retired_twice(self) -> None:
        """To retire nobody changes nothing."""
        board, other = self.made(2)
        board.claim(0, 1, 1)
        board.write(0, MANY, 3)
        board.retire(0)
        before = other.rows()
        board.retire(0)
        board.retire(1)
        self.assertEqual(other.rows(), before)

    def test_successor(self) -> None:
        """Who takes over a slot leaves itself out of the others, not those before it."""
        board, other = self.made(2)
        board.claim(0, 1, 1)
        board.write(0, MANY, 3)
        board.claim(0, 2, 1)
        self.assertEqual(other.total(), Numbers(10, 9, 8, 0, 0, 0))
        board.write(0, MANY, 3)
        self.assertEqual(other.total(), Numbers(20, 18, 16, 7, 6, 5))
        self.assertEqual(other.total(except_slot=0), Numbers(10, 9, 8, 0, 0, 0))

    def test_no_such_slot(self) -> None:
        """A slot is one that there is."""
        board, _ = self.made(2)
        for slot in (-1, 2):
            self.assertRaises(ValueError, board.read, slot)
            self.assertRaises(ValueError, board.claim, slot, 1, 1)
        self.assertRaises(ValueError, create, 0)

    @settings(derandomize=True, deadline=None)
    @given(
        st.lists(
            st.tuples(st.integers(0, 2), st.sampled_from(["serve", "report", "retire", "claim"])),
            max_size=50,
        )
    )
    def test_never_down(self, steps: list[tuple[int, str]]) -> None:
        """Whoever comes and goes, the totals of what was carried never go down."""
        fd = create(3)
        try:
            board, other = Scoreboard(fd), Scoreboard(fd)
            own, last = [0] * 3, 0
            for slot, step in steps:
                if step == "serve":
                    own[slot] += 1
                elif step == "report":
                    board.write(slot, Numbers(own[slot], own[slot], own[slot], 1, 0, 0), 0)
                else:
                    own[slot] = 0
                    if step == "retire":
                        board.retire(slot)
                    else:
                        board.claim(slot, 1, 1)
                total = other.total()
                self.assertEqual({total.accepted, total.handled, total.requests}, {total.accepted})
                self.assertGreaterEqual(total.accepted, last)
                last = total.accepted
        finally:
            os.close(fd)


class Interrupted:
    """A slot's memory; before each read or write of it something else happens."""

    def __init__(self, memory: Any, happens: Any) -> None:
        self.memory = memory
        self.happens = happens

    def __getitem__(self, at: Any) -> Any:
        self.happens()
        return self.memory[at]

    def __setitem__(self, at: Any, value: Any) -> None:
        self.happens()
        self.memory[at] = value


class WholeTests(ScoreboardCase):
    """Nobody sees a half of what was written."""

    def assert_whole(self, row: Row) -> None:
        self.assertEqual(len({row.accepted, row.handled, row.requests, row.waiting}), 1, row)

    def same(self, number: int) -> Numbers:
        return Numbers(*[number] * 6)

    def test_read_while_written(self) -> None:
        """A reader has a whole slot at every step of a writer."""
        writer, reader = self.made(1)
        writer.write(0, self.same(1), 0)
        seen = []

        def read() -> None:
            seen.append(reader.read(0))
            self.assert_whole(seen[-1])

        writer._numbers = Interrupted(writer._numbers, read)
        writer.write(0, self.same(2), 0)
        read()
        self.assertEqual({row.accepted for row in seen}, {1, 2})

    def test_written_while_read(self) -> None:
        """A reader that several writes overtake begins again."""
        for writes in range(1, 4):
            for step in range(3):
                writer, reader = self.made(1)
                writer.write(0, self.same(1), 0)
                steps = iter(range(1000))

                def happens(writer=writer, steps=steps, step=step, writes=writes) -> None:
                    if next(steps) == step:
                        for number in range(writes):
                            writer.write(0, self.same(2 + number), 0)

                reader._numbers = Interrupted(reader._numbers, happens)
                row = reader.read(0)
                self.assert_whole(row)
                self.assertEqual(row.accepted, writes + 1)

    def test_killed_while_writing(self) -> None:
        """Of a worker that died as it wrote what it had written before holds, and is retired."""
        for step in range(20):
            writer, master = self.made(1)
            writer.claim(0, 1, 1)
            writer.write(0, self.same(1), 0)
            steps = iter(range(1000))

            def happens(steps=steps, step=step) -> None:
                if next(steps) == step:
                    raise KeyboardInterrupt

            writer._numbers = Interrupted(writer._numbers, happens)
            try:
                writer.write(0, self.same(2), 0)
            except KeyboardInterrupt:
                self.assertEqual(master.read(0).accepted, 1)
                master.retire(0)
                self.assertEqual(master.total(), Numbers(1, 1, 1, 0, 0, 0))
            else:
                self.assertEqual(master.read(0).accepted, 2)
                return
            self.assertLess(step, 19, "there is no end to its writes")


class ReportingTests(ScoreboardCase):
    """`stub_status` of two workers."""

    def worker(self, board: Scoreboard, slot: int) -> Bench:
        bench = serve(
            self,
            "server { listen 80; location /status { stub_status; }"
            ' location /variables { return 200 "$connections_active $connections_waiting"; }'
            " location / { return 204; } }",
        )
        board.claim(slot, slot + 1, 1)
        assembly = bench.assembly
        reporting = Reporting(board, slot, assembly.connections, assembly.sweep.members)
        assembly.connections.elsewhere = reporting.elsewhere
        assembly.sweep.add(reporting)
        assembly.sweep.start()
        self.addCleanup(assembly.sweep.stop)
        return bench

    def test_all_workers(self) -> None:
        """Numbers are of all workers: of others as they were at their last sweep."""
        one, two = (self.worker(board, slot) for slot, board in enumerate(self.made(2)))
        idle = two.client()
        idle.get()
        idle.get()
        self.assertIn(b" 1 1 1 \n", one.client().get(b"/status").body)
        two.advance(1)
        body = one.client().get(b"/status").body
        self.assertIn(b"connections: 3 \n", body)
        self.assertIn(b"\n 3 3 4 \n", body)
        self.assertIn(b"Reading: 0 Writing: 1 Waiting: 2 \n", body)
        self.assertEqual(one.client().get(b"/variables").body, b"4 3")
        idle.close()
        two.advance(1)
        self.assertEqual(one.client().get(b"/variables").body, b"4 3")

    def test_upstreams(self) -> None:
        """Connections to upstreams are told, too."""
        board, _ = self.made(1)
        bench = self.worker(board, 0)
        bench.assembly.connections.upstreams = 5
        bench.advance(1)
        self.assertEqual(board.read(0).upstreams, 5)
