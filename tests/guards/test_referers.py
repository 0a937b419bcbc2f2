"""`valid_referers` and `$invalid_referer`."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError
from tests.support import load_text, serve


class RefererTests(SynchronousTestCase):
    """What `$invalid_referer` is for a Referer."""

    def invalid(self, rules: str, referer: bytes | None) -> bool:
        text = (
            "server { listen 80; server_name own.example ~^re[0-9]$; location / {"
            f' valid_referers {rules}; return 200 "[$invalid_referer]"; }} }}'
        )
        fields = () if referer is None else (b"Referer: " + referer,)
        body = serve(self, text).client().get(b"/", *fields).body
        return {b"[1]": True, b"[]": False}[body]

    def test_names(self) -> None:
        """A name is valid, as an asterisk or a dot at one end makes it; others are not."""
        for rule, good, bad in (
            ("example.org", b"http://EXAMPLE.org:80/x", b"http://www.example.org/"),
            ("*.example.org", b"https://a.b.example.org", b"https://example.org"),
            (".example.org", b"https://example.org", b"https://anexample.org"),
            ("www.*", b"http://www.example.org", b"http://www"),
            ("example.org/a/", b"http://example.org/a/b", b"http://example.org/b/a/"),
            ("~^(one|two)[.]", b"http://TWO.example/", b"http://three.example/"),
            ("server_names", b"http://own.example/", b"http://other.example/"),
            ("server_names", b"http://re5/", b"http://re55/"),
        ):
            self.assertFalse(self.invalid(rule, good), rule)
            self.assertTrue(self.invalid(rule, bad), rule)

    def test_none_and_blocked(self) -> None:
        """No Referer is valid with `none`, one that is no URL with `blocked`."""
        for rule, none, blocked in (
            ("x", True, True),
            ("none x", False, True),
            ("blocked x", True, False),
        ):
            self.assertEqual(self.invalid(rule, None), none)
            self.assertEqual(self.invalid(rule, b"-"), blocked)

    def test_long_host(self) -> None:
        """A host of more than 256 bytes is not valid, whatever a regular expression says."""
        self.assertFalse(self.invalid("~a", b"http://" + b"a" * 256))
        self.assertTrue(self.invalid("~a", b"http://" + b"a" * 257))

    def test_several_and_inherited(self) -> None:
        """Several directives of a level are one; a location without any has its server's."""
        text = """server { listen 80; valid_referers a; valid_referers b;
            location / { return 200 "[$invalid_referer]"; }
            location /own/ { valid_referers c; return 200 "[$invalid_referer]"; } }"""
        bench = serve(self, text)
        self.assertEqual(bench.client().get(b"/", b"Referer: http://aa").body, b"[1]")
        for name in (b"a", b"b"):
            answer = bench.client().get(b"/", b"Referer: http://" + name + b"/")
            self.assertEqual(answer.body, b"[]")
            answer = bench.client().get(b"/own/", b"Referer: http://" + name + b"/")
            self.assertEqual(answer.body, b"[1]")

    def test_nobody_asked(self) -> None:
        """Where there is no valid_referers every Referer is valid."""
        bench = serve(self, 'server { listen 80; return 200 "[$invalid_referer]"; }')
        self.assertEqual(bench.client().get().body, b"[]")

    def test_bad_values(self) -> None:
        """Asterisks elsewhere, a name twice, and nobody but `none` are refused."""
        for text, words in {
            "valid_referers a*b;": "is no name",
            "valid_referers a a;": "there twice",
            "valid_referers none blocked;": "names nobody",
            "valid_referers ~(;": "(",
        }.items():
            text = f"server {{ {text} }}"
            error = self.assertRaises(ConfigurationError, load_text, text, self.mktemp())
            self.assertIn(words, str(error), text)
