"""The tree becomes levels with settings; or every reason why it can't is raised at once."""

from __future__ import annotations

import contextlib
import gc
import glob as file_names
import os
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from reverseproxy.config.blocks import BLOCKS, Block
from reverseproxy.config.directive import Args, Context, Notes, Paths, Row, rows
from reverseproxy.config.level import NAMELESS, Level, Merge, Setting, adopt
from reverseproxy.config.names import Names, counted
from reverseproxy.config.parser import COMMAND_LINE, Glob, Read, parse, read_tree
from reverseproxy.config.source import (
    BadValue,
    ConfigurationError,
    Diagnostic,
    Origin,
    Statement,
    Word,
)

FILE_NAMES = ("reverseproxy.conf", "nginx.conf")
NOTHING: Mapping[str, str] = types.MappingProxyType({})


@attrs.frozen(eq=False)
class Configuration:
    """What was loaded: the top level, the texts by file in reading order, and the warnings."""

    main: Level
    texts: Mapping[str, str] = attrs.field(repr=False)
    warnings: tuple[Diagnostic, ...]

    @property
    def files(self) -> tuple[str, ...]:
        """The files in reading order, the main one first."""
        return tuple(self.texts)


def find(path: str) -> str:
    """The configuration's file: `path`, or in a directory reverseproxy.conf, else nginx.conf."""
    path = os.path.abspath(path)
    if os.path.isdir(path):
        for name in FILE_NAMES:
            inside = os.path.join(path, name)
            if os.path.exists(inside):
                return inside
        names = " or ".join(FILE_NAMES)
        raise ConfigurationError([Diagnostic(None, f'no {names} in the directory "{path}"')])
    if not os.path.exists(path):
        hint = "name a file or a directory with -c"
        raise ConfigurationError([Diagnostic(None, f'no configuration at "{path}"', hint)])
    return path


def read_file(path: str) -> bytes:
    """A file's bytes; OSError."""
    with open(path, "rb") as file:
        return file.read()


def load(
    path: str,
    *,
    prefix: str,
    classes: Sequence[type],
    variables: Callable[[str], bool],
    read: Read = read_file,
    glob: Glob = file_names.glob,
    more: str = "",
    defaults: Mapping[str, str] = NOTHING,
) -> Configuration:
    """Read the configuration in the file `path` (see `find`) into settings of `classes`.

    `variables` says whether a name, without the "$" and in lower case, is a variable. `more` are
    directives of the main level, as if they stood before the file; `defaults` are arguments by a
    directive's name, in place of those of its row. Raises ConfigurationError with all that is
    wrong.
    """
    path = os.path.abspath(path)
    paths = Paths(os.path.dirname(path), os.path.abspath(prefix))
    with no_collection():
        tree = read_tree(path, paths.conf_dir, read, glob, more)
        loader = _Loader(classes, paths, defaults, complete=not tree.diagnostics)
        main = loader.load(tree.statements, Origin(path, 1, 1))
        loader.check_variables(variables)
    errors = [*tree.diagnostics, *loader.errors]
    if errors:
        order = {file: place for place, file in enumerate((COMMAND_LINE, *tree.files))}
        # A file that is included twice is wrong twice, but only one line needs to say it.
        once = dict.fromkeys(errors)
        raise ConfigurationError(sorted(once, key=lambda error: _place(error, order)))
    return Configuration(main, tree.files, tuple(loader.notes.warnings))


def outline(
    path: str,
    names: Sequence[str],
    *,
    prefix: str,
    classes: Sequence[type],
    read: Read = read_file,
    glob: Glob = file_names.glob,
    more: str = "",
    defaults: Mapping[str, str] = NOTHING,
) -> Level:
    """The top level with the directives `names` alone, whatever is wrong with others.

    The arguments are those of `load`. Raises ConfigurationError if there is nothing to read, or
    with what is wrong with these directives.
    """
    path = os.path.abspath(path)
    paths = Paths(os.path.dirname(path), os.path.abspath(prefix))
    tree = read_tree(path, paths.conf_dir, read, glob, more)
    if not tree.files:
        raise ConfigurationError(tree.diagnostics)
    loader = _Loader(classes, paths, defaults, complete=False)
    named = [statement for statement in tree.statements if statement.name.text in names]
    level = loader.load(named, Origin(path, 1, 1))
    if loader.errors:
        raise ConfigurationError(loader.errors)
    return level


