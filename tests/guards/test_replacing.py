"""What captures become in the replacement of a `rewrite`."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ..support import serve


class ReplacementTests(SynchronousTestCase):
    """Locations that rewrite, and one that shows what came of it."""

    def shown(self, rewrite: str, path: bytes) -> bytes:
        """What `$uri|$args` are after a rewrite."""
        bench = serve(
            self,
            "server { listen 80; location /show { return 200 $uri|$args; } "
            f"location / {{ rewrite {rewrite} last; }} }}",
        )
        return bench.client().get(path).body

    def test_arguments(self) -> None:
        """What was decoded in the path is encoded again in an argument, and begins no other."""
        for path, shown in (
            (b"/a%26b%3Dc", b"/show|x=a%26b=c"),
            (b"/a%23b%25c", b"/show|x=a%23b%25c"),
            (b"/a+b", b"/show|x=a%2Bb"),
            (b"/a&b", b"/show|x=a&b"),
            (b"/a%0Db?c=d", b"/show|x=a%0Db&c=d"),
        ):
            self.assertEqual(self.shown("^/(.*)$ /show?x=$1", path), shown)

    def test_path(self) -> None:
        """A "?" out of the path stays in the path; only one that is written ends it."""
        self.assertEqual(self.shown("^/(.*)$ /show/$1", b"/a%3Fb?c=d"), b"/show/a?b|c=d")
        self.assertEqual(self.shown("^/(.*)$ /show/$1?n=1", b"/a%3Fb?c=d"), b"/show/a?b|n=1&c=d")
        self.assertEqual(self.shown("^/(.*)$ /show/$1?", b"/a?c=d"), b"/show/a|")

    def test_redirect(self) -> None:
        """A redirect has what a path may not have as it is encoded, the rest readable."""
        bench = serve(
            self,
            "server { listen 80; server_name example.org; rewrite ^/(.*)$ /to/$1 permanent; }",
        )
        client = bench.client()
        for path, location in (
            (b"/a%25b", b"/to/a%25b"),
            (b"/a%23b", b"/to/a%23b"),
            (b"/a%20b%7Eb", b"/to/a%20b~b"),
            (b"/a%3Bb?c", b"/to/a;b?c"),
        ):
            answer = client.get(path)
            self.assertEqual(answer.get(b"Location"), b"http://example.org" + location)

    def test_request_line(self) -> None:
        """Nothing that a variable brings into the arguments ends the line that an upstream gets."""
        for directive in ("rewrite ^ /x?u=$uri break;", "set $args u=$uri;"):
            bench = serve(
                self,
                f"server {{ listen 80; location / {{ {directive} proxy_pass http://10.0.0.1; }} }}",
            )
            bench.client().ask(b"/a%20b%0D%0AX:%20y")
            self.assertEqual(len(bench.upstream().requests()), 1)
            self.assertIn(b"u=/a%20b%0D%0AX:%20y", bench.upstream().target)
