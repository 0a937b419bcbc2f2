"""Location, Refresh and Set-Cookie of an upstream, as the client gets them."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ..answers import Answer
from ..support import ok, proxied


class FieldTests(SynchronousTestCase):
    def answer(self, extra: str, *fields: bytes, path: bytes = b"/") -> Answer:
        """What a client gets of an upstream's answer with these fields."""
        bench = proxied(self, extra)
        client = bench.client()
        client.ask(path, b"Cookie: c=chosen")
        bench.upstream().send(ok(b"", *fields))
        return client.answer()

    def location(self, extra: str, value: bytes) -> bytes | None:
        """What becomes of a Location."""
        return self.answer(extra, b"Location: " + value).get(b"Location")

    def cookie(self, extra: str, value: bytes) -> bytes | None:
        """What becomes of a cookie."""
        return self.answer(extra, b"Set-Cookie: " + value).get(b"Set-Cookie")

    def test_first_wins(self) -> None:
        """Of several proxy_redirects the first that matches is used."""
        rules = "proxy_redirect http://a/ http://1/; proxy_redirect http://a/b/ http://2/;"
        self.assertEqual(self.location(rules, b"http://a/b/c"), b"http://1/b/c")

    def test_regex(self) -> None:
        """A regular expression replaces the whole, with its groups; ~* ignores case."""
        rule = "proxy_redirect ~^http://([a-z]+)/(?<rest>.*)$ https://new/$1/$rest;"
        self.assertEqual(self.location(rule, b"http://old/x"), b"https://new/old/x")
        self.assertEqual(self.location(rule, b"HTTP://OLD/x"), b"HTTP://OLD/x")
        self.assertEqual(
            self.location(rule.replace("~", "~*"), b"HTTP://OLD/x"), b"https://new/OLD/x"
        )

    def test_variables(self) -> None:
        """Both texts may have variables."""
        rule = "proxy_redirect http://$cookie_c/ http://$host:$cookie_c/;"
        self.assertEqual(self.location(rule, b"http://chosen/x"), b"http://example.org:chosen/x")

    def test_relative(self) -> None:
        """A path that comes of it is made absolute, unless absolute_redirect is off."""
        rule = "proxy_redirect http://a/ /b/;"
        self.assertEqual(self.location(rule, b"http://a/x"), b"http://example.org/b/x")
        self.assertEqual(self.location(rule + "absolute_redirect off;", b"http://a/x"), b"/b/x")

    def test_control_bytes(self) -> None:
        """What would break the head is not put into it."""
        bench = proxied(self, "rewrite ^ $uri break; proxy_redirect http://a/ http://b$uri;")
        client = bench.client()
        client.ask(b"/%0d%0aX-Evil:1")
        bench.upstream().send(ok(b"", b"Location: http://a/x"))
        answer = client.answer()
        self.assertEqual(answer.get(b"Location"), b"http://a/x")
        self.assertIsNone(answer.get(b"X-Evil"))

    def test_domain(self) -> None:
        """A domain is compared as a whole, without its dot, in any case."""
        rule = "proxy_cookie_domain .old.test new.test;"
        for old, new in ((b".OLD.test", b".new.test"), (b"x.old.test", b"x.old.test")):
            self.assertEqual(self.cookie(rule, b"a=1; Domain=" + old), b"a=1; Domain=" + new)

    def test_path(self) -> None:
        """A path's beginning is replaced; the cookie's own value is left alone."""
        rule = "proxy_cookie_path /app/ /;"
        self.assertEqual(self.cookie(rule, b"path=/app/; Path=/app/x"), b"path=/app/; Path=/x")

    def test_flags(self) -> None:
        """Flags are set once, replaced and removed; the first cookie that matches decides."""
        rules = "proxy_cookie_flags a secure samesite=lax; proxy_cookie_flags ~. nosecure httponly;"
        self.assertEqual(
            self.cookie(rules, b"A=1; secure; SameSite=x"), b"A=1; secure; SameSite=Lax"
        )
        self.assertEqual(self.cookie(rules, b"b=1; Secure; Path=/"), b"b=1; Path=/; HttpOnly")

    def test_flag_of_a_variable(self) -> None:
        """A flag may be a variable's value; one that is no flag does nothing."""
        rule = "set $flag secure; proxy_cookie_flags a $flag $host;"
        self.assertEqual(self.cookie(rule, b"a=1"), b"a=1; Secure")

    def test_untouched(self) -> None:
        """Cookies that no rule is for stay as they are, to the blank."""
        rules = "proxy_cookie_path /x/ /; proxy_cookie_flags b secure;"
        self.assertEqual(self.cookie(rules, b"a=1;path=/;  x"), b"a=1;path=/;  x")
