"""`limit_except`."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError
from tests.support import load_text, ok, serve


class LimitExceptTests(SynchronousTestCase):
    """A location that has other rules for some methods; 404 is its content."""

    def status(self, rules: str, method: bytes) -> int:
        text = f"server {{ listen 80; location / {{ {rules} try_files /none =404; }} }}"
        return serve(self, text).client().get(method=method).status

    def test_get_brings_head(self) -> None:
        """GET excepts HEAD as well; what is not named is limited, known or not."""
        rules = "limit_except GET { deny all; }"
        for method, status in {b"GET": 404, b"HEAD": 404, b"POST": 403, b"FOO": 403}.items():
            self.assertEqual(self.status(rules, method), status, method)

    def test_named(self) -> None:
        """Without GET HEAD is limited as well."""
        self.assertEqual(self.status("limit_except post { deny all; }", b"POST"), 404)
        self.assertEqual(self.status("limit_except post { deny all; }", b"HEAD"), 403)

    def test_stands_for_the_location(self) -> None:
        """The block inherits access from its location, and `proxy_pass`."""
        bench = serve(
            self,
            "server { listen 80; location /a/ { deny all; proxy_pass http://127.0.0.1:8080/b/;"
            " limit_except GET { allow all; } } }",
        )
        self.assertEqual(bench.client().get(b"/a/x").status, 403)
        client = bench.client()
        client.ask(b"/a/x", method=b"DELETE")
        self.assertEqual(bench.upstream().target, b"/b/x")
        bench.upstream().send(ok())
        self.assertEqual(client.answer().status, 200)

    def test_before_rewrite(self) -> None:
        """It comes before the location's `return`, which is for the excepted methods alone."""
        text = "server { listen 80; location / { limit_except GET { deny all; } return 204; } }"
        self.assertEqual(serve(self, text).client().get().status, 204)
        self.assertEqual(serve(self, text).client().get(method=b"PUT").status, 403)

    def test_bad_values(self) -> None:
        """Unknown methods, no method, a second block and other directives are refused."""
        for text, words in {
            "limit_except FOO { deny all; }": "methods such as GET",
            "limit_except { deny all; }": "at least 1 argument",
            "limit_except GET { deny all; } limit_except PUT { deny all; }": "repeated",
            "limit_except GET { satisfy any; }": "not allowed in limit_except",
        }.items():
            text = f"server {{ location / {{ {text} }} }}"
            error = self.assertRaises(ConfigurationError, load_text, text, self.mktemp())
            self.assertIn(words, str(error), text)


class InternalTests(SynchronousTestCase):
    """`internal`, which stands beside it in nginx's choice of a location."""

    def test_inherited(self) -> None:
        """A location within an internal one is internal as well, as in nginx."""
        text = "server { listen 80; location /a { internal; location /a/b { return 204; } } }"
        self.assertEqual(serve(self, text).client().get(b"/a/b").status, 404)
