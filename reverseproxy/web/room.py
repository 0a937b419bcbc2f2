"""Room for another connection: who has carried nothing for longest goes first.

As nginx's reusable connections: one that idles, whether or not it brought a request yet, and one
that is only read on so that its last answer arrives. When a sixteenth of `worker_connections` or
less is free an eighth of them are closed, 32 at most. Looking for them costs a walk over all
connections; one that found nobody is not repeated before the next sweep.
"""

from __future__ import annotations

from heapq import nsmallest
from typing import TYPE_CHECKING

from .ending import EndingChannel

if TYPE_CHECKING:
    from .site import Connections
    from .sweep import Sweep

#: The most connections that are closed at once.
MOST = 32


def is_short(connections: Connections) -> bool:
    """Whether a sixteenth of `worker_connections` or less is free."""
    limit = connections.limit
    return limit - connections.clients - connections.upstreams <= limit // 16


def make_room(connections: Connections, sweep: Sweep) -> int:
    """Close the clients' connections that have idled longest; how many these were.

    They are counted out in the reactor's next turn.
    """
    if connections.searched == sweep.now:
        return 0
    idle = [
        (since, channel.number, channel)
        for channel in sweep.members
        if isinstance(channel, EndingChannel) and (since := channel.idle_since) is not None
    ]
    if not idle:
        connections.searched = sweep.now
    victims = nsmallest(max(1, min(MOST, len(idle) // 8)), idle)
    for _, _, channel in victims:
        channel.end(reset=False)
    return len(victims)
