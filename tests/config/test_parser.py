"""Statements, blocks and includes."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config.parser import MAX_DEPTH, Tree, parse, read_tree
from reverseproxy.config.source import Origin, Statement, Word
from tests.config.sample import Files


def shape(statements: Sequence[Statement]) -> str:
    """The statements in one line, without places."""
    parts = []
    for each in statements:
        line = " ".join(word.text for word in (each.name, *each.args))
        parts.append(f"{line};" if each.block is None else f"{line} {{{shape(each.block)}}}")
    return " ".join(parts)


class ParseTests(SynchronousTestCase):
    """One text."""

    def test_statements(self) -> None:
        """Statements and blocks nest, and keep every word's place and quoting."""
        parsed = parse("a b {\n  c 'd';\n}", "f")
        inner = Statement(
            Word("c", Origin("f", 2, 3)), (Word("d", Origin("f", 2, 5), quoted=True),)
        )
        self.assertIsNone(parsed.error)
        self.assertEqual(
            parsed.statements,
            (Statement(Word("a", Origin("f", 1, 1)), (Word("b", Origin("f", 1, 3)),), (inner,)),),
        )
        self.assertEqual(parsed.statements[0].origin, Origin("f", 1, 1))

    def test_empty_block(self) -> None:
        """An empty block is not the same as none."""
        a, b = parse("a {} b;", "f").statements
        self.assertEqual((a.block, b.block), ((), None))

    def test_errors(self) -> None:
        """Each mistake is told in words, at its place, and names what it is about."""
        for text, message in (
            ("a b }", 'f:1:3: ";" is missing after "b"'),
            ("a {\n b c\n}", 'f:2:4: ";" is missing after "c"'),
            ("a; }", 'f:1:4: unexpected "}": no block is open here'),
            (";", 'f:1:1: unexpected ";"'),
            ("a {;}", 'f:1:4: unexpected ";"'),
            ("{", 'f:1:1: unexpected "{"'),
            ("a b", 'f:1:3: unexpected end of file: ";" is missing after "b"'),
            (
                "a {\n b {\n c;\n }\n\n",
                'f:4:2: unexpected end of file: "}" is missing for "a", opened at f:1',
            ),
            ("a {", 'f:1:3: unexpected end of file: "}" is missing for "a", opened at f:1'),
        ):
            self.assertEqual(str(parse(text, "f").error), message, text)

    def test_before_an_error(self) -> None:
        """What was read before an error is kept, so that its own errors can be told too."""
        parsed = parse("a; b { c; d 'e", "f")
        self.assertIsNotNone(parsed.error)
        self.assertEqual(shape(parsed.statements), "a; b {c;}")

    def test_depth(self) -> None:
        """Blocks nest to a limit, beyond which it is an error and not a crash."""
        self.assertIsNone(parse("a {" * MAX_DEPTH + "}" * MAX_DEPTH, "f").error)
        too_deep = parse("a {" * (MAX_DEPTH + 1) + "}" * (MAX_DEPTH + 1), "f")
        self.assertEqual(
            str(too_deep.error),
            f"f:1:{3 * MAX_DEPTH + 1}: blocks and includes nest more than 100 deep",
        )


