"""Variables whose values the configuration declares: `map`, `geo` and `split_clients`.

Each module has a settings class and a function `declare(level, variables)` that adds the variables
of an `http` block to those of the configuration. A value is found once per request and remembered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reverseproxy.web.getters import Getter
    from reverseproxy.web.request import Request


def remembered(name: str, find: Callable[[Request], bytes]) -> Getter:
    """A getter that asks `find` once per request."""

    def getter(request: Request) -> bytes:
        values = request.remembered
        if values is None:
            values = request.remembered = {}
        found = values.get(name)
        if found is None:
            found = values[name] = find(request)
        return found

    return getter
