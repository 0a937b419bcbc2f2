"""A body has one length, or the message is refused."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.errors import ClientError, UpstreamProtocolError
from reverseproxy.wire.framing import (
    CHUNKED,
    MAX_LENGTH,
    NO_BODY,
    UNTIL_CLOSE,
    connection_tokens,
    keeps_alive,
    request_framing,
    response_framing,
)
from reverseproxy.wire.heads import parse_request_head, parse_response_head
from tests.wire.samples import request, response

TE = b"Transfer-Encoding: "
CL = b"Content-Length: "

BAD_LENGTHS = [
    b"", b"-1", b"+1", b"0x10", b"1 1", b"1,1", b"1, 1", b"1.0", b"1e3", b"a", b"1_000", b"\xb2",
    b"9223372036854775808", b"99999999999999999999", b"0" * 20, b"9" * 5000,
]  # fmt: skip


class RequestFramingTests(SynchronousTestCase):
    def test_legal(self) -> None:
        """No field, a length, or exactly chunked decide."""
        for lines, expected in [
            ([], NO_BODY),
            ([CL + b"0"], NO_BODY),
            ([CL + b"000"], NO_BODY),
            ([CL + b"5"], 5),
            ([CL + b"05"], 5),
            ([CL + b"5 "], 5),
            ([CL + b"9223372036854775807"], MAX_LENGTH),
            ([TE + b"chunked"], CHUNKED),
            ([TE + b"CHUNKed\t"], CHUNKED),
            ([TE + b"chunked", b"X: 1", b"X: 2"], CHUNKED),
        ]:
            self.assertEqual(request_framing(parse_request_head(request(*lines))), expected, lines)

    def test_refused(self) -> None:
        """What could be read in two ways is a 400; a coding we don't have before chunked is 501."""
        cases: list[tuple[int, list[bytes]]] = [(400, [CL + value]) for value in BAD_LENGTHS]
        cases += [
            (400, [CL + b"5", TE + b"chunked"]),
            (400, [TE + b"chunked", CL + b"5"]),
            (400, [TE + b"gzip", CL + b"5"]),
            (400, [TE]),
            (400, [TE + b"identity"]),
            (400, [TE + b"gzip"]),
            (400, [TE + b"chunked, gzip"]),
            (400, [TE + b"chunked, chunked"]),
            (400, [TE + b"chunked,"]),
            (400, [TE + b",chunked"]),
            (400, [TE + b"chunked;a=b"]),
            (400, [TE + b"xchunked"]),
            (400, [TE + b"chunked x"]),
            (400, [TE + b"\x80, chunked"]),
            (400, [TE + b'"chunked"']),
            (400, [TE + b"chunked", TE + b"chunked"]),
            (400, [TE, TE + b"chunked"]),
            (400, [TE + b"chunked", TE]),
            (400, [TE + b"chunked", TE + b"identity"]),
            (501, [TE + b"gzip, chunked"]),
            (501, [TE + b"x-new,Chunked"]),
            (501, [TE + b"gzip", TE + b"chunked"]),
        ]
        for status, lines in cases:
            head = parse_request_head(request(*lines))
            error = self.assertRaises(ClientError, request_framing, head)
            self.assertEqual(error.status, status, lines)
            self.assertEqual(error.cause, "RP-400-framing" if status == 400 else "RP-501-coding")

    def test_oldVersion(self) -> None:
        """HTTP/1.0 has lengths but no transfer codings."""
        old = b"POST / HTTP/1.0\r\n%b\r\n\r\n"
        self.assertEqual(request_framing(parse_request_head(old % (CL + b"5"))), 5)
        head = parse_request_head(old % (TE + b"chunked"))
        self.assertRaises(ClientError, request_framing, head)


class ResponseFramingTests(SynchronousTestCase):
    def framing(self, *lines: bytes, method: bytes = b"GET") -> int:
        return response_framing(method, parse_response_head(response(*lines)))

    def test_legal(self) -> None:
        """A length, chunked, or the end of the connection decide."""
        self.assertEqual(self.framing(), UNTIL_CLOSE)
        self.assertEqual(self.framing(CL + b"0"), NO_BODY)
        self.assertEqual(self.framing(CL + b"7"), 7)
        self.assertEqual(self.framing(TE + b"Chunked"), CHUNKED)

    def test_noBody(self) -> None:
        """To HEAD, and with 1xx, 204 and 304, there is no body, whatever the fields say."""
        for lines in ([], [CL + b"7"], [TE + b"chunked"]):
            self.assertEqual(self.framing(*lines, method=b"HEAD"), NO_BODY)
            for status in (b"100", b"101", b"103", b"204", b"304"):
                raw = response(*lines).replace(b"200", status)
                self.assertEqual(response_framing(b"GET", parse_response_head(raw)), NO_BODY)
        for status in (b"200", b"201", b"205", b"206", b"301", b"404", b"500"):
            raw = response(CL + b"7").replace(b"200", status)
            self.assertEqual(response_framing(b"GET", parse_response_head(raw)), 7)

    def test_refused(self) -> None:
        """What could be read in two ways is the upstream's fault, also where no body comes."""
        cases = [[CL + value] for value in BAD_LENGTHS]
        cases += [
            [CL + b"5", TE + b"chunked"],
            [CL + b"5", CL + b"5"],
            [CL + b"5", CL + b"6"],
            [TE + b"gzip"],
            [TE],
            [TE + b"gzip, chunked"],
            [TE + b"chunked", TE + b"chunked"],
            [TE + b"gzip", TE + b"chunked"],
        ]
        for lines in cases:
            for method in (b"GET", b"HEAD"):
                head = parse_response_head(response(*lines))
                self.assertRaises(UpstreamProtocolError, response_framing, method, head)

    def test_oldVersion(self) -> None:
        """HTTP/1.0 has no transfer codings in a response either."""
        head = parse_response_head(b"HTTP/1.0 200 OK\r\n" + TE + b"chunked\r\n\r\n")
        self.assertRaises(UpstreamProtocolError, response_framing, b"GET", head)


class ConnectionTests(SynchronousTestCase):
    def test_keepsAlive(self) -> None:
        """HTTP/1.1 persists unless close is said, HTTP/1.0 only if keep-alive is said."""
        for connection, new, old in [
            (None, True, False),
            (b"", True, False),
            (b"keep-alive", True, True),
            (b"Keep-Alive", True, True),
            (b"close", False, False),
            (b"CLOSE", False, False),
            (b"keep-alive, close", False, False),
            (b"x,\tClose ", False, False),
            (b"upgrade", True, False),
            (b"closed", True, False),
        ]:
            lines = [] if connection is None else [b"Connection: " + connection]
            head = request(*lines)
            self.assertEqual(keeps_alive(parse_request_head(head)), new, connection)
            old_head = head.replace(b"HTTP/1.1", b"HTTP/1.0")
            self.assertEqual(keeps_alive(parse_request_head(old_head)), old, connection)

    def test_tokens(self) -> None:
        """Options come in lower case without white space; empty members are none."""
        self.assertEqual(connection_tokens(None), frozenset())
        self.assertEqual(connection_tokens(b" , ,"), frozenset())
        self.assertEqual(connection_tokens(b"Upgrade"), {b"upgrade"})
        self.assertEqual(connection_tokens(b"A,\tb , c-D"), {b"a", b"b", b"c-d"})
