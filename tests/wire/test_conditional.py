"""Preconditions are evaluated in the order of RFC 9110 §13.2.2."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.wire.conditional import (
    etag_in,
    http_date,
    parse_http_date,
    precondition,
    strong_match,
    weak_match,
)
from reverseproxy.wire.heads import parse_request_head
from tests.wire.samples import request

MTIME = 784111777
DATE = b"Sun, 06 Nov 1994 08:49:37 GMT"
LATER = b"Mon, 07 Nov 1994 08:49:37 GMT"
EARLIER = b"Sat, 05 Nov 1994 08:49:37 GMT"


class DateTests(SynchronousTestCase):
    def test_formats(self) -> None:
        """The three formats of RFC 9110 §5.6.7 give the same second."""
        for value in (
            DATE,
            b"Sunday, 06-Nov-94 08:49:37 GMT",
            b"Sun Nov  6 08:49:37 1994",
        ):
            self.assertEqual(parse_http_date(value, now=MTIME), MTIME)

    def test_written(self) -> None:
        """A date written is the date read, also at the edges of years."""
        self.assertEqual(http_date(MTIME), DATE)
        self.assertEqual(http_date(0), b"Thu, 01 Jan 1970 00:00:00 GMT")
        for seconds in (0, 951782400, 951868799, 4102444799, 253402300799):
            self.assertEqual(parse_http_date(http_date(seconds)), seconds)

    def test_twoDigits(self) -> None:
        """A year of two digits is at most 50 years ahead."""
        now = 1767225600  # 2026
        for year, expected in [(b"94", 1994), (b"25", 2025), (b"76", 2076), (b"77", 1977)]:
            value = b"Sunday, 06-Nov-%b 08:49:37 GMT" % year
            full = b"Sun, 06 Nov %d 08:49:37 GMT" % expected
            self.assertEqual(parse_http_date(value, now), parse_http_date(full), year)

    def test_refused(self) -> None:
        """What is no date of the three formats is None."""
        for value in [
            b"", b"0", b"784111777", DATE + b" ", b" " + DATE, DATE[:-4], DATE + b"\n",
            b"Sun, 6 Nov 1994 08:49:37 GMT", b"Sun, 06 Nov 1994 08:49:37 UTC",
            b"sun, 06 nov 1994 08:49:37 gmt", b"Sun, 31 Apr 1994 08:49:37 GMT",
            b"Sun, 29 Feb 2023 08:49:37 GMT", b"Sun, 00 Nov 1994 08:49:37 GMT",
            b"Sun, 06 Nov 1994 24:00:00 GMT", b"Sun, 06 Nov 1994 08:60:37 GMT",
            b"Sun, 06 Nov 1994 08:49:61 GMT", b"Sun, 06 Nov 0000 08:49:37 GMT",
            b"Sun Nov 6 08:49:37 1994", b"Sunday, 06-Nov-1994 08:49:37 GMT",
        ]:  # fmt: skip
            self.assertIsNone(parse_http_date(value), value)

    def test_leap(self) -> None:
        """A leap second, and the 29th of February in a leap year, are dates."""
        leap = parse_http_date(b"Sat, 31 Dec 2016 23:59:60 GMT")
        self.assertEqual(leap, parse_http_date(b"Sun, 01 Jan 2017 00:00:00 GMT"))
        self.assertIsNotNone(parse_http_date(b"Thu, 29 Feb 2024 00:00:00 GMT"))


class TagTests(SynchronousTestCase):
    def test_matches(self) -> None:
        """The table of RFC 9110 §8.8.3.2."""
        for one, other, strong, weak in [
            (b'W/"1"', b'W/"1"', False, True),
            (b'W/"1"', b'W/"2"', False, False),
            (b'W/"1"', b'"1"', False, True),
            (b'"1"', b'"1"', True, True),
            (b"", b"", False, False),
        ]:
            self.assertEqual(strong_match(one, other), strong)
            self.assertEqual(weak_match(one, other), weak)

    def test_lists(self) -> None:
        """A tag is found anywhere in a list; what is none is skipped to the next comma."""
        for value, expected in [
            (b"*", True),
            (b'"a"', True),
            (b'W/"a"', True),
            (b'"b", "a"', True),
            (b'"b","a",', True),
            (b', "a"', True),
            (b'"b, "a"', True),
            (b'"a, b", "a"', True),
            (b'"a,b"', False),
            (b'"b" "a"', False),
            (b'"a"x', False),
            (b'"a"x, "a"', True),
            (b"a", False),
            (b'"b" x "a"', False),
            (b"", False),
            (b'"A"', False),
            (b"*, *", False),
        ]:
            self.assertEqual(etag_in(value, b'"a"', weak=True), expected, value)


class PreconditionTests(SynchronousTestCase):
    def status(
        self, *lines: bytes, method: bytes = b"GET", etag: bytes = b'"a"', ims: str = "exact"
    ) -> int:
        head = parse_request_head(request(*lines))
        return precondition(method, head, etag, MTIME, ims)

    def test_each(self) -> None:
        """Each condition alone decides as its section says."""
        for line, expected in [
            (b"X: y", 200),
            (b'If-Match: "a"', 200),
            (b"If-Match: *", 200),
            (b'If-Match: W/"a"', 412),
            (b'If-Match: "b"', 412),
            (b'If-None-Match: "a"', 304),
            (b'If-None-Match: W/"a"', 304),
            (b"If-None-Match: *", 304),
            (b'If-None-Match: "b"', 200),
            (b"If-Unmodified-Since: " + DATE, 200),
            (b"If-Unmodified-Since: " + LATER, 200),
            (b"If-Unmodified-Since: " + EARLIER, 412),
            (b"If-Unmodified-Since: rubbish", 200),
            (b"If-Modified-Since: " + DATE, 304),
            (b"If-Modified-Since: " + LATER, 200),
            (b"If-Modified-Since: " + EARLIER, 200),
            (b"If-Modified-Since: rubbish", 200),
        ]:
            self.assertEqual(self.status(line), expected, line)

    def test_order(self) -> None:
        """An entity tag overrules a date; If-Match comes before If-None-Match."""
        for lines, expected in [
            ([b'If-Match: "a"', b"If-Unmodified-Since: " + EARLIER], 200),
            ([b'If-None-Match: "b"', b"If-Modified-Since: " + DATE], 200),
            ([b'If-None-Match: "a"', b"If-Modified-Since: " + EARLIER], 304),
            ([b'If-None-Match: "a"', b'If-Match: "b"'], 412),
            ([b'If-None-Match: "a"', b'If-Match: "a"'], 304),
            ([b"If-Unmodified-Since: " + EARLIER, b'If-None-Match: "a"'], 412),
        ]:
            self.assertEqual(self.status(*lines), expected, lines)

    def test_methods(self) -> None:
        """A method that writes gets 412 for If-None-Match, and no date is looked at."""
        self.assertEqual(self.status(b'If-None-Match: "a"', method=b"PUT"), 412)
        self.assertEqual(self.status(b"If-Modified-Since: " + DATE, method=b"PUT"), 200)
        self.assertEqual(self.status(b'If-None-Match: "a"', method=b"HEAD"), 304)

    def test_directive(self) -> None:
        """if_modified_since: before takes a later date, off takes none."""
        line = b"If-Modified-Since: "
        self.assertEqual(self.status(line + LATER, ims="before"), 304)
        self.assertEqual(self.status(line + DATE, ims="before"), 304)
        self.assertEqual(self.status(line + EARLIER, ims="before"), 200)
        self.assertEqual(self.status(line + DATE, ims="off"), 200)

    def test_unknown(self) -> None:
        """Without a tag or a time of its own, an entity matches no tag and no date."""
        head = parse_request_head(request(b"If-Modified-Since: " + DATE))
        self.assertEqual(precondition(b"GET", head, b"", None), 200)
        self.assertEqual(self.status(b'If-Match: ""', etag=b""), 412)
        self.assertEqual(self.status(b'If-None-Match: ""', etag=b""), 200)
