"""An independent reader of nginx's language, crossplane, makes the same tree of a corpus."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config.lexer import decode
from reverseproxy.config.load import read_file
from reverseproxy.config.parser import parse, read_tree
from reverseproxy.config.source import Statement

try:
    import crossplane
except ImportError:
    crossplane = None

HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = os.path.join(HERE, "corpus")

Node = tuple[str, int, tuple[str, ...], Any]


def ours(statements: Iterable[Statement]) -> Iterator[Node]:
    """Name, line, arguments and block, as crossplane has them: `if` without its parentheses."""
    for each in statements:
        args = [word.text for word in each.args]
        if each.name.text == "if":
            args[0] = args[0].removeprefix("(")
            args[-1] = args[-1].removesuffix(")")
            args = [arg for arg in args if arg]
        block = None if each.block is None else list(ours(each.block))
        yield each.name.text, each.origin.line, tuple(args), block


def theirs(payload: Iterable[dict[str, Any]]) -> Iterator[Node]:
    for each in payload:
        # crossplane keeps nginx's word of a backslash and a line end; here it is a continued line.
        args = tuple(arg for arg in each["args"] if arg != "\\\n")
        block = list(theirs(each["block"])) if "block" in each else None
        yield each["directive"], each["line"], args, block


class OracleTests(SynchronousTestCase):
    """Two readers, one tree."""

    maxDiff = None
    skip = None if crossplane else "crossplane is not installed"

    def read(self, path: str, **options: Any) -> list[dict[str, Any]]:
        payload = crossplane.parse(path, check_ctx=False, check_args=False, **options)
        self.assertEqual(payload["errors"], [])
        parsed: list[dict[str, Any]] = payload["config"][0]["parsed"]
        return parsed

    def test_files(self) -> None:
        """Each file of the corpus is the same tree to both, by names, lines and arguments."""
        paths = sorted(
            os.path.join(folder, name) for folder, _, names in os.walk(CORPUS) for name in names
        )
        self.assertGreater(len(paths), 5)
        for path in paths:
            parsed = parse(decode(read_file(path)), path)
            self.assertIsNone(parsed.error)
            self.assertEqual(
                list(ours(parsed.statements)), list(theirs(self.read(path, single=True))), path
            )

    def test_includes(self) -> None:
        """With includes in place the article's configuration is the same tree to both."""
        path = os.path.join(CORPUS, "article", "nginx.conf")
        tree = read_tree(path, os.path.dirname(path), read_file, glob.glob)
        self.assertEqual(tree.diagnostics, ())
        self.assertEqual(len(tree.files), 4)
        self.assertEqual(list(ours(tree.statements)), list(theirs(self.read(path, combine=True))))


class ArticleTests(SynchronousTestCase):
    """What the oracle can't tell."""

    def test_gzip_types(self) -> None:
        """The continued `gzip_types` line means the eight listed types and nothing else."""
        path = os.path.join(CORPUS, "article", "nginx.conf")
        parsed = parse(decode(read_file(path)), path)
        http = parsed.statements[-1].block or ()
        (types,) = (each for each in http if each.name.text == "gzip_types")
        self.assertEqual(
            [word.text for word in types.args],
            [
                "text/plain",
                "text/html",
                "text/css",
                "application/x-javascript",
                "text/xml",
                "application/xml",
                "application/xml+rss",
                "text/javascript",
            ],
        )
        self.assertEqual(types.args[4].origin.line, types.origin.line + 1)
