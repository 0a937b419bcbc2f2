"""Hosts are read in one way, or refused."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.errors import ClientError
from reverseproxy.wire.hosts import _REMEMBERED, _parse_remembered, parse_host


class HostTests(SynchronousTestCase):
    def test_valid(self) -> None:
        """Names, addresses and ports are taken apart; names are lower-cased, a last dot goes."""
        for value, expected in [
            (b"Example.COM", (b"example.com", None)),
            (b"example.com.", (b"example.com", None)),
            (b"example.com.:80", (b"example.com", 80)),
            (b"example.com:", (b"example.com", None)),
            (b"a:0", (b"a", 0)),
            (b"a:65535", (b"a", 65535)),
            (b"a:00080", (b"a", 80)),
            (b"under_score-.x", (b"under_score-.x", None)),
            (b"127.0.0.1:8080", (b"127.0.0.1", 8080)),
            (b"999.1.1.1", (b"999.1.1.1", None)),
            (b"[::1]", (b"[::1]", None)),
            (b"[2001:DB8::1]:443", (b"[2001:db8::1]", 443)),
            (b"[::ffff:1.2.3.4]:", (b"[::ffff:1.2.3.4]", None)),
            (b"a%2Fb", (b"a%2fb", None)),
            (b"a;b,c", (b"a;b,c", None)),
        ]:
            self.assertEqual(parse_host(value), expected, value)

    def test_invalid(self) -> None:
        """What is no host is a 400 with the cause of a bad host."""
        for value in [
            b"", b":", b":80", b".", b"..", b"a..b", b".a", b"a..", b"a:65536", b"a:123456",
            b"a:-1", b"a:+1", b"a:8a", b"a:80:80", b"a b", b"a\t", b" a", b"a/b", b"a\\b", b"a?b",
            b"a#b", b"user@a", b"a@b:80", b"\xc3\xa4", b"a\x00", b"a\r", b"a\n", b"a\"", b"<a>",
            b"[", b"[]", b"[::1", b"::1", b"[::1]a", b"[::1]:a", b"[::1]:65536", b"[1::2::3]",
            b"[fe80::1%25eth0]", b"[fe80::1%eth0]", b"[v1.a]", b"[1.2.3.4]", b"[:::]", b"a%",
            b"a%2", b"a%zz", b"a{b}", b"a|b", b"a^b", b"a`b",
        ]:  # fmt: skip
            error = self.assertRaises(ClientError, parse_host, value)
            self.assertEqual((error.status, error.cause), (400, "RP-400-host"), value)

    def test_long(self) -> None:
        """A host longer than what is remembered is read all the same, and not remembered."""
        value = b"a" * (_REMEMBERED + 1)
        before = _parse_remembered.cache_info().currsize
        self.assertEqual(parse_host(value + b":1"), (value, 1))
        self.assertEqual(_parse_remembered.cache_info().currsize, before)

    def test_remembered(self) -> None:
        """The memory has a bound, and an invalid host takes no room in it."""
        self.assertIsNotNone(_parse_remembered.cache_info().maxsize)
        before = _parse_remembered.cache_info().currsize
        self.assertRaises(ClientError, parse_host, b"never/valid")
        self.assertEqual(_parse_remembered.cache_info().currsize, before)
