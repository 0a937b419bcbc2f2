"""What the master and a worker tell each other, over a pair of unix sockets (AMP).

What a worker can't open itself it gets as a descriptor: `Give` says what it is for, and comes
before the `Adopt` or `Reopen` that needs it.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.protocol import connectionDone
from twisted.protocols import amp
from twisted.python.failure import Failure

#: What a descriptor is for: an address that is listened on, the path of a log, the name of a zone.
SOCKET, LOG, ZONE = "socket", "log", "zone"


class Give(amp.Command):
    """A descriptor for what comes next."""

    arguments = [  # noqa: RUF012 - a list is what Command wants
        (b"kind", amp.Unicode()),
        (b"name", amp.Unicode()),
        (b"file", amp.Descriptor()),
    ]


class Adopt(amp.Command):
    """Serve another configuration, made from these sources (`Sources.pack`, in a file).

    The answer is "" or what was wrong.
    """

    arguments = [(b"sources", amp.Descriptor())]  # noqa: RUF012 - as above
    response = [(b"problem", amp.Unicode())]  # noqa: RUF012 - as above


class Reopen(amp.Command):
    """Write to the log files that were given."""


class Ready(amp.Command):
    """The worker serves."""

    # It may be gone again before one comes.
    requiresAnswer = False


class News(amp.Command):
    """What one worker found out about a server of a group, for the others (`upstream/news.py`)."""

    arguments = [(b"news", amp.String())]  # noqa: RUF012 - as above
    requiresAnswer = False


class Channel(amp.AMP):
    """One end of a channel; that it comes and goes is not told, as AMP does it."""

    def makeConnection(self, transport: Any) -> None:
        """Begin."""
        amp.BinaryBoxProtocol.makeConnection(self, transport)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """End."""
        amp.BinaryBoxProtocol.connectionLost(self, reason)


class Check(amp.Command):
    """Run the health checks from now on: one worker does it for all."""
