"""Heads are found, read in one way only, and refused with a cause and a place."""

from __future__ import annotations

import time

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.errors import ClientError, UpstreamProtocolError
from reverseproxy.wire.heads import (
    RequestHead,
    head_end,
    parse_request_head,
    parse_response_head,
    patient_fields,
    quick_fields,
)
from tests.wire.samples import BROWSER, request, response


class HeadEndTests(SynchronousTestCase):
    HEADS = [
        BROWSER,
        b"GET / HTTP/1.1\n\n",
        b"GET / HTTP/1.1\r\n\n",
        b"GET / HTTP/1.1\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\n\r\n",
        b"\r\nGET / HTTP/1.1\r\nA: b\r\n\r\n",
    ]

    def test_whole(self) -> None:
        """The end of each head is found, whatever comes after it."""
        for head in self.HEADS:
            for rest in (b"", b"body", b"\r\n", b"\n\n", b"\r\n\r\n"):
                self.assertEqual(head_end(head + rest), len(head), head)
                self.assertEqual(head_end(bytearray(head + rest)), len(head), head)

    def test_byteByByte(self) -> None:
        """Resumed after every byte, the end is found with the last byte and not before."""
        for head in self.HEADS:
            for size in range(len(head)):
                self.assertEqual(head_end(head[:size], max(0, size - 1)), -1, head)
            self.assertEqual(head_end(head, len(head) - 1), len(head), head)

    def test_anyResume(self) -> None:
        """The end is found from whatever length an earlier call has seen."""
        for head in self.HEADS:
            for seen in range(len(head)):
                self.assertEqual(head_end(head + b"\n\n", seen), len(head), (head, seen))


class RequestTests(SynchronousTestCase):
    def test_browser(self) -> None:
        """A browser's head is read: line, fields in order and case, values by lower-case name."""
        head = parse_request_head(BROWSER)
        self.assertEqual(head.method, b"GET")
        self.assertEqual(head.target, b"/index.html?a=1&b=2")
        self.assertEqual(head.version, b"1.1")
        self.assertEqual(head.line, b"GET /index.html?a=1&b=2 HTTP/1.1")
        lines = BROWSER.split(b"\r\n")[1:-2]
        self.assertEqual([n + b": " + v for n, v in head.fields], lines)
        self.assertEqual(head.get(b"sec-fetch-site"), b"same-origin")
        self.assertIsNone(head.get(b"Sec-Fetch-Site"))
        self.assertFalse(head.repeated)

    def test_versions(self) -> None:
        """Each minor version of HTTP/1 from 1 up is read as 1.1, and 1.0 is 1.0."""
        for minor in range(10):
            head = parse_request_head(b"GET / HTTP/1.%d\r\nHost: a\r\n\r\n" % minor)
            self.assertEqual(head.version, b"1.1" if minor else b"1.0")

    def test_repeated(self) -> None:
        """Of a repeated field every value is kept; get gives the last, joined the combination."""
        head = parse_request_head(request(b"X: 1", b"y: 2", b"x: 3"))
        self.assertTrue(head.repeated)
        self.assertEqual(head.get(b"x"), b"3")
        self.assertEqual(head.get_all(b"x"), [b"1", b"3"])
        self.assertEqual(head.get_all(b"y"), [b"2"])
        self.assertEqual(head.get_all(b"z"), [])
        self.assertEqual(head.joined(b"x"), b"1, 3")
        self.assertEqual(head.joined(b"y"), b"2")
        self.assertIsNone(head.joined(b"z"))

    def test_unrepeated(self) -> None:
        """The accessors give the same answers for a head without repetition."""
        head = parse_request_head(request(b"y: 2"))
        self.assertEqual((head.get_all(b"y"), head.get_all(b"z")), ([b"2"], []))
        self.assertEqual((head.joined(b"y"), head.joined(b"z")), (b"2", None))

    def test_values(self) -> None:
        """White space around a value goes, within it stays; obs-text and no value are legal."""
        for line, value in [
            (b"X:v", b"v"),
            (b"X:  v  ", b"v"),
            (b"X:\t v\t \t", b"v"),
            (b"X: a \t b", b"a \t b"),
            (b"X:", b""),
            (b"X: \t ", b""),
            (b"X: \x80\xff", b"\x80\xff"),
            (b"X: :", b":"),
            (b"!#$%&'*+-.^_`|~09azAZ: v", b"v"),
        ]:
            self.assertEqual(parse_request_head(request(line)).fields[1][1], value, line)

    def test_lineEnds(self) -> None:
        """A bare LF ends a line as CRLF does, in any mixture."""
        for one in (b"\n", b"\r\n"):
            for two in (b"\n", b"\r\n"):
                for three in (b"\n", b"\r\n"):
                    raw = b"GET / HTTP/1.1" + one + b"Host: a" + two + three
                    head = parse_request_head(raw)
                    self.assertEqual(head.fields, [(b"Host", b"a")], raw)
                    self.assertEqual(head.line, b"GET / HTTP/1.1")

    def test_emptyLineBefore(self) -> None:
        """One empty line before the request line is passed over (RFC 9112 §2.2), two are not."""
        for empty in (b"\r\n", b"\n"):
            self.assertEqual(parse_request_head(empty + BROWSER).fields[0][0], b"Host")
            self.assertRaises(ClientError, parse_request_head, empty * 2 + BROWSER)

    def test_methods(self) -> None:
        """Any token is a method."""
        for method in (b"get", b"PROPFIND", b"X-Y.Z", b"!"):
            self.assertEqual(parse_request_head(method + BROWSER[3:]).method, method)

    def test_noHostInOldVersion(self) -> None:
        """HTTP/1.0 needs no Host, but a Host it has is checked."""
        self.assertEqual(parse_request_head(b"GET / HTTP/1.0\r\n\r\n").fields, [])
        self.assertRaises(ClientError, parse_request_head, b"GET / HTTP/1.0\r\nHost: a b\r\n\r\n")

    def test_repr(self) -> None:
        """A head shows its line."""
        self.assertIn("GET / HTTP/1.1", repr(parse_request_head(request())))
        self.assertIn("200", repr(parse_response_head(response())))


