"""What a check of access may say of a request."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from reverseproxy.errors import Refusal

if TYPE_CHECKING:
    from reverseproxy.web.request import Request

    from .access import Turn

#: The request may come in.
PASS = "pass"  # noqa: S105 - not a password
#: The turn is told later.
WAIT = "wait"
#: PASS, WAIT, a refusal (made anew for each request), or None for "no opinion".
Verdict = Refusal | str | None
Check = Callable[["Request", "Turn"], Verdict]
