"""The directive reference and the names that nginx has."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import reference, rows
from reverseproxy.config.directive import Context
from reverseproxy.config.names import counted, listed, nearest
from reverseproxy.config.nginx_names import DIRECTIVES, VARIABLES
from tests.config.sample import CLASSES


class ReferenceTests(SynchronousTestCase):
    """docs/directives.md."""

    def entry(self, name: str) -> str:
        text = reference(CLASSES)
        begin = text.index(f"### {name}\n")
        end = text.find("<a id=", begin)
        return text[begin:end].strip()

    def test_sections(self) -> None:
        """Each class is a section, titled by its docstring's first line."""
        text = reference(CLASSES)
        self.assertIn("\n## The core (ngx_http_core_module)\n", text)
        self.assertIn("\n## Rewriting\n", text)
        self.assertTrue(text.startswith("# Directives\n"))

    def test_every_row(self) -> None:
        """Every directive has one anchor and its sentence."""
        text = reference(CLASSES)
        for cls in CLASSES:
            for row in rows(cls):
                self.assertEqual(text.count(f'<a id="{row.name}"></a>\n'), 1)
                self.assertIn(row.doc, text)

    def test_entry(self) -> None:
        """An entry has syntax, default, contexts and what else is to know."""
        self.assertEqual(
            self.entry("gzip"),
            "### gzip\n\n- Syntax: `gzip on | off;`\n- Default: `gzip off;`\n"
            "- Context: http, server, location\n\nCompress.",
        )
        self.assertIn("May be repeated.\nInner levels don't inherit it.", self.entry("listen"))
        self.assertIn("- Default: none", self.entry("listen"))
        self.assertIn("it has no effect here", self.entry("server_names_hash_bucket_size"))

    def test_syntax(self) -> None:
        """The syntax comes from the converter, else from the number of arguments."""
        for name, shown in (
            ("proxy_buffers", "proxy_buffers number size;"),
            ("proxy_read_timeout", "proxy_read_timeout time;"),
            ("worker_processes", "worker_processes number;"),
            ("satisfy", "satisfy all | any;"),
            ("proxy_set_header", "proxy_set_header value value;"),
            ("types", "types { … }"),
            ("internal", "internal;"),
            ("root", "root path;"),
            ("gzip_types", "gzip_types text …;"),
            ("gzip_disable", "gzip_disable regex;"),
        ):
            self.assertIn(f"- Syntax: `{shown}`\n", self.entry(name))


class NameTests(SynchronousTestCase):
    """Lists and suggestions in messages."""

    def test_nearest(self) -> None:
        """The nearest name is one that differs a little, or none."""
        self.assertEqual(nearest("proxy_pas", ["proxy_pass", "proxy_bind"]), "proxy_pass")
        self.assertIsNone(nearest("xyzzy", ["proxy_pass"]))

    def test_words(self) -> None:
        """Lists and counts are English."""
        self.assertEqual(listed(["a"]), "a")
        self.assertEqual(listed(["a", "b", "c"]), "a, b or c")
        for least, most, text in (
            (0, 0, "no arguments"),
            (1, 1, "1 argument"),
            (2, 2, "2 arguments"),
            (1, 2, "1 or 2 arguments"),
            (0, 2, "0 to 2 arguments"),
            (1, None, "at least 1 argument"),
            (2, None, "at least 2 arguments"),
        ):
            self.assertEqual(counted(least, most), text)

    def test_labels(self) -> None:
        """Contexts are named as nginx's documentation names them."""
        self.assertEqual(
            (Context.SERVER | Context.LOCATION_IF).labels, ("server", "if in location")
        )

    def test_nginx_names(self) -> None:
        """The names of nginx are whole words, new and old ones among them."""
        for name in ("proxy_pass", "ssl_reject_handshake", "http3", "keepalive_min_timeout"):
            self.assertIn(name, DIRECTIVES)
        self.assertIn("upstream_addr", VARIABLES)
        for name in DIRECTIVES | VARIABLES:
            self.assertRegex(name, r"\A[a-z0-9_]+\Z")