#: A malformed head, the cause, and the offset (None: not told).
MALFORMED: list[tuple[bytes, str, int | None]] = [
    (b"\r\n\r\n", "RP-400-request-line", 2),
    (b"\n\n", "RP-400-request-line", 1),
    (b"GET /\r\n\r\n", "RP-400-request-line", 0),
    (b"GET\r\n\r\n", "RP-400-request-line", 0),
    (b"GET  HTTP/1.1\r\nHost: a\r\n\r\n", "RP-400-request-line", 0),
    (b" GET / HTTP/1.1\r\nHost: a\r\n\r\n", "RP-400-request-line", 0),
    (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", "RP-400-request-line", 0),
    (b"GET /  HTTP/1.1\r\nHost: a\r\n\r\n", "RP-400-request-line", 0),
    (b"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", "RP-400-request-line", 0),
    (b"GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", "RP-400-request-line", 0),
    (b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", "RP-400-request-line", 0),
    (b"GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", "RP-400-request-line", 0),
    (b"GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n", "RP-400-request-line", 0),
    (b"GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", "RP-400-request-line", 0),
    (b"G@T / HTTP/1.1\r\nHost: a\r\n\r\n", "RP-400-request-line", 0),
    (b"GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", "RP-400-request-line", 0),
    (b"GET / HTTP/1.1\rHost: a\r\n\r\n", "RP-400-request-line", 0),
    (b"GET / http/1.1\r\nHost: a\r\n\r\n", "RP-400-request-line", 0),
    (b"GET / HTTP/1\r\nHost: a\r\n\r\n", "RP-400-request-line", 0),
    (b"GET / HTTP/1.10\r\nHost: a\r\n\r\n", "RP-400-request-line", 0),
    (b"GET / HTTP/1.\r\nHost: a\r\n\r\n", "RP-400-request-line", 0),
    (b"GET / HTTP/01.1\r\nHost: a\r\n\r\n", "RP-400-request-line", 0),
    (b"GET / XTTP/1.1\r\nHost: a\r\n\r\n", "RP-400-request-line", 0),
    (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", "RP-505-version", 0),
    (b"GET / HTTP/0.9\r\nHost: a\r\n\r\n", "RP-505-version", 0),
    (b"PRI * HTTP/2.0\r\n\r\n", "RP-505-version", 0),
    (request(b"A : b"), "RP-400-field-name", 26),
    (request(b"A\t: b"), "RP-400-field-name", 26),
    (request(b": b"), "RP-400-field-name", 25),
    (request(b"nocolon"), "RP-400-field-name", 25),
    (request(b"A@: b"), "RP-400-field-name", 25),
    (request(b"A\x00: b"), "RP-400-field-name", 25),
    (request(b"\xc3\xa4: b"), "RP-400-field-name", 25),
    (request(b"A\r: b"), "RP-400-field-name", 25),
    (request(b"A: b\x00"), "RP-400-field-value", 29),
    (request(b"A: b\x01c"), "RP-400-field-value", 29),
    (request(b"A: b\x7fc"), "RP-400-field-value", 29),
    (request(b"A: b\x0bc"), "RP-400-field-value", 29),
    (request(b"A: b\rc"), "RP-400-field-value", 29),
    (request(b"A: b\r"), "RP-400-field-value", 29),
    (request(b"A:\r"), "RP-400-field-value", 27),
    (request(b"A: b\rc", b"C: d\n\re"), "RP-400-field-value", 29),
    (request(b"A: b", b" folded"), "RP-400-fold", 31),
    (request(b"A: b", b"\tfolded: x"), "RP-400-fold", 31),
    (request(b" A: b"), "RP-400-fold", 25),
    (b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", "RP-400-fold", 16),
    (b"GET / HTTP/1.1\r\nA: b\r\n\r\n", "RP-400-host", 16),
    (b"GET / HTTP/1.1\r\n\r\n", "RP-400-host", 16),
    (request(b"Host: a"), "RP-400-host", 25),
    (request(b"host: b"), "RP-400-host", 25),
    (b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", "RP-400-host", 25),
    (b"GET / HTTP/1.1\r\nHost:\r\n\r\n", "RP-400-host", None),
    (b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", "RP-400-host", None),
    (request(b"Content-Length: 1", b"Content-Length: 1"), "RP-400-framing", 44),
    (request(b"Content-Length: 1", b"content-length: 2"), "RP-400-framing", 44),
    (request() + b"more", "RP-400-head", None),
    (request(b"", b"X: y"), "RP-400-head", None),
    (request()[:-2], "RP-400-head", None),
    (request(b"X: y")[:-2], "RP-400-head", None),
    (request(b"X: y")[:-4], "RP-400-head", None),
    (b"GET / HTTP/1.1", "RP-400-request-line", None),
    (b"", "RP-400-request-line", None),
]


class MalformedRequestTests(SynchronousTestCase):
    def test_table(self) -> None:
        """Every malformed head is refused with the cause, the status and the place of the table."""
        for raw, cause, offset in MALFORMED:
            error = self.assertRaises(ClientError, parse_request_head, raw)
            self.assertEqual(error.cause, cause, raw)
            self.assertEqual(error.status, int(cause[3:6]), raw)
            self.assertTrue(error.close)
            if offset is not None:
                self.assertEqual(error.offset, offset, raw)

    def test_printable(self) -> None:
        """The sentence for the log is one printable line, whatever the client sent."""
        for raw, _, _ in MALFORMED:
            error = self.assertRaises(ClientError, parse_request_head, raw)
            self.assertTrue(str(error).isprintable(), error)
            self.assertTrue(str(error).isascii(), error)

    def test_bareLineFeeds(self) -> None:
        """What is refused with CRLF is refused with bare LF too."""
        for raw, cause, _ in MALFORMED:
            if b"\r" not in raw.replace(b"\r\n", b"") and raw:
                error = self.assertRaises(
                    ClientError, parse_request_head, raw.replace(b"\r\n", b"\n")
                )
                self.assertEqual(error.cause, cause, raw)

    def test_everyByte(self) -> None:
        """Of all bytes, only the grammar's pass in a method, a target, a name and a value."""
        tchar = set(b"!#$%&'*+-.^_`|~0123456789") | {c | b for c in range(65, 91) for b in (0, 32)}
        places: list[tuple[bytes, set[int]]] = [
            (b"G%bT / HTTP/1.1\r\nHost: a\r\n\r\n", tchar),
            (b"GET /%bx HTTP/1.1\r\nHost: a\r\n\r\n", set(range(0x21, 0x7F))),
            (request(b"A%bB: c"), tchar | {ord(":")}),
            (request(b"A: b%bc"), {9} | set(range(0x20, 0x7F)) | set(range(0x80, 0x100))),
        ]
        for template, legal in places:
            for code in range(256):
                raw = template % bytes([code])
                if code == 10:  # a line end: what follows it is another line
                    continue
                try:
                    parse_request_head(raw)
                except ClientError:
                    self.assertNotIn(code, legal, raw)
                else:
                    self.assertIn(code, legal, raw)

    def test_tooMany(self) -> None:
        """As many fields as allowed pass; one more is 400, on both ways of reading."""
        for end in (b"\r\n", b"\n"):
            raw = end.join([b"GET / HTTP/1.1", b"Host: a", *[b"A: b"] * 9, b"", b""])
            self.assertEqual(len(parse_request_head(raw, max_fields=10).fields), 10)
            error = self.assertRaises(ClientError, parse_request_head, raw, max_fields=9)
            self.assertEqual((error.status, error.cause), (400, "RP-400-fields"))


class ResponseTests(SynchronousTestCase):
    def test_ordinary(self) -> None:
        """A status line and fields are read."""
        head = parse_response_head(response(b"Set-Cookie: a", b"set-cookie: b", b"Server: x"))
        self.assertEqual((head.version, head.status, head.reason), (b"1.1", 200, b"OK"))
        self.assertEqual(head.line, b"HTTP/1.1 200 OK")
        self.assertEqual(head.get_all(b"set-cookie"), [b"a", b"b"])
        self.assertTrue(head.repeated)
        self.assertEqual(head.get(b"server"), b"x")

    def test_statusLines(self) -> None:
        """A reason may be empty, missing with its blank, of several words, or 8-bit."""
        for line, expected in [
            (b"HTTP/1.0 404 Not Found", (b"1.0", 404, b"Not Found")),
            (b"HTTP/1.1 200 ", (b"1.1", 200, b"")),
            (b"HTTP/1.1 200", (b"1.1", 200, b"")),
            (b"HTTP/1.1 999 \xfc \t", (b"1.1", 999, b"\xfc \t")),
            (b"HTTP/1.1 100 Continue", (b"1.1", 100, b"Continue")),
        ]:
            for end in (b"\r\n", b"\n"):
                head = parse_response_head(line + end * 2)
                self.assertEqual((head.version, head.status, head.reason), expected)
                self.assertEqual(head.line, line)

    def test_malformed(self) -> None:
        """What is no head of HTTP/1 is refused, whatever the fault."""
        for raw in [
            b"",
            b"\r\n\r\n",
            b"\r\nHTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/2.0 200 OK\r\n\r\n",
            b"HTTP/1.1  200 OK\r\n\r\n",
            b"HTTP/1.1 20 OK\r\n\r\n",
            b"HTTP/1.1 2000 OK\r\n\r\n",
            b"HTTP/1.1 099 OK\r\n\r\n",
            b"HTTP/1.1 +20 OK\r\n\r\n",
            b"HTTP/1.1 200OK\r\n\r\n",
            b"HTTP/1.1 200 O\x00K\r\n\r\n",
            b"HTTP/1.1 200 OK\r\r\n\r\n",
            b"<html>\r\n\r\n",
            response(b"A : b"),
            response(b"A: b", b" folded"),
            response(b"A: b\rc"),
            response(b"A: b\x00"),
            response(b"nocolon"),
            response() + b"more",
            response(b"A: b")[:-2],
        ]:
            self.assertRaises(UpstreamProtocolError, parse_response_head, raw)

    def test_tooMany(self) -> None:
        """More fields than allowed are the upstream's fault."""
        raw = response(*[b"A: b"] * 10)
        self.assertEqual(len(parse_response_head(raw, max_fields=10).fields), 10)
        self.assertRaises(UpstreamProtocolError, parse_response_head, raw, max_fields=9)


class TwoReadersTests(SynchronousTestCase):
    def test_same(self) -> None:
        """The quick reader takes ordinary heads, and reads them as the patient one does."""
        for raw in (BROWSER, request(), request(b"A: b", b"C:d", b"E:   f g")):
            start = raw.index(b"\n") + 1
            self.assertEqual(quick_fields(raw, start), patient_fields(raw, start, 100))

    def test_passedOn(self) -> None:
        """The quick reader refuses nothing: what is out of the ordinary gets None."""
        for raw, _, _ in MALFORMED:
            start = raw.find(b"\n") + 1
            fields = quick_fields(raw, start)
            if fields is not None:
                self.assertEqual(fields, patient_fields(raw, start, 1000), raw)


class OnceTests(SynchronousTestCase):
    """Fields that stand once."""

    def test_twice(self) -> None:
        """A second one of a field that nginx takes once is refused, whatever it says."""
        for name in (b"Authorization", b"If-None-Match", b"If-Range", b"Expect", b"content-range"):
            head = b"GET / HTTP/1.1\r\nHost: a\r\n" + (name + b": x\r\n") * 2 + b"\r\n"
            error = self.assertRaises(ClientError, parse_request_head, head)
            self.assertEqual((error.status, error.cause), (400, "RP-400-repeated"), name)

    def test_other(self) -> None:
        """Others may stand as often as they like."""
        for name in (b"Cookie", b"Via", b"Range", b"X-Forwarded-For"):
            head = b"GET / HTTP/1.1\r\nHost: a\r\n" + (name + b": x\r\n") * 2 + b"\r\n"
            self.assertEqual(parse_request_head(head).get_all(name.lower()), [b"x", b"x"])


class HostileHeadTests(SynchronousTestCase):
    """Heads of 64 kB made to be slow. The bound is generous: what it excludes takes seconds."""

    SIZE = 65536
    HEADS = {
        "tiny fields": b"GET / HTTP/1.1\r\n" + b"a:\n" * (SIZE // 3) + b"\n",
        "tiny CRLF fields": b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * (SIZE // 5) + b"\r\n",
        "one name": b"GET / HTTP/1.1\r\n" + b"a" * SIZE + b"\r\n\r\n",
        "blanks": b"GET / HTTP/1.1\r\nHost: a\r\nA:" + b" " * SIZE + b"\x00\r\n\r\n",
        "blanks at the end": b"GET / HTTP/1.1\r\nHost: a\r\nA: b" + b" \t" * SIZE + b"\r\n\r\n",
        "tabs": b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A:\t\t\t\tb\t\r\n" * (SIZE // 10) + b"\r\n",
        "carriage returns": b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"\r" * SIZE + b"\r\n\r\n",
        "colons": b"GET / HTTP/1.1\r\nHost: a\r\n" + b":" * SIZE + b"\r\n\r\n",
        "request line": b"GET " + b"/" * SIZE + b"\r\n\r\n",
        "method": b"G" * SIZE + b"\r\n\r\n",
        "blanks in the line": b"GET " + b" " * SIZE + b"HTTP/1.1\r\n\r\n",
        "no lines": b"GET / HTTP/1.1\r\n" + b"\r" * SIZE + b"\n\r\n",
        "hosts": b"GET / HTTP/1.1\r\n" + b"Host: a\r\n" * (SIZE // 9) + b"\r\n",
        "long host": b"GET / HTTP/1.1\r\nHost: " + b"a." * (SIZE // 2) + b"/\r\n\r\n",
        "dots": b"GET / HTTP/1.1\r\nHost: " + b"." * SIZE + b"\r\n\r\n",
    }

    def test_time(self) -> None:
        """None of them takes as long as a second of processor time."""
        for name, raw in self.HEADS.items():
            before = time.process_time()
            try:
                head: RequestHead | None = parse_request_head(raw)
            except ClientError:
                head = None
            self.assertLess(time.process_time() - before, 1.0, name)
            self.assertEqual(head is not None, name == "blanks at the end", name)

    def test_end(self) -> None:
        """Looking for the end of 64 kB that has none is one pass."""
        for raw in (b"\n\ra" * 21845, b"\r" * 65536, b"\na" * 32768):
            before = time.process_time()
            self.assertEqual(head_end(raw), -1)
            self.assertLess(time.process_time() - before, 1.0)


class WithoutTests(SynchronousTestCase):
    def test_names(self) -> None:
        """Fields go by their name in any case, in order, and those that stand twice as well."""
        stopped = frozenset((b"te", b"b"))
        for fields, left in (
            ((b"A: 1", b"TE: x", b"B: 2", b"C: 3"), [(b"A", b"1"), (b"C", b"3")]),
            ((b"A: 1", b"b: 2", b"a: 3", b"B: 4"), [(b"A", b"1"), (b"a", b"3")]),
        ):
            head = parse_request_head(request(*fields))
            self.assertEqual(head.without(stopped)[1:], left)

    def test_named_otherwise(self) -> None:
        """A Host that came with the target, of a head that has none, moves nothing."""
        for fields, left in (
            ((b"X: 1", b"X: 2"), [(b"X", b"1"), (b"X", b"2")]),
            ((b"X: 1", b"Y: 2"), [(b"X", b"1"), (b"Y", b"2")]),
        ):
            lines = (b"GET http://a/ HTTP/1.0", *fields, b"", b"")
            head = parse_request_head(b"\r\n".join(lines))
            head.named[b"host"] = b"a"
            self.assertEqual(head.without(frozenset((b"host",))), left)
