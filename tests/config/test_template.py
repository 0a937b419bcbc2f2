"""Text with variables in it, and nginx's regular expressions in Python."""

from __future__ import annotations

import sys
import warnings

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import BadValue, Origin, Regex, Template, Variable, Word
from reverseproxy.config.regex import compile_regex
from reverseproxy.config.template import parse_template


def word(text: str) -> Word:
    return Word(text, Origin("f", 1, 1))


class TemplateTests(SynchronousTestCase):
    """nginx's script syntax (ngx_http_script_compile)."""

    def parts(self, text: str) -> list[str]:
        """Texts as they are, variables in angle brackets."""
        template: Template = parse_template(word(text))
        return [f"<{p.name}>" if isinstance(p, Variable) else p for p in template.parts]

    def test_parts(self) -> None:
        """Names are letters, digits and "_", with braces or without; captures are one digit."""
        for text, parts in (
            ("", []),
            ("a", ["a"]),
            ("$a", ["<a>"]),
            ("http://$host:${port}80$1", ["http://", "<host>", ":", "<port>", "80", "<1>"]),
            ("$a_1-b", ["<a_1>", "-b"]),
            ("$10", ["<1>", "0"]),
            ("$1a", ["<1>", "a"]),
            ("${1}", ["<1>"]),
            ("$a$b", ["<a>", "<b>"]),
            ("$Host", ["<host>"]),
            ("$a}", ["<a>", "}"]),
            ("$\u00e4", None),
        ):
            if parts is None:
                self.assertRaises(BadValue, self.parts, text)
            else:
                self.assertEqual(self.parts(text), parts, text)

    def test_refused(self) -> None:
        """A "$" without a name and an open brace are errors at the word."""
        for text in ("$", "a$", "$-", "${", "${a", "${}", "${a-b}", "$$a", "$."):
            given = word(text)
            with self.assertRaises(BadValue, msg=text) as caught:
                parse_template(given)
            self.assertIs(caught.exception.word, given)

    def test_constant(self) -> None:
        """A template without variables is constant; the empty one too."""
        for text, constant in (("", ""), ("a", "a"), ("$a", None), ("a$b", None)):
            self.assertEqual(parse_template(word(text)).constant, constant)


class RegexTests(SynchronousTestCase):
    """PCRE's syntax, matched by Python."""

    def compiled(self, text: str, *, ignore_case: bool = False) -> Regex:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return compile_regex(word(text), ignore_case=ignore_case)

    def test_same_meaning(self) -> None:
        """What PCRE matches is matched, and what it doesn't is not."""
        for text, yes, no in (
            (r"\.(gif|png)$", "/a.png", "/a.png/"),
            (r"^/(?<a>x)\k<a>$", "/xx", "/xy"),
            (r"^(?'a'x)(?P=a)$", "xx", "x"),
            (r"^(?P<a>x)\k{a}$", "xx", "xk{a}"),
            (r"(?<=a)b(?<!xb)", "ab", "cb"),
            (r"^[[:alpha:]_]+$", "ab_", "a1"),
            (r"^[^[:digit:]]+$", "ab", "a1"),
            (r"^[[a]+$", "[a", "b"),
            (r"^[]a]+$", "]a", "b"),
            (r"^[^]a]+$", "bc", "b]"),
            (r"^[a&&b||c~~]+$", "a&b|c~", "d"),
            (r"^[\h]\h$", "\t ", "ab"),
            (r"^a{2,3}$", "aaa", "a"),
            (r"^\v[\v]\V$", "\n\x0bb", "\n\n\n"),
            (r"^\e[\e]\N\H$", "\x1b\x1bab", "ab"),
            (r"^a\Rb$", "a\r\nb", "ab"),
            (r"^a{,3}$", "a{,3}", "aa"),
            (r"^{a}$", "{a}", "a"),
            (r"a\z", "xa", "xa\n"),
            (r"a\Z", "xa\n", "xa\nb"),
            (r"^\x{41}\x42$", "AB", "ab"),
            (r"^\Qa.b\E.$", "a.bc", "axbc"),
            (r"^\/a\-b$", "/a-b", "a"),
            (r"^(?>a+)b++$", "aabb", "aac"),
            (r"MSIE [1-6].(?!.*SV1)", "MSIE 6.0", "MSIE 6.0 SV1"),
            (r"^caf\xc3\xa9$|^é$", "é", "e"),
        ):
            pattern = self.compiled(text).pattern
            self.assertTrue(pattern.search(yes.encode()), (text, yes))
            self.assertFalse(pattern.search(no.encode()), (text, no))

    def test_possessive_group(self) -> None:
        """A possessive group is refused where Python would match it wrongly."""
        if sys.version_info < (3, 11, 5):
            self.assertRaises(BadValue, self.compiled, "(?:ab?)++c")
        else:
            self.assertTrue(self.compiled("(?:ab?)++c").pattern.search(b"aabc"))

    def test_ignore_case(self) -> None:
        """`ignore_case` is `~*`."""
        self.assertTrue(self.compiled("^ABC$", ignore_case=True).pattern.search(b"abc"))
        self.assertFalse(self.compiled("^ABC$").pattern.search(b"abc"))

    def test_names(self) -> None:
        """Named groups are variables' names, in lower case as all of them."""
        self.assertEqual(self.compiled("(?<Aa>x)(?P<b>y)(z)").names, ("aa", "b"))

    def test_refused(self) -> None:
        """What Python's engine can't do is an error at the word, never another meaning."""
        for text in ("(", "[", "a**", "(?R)", r"\p{L}", r"a\Kb", "(?|a|b)", r"[[:nope:]]", "\\"):
            given = word(text)
            with self.assertRaises(BadValue, msg=text) as caught:
                compile_regex(given)
            self.assertIs(caught.exception.word, given)
            self.assertIn("is not a regular expression", caught.exception.message)
