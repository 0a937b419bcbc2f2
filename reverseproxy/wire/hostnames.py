"""Names of hosts with an asterisk at one end, and what they stand for (nginx's server names).

The order of a search is nginx's: the exact name, the longest with the asterisk in front, the
longest with it behind. Names are in lower case.
"""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class HostNames(Generic[T]):
    """A table of `example.org`, `*.example.org`, `.example.org` (both of them) and `www.*`."""

    def __init__(self) -> None:
        self._exact: dict[bytes, T] = {}
        self._leading: dict[bytes, T] = {}
        self._trailing: dict[bytes, T] = {}

    def __bool__(self) -> bool:
        return bool(self._exact or self._leading or self._trailing)

    def add(self, name: bytes, value: T) -> T:
        """Add a name, and return its value: the first of two that are the same stays."""
        if name.startswith(b"*."):
            return self._leading.setdefault(name[1:], value)
        if name.startswith(b"."):
            kept = self._leading.setdefault(name, value)
            exact = self._exact.setdefault(name[1:], value)
            return exact if kept is value else kept
        if name.endswith(b".*"):
            return self._trailing.setdefault(name[:-1], value)
        return self._exact.setdefault(name, value)

    def find(self, name: bytes) -> T | None:
        """What a name stands for."""
        found = self._exact.get(name)
        if found is not None:
            return found
        at = name.find(b".") if self._leading else -1
        while at >= 0:
            if at and name[at:] in self._leading:
                return self._leading[name[at:]]
            at = name.find(b".", at + 1)
        at = name.rfind(b".") if self._trailing else -1
        while at > 0:
            if name[: at + 1] in self._trailing:
                return self._trailing[name[: at + 1]]
            at = name.rfind(b".", 0, at)
        return None
