"""Variables that are known late or never: those of trailers, and those that `set` did not set."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ..support import serve


class UnsetTests(SynchronousTestCase):
    """A variable of `set` that was given no value."""

    def lines(self, setting: str) -> tuple[list[str], list[str]]:
        """What the access log and the error log say when `$a` is used unset, twice."""
        bench = serve(
            self,
            "log_format f '[$a]'; access_log logs/access.log f; server { listen 80; "
            f"{setting}"
            " location / { if ($arg_a) { set $a yes; } return 200 $a; } }",
        )
        self.assertEqual(bench.client().get().body, b"")
        return bench.lines(), bench.errors()

    def test_warned(self) -> None:
        """It is empty, and the error log says so, once a request."""
        lines, errors = self.lines("")
        self.assertEqual(lines, ["[]"])
        self.assertEqual(len(errors), 1)
        self.assertIn("[warn] ", errors[0])
        self.assertIn('using uninitialized "a" variable', errors[0])

    def test_quiet(self) -> None:
        """`uninitialized_variable_warn off` says nothing of it."""
        self.assertEqual(self.lines("uninitialized_variable_warn off;"), (["[]"], []))

    def test_set(self) -> None:
        """One that is set is nobody's matter."""
        bench = serve(self, "server { listen 80; location / { set $a $uri; return 200 $a; } }")
        self.assertEqual(bench.client().get(b"/x").body, b"/x")
        self.assertEqual(bench.errors(), [])


class TrailerTests(SynchronousTestCase):
    """`$sent_trailer_NAME`."""

    def test_log(self) -> None:
        """The log has the trailers that were sent, and "-" for those that were not."""
        bench = serve(
            self,
            "log_format f '$sent_trailer_x_a|$sent_trailer_x_b'; access_log logs/access.log f;"
            "server { listen 80; location / { return 200 text; add_trailer X-A $uri; }"
            " location /none { return 200 text; } }",
        )
        client = bench.client()
        client.get(b"/path")
        client.get(b"/none")
        self.assertEqual(bench.lines(), ["/path|-", "-|-"])
