"""When a request goes on to the next server of its group (`proxy_next_upstream`)."""

from __future__ import annotations

import attrs

from reverseproxy.config import Args, BadValue
from reverseproxy.errors import UpstreamError, UpstreamProtocolError, UpstreamTimeout

#: Methods that nginx won't send twice once they may have been received (RFC 9110 section 9.2.2).
NOT_REPEATED = frozenset({b"POST", b"LOCK", b"PATCH"})

NON_IDEMPOTENT = "non_idempotent"
_STATUSES = {f"http_{status}": status for status in (500, 502, 503, 504, 403, 404, 429)}
#: Of these an answer says nothing against the server: it is passed over, and not blamed.
BLAMELESS = frozenset({403, 404})
_CONDITIONS = ("error", "timeout", "invalid_header", NON_IDEMPOTENT, *_STATUSES, "off")


def conditions(args: Args) -> frozenset[str]:
    """`proxy_next_upstream CONDITION …`; `off` is none of them, whatever stands beside it."""
    for word in args.words:
        if word.text not in _CONDITIONS:
            what = f'proxy_next_upstream takes {", ".join(_CONDITIONS)}, not "{word.text}"'
            raise BadValue(what, word)
    found = frozenset(word.text for word in args.words)
    return frozenset() if "off" in found else found


@attrs.frozen
class Failover:
    """`proxy_next_upstream`, `_tries` (0: all), `_timeout` (seconds, 0: ever)."""

    conditions: frozenset[str]
    tries: int
    timeout: float
    statuses: frozenset[int] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        found = frozenset(_STATUSES[name] for name in self.conditions if name in _STATUSES)
        object.__setattr__(self, "statuses", found)

    def limited(self, tries: int) -> int:
        """How often a request may be tried where a group would allow `tries`."""
        return min(tries, self.tries) if self.tries else tries

    def after(self, error: UpstreamError) -> bool:
        """Whether a failure of this kind lets the next server try."""
        match error:
            case UpstreamTimeout():
                return "timeout" in self.conditions
            case UpstreamProtocolError():
                return "invalid_header" in self.conditions
            case _:
                return "error" in self.conditions

    def again(self, method: bytes, sent: bool, elapsed: float) -> bool:
        """Whether a request may be sent again; `sent` says that it may have been received."""
        if sent and method in NOT_REPEATED and NON_IDEMPOTENT not in self.conditions:
            return False
        return not self.timeout or elapsed < self.timeout
