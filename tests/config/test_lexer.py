"""The lexer, against what nginx's ngx_conf_read_token() makes of the same text."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config.lexer import QUOTED, decode, tokens
from reverseproxy.config.source import ConfigurationError


def texts(text: str) -> list[str]:
    """The tokens' texts; quoted words in brackets."""
    return [f"[{value}]" if kind is QUOTED else value for kind, value, _, _ in tokens(text, "f")]


def places(text: str) -> list[tuple[str, int, int]]:
    return [(value, line, column) for _, value, line, column in tokens(text, "f")]


class WordTests(SynchronousTestCase):
    """What is one word, and what its text is."""

    def holds(self, *cases: tuple[str, list[str]]) -> None:
        for text, expected in cases:
            self.assertEqual(texts(text), expected, text)

    def test_space(self) -> None:
        """Spaces, tabs and both line ends separate words; nothing else does."""
        self.holds(
            ("a b\tc\nd\r\ne\rf;", ["a", "b", "c", "d", "e", "f", ";"]),
            ("a\u00a0b;", ["a\u00a0b", ";"]),
            ("", []),
            (" \n\t ", []),
        )

    def test_marks(self) -> None:
        """`;` and `{` end a word; `}` is a mark only where a word could begin."""
        self.holds(
            ("a{b;}", ["a", "{", "b", ";", "}"]),
            ("a b{", ["a", "b", "{"]),
            ("a b};", ["a", "b}", ";"]),
            ("a {}}", ["a", "{", "}", "}"]),
        )

    def test_comments(self) -> None:
        """`#` begins a comment where a word could begin, and is itself inside a word."""
        self.holds(
            ("# x\na;", ["a", ";"]),
            ("a#b;", ["a#b", ";"]),
            ("a #b;\n c; # d", ["a", "c", ";"]),
            ("a '#b';", ["a", "[#b]", ";"]),
            ("#a\\\nb;", ["b", ";"]),
            ("a;#", ["a", ";"]),
        )

    def test_quotes(self) -> None:
        """Quotes keep everything but their own kind together, line ends too."""
        self.holds(
            ("a \"b c\" 'd e';", ["a", "[b c]", "[d e]", ";"]),
            ("a \"b'c\" 'd\"e';", ["a", "[b'c]", '[d"e]', ";"]),
            ("a \"\" '';", ["a", "[]", "[]", ";"]),
            ("a 'b\nc';", ["a", "[b\nc]", ";"]),
            ("a ';{}';", ["a", "[;{}]", ";"]),
            ("a b'c\"d;", ["a", "b'c\"d", ";"]),
            ('"a"{', ["[a]", "{"]),
        )

    def test_after_quotes(self) -> None:
        """After a quoted word a `)` begins a word: `if ($a = "b")`."""
        self.holds(('if ($a = "b") {', ["if", "($a", "=", "[b]", ")", "{"]))

    def test_escapes(self) -> None:
        r"""`\"`, `\'`, `\\`, `\t`, `\r` and `\n` are replaced; other backslashes stay."""
        for quote in ("", '"', "'"):
            word = f"{quote}{{}}{quote}" if quote else "x{}"
            for escape, meaning in (
                (r"\"", '"'),
                (r"\'", "'"),
                (r"\\", "\\"),
                (r"\t", "\t"),
                (r"\r", "\r"),
                (r"\n", "\n"),
                (r"\.", r"\."),
                (r"\d\$", r"\d\$"),
                (r"\\n", r"\n"),
                (r"\\\n", "\\\n"),
            ):
                shown = word.format(meaning)
                if quote:
                    shown = f"[{shown[1:-1]}]"
                self.holds((word.format(escape) + ";", [shown, ";"]))

    def test_escaped_marks(self) -> None:
        """Outside quotes a backslash takes the meaning of space, `;` and `{`, and stays."""
        self.holds(
            (r"a\ b;", [r"a\ b", ";"]),
            (r"a\;b\{c;", [r"a\;b\{c", ";"]),
            (r"\#a;", [r"\#a", ";"]),
            ('\\"a b;', ['"a', "b", ";"]),
        )

    def test_variables(self) -> None:
        """The `{` after a `$` opens no block, wherever the `$` stands in the word."""
        self.holds(
            ("a ${b}c;", ["a", "${b}c", ";"]),
            ("a b${c}{", ["a", "b${c}", "{"]),
            ("a $b{", ["a", "$b", "{"]),
            ("a ${{b;", ["a", "${{b", ";"]),
            (r"a \${b;", ["a", r"\$", "{", "b", ";"]),
            ("a $;", ["a", "$", ";"]),
        )

    def test_continued_line(self) -> None:
        """A backslash at the end of a line, where a word could begin, continues the statement."""
        self.holds(
            ("a b \\\n    c;", ["a", "b", "c", ";"]),
            ("a b \\\r\n\\\nc;", ["a", "b", "c", ";"]),
            ("a 'b\\\nc';", ["a", "[b\\\nc]", ";"]),
        )


