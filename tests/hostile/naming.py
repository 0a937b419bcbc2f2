"""A test for each case of a table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

from twisted.trial.unittest import SynchronousTestCase


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


def add_tests(
    to: type[SynchronousTestCase], cases: Iterable[T], says: Callable[[T], str]
) -> list[T]:
    """Give a test case's class a method for each case, which calls its `case`; all of them.

    `says` is what a method's docstring adds to the case's name: what holds.
    """
    found = named(cases)
    for method, case in found.items():
        setattr(to, method, _test(case, f"{case.name}: {says(case)}."))
    return list(found.values())


def _test(case: T, doc: str) -> Callable[[Any], None]:
    def test(self: Any) -> None:
        self.case(case)

    test.__doc__ = doc
    return test