@contextlib.contextmanager
def no_collection() -> Iterator[None]:
    """Let the garbage collector wait: it would walk the growing tree again and again.

    Nothing that a load drops is in a cycle, and what it makes stays: it is put with what is old
    already, unwalked. A thousand servers take a third of the time.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            if not gc.get_freeze_count():
                # (In a worker what the master made is frozen, and has to stay so.)
                gc.freeze()
                gc.unfreeze()
            gc.enable()


def _place(error: Diagnostic, order: Mapping[str, int]) -> tuple[int, int, int]:
    """The sort key which puts errors in reading order."""
    if error.origin is None:
        return (-1, 0, 0)
    return (order.get(error.origin.file, 0), error.origin.line, error.origin.column)


class _Loader:
    """Walks the tree once; what is wrong goes to `errors` and the walk goes on."""

    def __init__(
        self,
        classes: Sequence[type],
        paths: Paths,
        defaults: Mapping[str, str],
        *,
        complete: bool,
    ) -> None:
        self.paths = paths
        self.default_of = defaults
        self.complete = complete
        self.notes = Notes()
        self.errors: list[Diagnostic] = []
        self.names = Names(classes, {name: block.context for name, block in BLOCKS.items()})
        self.merge = Merge({cls: self._defaults(cls) for cls in classes})
        self.checked = tuple(cls for cls in classes if hasattr(cls, "check"))

    def load(self, statements: Sequence[Statement], origin: Origin) -> Level:
        """The top level."""
        return self._level("main", (), origin, None, statements, Context.MAIN, self.merge.defaults)

    def _level(
        self,
        kind: str,
        args: tuple[Word, ...],
        origin: Origin,
        parent: Level | None,
        statements: Sequence[Statement],
        context: Context,
        start: Mapping[type, Any],
    ) -> Level:
        own: list[Setting] = []
        blocks: list[Statement] = []
        order: list[Setting | Statement] = []
        first: dict[str, Origin] = {}
        table = self.names.rows_in(context)
        for statement in statements:
            name = statement.name.text
            row = table.get(name)
            if row is not None:
                setting = self._setting(statement, row, first)
                if setting is not None:
                    own.append(setting)
                    order.append(setting)
                continue
            block = BLOCKS.get(name)
            if block is None or context not in block.context:
                self.errors.append(self.names.why_not(statement, context))
            elif self._block_is_right(statement, block, first):
                blocks.append(statement)
                order.append(statement)
        merged = self.merge.with_own(start, own)
        value = self._value(kind, args, origin)
        level = Level(kind, args, origin, parent, tuple(own), merged, tuple(own), value)
        if blocks:
            starts = {
                nameless: self.merge.inherited(merged, nameless)
                for nameless in {child.name.text in NAMELESS for child in blocks}
            }
            adopt(
                level,
                [
                    self._level(
                        child.name.text,
                        child.args,
                        child.origin,
                        level,
                        child.block or (),
                        BLOCKS[child.name.text].inside[context],
                        starts[child.name.text in NAMELESS],
                    )
                    for child in blocks
                ],
                order,
            )
        if self.complete:
            self._check(level)
        return level

    def _value(self, kind: str, args: tuple[Word, ...], origin: Origin) -> Any:
        """What a block's arguments mean, where they have a syntax of their own."""
        block = BLOCKS.get(kind)
        if block is None or block.convert is None:
            return None
        converted = Args(Word(kind, origin), args, None, self.paths, self.notes)
        try:
            return block.convert(converted)
        except BadValue as error:
            self.errors.append(_diagnostic(error, converted))
            return None

    def _check(self, level: Level) -> None:
        for cls in self.checked:
            own = {setting.row for setting in level.own}
            if not own.isdisjoint(rows(cls)):
                self.errors += level.merged[cls].check(level)

    def _block_is_right(self, statement: Statement, block: Block, first: dict[str, Origin]) -> bool:
        name = statement.name.text
        if statement.block is None:
            self._complain(statement.origin, f'"{name}" takes a block', f"{name} {{ … }}")
            return False
        if not self._count_is_right(statement, block.least, block.most, ""):
            return False
        return not (block.once and self._is_repeated(statement, first))

    def _setting(self, statement: Statement, row: Row, first: dict[str, Origin]) -> Setting | None:
        """The converted value, or None and an error."""
        name = statement.name.text
        if row.block and statement.block is None:
            self._complain(statement.origin, f'"{name}" takes a block', f"{name} {{ … }}")
            return None
        if statement.block is not None and not row.block:
            self._complain(statement.origin, f'"{name}" takes no block', 'end it with ";"')
            return None
        if not self._count_is_right(statement, row.least, row.most, row.syntax):
            return None
        if not row.many and self._is_repeated(statement, first):
            return None
        args = Args(statement.name, statement.args, statement.block, self.paths, self.notes)
        question = self.names.missing_end(statement)
        if question:
            args.warn(f'an argument of "{name}" is the name of a directive: {question}')
        try:
            value = row.convert(args)
        except BadValue as error:
            self.errors.append(_diagnostic(error, args))
            return None
        return Setting(name, value, statement.origin, row)

    def _count_is_right(
        self, statement: Statement, least: int, most: int | None, syntax: str
    ) -> bool:
        count = len(statement.args)
        if count >= least and (most is None or count <= most):
            return True
        name = statement.name.text
        hint = self.names.missing_end(statement) or (f"{name} {syntax};" if syntax else "")
        self._complain(
            statement.origin,
            f'"{name}" takes {counted(least, most)}, not {count or "none"}',
            hint,
        )
        return False

    def _is_repeated(self, statement: Statement, first: dict[str, Origin]) -> bool:
        name = statement.name.text
        earlier = first.setdefault(name, statement.origin)
        if earlier is statement.origin:
            return False
        self._complain(
            statement.origin,
            f'"{name}" is repeated; the first is at {earlier.file}:{earlier.line}',
        )
        return True

    def _complain(self, origin: Origin, message: str, hint: str = "") -> None:
        self.errors.append(Diagnostic(origin, message, hint))

    def _defaults(self, cls: type) -> Any:
        """An instance of `cls` of nothing but defaults; ValueError if one is no value."""
        return cls(**{row.field: self._default(row) for row in rows(cls)})

    def _default(self, row: Row) -> Any:
        default = self.default_of.get(row.name, row.default)
        if default is None:
            return () if row.many else None
        where = f"the default of {row.name}"
        parsed = parse(f"{row.name} {default};", where)
        if parsed.error is not None or len(parsed.statements) != 1:
            raise ValueError(f"{where} can't be read: {default!r}")
        (statement,) = parsed.statements
        try:
            value = row.convert(Args(statement.name, statement.args, None, self.paths, self.notes))
        except BadValue as error:
            raise ValueError(f"{where}: {error.message}") from error
        return (value,) if row.many else value

    def check_variables(self, known: Callable[[str], bool]) -> None:
        """Complain of every variable in a template which nothing declares."""
        found: dict[str, bool] = {}
        for name, word in self.notes.used:
            if name not in found:
                found[name] = (
                    (len(name) == 1 and name in "123456789")
                    or name in self.notes.declared
                    or known(name)
                )
            if not found[name]:
                self.errors.append(
                    self.names.unknown_variable(name, word, known, self.notes.declared)
                )


def _diagnostic(error: BadValue, args: Args) -> Diagnostic:
    """What a converter refused, located and in words."""
    word = error.word or (args.words[0] if len(args.words) == 1 else args.name)
    message = error.message
    if error.wanted:
        message = f'"{args.name.text}" takes {error.wanted}, not "{word.text}"'
    return Diagnostic(word.origin, message, error.hint)
