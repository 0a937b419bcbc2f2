"""nginx's variables: a name becomes a function of the request, once, at load.

A getter returns bytes, or None where the variable has no value: a log line shows `-` for it, a
template nothing. The getters are in `getters`, `families`, `content.stubstatus`, and in the
`variables` of `guards`, `upstream` and `tls`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from reverseproxy.config import Template
from reverseproxy.content import stubstatus
from reverseproxy.guards import variables as guards
from reverseproxy.tls import variables as tls
from reverseproxy.upstream import variables as upstream

from .families import FAMILIES
from .getters import GETTERS, Getter
from .steady import is_steady, steady

if TYPE_CHECKING:
    from .request import Request

Rendered = Callable[["Request"], bytes]

_GETTERS: Mapping[str, Getter] = {
    **GETTERS,
    **guards.GETTERS,
    **upstream.GETTERS,
    **stubstatus.GETTERS,
    **tls.GETTERS,
}
_FAMILIES: Mapping[str, Callable[[str], Getter]] = {**FAMILIES, **upstream.FAMILIES}


class Variables:
    """The variables of one configuration: those built in, and those that it declares.

    A name that is neither is one that `set` or a regular expression's named group gives a value
    while a request is served; that there is such a directive was checked when the text was read.
    """

    def __init__(
        self, unset: Callable[[Request, str], None] = lambda _request, _name: None
    ) -> None:
        """`unset` is told when a variable of `set` is used which `set` gave no value."""
        self._declared: dict[str, Getter] = {}
        self._unset = unset
        #: the names that there is a `set` for, before anything is compiled
        self.settable: set[str] = set()
        #: the names that were asked for so far
        self.used: set[str] = set()

    def declare(self, name: str, getter: Getter) -> None:
        """Add a variable that a directive declares (`map`, `geo`, …)."""
        self._declared[name] = getter

    def getter(self, name: str) -> Getter:
        """The function for a variable's name; "1" to "9" are the last match's groups."""
        self.used.add(name)
        if len(name) == 1 and name in "123456789":
            return _capture(int(name))
        declared = self._declared.get(name)
        if declared is not None:
            return _unless_set(name, declared) if name in self.settable else declared
        found = built_in(name)
        return self._assigned(name) if found is None else found

    def _assigned(self, name: str) -> Getter:
        def assigned(request: Request) -> bytes | None:
            value = request.variables.get(name)
            if value is None and name in self.settable:
                # Told once a request; from then on its value is nothing.
                self._unset(request, name)
                request.assign(name, b"")
                return b""
            return value

        return assigned

    def compile(self, template: Template) -> Rendered:
        """The template as a function of the request; no value is nothing."""
        constant = template.constant
        if constant is not None:
            return _constant(constant.encode())
        parts: list[Getter] = [
            _constant(part.encode()) if isinstance(part, str) else self.getter(part.name)
            for part in template.parts
        ]
        rendered = _rendered(parts)
        return steady(rendered) if all(map(is_steady, parts)) else rendered


def _rendered(parts: list[Getter]) -> Rendered:
    """The parts one after the other; no value is nothing."""
    if len(parts) == 1:
        only = parts[0]
        if only.__annotations__.get("return") == "bytes":
            # It has a value always, as mypy knows.
            return cast(Rendered, only)
        return lambda request: only(request) or b""
    return lambda request: b"".join([part(request) or b"" for part in parts])


def built_in(name: str) -> Getter | None:
    """The function for one of nginx's own variables, or None."""
    found = _GETTERS.get(name)
    if found is None:
        for prefix, family in _FAMILIES.items():
            if name.startswith(prefix) and len(name) > len(prefix):
                return family(name[len(prefix) :])
    return found


def known(name: str) -> bool:
    """Whether there is such a variable, whatever the configuration declares."""
    return built_in(name) is not None


def _unless_set(name: str, declared: Getter) -> Getter:
    """The value that `set` gave to a variable of a `map` or `geo`, or else its own."""

    def either(request: Request) -> bytes | None:
        value = request.variables.get(name)
        return declared(request) if value is None else value

    return either


@lru_cache(maxsize=256)
def _constant(value: bytes) -> Rendered:
    # Thousands of locations have the same ones.
    return steady(lambda _request: value)


def _capture(number: int) -> Getter:
    def capture(request: Request) -> bytes | None:
        groups = request.captures
        return groups[number - 1] if number <= len(groups) else None

    return capture
