"""Directives of the command line, other defaults, and outlines."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError, Context, Level, directive, load, one, settings
from reverseproxy.config import number as a_number
from reverseproxy.config.load import outline


@settings
class Numbers:
    """Numbers."""

    many: tuple[int, ...] = directive(one(a_number()), None, Context.MAIN, many=True, doc="Some.")
    single: int = directive(one(a_number()), "1", Context.MAIN, doc="One.")
    other: int = directive(one(a_number()), "2", Context.MAIN, doc="Another.")


FILES = {"/etc/x.conf": b"many 1; single 5;", "/etc/more.conf": b"many 8;", "/etc/bad": b"many x;"}


class Case(SynchronousTestCase):
    def arguments(self, **changes: Any) -> dict[str, Any]:
        files = FILES

        def read(path: str) -> bytes:
            if path not in files:
                raise FileNotFoundError(2, "No such file or directory")
            return files[path]

        found = {"path": "/etc/x.conf", "prefix": "/", "classes": (Numbers,), "read": read}
        return {**found, "glob": lambda _pattern: [], **changes}

    def load(self, more: str, **changes: Any) -> Level:
        return load(variables=lambda _name: False, **self.arguments(more=more, **changes)).main

    def errors(self, more: str) -> list[str]:
        error = self.assertRaises(ConfigurationError, self.load, more)
        return [str(diagnostic) for diagnostic in error.diagnostics]


class MoreTests(Case):
    def test_first(self) -> None:
        """They hold at the main level and come before the file, whose texts alone are kept."""
        self.assertEqual(self.load("many 7; other 3;")[Numbers].many, (7, 1))
        self.assertEqual(self.load("other 3;")[Numbers].other, 3)

    def test_include(self) -> None:
        """They may include a file, as seen from the configuration's directory."""
        self.assertEqual(self.load("include more.conf;")[Numbers].many, (8, 1))

    def test_located(self) -> None:
        """What is wrong with them is told before what is wrong with the files, and where."""
        self.assertEqual(
            self.errors("other 3; many\n y; include bad;"),
            [
                'command line:2:2: "many" takes a number, not "y"',
                '/etc/bad:1:6: "many" takes a number, not "x"',
            ],
        )

    def test_repeated(self) -> None:
        """What may stand once stands in the file or in the command line."""
        (error,) = self.errors("single 4;")
        self.assertIn('/etc/x.conf:1:9: "single" is repeated', error)
        self.assertIn("command line:1", error)

    def test_unfinished(self) -> None:
        """A lost semicolon is the end of a parameter, not of a file."""
        (error,) = self.errors("other 4")
        self.assertEqual(
            error, 'command line:1:7: unexpected end of parameter: ";" is missing after "4"'
        )

    def test_block(self) -> None:
        """Blocks don't stand there, as in nginx."""
        self.assertEqual(
            self.errors("events { }"), ["command line:1:1: a block can't stand in the command line"]
        )


class DefaultsTests(Case):
    def test_defaults(self) -> None:
        """A default that is given stands for the row's, and is no directive in the file."""
        level = self.load("", defaults={"single": "8", "other": "9"})
        self.assertEqual((level[Numbers].single, level[Numbers].other), (5, 9))
        self.assertIsNone(level.origin_of("other"))


class OutlineTests(Case):
    def test_others_are_wrong(self) -> None:
        """Nothing but the directives that are asked for is looked at."""
        more = "nonsense 1; many x; other 4; }"
        level = outline(names=("single", "other"), **self.arguments(more=more))
        self.assertEqual((level[Numbers].single, level[Numbers].other), (5, 4))
        self.assertEqual(level[Numbers].many, ())

    def test_wrong(self) -> None:
        """What is wrong with these is told."""
        arguments = self.arguments(more="other x;")
        error = self.assertRaises(ConfigurationError, outline, names=("other",), **arguments)
        self.assertEqual(str(error), 'command line:1:7: "other" takes a number, not "x"')

    def test_nothing(self) -> None:
        """A file that can't be read is an error."""
        arguments = self.arguments(path="/etc/none")
        error = self.assertRaises(ConfigurationError, outline, names=(), **arguments)
        self.assertIn("No such file", str(error))
