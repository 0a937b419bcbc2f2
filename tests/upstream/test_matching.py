"""`match`: which answers to health checks pass."""

from __future__ import annotations

import os
from typing import Any, cast

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError
from reverseproxy.upstream.matching import Examination, MatchSettings
from reverseproxy.wire.heads import parse_response_head

from ..support import load_text

NOBODY = cast(Any, None)


class MatchCase(SynchronousTestCase):
    """Reads a block, and shows it answers."""

    def load(self, tests: str) -> Examination:
        prefix = os.path.abspath(self.mktemp())
        os.makedirs(prefix)
        (http,) = load_text(f"match m {{\n{tests}\n}}", prefix).main.of_kind("http")
        (match,) = http[MatchSettings].match
        return Examination(match, lambda template: lambda _request: template.text.encode())

    def objection(self, tests: str, status: int = 200, *fields: str, body: bytes = b"hello") -> str:
        lines = [f"HTTP/1.1 {status} Reason", *fields, "", ""]
        head = parse_response_head("\r\n".join(lines).encode())
        return self.load(tests).objection(head, body, NOBODY)

    def passes(self, tests: str, *fields: str, body: bytes = b"hello") -> bool:
        return not self.objection(tests, 200, *fields, body=body)


class MatchTests(MatchCase):
    def test_status(self) -> None:
        """A status is one of codes and ranges, or none of them."""
        for tests, wanted in (
            ("status 200;", {200}),
            ("status 200 204;", {200, 204}),
            ("status 200-399;", {200, 204, 301, 302, 307, 399}),
            ("status 301-303 307;", {301, 302, 307}),
            ("status ! 500;", {200, 204, 301, 302, 307, 399, 400}),
            ("status ! 301-303 307;", {200, 204, 399, 400, 500}),
        ):
            found = {
                status
                for status in (200, 204, 301, 302, 307, 399, 400, 500)
                if not self.objection(tests, status)
            }
            self.assertEqual(found, wanted, tests)

    def test_default(self) -> None:
        """Without a block 2xx and 3xx pass."""
        plain = Examination(None, NOBODY)
        found = []
        for status in (199, 200, 399, 400, 503):
            head = parse_response_head(b"HTTP/1.1 %d X\r\n\r\n" % status)
            found.append(plain.objection(head, b"", NOBODY))
        self.assertEqual(found, ["status 199", "", "", "status 400", "status 503"])

    def test_header(self) -> None:
        """A field is there or not, has a value or matches, in whatever case its name is."""
        html, text = "Content-Type: text/html", "content-type: text/plain"
        for tests, html_passes, text_passes, none_passes in (
            ("header Content-Type = text/html;", True, False, False),
            ("header Content-Type != text/html;", False, True, False),
            ("header Content-Type ~ ^text/h;", True, False, False),
            ("header Content-Type !~ ^text/h;", False, True, False),
            ("header Content-Type;", True, True, False),
            ("header ! Content-Type;", False, False, True),
        ):
            found = (self.passes(tests, html), self.passes(tests, text), self.passes(tests))
            self.assertEqual(found, (html_passes, text_passes, none_passes), tests)

    def test_header_twice(self) -> None:
        """Of a field that stands twice one line must have the value, or none."""
        twice = ("Via: a", "Via: b")
        for tests, passes in (
            ("header Via = a;", True),
            ("header Via = c;", False),
            ("header Via != a;", False),
            ("header Via != c;", True),
        ):
            self.assertEqual(self.passes(tests, *twice), passes, tests)

    def test_body(self) -> None:
        """An expression is found in the body, or not; it is the only test that wants the body."""
        self.assertTrue(self.passes('body ~ "h.llo";'))
        self.assertFalse(self.passes("body ~ well;"))
        self.assertFalse(self.passes("body !~ hell;"))
        self.assertTrue(self.passes("body !~ well;"))
        self.assertTrue(self.load("status 200; body !~ well;").reads_body)
        self.assertFalse(self.load("status 200; header Via;").reads_body)

    def test_require(self) -> None:
        """Each variable that is required is neither empty nor 0."""
        examination = self.load("require $uri $host;")
        head = parse_response_head(b"HTTP/1.1 200 OK\r\n\r\n")
        self.assertEqual(examination.objection(head, b"", NOBODY), "")
        for value in (b"", b"0"):
            examination = Examination(
                self.block("require $uri $host;"),
                lambda template, value=value: (
                    lambda _request: value if template.text == "$host" else b"1"
                ),
            )
            objection = examination.objection(head, b"", NOBODY)
            self.assertEqual(objection, 'status 200, and not "require $host"')

    def block(self, tests: str) -> Any:
        prefix = os.path.abspath(self.mktemp())
        os.makedirs(prefix)
        (http,) = load_text(f"match m {{ {tests} }}", prefix).main.of_kind("http")
        return http[MatchSettings].match[0]

    def test_all(self) -> None:
        """All tests must pass; the first that does not is what is told."""
        tests = "status 200-299; header Server; body ~ hello; body !~ maintenance;"
        self.assertTrue(self.passes(tests, "Server: x"))
        self.assertEqual(self.objection(tests), 'status 200, and not "header Server"')
        objection = self.objection(tests, 200, "Server: x", body=b"hello maintenance")
        self.assertEqual(objection, 'status 200, and not "body !~ maintenance"')

    def test_mistakes(self) -> None:
        """What is no test is refused, at the word at fault."""
        for tests, message in (
            ("status 99;", '3:8: status takes codes and ranges such as 200-399, not "99"'),
            ("status 300-200;", '3:8: "300-200" is no range'),
            ("status !;", '3:8: status takes codes after "!"'),
            ("status;", '3:1: "status" takes at least 1 argument'),
            ("status { }", '3:1: "status" takes at least 1 argument and no block'),
            ("header A > b;", "3:8: header takes a name, or a name, one of ="),
            ("header ! A = b;", "3:8: header takes a name, or"),
            ("header A:;", '3:8: "A:" is not a field name'),
            ("header A ~ (;", '3:12: "(" is not a regular expression'),
            ("body = well;", "3:6: body takes ~ or !~ and a regular expression"),
            ("body ~ [;", '3:8: "[" is not a regular expression'),
            ("require up;", '3:9: require takes variables such as $name, not "up"'),
            ("require $nothing;", '3:9: unknown variable "$nothing"'),
            ("colour red;", '3:1: match takes status, header, body and require, not "colour"'),
            ("", '2:7: the match "m" has no tests'),
        ):
            prefix = os.path.abspath(self.mktemp())
            os.makedirs(prefix)
            text = f"events {{ }} http {{\nmatch m {{\n{tests}\n}} }}"
            with self.assertRaises(ConfigurationError) as caught:
                load_text(text, prefix)
            (found,) = caught.exception.diagnostics
            told = str(found).partition("nginx.conf:")[2]
            self.assertTrue(told.startswith(message), (told, message))
