"""Where a feature's piece goes: one block of the configuration, while its chain is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

    from reverseproxy.config import Level, Origin, Template

    from .assembly import Assembly
    from .request import Request

T = TypeVar("T")


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
        return self.level[cls]

    def compile(self, template: Template) -> Callable[[Request], bytes]:
        """A template as a function of the request."""
        return self.assembly.variables.compile(template)

    def complain(self, origin: Origin, message: str, hint: str = "") -> None:
        """Report an error that only shows now; the load fails when all are known."""
        self.assembly.complain(origin, message, hint)
