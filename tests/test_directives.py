"""Every directive: a good use, a bad use, its arguments, its contexts, its inheritance.

The uses are `tests.directive_uses` and `tests.upstream_uses`; a directive without one fails here.
"""

from __future__ import annotations

import os
import re

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy import features
from reverseproxy.config import Configuration, ConfigurationError, Context, Diagnostic, rows
from reverseproxy.config.blocks import BLOCKS
from reverseproxy.config.directive import Row
from reverseproxy.web.assembly import Assembly

from . import directive_uses, proxy_uses, upstream_uses
from .directive_uses import MARK, Use
from .fakes import FakeReactor
from .support import load_text

USES = {**directive_uses.USES, **proxy_uses.USES, **upstream_uses.USES}
ROWS = [row for cls in features.SETTINGS for row in rows(cls)]
#: Contexts, each with what stands around a statement in it; "%" is the statement.
AROUND = {
    Context.LOCATION: "events {}\nhttp {\n%(http)s\nserver { location / {\n%(line)s\n} }\n}",
    Context.SERVER: "events {}\nhttp {\n%(http)s\nserver {\n%(line)s\n}\n}",
    Context.HTTP: "events {}\nhttp {\n%(http)s\n\n%(line)s\n}",
    Context.UPSTREAM: "events {}\nhttp {\n%(http)s\nupstream u {\n%(line)s\n"
    "server 127.0.0.1;\n}\n}",
    Context.EVENTS: "#%(http)s\n\n\nevents {\n%(line)s\n}\nhttp { }",
    Context.MAIN: "events {}\nhttp { }\n#%(http)s\n\n%(line)s\n",
    Context.LOCATION_IF: "events {}\nhttp {\n%(http)s\nserver { location / { if ($host) {\n"
    "%(line)s\n} } }\n}",
    Context.SERVER_IF: "events {}\nhttp {\n%(http)s\nserver { if ($host) {\n%(line)s\n} }\n}",
    Context.LIMIT_EXCEPT: "events {}\nhttp {\n%(http)s\nserver { location / { limit_except GET {\n"
    "%(line)s\n} } }\n}",
}
#: The line of the statement in each of them.
LINE = 5


def text(context: Context, line: str, http: str = "") -> str:
    """A configuration with `line` in a context."""
    return AROUND[context] % {"line": line, "http": http}


def innermost(row: Row) -> Context:
    """The first of AROUND in which a directive may stand."""
    return next(context for context in AROUND if context in row.context)


def said(row: Row, use: Use) -> str:
    """How the error of the bad use begins."""
    return f'"{row.name}"{use.says[1:]}' if use.says.startswith("%") else use.says


class DirectiveCase(SynchronousTestCase):
    """Loads texts."""

    maxDiff = None

    def setUp(self) -> None:
        self.prefix = os.path.abspath(self.mktemp())
        os.makedirs(self.prefix)

    def use(self, row: Row) -> Use:
        """The uses of a directive."""
        self.assertIn(row.name, USES, "tests/directive_uses.py has no use of it")
        return USES[row.name]

    def load(self, text: str) -> Configuration:
        """Load a text, and put together what it configures."""
        configuration = load_text(text, self.prefix)
        Assembly(configuration, FakeReactor())
        return configuration

    def errors(self, text: str) -> list[Diagnostic]:
        """What is wrong with a text."""
        try:
            self.load(text)
        except ConfigurationError as error:
            return list(error.diagnostics)
        return []


