"""Fields of a connection stop, the others can't be named away, and heads are written plainly."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.wire.fields import HOP_BY_HOP, hop_by_hop, safe_field_value, serialise
from reverseproxy.wire.forwarded import append_forwarded_for
from reverseproxy.wire.heads import parse_request_head
from tests.wire.samples import BROWSER


class HopByHopTests(SynchronousTestCase):
    def test_ordinary(self) -> None:
        """Without a further name, the very constant comes back."""
        for value in (None, b"keep-alive", b"close", b"Upgrade", b"close, TE", b"", b"TE, Trailer"):
            self.assertIs(hop_by_hop(value), HOP_BY_HOP)

    def test_named(self) -> None:
        """What Connection names stops here, in any case and place."""
        self.assertEqual(hop_by_hop(b"close, X-A ,x-b"), HOP_BY_HOP | {b"x-a", b"x-b"})

    def test_endToEnd(self) -> None:
        """What the upstream relies on can't be named away."""
        for name in (
            b"Host", b"Content-Length", b"Content-Type", b"Cookie", b"Authorization", b"X-Real-IP",
            b"X-Forwarded-For", b"X-Forwarded-Proto", b"x-forwarded-anything", b"Forwarded", b"Via",
        ):  # fmt: skip
            self.assertEqual(hop_by_hop(b"close, " + name), HOP_BY_HOP, name)

    def test_passed(self) -> None:
        """As in nginx, the proxy's authentication passes."""
        self.assertNotIn(b"proxy-authorization", HOP_BY_HOP)
        self.assertNotIn(b"proxy-authenticate", HOP_BY_HOP)


class SerialiseTests(SynchronousTestCase):
    def test_roundTrip(self) -> None:
        """A head written is the head that was read, with bare LFs made CRLF."""
        for raw in (BROWSER, BROWSER.replace(b"\r\n", b"\n"), b"GET / HTTP/1.0\r\n\r\n"):
            head = parse_request_head(raw)
            plain = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
            self.assertEqual(serialise(head.line, head.fields), plain)

    def test_iterables(self) -> None:
        """Any iterable of pairs will do."""
        pairs = [(b"A", b"1"), (b"B", b"")]
        expected = b"HTTP/1.1 200 OK\r\nA: 1\r\nB: \r\n\r\n"
        self.assertEqual(serialise(b"HTTP/1.1 200 OK", iter(pairs)), expected)
        self.assertEqual(serialise(b"HTTP/1.1 200 OK", dict(pairs).items()), expected)

    def test_safe(self) -> None:
        """Of all bytes, a value may hold HTAB, visible ASCII, blanks and 8-bit bytes."""
        safe = {code for code in range(256) if safe_field_value(b"a%bb" % bytes([code]))}
        self.assertEqual(safe, {9} | set(range(0x20, 0x7F)) | set(range(0x80, 0x100)))
        self.assertTrue(safe_field_value(b""))


class ForwardedTests(SynchronousTestCase):
    def test_append(self) -> None:
        """The address is appended to all that came, in order; an empty value adds no comma."""
        for existing, expected in [
            ([], b"::1"),
            ([b""], b"::1"),
            ([b"1.1.1.1"], b"1.1.1.1, ::1"),
            ([b"1.1.1.1, 2.2.2.2", b"3.3.3.3"], b"1.1.1.1, 2.2.2.2, 3.3.3.3, ::1"),
        ]:
            self.assertEqual(append_forwarded_for(existing, b"::1"), expected)
