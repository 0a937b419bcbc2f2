"""What one worker tells the others of a server: that it failed, was well again, or was checked.

A `Member` says what happens to it where it happens; its `Group` makes news of it and hands them to
its `heard`; in another worker `Groups.hear` has the same member `hear` them. Times are monotonic
seconds, which are the same in every process of a machine.
"""

from __future__ import annotations

import json
from math import isnan
from typing import TYPE_CHECKING, Any

import attrs
from attrs.validators import and_, ge, in_, instance_of, optional

from .health import CHECKING, UNHEALTHY, UP, Health, Result

if TYPE_CHECKING:
    from .members import Member

#: A request failed there; one is let try after `fail_timeout`, so no other need be; one that was
#: let try was answered; a health check came to a result.
FAILED, TRIED, RECOVERED, CHECKED = "failed", "tried", "recovered", "checked"


def _is_number(_news: Any, field: attrs.Attribute[float], value: float) -> None:
    if isnan(value):
        raise ValueError(f"{field.name} is not a number")


_TIME = and_(instance_of(float), _is_number)


@attrs.frozen
class Opinion:
    """All that a health check knows of a server: `at` and `uri` say which of its checks."""

    at: int = attrs.field(validator=and_(instance_of(int), ge(0)))
    uri: str = attrs.field(validator=instance_of(str))
    state: str = attrs.field(validator=in_((UP, UNHEALTHY, CHECKING)))
    since: float = attrs.field(validator=_TIME)
    against: int = attrs.field(validator=instance_of(int))
    passed: bool = attrs.field(validator=instance_of(bool))
    reason: str = attrs.field(validator=instance_of(str))


@attrs.frozen
class PeerNews:
    """What happened to one server of a group, at one of its addresses.

    `when` it happened; `checked` is when the server was last let try, then. An `opinion` is there
    when it was CHECKED.
    """

    group: str = attrs.field(validator=instance_of(str))
    server: bytes = attrs.field(validator=instance_of(bytes))
    address: bytes = attrs.field(validator=instance_of(bytes))
    what: str = attrs.field(validator=in_((FAILED, TRIED, RECOVERED, CHECKED)))
    when: float = attrs.field(validator=_TIME)
    checked: float = attrs.field(validator=_TIME)
    opinion: Opinion | None = attrs.field(default=None, validator=optional(instance_of(Opinion)))

    def __bytes__(self) -> bytes:
        """As JSON, in one line."""
        told = attrs.asdict(self)
        for name in ("server", "address"):
            told[name] = told[name].decode("utf-8", "surrogateescape")
        return json.dumps(told).encode()

    @classmethod
    def of_bytes(cls, data: bytes) -> PeerNews:
        """Read what `bytes()` made. Raises ValueError for anything else."""
        try:
            told = json.loads(data)
            for name in ("server", "address"):
                told[name] = told[name].encode("utf-8", "surrogateescape")
            if told["opinion"] is not None:
                told["opinion"] = Opinion(**told["opinion"])
            return cls(**told)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not news of a server: {error}") from error


def news_of(
    group: str, member: Member, what: str, when: float, health: Health | None = None
) -> PeerNews:
    """The news of what just happened to a member; `health` is the check that came to a result."""
    opinion = None
    if health is not None and health.last is not None:
        opinion = Opinion(
            member.health.index(health),
            health.uri,
            health.state,
            health.since,
            health.against,
            health.last.passed,
            health.last.reason,
        )
    return PeerNews(group, member.server, member.peer.address, what, when, member.checked, opinion)


def adopt(health: Health, opinion: Opinion, when: float) -> bool:
    """Have a check know what it knows in another worker; False when it knows something newer."""
    if health.last is not None and health.last.when > when:
        return False
    health.state, health.since, health.against = opinion.state, opinion.since, opinion.against
    health.last = Result(opinion.passed, opinion.reason, when)
    return True
