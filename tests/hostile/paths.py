from collections.abc import Iterator

from .clients import Case


def cases() -> Iterator[Case]:
    return iter(())
