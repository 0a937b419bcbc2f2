"""Levels: the blocks http, server, location, … with their settings merged.

The merge is nginx's, and it is here only: a level which has a directive of its own (once or, for
`many`, any number of times) uses that alone; a level which has none uses its parent's whole value,
or the default where the directive is not inherited.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import attrs

from reverseproxy.config.directive import Row, rows
from reverseproxy.config.source import Origin, Statement, Word

T = TypeVar("T")

#: Blocks that stand for the location around them.
NAMELESS = frozenset({"if", "limit_except"})


@attrs.frozen(eq=False)
class Setting:
    """One directive as written: for `many`, one of the tuple's values."""

    name: str
    value: Any
    origin: Origin
    row: Row = attrs.field(repr=False)


@attrs.frozen(eq=False)
class Level:
    """One block. `level[ProxySettings]` are the settings in force in it."""

    kind: str
    args: tuple[Word, ...]
    origin: Origin
    parent: Level | None = attrs.field(repr=False)
    own: tuple[Setting, ...] = attrs.field(repr=False)
    merged: Mapping[type, Any] = attrs.field(repr=False)
    #: `own` and the children, in the order written: what `rewrite` and `if` do depends on it
    items: tuple[Setting | Level, ...] = attrs.field(default=(), repr=False)
    #: what the arguments mean, where they have a syntax of their own (a Matcher, a Condition)
    value: Any = attrs.field(default=None, repr=False)
    children: tuple[Level, ...] = attrs.field(default=(), repr=False)

    def __getitem__(self, cls: type[T]) -> T:
        """The settings in force, of a class that was loaded; KeyError for another."""
        settings: T = self.merged[cls]
        return settings

    def origin_of(self, name: str) -> Origin | None:
        """Where the value in force was (first) written; None: it is the default."""
        level: Level | None = self
        while level is not None:
            for setting in level.own:
                if setting.name == name:
                    inherits = setting.row.inherit or (
                        setting.row.into_if and self.kind in NAMELESS
                    )
                    return setting.origin if level is self or inherits else None
            level = level.parent
        return None

    def of_kind(self, kind: str) -> tuple[Level, ...]:
        """The children of one kind, in the order written."""
        return tuple(child for child in self.children if child.kind == kind)

    @property
    def main(self) -> Level:
        """The level around all."""
        level = self
        while level.parent is not None:
            level = level.parent
        return level

    def all(self) -> Iterator[Level]:
        """The level and those inside of it, in the order written."""
        yield self
        for child in self.children:
            yield from child.all()


def adopt(level: Level, children: Sequence[Level], order: Sequence[Setting | Statement]) -> None:
    """Give a new level its children: they were made after it, as they know their parent.

    `order` is what the level holds as written, with the children's statements in their places.
    """
    object.__setattr__(level, "children", tuple(children))
    made = iter(children)
    items = tuple(item if isinstance(item, Setting) else next(made) for item in order)
    object.__setattr__(level, "items", items)


class _Layer(dict[type, Any]):
    """The settings of a level that are not those of `around`, which has all classes.

    A location changes two or three classes of fifty: ten thousand locations share the others.
    """

    __slots__ = ("around",)

    def __init__(self, around: Mapping[type, Any], changed: Mapping[type, Any]) -> None:
        super().__init__(changed)
        self.around = around

    def __missing__(self, cls: type) -> Any:
        return self.around[cls]


def _changed(start: Mapping[type, Any], changes: Mapping[type, Any]) -> Mapping[type, Any]:
    """`start` with some classes' settings changed."""
    if isinstance(start, _Layer):
        return _Layer(start.around, {**start, **changes})
    return _Layer(start, changes)


class Merge:
    """The one merge pass over the settings classes of a load."""

    def __init__(self, defaults: Mapping[type, Any]) -> None:
        """`defaults` holds an instance of each class."""
        self.defaults = dict(defaults)
        self._class_of = {row: cls for cls in defaults for row in rows(cls)}
        self._fields = {cls: tuple(row.field for row in rows(cls)) for cls in defaults}
        self._not_inherited = {
            nameless: {
                cls: tuple(
                    row.field
                    for row in rows(cls)
                    if not row.inherit and not (nameless and row.into_if)
                )
                for cls in defaults
            }
            for nameless in (False, True)
        }

    def inherited(self, merged: Mapping[type, Any], nameless: bool) -> Mapping[type, Any]:
        """What the children of a level with these settings start from.

        `nameless` children are `if` and `limit_except`, which stand for the location around them.
        The same objects, except where a value that is not inherited falls back to its default.
        """
        back: dict[type, Any] = {}
        for cls, fields in self._not_inherited[nameless].items():
            have, default = merged[cls], self.defaults[cls]
            if have is default:
                continue
            changes = {
                field: getattr(default, field)
                for field in fields
                if getattr(have, field) is not getattr(default, field)
            }
            if changes:
                back[cls] = self._with(cls, have, changes)
        return _changed(merged, back) if back else merged

    def with_own(self, start: Mapping[type, Any], own: Sequence[Setting]) -> Mapping[type, Any]:
        """`start` with a level's own settings in place; the same mapping if there are none."""
        if not own:
            return start
        changes: dict[type, dict[str, Any]] = {}
        for setting in own:
            row = setting.row
            values = changes.setdefault(self._class_of[row], {})
            if row.many:
                values.setdefault(row.field, []).append(setting.value)
            else:
                values[row.field] = setting.value
        made: dict[type, Any] = {}
        for cls, values in changes.items():
            for field, value in values.items():
                if type(value) is list:
                    values[field] = tuple(value)
            made[cls] = self._with(cls, start[cls], values)
        return _changed(start, made)

    def _with(self, cls: type, have: Any, changes: Mapping[str, Any]) -> Any:
        return cls(
            **{
                field: changes[field] if field in changes else getattr(have, field)
                for field in self._fields[cls]
            }
        )
