"""Which location answers a path: tables of what nginx 1.22 was seen to choose."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError

from ..support import Bench, serve


class LocationTests(SynchronousTestCase):
    def assert_chosen(self, locations: str, table: dict[str, str]) -> Bench:
        """Each path is answered by the location that says so."""
        bench = serve(self, f"server {{ listen 80; {locations} }}")
        client = bench.client()
        found = {path: client.get(path.encode()).body.decode() for path in table}
        self.assertEqual(found, table)
        return bench

    def test_prefixes(self) -> None:
        """The longest prefix wins, whatever the order; a prefix need not end at a slash."""
        self.assert_chosen(
            "location /a { return 200 a; } location /a/b/ { return 200 ab; }"
            "location / { return 200 root; } location /a/b { return 200 ab-; }",
            {
                "/": "root",
                "/x": "root",
                "/a": "a",
                "/ab": "a",
                "/a/b": "ab-",
                "/a/b/": "ab",
                "/a/bc": "ab-",
                "/a/b/c": "ab",
                "/A": "root",
            },
        )

    def test_exact(self) -> None:
        """An exact match ends the search."""
        self.assert_chosen(
            "location = / { return 200 exact; } location / { return 200 root; }"
            "location ~ . { return 200 regex; } location ^~ /a { return 200 a; }"
            "location = /a { return 200 exact-a; }",
            {"/": "exact", "/x": "regex", "/a": "exact-a", "/a/": "a"},
        )

    def test_regexes(self) -> None:
        """The first regular expression that matches wins over a prefix, but not over ^~."""
        self.assert_chosen(
            r"location / { return 200 root; } location ^~ /static/ { return 200 static; }"
            r"location ~ \.php$ { return 200 php; } location ~* \.(PHP|jpg)$ { return 200 any; }"
            r"location /static/deep/ { return 200 deep; }",
            {
                "/a.php": "php",
                "/a.PHP": "any",
                "/a.JPG": "any",
                "/a.phpx": "root",
                "/static/a.php": "static",
                "/static/deep/a.php": "php",
                "/static/deep/x": "deep",
                "/a%2ephp": "php",
                "/static/../a.php": "php",
            },
        )

    def test_nested(self) -> None:
        """Inner locations are searched before the level's own regular expressions."""
        self.assert_chosen(
            "location / { return 200 root; }"
            "location /a { return 200 a; location ^~ /a/b { return 200 inner;"
            " location ~ k$ { return 200 deep; } } location ~ z$ { return 200 inner-regex; } }"
            "location ^~ /c { return 200 c; location /c/d { return 200 cd; }"
            " location ~ q$ { return 200 cq; } }"
            "location ~ x$ { return 200 regex; location ~ /a/yx { return 200 regex-in; } }"
            "location = /a/e { return 200 exact; }",
            {
                "/a/b/x": "regex",
                "/a/b/k": "deep",
                "/a/bk": "deep",
                "/a/z": "inner-regex",
                "/a/bz": "inner",
                "/a/x": "regex",
                "/c/x": "c",
                "/c/d/x": "cd",
                "/c/dq": "cq",
                "/a/yx": "regex-in",
                "/a/e": "exact",
                "/a/ex": "regex",
                "/zz": "root",
            },
        )

    def test_decoded(self) -> None:
        """What is compared is the path decoded and normalised, without the arguments."""
        self.assert_chosen(
            "location / { return 200 root; } location /a/ { return 200 a; }"
            'location "/x y" { return 200 blank; } location = /q { return 200 q; }',
            {
                "/%61/": "a",
                "//a//": "a",
                "/b/../a/": "a",
                "/x%20y/z": "blank",
                "/q?/a/": "q",
                "/a%2f": "a",
                "/?/a/": "root",
            },
        )

    def test_unmerged(self) -> None:
        """With merge_slashes off two slashes are two."""
        self.assert_chosen(
            "merge_slashes off; location / { return 200 root; } location /a/b { return 200 ab; }",
            {"/a/b": "ab", "/a//b": "root", "//a/b": "root"},
        )

    def test_none(self) -> None:
        """Where no location fits, the server's own content answers."""
        bench = serve(self, "server { listen 80; root none; location /a { return 200 a; } }")
        self.assertEqual(bench.client().get(b"/b").status, 404)

    def test_slash(self) -> None:
        """`location /a/` that is passed on answers `/a` with a redirect, unless /a is there."""
        bench = serve(
            self,
            "server { listen 80; server_name s; location /a/ { proxy_pass http://127.0.0.1; }"
            " location ^~ /b/ { proxy_pass http://127.0.0.1; }"
            " location /c/ { proxy_pass http://127.0.0.1; } location = /c { return 200 c; }"
            " location /d/ { return 200 d; } location / { return 200 root; }"
            " location ~ /a$ { return 200 regex; } }",
        )
        client = bench.client()
        for path, host, expected in (
            (b"/a", b"x:8080", b"http://x/a/"),
            (b"/a?b=%20c", b"x", b"http://x/a/?b=%20c"),
            (b"/b", b"x", b"http://x/b/"),
            (b"/c", b"x", None),
            (b"/d", b"x", None),
        ):
            client.send(b"GET " + path + b" HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
            answer = client.answer()
            self.assertEqual(answer.get(b"Location"), expected, path)
            self.assertEqual(answer.status, 200 if expected is None else 301)
        self.assertEqual(bench.upstreams, [])

    def test_slash_without_host(self) -> None:
        """Without a Host the redirect names the server, or the address."""
        for name, expected in (("server_name s;", b"http://s/a/"), ("", b"http://198.51.100.1/a/")):
            bench = serve(
                self,
                f"server {{ listen 80; {name} location /a/ {{ proxy_pass http://127.0.0.1; }} }}",
            )
            client = bench.client()
            client.send(b"GET /a HTTP/1.0\r\n\r\n")
            self.assertEqual(client.answer().get(b"Location"), expected)

    def test_slash_with_port(self) -> None:
        """The redirect has the port that was listened on, where it is not the usual one."""
        bench = serve(self, "server { listen 8080; location /a/ { proxy_pass http://127.0.0.1; } }")
        answer = bench.client(8080).get(b"/a")
        self.assertEqual(answer.get(b"Location"), b"http://example.org:8080/a/")

    def test_errors(self) -> None:
        """A location that is there twice, or can't be read, is an error with its place."""
        for text, why in (
            ("location /a {} location /a {}", "there twice"),
            ("location /a {} location ^~ /a {}", "there twice"),
            ("location = /a {} location = /a {}", "there twice"),
            ("location ~ ( {}", ""),
            ("location ! /a {}", ""),
        ):
            with self.assertRaises(ConfigurationError) as caught:
                serve(self, f"server {{ {text} }}")
            found = caught.exception.diagnostics[0]
            self.assertIn(why, found.message)
            self.assertIsNotNone(found.origin, text)

    def test_same_text(self) -> None:
        """One text as a prefix, exact and regular expression is three locations."""
        self.assert_chosen(
            "location /a { return 200 p; } location = /a { return 200 e; }"
            "location ~ /a { return 200 r; } location ~* /a { return 200 i; }",
            {"/a": "e", "/a/": "r", "/b/A": "i"},
        )
