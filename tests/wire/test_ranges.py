"""Ranges are read by nginx's rules."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.wire.conditional import http_date
from reverseproxy.wire.ranges import if_range, parse_ranges


class RangeTests(SynchronousTestCase):
    def test_table(self) -> None:
        """Of an entity of 100 bytes: the ranges, [] for 416, None for the whole."""
        for value, expected in [
            (b"bytes=0-0", [(0, 1)]),
            (b"bytes=0-99", [(0, 100)]),
            (b"bytes=0-", [(0, 100)]),
            (b"bytes=50-", [(50, 100)]),
            (b"bytes=99-", [(99, 100)]),
            (b"bytes=50-1000", [(50, 100)]),
            (b"bytes=-1", [(99, 100)]),
            (b"bytes=-1000", [(0, 100)]),
            (b"Bytes=0-0", [(0, 1)]),
            (b"bytes= 0 - 0 , 2-2", [(0, 1), (2, 3)]),
            (b"bytes=2-2,0-0", [(2, 3), (0, 1)]),
            (b"bytes=0-9,5-14", [(0, 10), (5, 15)]),
            (b"bytes=0-0,200-", [(0, 1)]),
            (b"bytes=100-", []),
            (b"bytes=5-3", []),
            (b"bytes=-0", []),
            (b"bytes=", None),
            (b"bytes= ", []),
            (b"bytes=-", []),
            (b"bytes=a-b", []),
            (b"bytes=0-0,", []),
            (b"bytes=0-0,x", []),
            (b"bytes=0", []),
            (b"bytes=0-0-0", []),
            (b"bytes=+1-2", []),
            (b"bytes=--1", []),
            (b"bytes=0-9999999999999999999", []),
            (b"bytes=0-\xb2", []),
            (b"bytes=0-99,0-0", None),
            (b"bytes=0-,0-", None),
            (b"chars=0-0", None),
            (b"bytes 0-0", None),
            (b"", None),
        ]:
            self.assertEqual(parse_ranges(value, 100), expected, value)

    def test_empty(self) -> None:
        """Of an empty entity the whole is sent, unless the range begins beyond it."""
        self.assertIsNone(parse_ranges(b"bytes=0-", 0))
        self.assertIsNone(parse_ranges(b"bytes=-5", 0))
        self.assertEqual(parse_ranges(b"bytes=1-", 0), [])

    def test_max(self) -> None:
        """Over max_ranges, or with 0 of them, all are ignored; unsatisfiable ones don't count."""
        self.assertEqual(parse_ranges(b"bytes=0-0,1-1", 100, 2), [(0, 1), (1, 2)])
        self.assertEqual(parse_ranges(b"bytes=0-0,200-,1-1", 100, 2), [(0, 1), (1, 2)])
        self.assertIsNone(parse_ranges(b"bytes=0-0,1-1,2-2", 100, 2))
        self.assertIsNone(parse_ranges(b"bytes=0-0", 100, 0))

    def test_sum(self) -> None:
        """Many overlapping ranges can't ask for more than the entity."""
        self.assertIsNone(parse_ranges(b"bytes=" + b",".join([b"0-"] * 2000), 100))

    def test_ifRange(self) -> None:
        """A strong tag that is the same, or the very date, lets Range be heeded."""
        date = http_date(1000)
        for value, expected in [
            (b'"a"', True),
            (b'"b"', False),
            (b'W/"a"', False),
            (date, True),
            (http_date(1001), False),
            (http_date(999), False),
            (b"rubbish", False),
        ]:
            self.assertEqual(if_range(value, b'"a"', 1000), expected, value)
        self.assertFalse(if_range(b'W/"a"', b'W/"a"', 1000))
        self.assertFalse(if_range(b'""', b"", 1000))
        self.assertFalse(if_range(date, b"", None))
