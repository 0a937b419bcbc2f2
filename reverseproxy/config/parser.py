"""Tokens -> statements -> one tree, its `include`s replaced by what they name.

`parse` reads one text; `read_tree` reads a file and everything that it includes, through a `read`
and a `glob` which are given to it.
"""

from __future__ import annotations

import os.path
from collections.abc import Callable, Sequence

import attrs

from reverseproxy.config.lexer import QUOTED, WORD, decode, tokens
from reverseproxy.config.source import ConfigurationError, Diagnostic, Origin, Statement, Word

#: Blocks within blocks, includes among them: more is a mistake, and would exhaust the stack.
MAX_DEPTH = 100
TOO_DEEP = f"blocks and includes nest more than {MAX_DEPTH} deep"

Read = Callable[[str], bytes]
Glob = Callable[[str], Sequence[str]]

#: Stands for the file of what was given to `-g`.
COMMAND_LINE = "command line"


@attrs.frozen
class Parsed:
    """One text's statements; with an `error`, those that were read before it."""

    statements: tuple[Statement, ...]
    error: Diagnostic | None = None


@attrs.frozen
class Tree:
    """A file's statements with its includes in place, and the texts read, in reading order."""

    statements: tuple[Statement, ...]
    files: dict[str, str]
    diagnostics: tuple[Diagnostic, ...]


def parse(text: str, file: str) -> Parsed:
    """The statements of one text. It ends at the first error; blocks open there end there too."""
    open_blocks: list[tuple[list[Word], list[Statement]]] = []
    statements: list[Statement] = []
    words: list[Word] = []
    error: Diagnostic | None = None
    try:
        for kind, value, line, column in tokens(text, file):
            if kind is WORD or kind is QUOTED:
                words.append(Word(value, Origin(file, line, column), kind is QUOTED))
            elif kind == "}":
                _expect_close(words, open_blocks, Origin(file, line, column))
                block = statements
                words, statements = open_blocks.pop()
                statements.append(Statement(words[0], tuple(words[1:]), tuple(block)))
                words = []
            elif not words:
                raise _error(Origin(file, line, column), f'unexpected "{value}"')
            elif kind == ";":
                statements.append(Statement(words[0], tuple(words[1:])))
                words = []
            elif len(open_blocks) == MAX_DEPTH:
                raise _error(words[0].origin, TOO_DEEP)
            else:
                open_blocks.append((words, statements))
                words, statements = [], []
        _expect_end(words, open_blocks, text, file)
    except ConfigurationError as stopped:
        error = stopped.diagnostics[0]
    while open_blocks:
        block = statements
        words, statements = open_blocks.pop()
        statements.append(Statement(words[0], tuple(words[1:]), tuple(block)))
    return Parsed(tuple(statements), error)


def _error(origin: Origin, message: str, hint: str = "") -> ConfigurationError:
    return ConfigurationError([Diagnostic(origin, message, hint)])


def _expect_close(words: list[Word], open_blocks: Sequence[object], brace: Origin) -> None:
    if words:
        raise _error(words[-1].origin, f'";" is missing after "{words[-1].text}"')
    if not open_blocks:
        raise _error(brace, 'unexpected "}": no block is open here')


def _expect_end(
    words: list[Word], open_blocks: list[tuple[list[Word], list[Statement]]], text: str, file: str
) -> None:
    if words:
        end = "parameter" if file == COMMAND_LINE else "file"
        raise _error(
            words[-1].origin, f'unexpected end of {end}: ";" is missing after "{words[-1].text}"'
        )
    if open_blocks:
        opener = open_blocks[-1][0][0]
        read = text.rstrip()
        last = Origin(file, read.count("\n") + 1, len(read) - read.rfind("\n") - 1)
        raise _error(
            last,
            f'unexpected end of file: "}}" is missing for "{opener.text}", '
            f"opened at {opener.origin.file}:{opener.origin.line}",
        )


