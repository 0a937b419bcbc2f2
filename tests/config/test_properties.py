"""What holds for any text: it is read or refused, and what is written is read back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from unicodedata import category

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import BadValue, ConfigurationError, Origin, Word
from reverseproxy.config.parser import parse
from reverseproxy.config.regex import compile_regex
from reverseproxy.config.source import Statement
from reverseproxy.config.template import Variable, parse_template
from tests.config.sample import CLASSES, load_files

if TYPE_CHECKING:
    from collections.abc import Sequence

bounded = settings(derandomize=True, deadline=None, max_examples=150)

# Text made of what matters to the lexer is far likelier to reach its corners than any text.
pieces = st.lists(
    st.sampled_from(
        [
            *" \t\n\r;{}#\"'\\$()",
            "\\\n",
            "${a}",
            "a",
            "é",
            "\0",
            "include x",
            "http {",
            "server {",
            "location / {",
            "proxy_pass http://$host",
            "gzip on",
            "proxy_buffers 4 4k",
            "}",
            ";\n",
        ]
    ),
    max_size=30,
).map("".join)
texts = pieces | st.text(max_size=60)

words = st.text(
    # Older versions of hypothesis call what leaves characters out by other names.
    st.characters().filter(lambda one: category(one) not in ("Cc", "Cs") and one != "\ufeff")
    | st.sampled_from("\n\t\r;{}#\"'\\$ "),
    max_size=12,
)
Tree = list[tuple[list[str], "Tree | None"]]
trees: st.SearchStrategy[Tree] = st.recursive(
    st.just([]),
    lambda inner: st.lists(
        st.tuples(st.lists(words, min_size=1, max_size=3), st.none() | inner), max_size=4
    ),
    max_leaves=8,
)

ESCAPES = {"\\": "\\\\", '"': '\\"', "\t": "\\t", "\r": "\\r"}


def serialise(tree: Tree) -> str:
    """A text that means this tree: every word quoted, every backslash doubled."""
    parts = []
    for line, block in tree:
        quoted = ('"' + re.sub(r'[\\"\t\r]', lambda m: ESCAPES[m[0]], word) + '"' for word in line)
        end = ";" if block is None else " {\n" + serialise(block) + "}"
        parts.append(" ".join(quoted) + end + "\n")
    return "".join(parts)


def plain(statements: Sequence[Statement]) -> Tree:
    return [
        (
            [each.name.text, *(word.text for word in each.args)],
            None if each.block is None else plain(each.block),
        )
        for each in statements
    ]


class PropertyTests(SynchronousTestCase):
    """Generated inputs."""

    @bounded
    @given(texts)
    def test_read_or_refused(self, text: str) -> None:
        """Any text is a tree whose words lie where they say, or one located error."""
        parsed = parse(text, "f")
        lines = text.split("\n")
        todo = list(parsed.statements)
        for statement in todo:
            todo += statement.block or ()
            for word in (statement.name, *statement.args):
                begin = lines[word.origin.line - 1][word.origin.column - 1 :]
                if word.quoted:
                    self.assertIn(begin[0], "\"'")
                elif "\\" not in begin:
                    self.assertTrue(begin.startswith(word.text))
        if parsed.error is not None:
            origin = parsed.error.origin
            assert origin is not None
            self.assertLessEqual(origin.line, len(lines))
            self.assertLessEqual(origin.column, len(lines[origin.line - 1]) + 1)

    @bounded
    @given(texts.map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=60))
    def test_loaded_or_refused(self, data: bytes) -> None:
        """Any bytes load, or give a ConfigurationError of printable lines; nothing else."""
        try:
            configuration = load_files(data, files={"x": data})
        except ConfigurationError as error:
            self.assertTrue(error.diagnostics)
            self.assertEqual(len(str(error).splitlines()), len(error.diagnostics))
            str(error).encode("utf-8")
        else:
            for cls in CLASSES:
                self.assertIsInstance(configuration.main[cls], cls)

    @bounded
    @given(trees)
    def test_round_trip(self, tree: Tree) -> None:
        """What is serialised with quotes and escapes is read back as it was."""
        parsed = parse(serialise(tree), "f")
        self.assertIsNone(parsed.error)
        self.assertEqual(plain(parsed.statements), tree)

    @bounded
    @given(st.text(st.sampled_from("$${}ab1_-. "), max_size=12))
    def test_templates(self, text: str) -> None:
        """A template is refused, or its parts spell the text (but for braces), none of it lost."""
        try:
            template = parse_template(Word(text, Origin("f", 1, 1)))
        except BadValue:
            return
        spelt = "".join(
            f"${part.name}" if isinstance(part, Variable) else part for part in template.parts
        )
        self.assertEqual(spelt, re.sub(r"\$\{(\w+)\}", r"$\1", text).lower())

    @bounded
    @given(st.text(st.sampled_from("ab\\[]^(){}?<>':=*+|.dQEx-0,"), max_size=12))
    def test_regexes(self, text: str) -> None:
        """Any pattern compiles or is refused as a bad value."""
        try:
            regex = compile_regex(Word(text, Origin("f", 1, 1)))
        except BadValue as error:
            self.assertIn("is not a regular expression", error.message)
        else:
            regex.pattern.search(b"a")
