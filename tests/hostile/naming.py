"""A test for each case of a table."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol, TypeVar


class Named(Protocol):
    """A case of a table."""

    @property
    def name(self) -> str:
        """What it is, in words that no other case of the table has."""


T = TypeVar("T", bound=Named)


def named(cases: Iterable[T]) -> dict[str, T]:
    """Cases by names of methods; those that differ in marks only are numbered."""
    found: dict[str, T] = {}
    texts = set()
    for case in cases:
        if case.name in texts:
            raise ValueError(f"two cases are called {case.name}")
        texts.add(case.name)
        name = method = "test_" + re.sub(r"[^0-9A-Za-z]+", "_", case.name).strip("_")
        number = 1
        while method in found:
            number += 1
            method = f"{name}_{number}"
        found[method] = case
    return found
