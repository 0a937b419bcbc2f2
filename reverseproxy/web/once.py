"""What many places of a configuration have in common is made once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

T = TypeVar("T")
H = TypeVar("H", bound=Hashable)


class Once:
    """The memory of one load; `forget` it when all is made."""

    def __init__(self) -> None:
        self._made: dict[tuple[int, ...], tuple[tuple[object, ...], Any]] = {}
        self._same: dict[Hashable, Any] = {}

    def made(self, key: tuple[object, ...], make: Callable[[], T]) -> T:
        """What `make()` gives, made once for a `key` of the same objects."""
        numbers = tuple(map(id, key))
        known = self._made.get(numbers)
        if known is None:
            # The key is kept, so that no other object gets one of its numbers.
            known = self._made[numbers] = (key, make())
        return cast(T, known[1])

    def same(self, value: H) -> H:
        """An equal value that was seen before, or this one."""
        return cast(H, self._same.setdefault(value, value))

    def forget(self) -> None:
        """Keep nothing alive any more."""
        self._made.clear()
        self._same.clear()
