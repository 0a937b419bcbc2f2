"""Where a feature's piece goes: one block of the configuration, while its chain is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from reverseproxy.config import Level, Origin, Template

    from .assembly import Assembly
    from .request import Request

T = TypeVar("T")
H = TypeVar("H", bound="Hashable")


@attrs.frozen
class Place:
    """A `location`, `if`, `limit_except` or `server` block.

    `prefix` is the part of the path that the location itself names, b"" where a regular expression
    or a name chooses it; `kind` is how it is chosen, as in `config.Matcher`, or "server".
    """

    level: Level
    prefix: bytes
    kind: str
    assembly: Assembly

    def __getitem__(self, cls: type[T]) -> T:
        """The settings of a class that are in force here."""
        settings: T = self.level.merged[cls]
        return settings

    def compile(self, template: Template) -> Callable[[Request], bytes]:
        """A template as a function of the request."""
        return self.assembly.variables.compile(template)

    def once(self, key: tuple[object, ...], make: Callable[[], T]) -> T:
        """What `make()` gives, made once for the objects of `key`: what is made, and of what.

        Thousands of locations inherit most of their settings: what is made of those is the same.
        """
        return self.assembly.once.made(key, make)

    def same(self, value: H) -> H:
        """An equal value that another place has, if there is one."""
        return self.assembly.once.same(value)

    def complain(self, origin: Origin, message: str, hint: str = "") -> None:
        """Report an error that only shows now; the load fails when all are known."""
        self.assembly.complain(origin, message, hint)