def read_tree(path: str, conf_dir: str, read: Read, glob: Glob, more: str = "") -> Tree:
    """The tree of the file `path`; relative includes are looked for in `conf_dir`.

    A file that can't be read or parsed is a diagnostic; the rest is read all the same. `more` are
    statements that come first, from the command line.
    """
    reader = _Reader(conf_dir, read, glob)
    statements = (*reader.given(more), *reader.file(path, None, 0))
    too_deep = _beyond(statements, MAX_DEPTH)
    if too_deep is not None:
        reader.complain(too_deep.origin, TOO_DEEP)
        statements = ()
    return Tree(statements, reader.files, tuple(reader.diagnostics))


def _beyond(statements: Sequence[Statement], depth: int) -> Statement | None:
    """A statement with more than `depth` blocks around it: includes can add up to that."""
    for _ in range(depth + 1):
        statements = [inner for each in statements for inner in each.block or ()]
        if not statements:
            return None
    return statements[0]


@attrs.define
class _Reader:
    """Reads each file once, however often it is included."""

    conf_dir: str
    read: Read
    glob: Glob
    files: dict[str, str] = attrs.Factory(dict)
    diagnostics: list[Diagnostic] = attrs.Factory(list)
    _trees: dict[str, tuple[Statement, ...]] = attrs.Factory(dict)
    _open: list[str] = attrs.Factory(list)

    def file(self, path: str, included: Origin | None, depth: int) -> tuple[Statement, ...]:
        if path in self._trees:
            return self._trees[path]
        if path in self._open:
            chain = " -> ".join([*self._open[self._open.index(path) :], path])
            self.complain(included, f'"{path}" includes itself', chain)
            return ()
        try:
            text = decode(self.read(path))
        except OSError as error:
            self.complain(included, f'can\'t read "{path}": {error.strerror or error}')
            return ()
        self.files[path] = text
        parsed = parse(text, path)
        if parsed.error is not None:
            self.diagnostics.append(parsed.error)
        self._open.append(path)
        statements = self._trees[path] = self._expand(parsed.statements, depth)
        self._open.pop()
        return statements

    def given(self, more: str) -> tuple[Statement, ...]:
        """The statements of the command line: no blocks, as in nginx."""
        parsed = parse(more, COMMAND_LINE)
        if parsed.error is not None:
            self.diagnostics.append(parsed.error)
        for statement in parsed.statements:
            if statement.block is not None:
                self.complain(statement.origin, "a block can't stand in the command line")
        plain = tuple(each for each in parsed.statements if each.block is None)
        return self._expand(plain, 0)

    def _expand(self, statements: tuple[Statement, ...], depth: int) -> tuple[Statement, ...]:
        """`statements` with all includes replaced; the same object if there are none."""
        if depth > MAX_DEPTH and statements:
            self.complain(statements[0].origin, TOO_DEEP)
            return ()
        expanded: list[Statement] = []
        changed = False
        for statement in statements:
            if statement.name.text == "include":
                expanded += self._include(statement, depth)
                changed = True
                continue
            if statement.block:
                block = self._expand(statement.block, depth + 1)
                if block is not statement.block:
                    statement = Statement(statement.name, statement.args, block)
                    changed = True
            expanded.append(statement)
        return tuple(expanded) if changed else statements

    def _include(self, statement: Statement, depth: int) -> list[Statement]:
        if statement.block is not None:
            self.complain(statement.origin, '"include" takes no block')
            return []
        if len(statement.args) != 1:
            count = len(statement.args) or "none"
            self.complain(statement.origin, f'"include" takes one file or pattern, not {count}')
            return []
        word = statement.args[0]
        path = os.path.normpath(os.path.join(self.conf_dir, word.text))
        if not any(mark in word.text for mark in "*?["):
            return list(self.file(path, word.origin, depth + 1))
        # nginx sorts as the C locale does: by bytes.
        paths = sorted(self.glob(path), key=os.fsencode)
        return [each for found in paths for each in self.file(found, word.origin, depth + 1)]

    def complain(self, origin: Origin | None, message: str, hint: str = "") -> None:
        self.diagnostics.append(Diagnostic(origin, message, hint))