class IncludeTests(SynchronousTestCase):
    """Several files make one tree."""

    def tree(self, main: str, **others: str) -> Tree:
        files = Files({"main": main, **{k.replace("_", "/"): v for k, v in others.items()}})
        self.files = files
        return read_tree("/etc/rp/main", "/etc/rp", files.read, files.glob)

    def complaints(self, tree: Tree) -> list[str]:
        return [str(each) for each in tree.diagnostics]

    def test_in_place(self) -> None:
        """An included file's statements stand where the include stood, with their own origins."""
        tree = self.tree("a; b { include sub/x; c; } include sub/x;", sub_x="d; e {}")
        self.assertEqual(self.complaints(tree), [])
        self.assertEqual(shape(tree.statements), "a; b {d; e {} c;} d; e {}")
        self.assertEqual(tree.statements[2].origin, Origin("/etc/rp/sub/x", 1, 1))

    def test_read_once(self) -> None:
        """A file is read once, however often it is included."""
        tree = self.tree("a { include x; } b { include x; }", x="c;")
        self.assertEqual(self.files.reads, ["/etc/rp/main", "/etc/rp/x"])
        self.assertEqual(
            tree.files, {"/etc/rp/main": self.files.files["/etc/rp/main"], "/etc/rp/x": "c;"}
        )

    def test_relative(self) -> None:
        """Relative names start from the configuration's directory, not the including file's."""
        tree = self.tree("include sub/x;", sub_x="include y;", y="a;", sub_y="b;")
        self.assertEqual(shape(tree.statements), "a;")

    def test_pattern(self) -> None:
        """A pattern's files come in the order of their names."""
        tree = self.tree("include sub/*;", sub_b="b;", sub_a="a;", sub_B="B;")
        self.assertEqual(shape(tree.statements), "B; a; b;")

    def test_nothing_matches(self) -> None:
        """A pattern that matches nothing is fine; a name that is missing is not."""
        tree = self.tree("include none/*; a; include none; b;")
        self.assertEqual(
            self.complaints(tree),
            ['/etc/rp/main:1:28: can\'t read "/etc/rp/none": No such file or directory'],
        )
        self.assertEqual(shape(tree.statements), "a; b;")

    def test_nested(self) -> None:
        """Includes within included blocks are replaced as well."""
        tree = self.tree("include x;", x="types { include y; }", y="text/html html;")
        self.assertEqual(shape(tree.statements), "types {text/html html;}")

    def test_loop(self) -> None:
        """A loop is an error at the include that closes it, and names the way around."""
        tree = self.tree("include x; a;", x="b; include y;", y="include ./x; c;")
        self.assertEqual(
            self.complaints(tree),
            ['/etc/rp/y:1:9: "/etc/rp/x" includes itself (/etc/rp/x -> /etc/rp/y -> /etc/rp/x)'],
        )
        self.assertEqual(shape(tree.statements), "b; c; a;")

    def test_syntax(self) -> None:
        """An include has one argument and no block."""
        tree = self.tree("include x y; include; include x { a; }", x="a;")
        self.assertEqual(
            self.complaints(tree),
            [
                '/etc/rp/main:1:1: "include" takes one file or pattern, not 2',
                '/etc/rp/main:1:14: "include" takes one file or pattern, not none',
                '/etc/rp/main:1:23: "include" takes no block',
            ],
        )

    def test_error_stops_one_file(self) -> None:
        """A file with a syntax error ends there; the others are read on."""
        tree = self.tree("include x; include y; a;", x="b; }", y="c '")
        self.assertEqual(
            self.complaints(tree),
            [
                '/etc/rp/x:1:4: unexpected "}": no block is open here',
                "/etc/rp/y:1:3: unexpected end of file: the quote ' is not closed",
            ],
        )
        self.assertEqual(shape(tree.statements), "b; a;")

    def test_depth(self) -> None:
        """Files can't nest deeper together than one file may, cached ones neither."""
        nest = "a {" * 60 + "include x;" + "}" * 60
        inner = "b {" * 60 + "c;" + "}" * 60
        for main in (nest, f"include x; {nest}"):
            tree = self.tree(main, x=inner)
            self.assertIn("nest more than 100 deep", "".join(self.complaints(tree)))
        chain = {f"f{i}": f"include f{i + 1};" for i in range(150)}
        tree = self.tree("include f0;", **chain)
        self.assertIn("nest more than 100 deep", "".join(self.complaints(tree)))

    def test_whole(self) -> None:
        """A block opened in one file can't be closed in another."""
        tree = self.tree("a { include x;", x="b; }")
        self.assertEqual(len(tree.diagnostics), 2)
