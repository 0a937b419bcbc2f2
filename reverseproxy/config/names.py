"""Which directive a name is in a context, and what to say when it is none."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence

from reverseproxy.config.directive import Context, Row, rows
from reverseproxy.config.nginx_names import DIRECTIVES, VARIABLES
from reverseproxy.config.source import Diagnostic, Statement, Word

NOT_SUPPORTED = "see docs/not-supported.md"


class Names:
    """The directives of the settings classes and the blocks, by name and context."""

    def __init__(self, classes: Sequence[type], blocks: Mapping[str, Context]) -> None:
        """ValueError if two rows want the same name in one context."""
        self._rows = [row for cls in classes for row in rows(cls)]
        self._contexts = dict(blocks)
        self._tables: dict[Context, Mapping[str, Row]] = {}
        for row in self._rows:
            before = self._contexts.get(row.name, Context(0))
            if before & row.context:
                raise ValueError(f"{row.name} is declared twice for {before & row.context}")
            self._contexts[row.name] = before | row.context

    def rows_in(self, context: Context) -> Mapping[str, Row]:
        """The rows that may stand in a context, by name."""
        table = self._tables.get(context)
        if table is None:
            table = self._tables[context] = {
                row.name: row for row in self._rows if context in row.context
            }
        return table

    def why_not(self, statement: Statement, context: Context) -> Diagnostic:
        """The error for a name that is no directive here."""
        name = statement.name.text
        if name in self._contexts:
            here, there = context.labels[0], listed(self._contexts[name].labels)
            what = f'"{name}" is not allowed in {here}; it goes in {there}'
            return Diagnostic(statement.origin, what)
        if name in DIRECTIVES:
            what = f'nginx has "{name}", reverseproxy has not'
            return Diagnostic(statement.origin, what, NOT_SUPPORTED)
        here_names = [known for known, where in self._contexts.items() if context in where]
        near = nearest(name, here_names) or nearest(name, self._contexts)
        hint = f'did you mean "{near}"?' if near else ""
        return Diagnostic(statement.origin, f'unknown directive "{name}"', hint)

    def missing_end(self, statement: Statement) -> str:
        """A question whether a ";" is missing, if a line of arguments begins like a statement."""
        if not statement.args or statement.args[-1].origin.line == statement.origin.line:
            return ""
        last = statement.name
        for word in statement.args:
            on_new_line = word.origin.line > last.origin.line
            if on_new_line and not word.quoted and word.text in self._contexts:
                return f'is a ";" missing after "{last.text}" in line {last.origin.line}?'
            last = word
        return ""

    def unknown_variable(
        self, name: str, word: Word, known: Callable[[str], bool], declared: Iterable[str]
    ) -> Diagnostic:
        """The error for a variable that nothing declares."""
        if name in VARIABLES:
            what = f'nginx has the variable "${name}", reverseproxy has not'
            return Diagnostic(word.origin, what, NOT_SUPPORTED)
        near = nearest(name, [*declared, *filter(known, sorted(VARIABLES))])
        hint = f'did you mean "${near}"?' if near else ""
        return Diagnostic(word.origin, f'unknown variable "${name}"', hint)


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The most similar of `names`, or None if none is similar."""
    found = difflib.get_close_matches(name, names, n=1, cutoff=0.7)
    return found[0] if found else None


def listed(labels: Sequence[str]) -> str:
    """`http, server or location`."""
    *first, last = labels
    return f"{', '.join(first)} or {last}" if first else last


def counted(least: int, most: int | None) -> str:
    """`1 argument`, `1 to 3 arguments`, `at least 1 argument`, `no arguments`."""
    if most is None:
        return f"at least {least} argument{'s' if least != 1 else ''}"
    if most == 0:
        return "no arguments"
    if least == most:
        return f"{least} argument{'s' if least != 1 else ''}"
    return f"{least} {'or' if most == least + 1 else 'to'} {most} arguments"