class EffortTests(SynchronousTestCase):
    """The lexer never tries the same text twice."""

    def test_long_runs(self) -> None:
        """Long runs that end in an error are read in one pass, not in a power of their length."""
        for text in ("a '" + "x" * 50000, "a '" + "\\x" * 50000, " " * 50000 + "\\", "\\" * 50001):
            self.assertRaises(ConfigurationError, list, tokens(text, "f"))
        for text in ("# x" * 50000, " " * 50000, "\\\n" * 50000):
            self.assertEqual(texts(text), [])
        self.assertEqual(texts("$" * 50000 + ";")[1], ";")


class PlaceTests(SynchronousTestCase):
    """Lines and columns."""

    def test_places(self) -> None:
        """Lines and columns count from 1, columns in characters, at the word's first one."""
        self.assertEqual(
            places("a b;\n\n  é 'c\nd' e;\n#\n}"),
            [
                ("a", 1, 1),
                ("b", 1, 3),
                (";", 1, 4),
                ("é", 3, 3),
                ("c\nd", 3, 5),
                ("e", 4, 4),
                (";", 4, 5),
                ("}", 6, 1),
            ],
        )

    def test_continued_line(self) -> None:
        """A continued line counts as two."""
        self.assertEqual(places("a \\\n  b;")[1], ("b", 2, 3))


class RefusalTests(SynchronousTestCase):
    """What is no configuration, and where."""

    def refused(self, data: bytes, message: str) -> None:
        with self.assertRaises(ConfigurationError) as caught:
            list(tokens(decode(data), "f"))
        self.assertEqual(str(caught.exception), message)

    def test_open_quote(self) -> None:
        """A quote that is never closed is reported where it opens."""
        self.refused(b"a;\n b 'c;\n", "f:2:4: unexpected end of file: the quote ' is not closed")
        self.refused(b'a "b\\";', 'f:1:3: unexpected end of file: the quote " is not closed')

    def test_backslash_at_the_end(self) -> None:
        """A file can't end with a backslash, in a word or alone."""
        for data in (b"ab \\", b"a b\\"):
            self.refused(data, "f:1:4: unexpected end of file after a backslash")

    def test_after_quotes(self) -> None:
        """A quoted word and the next word need a space between them."""
        for data in (b"a 'b'c;", b"a 'b'#;", b"a 'b'}", b"a 'b''c';"):
            self.refused(
                data,
                f'f:1:6: unexpected "{chr(data[5])}" after a quoted word (a space is missing)',
            )

    def test_joined_lines(self) -> None:
        """A backslash at the end of a line right after a word would join two words silently."""
        self.refused(
            b"a b\\\nc;",
            "f:1:3: a backslash joins this word and the next line "
            "(put a space before the backslash)",
        )

    def test_control_bytes(self) -> None:
        """NUL and other control bytes are refused, in quotes too, at their own place."""
        self.refused(b"a b\0;", "f:1:4: the control byte 0x00")
        self.refused(b"a 'b\n c\x1b';", "f:2:3: the control byte 0x1b")
        self.refused(b"a \x7f;", "f:1:3: the control byte 0x7f")

    def test_not_utf8(self) -> None:
        """A byte that is not UTF-8 is refused at its place."""
        self.refused(b"a;\nb x\xff;", "f:2:4: the byte 0xff is not UTF-8 (save it as UTF-8)")

    def test_byte_order_mark(self) -> None:
        """A byte order mark is refused by name, since nobody sees it."""
        self.refused(
            b"\xef\xbb\xbfa;",
            "f:1:1: a byte order mark (U+FEFF) (save the file as UTF-8 without it)",
        )

    def test_comments_may_hold_anything(self) -> None:
        """In a comment any byte may stand: old files have Latin-1 or worse there."""
        self.assertEqual(texts(decode(b"# caf\xe9 \x00\na b; #\xff")), ["a", "b", ";"])
