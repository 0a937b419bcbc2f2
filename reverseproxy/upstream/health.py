"""What a health check knows of one server: `up`, `unhealthy`, or `checking` until it was asked.

The state of a `Member` is changed by its own methods only; this is a part of it. Times are in
seconds, monotonic.
"""

from __future__ import annotations

import attrs

UP, UNHEALTHY, CHECKING = "up", "unhealthy", "checking"


@attrs.frozen
class Result:
    """What a check came to: `reason` is what it found, or why it failed."""

    passed: bool
    reason: str
    when: float


@attrs.define(eq=False)
class Health:
    """One check's opinion of one server.

    `fails` and `passes` are how many results in a row change it; the first one after `checking`
    does so alone.
    """

    uri: str
    fails: int = 1
    passes: int = 1
    state: str = UP
    since: float = 0.0
    last: Result | None = None
    #: how many results in a row speak against the state
    against: int = 0
    #: what the check is, to know it again in the next configuration
    check: object = None

    def note(self, result: Result) -> None:
        """Take a result into account."""
        self.last = result
        if self.state == CHECKING:
            self._become(result)
        elif result.passed == (self.state == UP):
            self.against = 0
        else:
            self.against += 1
            if self.against >= (self.passes if result.passed else self.fails):
                self._become(result)

    def _become(self, result: Result) -> None:
        self.state = UP if result.passed else UNHEALTHY
        self.since = result.when
        self.against = 0


def worst(opinions: tuple[Health, ...]) -> str:
    """The state of a server that several checks look at: the worst that one of them says."""
    states = {one.state for one in opinions}
    return next((state for state in (UNHEALTHY, CHECKING) if state in states), UP)