class DirectiveTests(DirectiveCase):
    """What holds for each row of the directive table."""

    def test_table(self) -> None:
        """Every directive has uses, and nothing else has."""
        self.assertEqual(set(USES), {row.name for row in ROWS})

    def test_good(self) -> None:
        """The good use of each directive loads."""
        for row in ROWS:
            use = self.use(row)
            line = f"{use.good} {use.beside}"
            self.assertEqual(self.errors(text(innermost(row), line, use.http)), [], row.name)

    def test_bad(self) -> None:
        """The bad use of each is one error, at the word at fault, that says what was expected."""
        for row in ROWS:
            use = self.use(row)
            column = use.bad.index(MARK) + 1
            line = use.bad.replace(MARK, "")
            errors = self.errors(text(innermost(row), line, use.http))
            self.assertEqual(len(errors), 1, f"{row.name}: {errors}")
            origin = errors[0].origin
            self.assertIsNotNone(origin, row.name)
            says = said(row, use)
            self.assertEqual(
                (str(origin), errors[0].message[: len(says)]),
                (f"{self.prefix}/nginx.conf:{LINE}:{column}", says),
            )

    def test_arguments(self) -> None:
        """One argument too few or too many is an error at the name, that says how many."""
        for row in ROWS:
            counts = [row.least - 1] if row.least else []
            counts += [] if row.most is None else [row.most + 1]
            for count in counts:
                line = " ".join([row.name, *["x"] * count]) + (" { }" if row.block else ";")
                errors = self.errors(text(innermost(row), line))
                start = f'{self.prefix}/nginx.conf:{LINE}:1: "{row.name}" takes '
                self.assertEqual([str(e)[: len(start)] for e in errors], [start], line)
                self.assertIn(f"not {count or 'none'}", errors[0].message)

    def test_context(self) -> None:
        """Where a directive may not stand, the error says where it may."""
        for row in ROWS:
            block = BLOCKS.get(row.name)
            allowed = block.context if block is not None else Context(0)
            for other in ROWS:
                allowed |= other.context if other.name == row.name else Context(0)
            for context in AROUND:
                if context in allowed:
                    continue
                errors = self.errors(text(context, USES[row.name].good))
                told = f'{self.prefix}/nginx.conf:{LINE}:1: "{row.name}" is not allowed in '
                told += f"{context.labels[0]}; it goes in "
                self.assertEqual([str(e)[: len(told)] for e in errors], [told], row.name)
                self.assertIn(allowed.labels[0], errors[0].message)

    def test_repeated(self) -> None:
        """What may stand once in a level is an error the second time."""
        for row in ROWS:
            if not row.many:
                use = USES[row.name]
                twice = text(innermost(row), f"{use.good} {use.good}", use.http)
                errors = self.errors(twice)
                self.assertEqual(len(errors), 1, row.name)
                self.assertIn(f'"{row.name}" is repeated', str(errors[0]))


class InheritanceTests(DirectiveCase):
    """nginx's inheritance, for every directive of http, server and location."""

    def values(self, row: Row, http: str, location: str) -> list[str]:
        """A directive's values in http, in a location, and in one inside of that."""
        level = load_text(
            f"events {{}} http {{ {http} server {{ "
            f"location / {{ {location} location /x/ {{ }} }} }} }}",
            self.prefix,
        ).main
        cls = next(cls for cls in features.SETTINGS if row in rows(cls))
        found = []
        for kind in ("http", "server", "location", "location"):
            (level,) = level.of_kind(kind)
            # Where a value was written is no part of it.
            found.append(re.sub(r"Origin\([^)]*\)", "", repr(getattr(level[cls], row.field))))
        return [found[0], *found[2:]]

    def test_outer(self) -> None:
        """What stands in http holds in a location, and is not the default there."""
        for row in ROWS:
            if Context.HTTP | Context.LOCATION in row.context and not row.no_effect:
                use = USES[row.name]
                default = self.values(row, "", "")
                http, location, inner = self.values(row, f"{use.http} {use.good}", "")
                self.assertEqual([location, inner], [http, http], row.name)
                self.assertNotEqual(http, default[0], row.name)

    def test_own(self) -> None:
        """What a location says itself holds in it and inside of it, whatever stands outside."""
        for row in ROWS:
            if Context.HTTP | Context.LOCATION in row.context and row.default is not None:
                use = USES[row.name]
                default = self.values(row, "", "")
                own = f"{row.name} {row.default};"
                http, location, inner = self.values(row, f"{use.http} {use.good}", own)
                self.assertNotEqual(http, location, row.name)
                self.assertEqual([location, inner], default[1:], row.name)

    def test_not_inherited(self) -> None:
        """What is not inherited is the default in a location inside of the one that says it."""
        checked = [row for row in ROWS if Context.LOCATION in row.context and not row.inherit]
        self.assertIn("proxy_pass", [row.name for row in checked])
        for row in checked:
            default = self.values(row, "", "")[1]
            _, location, inner = self.values(row, "", USES[row.name].good)
            self.assertNotEqual(location, default, row.name)
            self.assertEqual(inner, default, row.name)
