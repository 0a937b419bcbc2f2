"""root and alias, and what is said of files."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError
from tests.support import Bench, serve


class FilesCase(SynchronousTestCase):
    """A directory `www` with some files, and a server."""

    files = {"a.txt": b"a\n", "dir/index.html": b"<p>dir</p>", "secret/x.txt": b"secret"}

    def bench(self, inside: str) -> Bench:
        """A server whose root is `www`."""
        prefix = os.path.abspath(self.mktemp())
        for name, data in self.files.items():
            path = os.path.join(prefix, "www", name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(data)
            os.utime(path, (1_000_000_000, 1_000_000_000))
        return serve(self, f"server {{ listen 80; root www; {inside} }}", prefix)

    def errors(self, inside: str) -> str:
        """What the load says."""
        return str(self.assertRaises(ConfigurationError, self.bench, inside))


class AliasTests(FilesCase):
    """alias and root."""

    def test_alias(self) -> None:
        """The location's own part of the path is replaced."""
        client = self.bench("location /f/ { alias www/; }").client()
        self.assertEqual(client.get(b"/f/a.txt").body, b"a\n")

    def test_missing_slash(self) -> None:
        """A slash at the end of only one of the two is refused, and the reason is said."""
        errors = self.errors("location /f { alias www/; }")
        self.assertIn('"/f../x" is the file "www/../x", outside', errors)
        errors = self.errors("location /f/ { alias www; }")
        self.assertIn('"/f/-x/y" is the file "www-x/y", outside', errors)

    def test_said_once(self) -> None:
        """One mistake is one error, whoever else looks at it."""
        errors = self.errors("location /f { alias www/; try_files $uri =404; location /f/g { } }")
        self.assertEqual(errors.count("outside"), 1)

    def test_relative(self) -> None:
        """Paths start from the prefix, dots and all; a variable's value does, too."""
        for text in ("www/../www", "./www/.", "$arg_w", "www/dir/.."):
            client = self.bench(f"location / {{ root {text}; }}").client()
            self.assertEqual(client.get(b"/a.txt?w=www").body, b"a\n", text)
        client = self.bench("location /f/ { alias www/../www/; }").client()
        self.assertEqual(client.get(b"/f/a.txt").body, b"a\n")

    def test_slash_on_both_or_none(self) -> None:
        """With the slash on both, on none, or with an exact match nothing can escape."""
        self.bench("location /f { alias www; } location = /g { alias www/a.txt; }")

    def test_capture_that_climbs(self) -> None:
        """A group that begins with ".." is not found, where nginx would leave the directory."""
        bench = self.bench("location ~ ^/f(.*)$ { alias www/dir/$1; }")
        self.assertEqual(bench.client().get(b"/f../secret/x.txt").status, 404)
        self.assertIn("leaves its directory", bench.errors()[-1])

    def test_root_that_climbs(self) -> None:
        """A variable in root can't climb either."""
        bench = self.bench("location / { root www/dir/$arg_d; }")
        self.assertEqual(bench.client().get(b"/x.txt?d=../secret").status, 404)

    def test_bad(self) -> None:
        """Where alias can't be, and what it can't be made of, is an error."""
        for text, message in {
            "location @n { alias /x/; }": "named location",
            "location /x/ { alias /x/; root /y; }": "both",
            "location /x/ { root $document_root/x; }": "$document_root",
            "location /x/ { alias /$nothing/; }": "unknown variable",
            "alias /x/;": "not allowed in server",
        }.items():
            self.assertIn(message, self.errors(text), text)

    def test_rewritten(self) -> None:
        """An alias does not know what to do with a URI that was rewritten in its location."""
        bench = self.bench("location /f/ { alias www/; rewrite ^ /a.txt break; }")
        self.assertEqual(bench.client().get(b"/f/a.txt").status, 500)
        self.assertIn("was rewritten", bench.errors()[-1])


class TellingTests(FilesCase):
    """etag, if_modified_since, log_not_found."""

    def test_etag(self) -> None:
        """The ETag is of time and size, and can be left out."""
        client = self.bench("location / { } location /dir/ { etag off; }").client()
        self.assertEqual(client.get(b"/a.txt").get(b"ETag"), b'"3b9aca00-2"')
        self.assertEqual(client.get(b"/dir/index.html").get(b"ETag"), None)

    def test_if_modified_since(self) -> None:
        """A later date is as good as the same one only with `before`."""
        later = b"If-Modified-Since: Sun, 09 Sep 2001 01:46:41 GMT"
        client = self.bench("location / { } location /dir/ { if_modified_since before; }").client()
        self.assertEqual(client.get(b"/a.txt", later).status, 200)
        self.assertEqual(client.get(b"/dir/index.html", later).status, 304)

    def test_error_pages(self) -> None:
        """A condition is for what was asked for, not for the page of an error."""
        client = self.bench("error_page 404 /a.txt;").client()
        answer = client.get(b"/none", b"If-None-Match: *")
        self.assertEqual((answer.status, answer.body), (404, b"a\n"))

    def test_texts(self) -> None:
        """A text has neither tag nor date: any tag is fine, no tag is the one asked for."""
        client = self.bench("location / { return 200 text; }").client()
        self.assertEqual(client.get(b"/", b"If-None-Match: *").status, 304)
        self.assertEqual(client.get(b"/", b'If-Match: "x"').status, 412)
        self.assertEqual(client.get(b"/", b'If-None-Match: "x"').body, b"text")

    def test_log_not_found(self) -> None:
        """A file that is not there is an error line, unless log_not_found is off."""
        bench = self.bench("location / { } location /dir/ { log_not_found off; }")
        client = bench.client()
        self.assertEqual(client.get(b"/dir/none").status, 404)
        self.assertEqual(bench.errors(), [])
        client.get(b"/none")
        self.assertIn("open()", bench.errors()[-1])

    def test_bad(self) -> None:
        """A value that is none is an error."""
        for text in ("etag maybe;", "if_modified_since after;", "log_not_found 1;"):
            self.assertIn("takes", self.errors(text))

    def test_without_effect(self) -> None:
        """How nginx reads files is accepted and checked, and changes nothing."""
        client = self.bench(
            "aio threads=default; directio 4m; directio_alignment 4k; output_buffers 1 512k; "
            "postpone_output 0; read_ahead 0;"
        ).client()
        self.assertEqual(client.get(b"/a.txt").body, b"a\n")
        for text in ("aio maybe;", "directio on;", "output_buffers 1;", "postpone_output x;"):
            self.assertIn("takes", self.errors(text), text)
