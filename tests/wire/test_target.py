"""Targets are taken apart, and paths become what locations are found by."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.errors import ClientError
from reverseproxy.wire.target import Target, normalise_path, quote_path, split_target


class SplitTests(SynchronousTestCase):
    def test_forms(self) -> None:
        """The four forms of RFC 9112 §3.2 are told apart."""
        for method, target, expected in [
            (b"GET", b"/", Target("origin", None, b"/", None, None)),
            (b"GET", b"/a?", Target("origin", None, b"/a", b"", None)),
            (b"GET", b"/a?b?c", Target("origin", None, b"/a", b"b?c", None)),
            (b"GET", b"//a/b", Target("origin", None, b"//a/b", None, None)),
            (b"GET", b"http://a", Target("absolute", b"a", b"/", None, b"http")),
            (b"GET", b"HTTPS://A:1/b?c", Target("absolute", b"A:1", b"/b", b"c", b"https")),
            (b"GET", b"http://a?b", Target("absolute", b"a", b"/", b"b", b"http")),
            (b"OPTIONS", b"*", Target("asterisk", None, b"*", None, None)),
            (b"CONNECT", b"a:443", Target("authority", b"a:443", b"", None, None)),
            (b"CONNECT", b"[::1]:1", Target("authority", b"[::1]:1", b"", None, None)),
        ]:
            self.assertEqual(split_target(method, target), expected)

    def test_refused(self) -> None:
        """A target without a form, or in another method's, is a 400."""
        for method, target in [
            (b"GET", b""),
            (b"GET", b"a"),
            (b"GET", b"*"),
            (b"OPTIONS", b"**"),
            (b"GET", b"?a"),
            (b"GET", b"a:443"),
            (b"GET", b"/a#b"),
            (b"GET", b"/a?b#c"),
            (b"GET", b"http://a#b"),
            (b"GET", b"http:/a"),
            (b"GET", b"http:///a"),
            (b"GET", b"http://"),
            (b"GET", b"http://u@a/"),
            (b"GET", b"http://a:x/"),
            (b"GET", b"ftp://a/"),
            (b"GET", b"file:///a"),
            (b"CONNECT", b"/"),
            (b"CONNECT", b"a"),
            (b"CONNECT", b"a:"),
            (b"CONNECT", b"http://a:1/"),
        ]:
            error = self.assertRaises(ClientError, split_target, method, target)
            self.assertEqual(error.status, 400, (method, target))


class PathTests(SynchronousTestCase):
    def test_normalise(self) -> None:
        """Escapes are decoded once, then dots go and slashes merge, as in nginx."""
        for raw, merged, kept in [
            (b"/", b"/", b"/"),
            (b"/a/b.c", b"/a/b.c", b"/a/b.c"),
            (b"/a%20b", b"/a b", b"/a b"),
            (b"/%41%c3%A4", b"/A\xc3\xa4", b"/A\xc3\xa4"),
            (b"/%2541", b"/%41", b"/%41"),
            (b"/%3F%23", b"/?#", b"/?#"),
            (b"/%0d%0a", b"/\r\n", b"/\r\n"),
            (b"//", b"/", b"//"),
            (b"//a///b//", b"/a/b/", b"//a///b//"),
            (b"/a%2fb", b"/a/b", b"/a/b"),
            (b"/a/%2F/b", b"/a/b", b"/a///b"),
            (b"/.", b"/", b"/"),
            (b"/./", b"/", b"/"),
            (b"/a/.", b"/a/", b"/a/"),
            (b"/a/./b", b"/a/b", b"/a/b"),
            (b"/a/..", b"/", b"/"),
            (b"/a/../", b"/", b"/"),
            (b"/a/../b", b"/b", b"/b"),
            (b"/a/b/../../c", b"/c", b"/c"),
            (b"/a/%2e%2E/b", b"/b", b"/b"),
            (b"/a/.%2e%2fb", b"/b", b"/b"),
            (b"/a%2f..", b"/", b"/"),
            (b"/...", b"/...", b"/..."),
            (b"/..a/.b/c./d..", b"/..a/.b/c./d..", b"/..a/.b/c./d.."),
            (b"/a//../b", b"/b", b"/a/b"),
            (b"/a//.", b"/a/", b"/a//"),
            (b"/a+b", b"/a+b", b"/a+b"),
        ]:
            self.assertEqual(normalise_path(raw), merged, raw)
            self.assertEqual(normalise_path(raw, merge_slashes=False), kept, raw)

    def test_refused(self) -> None:
        """A climb above the root, a bad escape, a zero byte and no slash in front are 400."""
        for raw in [
            b"", b"a", b"*", b"%2", b"/..", b"/../", b"/../a", b"/a/../..", b"/a/../../b", b"//..",
            b"/%2e%2e", b"/%2e%2e/", b"/.%2e/a", b"/%2f..", b"/%", b"/%2", b"/%zz", b"/%4g",
            b"/%g4", b"/% 1", b"/%%41", b"/%00", b"/a%00b", b"/%2%35", b"/%+1",
        ]:  # fmt: skip
            error = self.assertRaises(ClientError, normalise_path, raw)
            self.assertEqual((error.status, error.cause), (400, "RP-400-path"), raw)

    def test_climbUnmerged(self) -> None:
        """Without merging, an empty segment can be climbed out of, and the root still can't."""
        self.assertEqual(normalise_path(b"//..", merge_slashes=False), b"/")
        self.assertRaises(ClientError, normalise_path, b"//../..", merge_slashes=False)

    def test_quote(self) -> None:
        """Of all bytes, exactly those nginx escapes are escaped."""
        escaped = {code for code in range(256) if quote_path(bytes([code])) != bytes([code])}
        expected = set(range(0x21)) | set(range(0x7F, 0x100)) | set(b'"#%<>?\\^`{|}')
        self.assertEqual(escaped, expected)
        self.assertEqual(quote_path(b"/a b%\xff"), b"/a%20b%25%FF")

    @given(st.binary(max_size=20))
    @settings(derandomize=True, deadline=None, max_examples=300)
    def test_thereAndBack(self, tail: bytes) -> None:
        """A path quoted and normalised is the path, unless it holds dots, slashes or zero bytes."""
        path = b"/" + tail.replace(b"\x00", b"").replace(b"/", b"").replace(b".", b"")
        self.assertEqual(normalise_path(quote_path(path)), path)

    @given(st.lists(st.sampled_from([b"/", b".", b"..", b"a", b"%2e", b"%2F", b"//"]), max_size=12))
    @settings(derandomize=True, deadline=None, max_examples=500)
    def test_settled(self, parts: list[bytes]) -> None:
        """A normalised path has no dot segment, no double slash, and is normal already."""
        try:
            path = normalise_path(b"/" + b"".join(parts))
        except ClientError:
            return
        self.assertNotIn(b"//", path)
        self.assertFalse({b".", b".."} & set(path.split(b"/")), path)
        self.assertEqual(normalise_path(path), path)
