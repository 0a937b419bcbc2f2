"""How fast a client reads, and how that holds back whoever writes to it.

The transport pauses the channel when too much waits to be sent; the channel passes that on to the
producer of the request being answered, and takes no further requests until the client has read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet._producer_helpers import _PullToPush
from twisted.web import http

from .transport import SendAtOnce

if TYPE_CHECKING:
    from twisted.internet.interfaces import IPullProducer, IPushProducer

    from .request import Request


class FlowChannel(http.HTTPChannel):
    """The half of `HTTPChannel` that producers and the transport talk to."""

    transport: Any
    request: Request | None
    #: how many requests came over it
    served: int
    #: "reading" a head, "writing" an answer, or "waiting"
    phase: str

    def __init__(self) -> None:
        # Not the base class's: its line reader is not used, a head is parsed as a whole.
        self._producer: IPushProducer | None = None
        #: the transport has taken all it will for now
        self._full = False
        #: an answer is complete, and waits until the client has taken it
        self._draining = False
        #: reading is paused
        self._paused = False

    def _advance(self) -> None:
        """Serve what waits."""
        raise NotImplementedError

    def registerProducer(self, producer: IPushProducer | IPullProducer, streaming: bool) -> None:
        """Take the request's producer; the transport's pauses and resumptions reach it."""
        if self._producer is not None:
            raise RuntimeError(f"{self._producer!r} was not unregistered before {producer!r}")
        if streaming:
            push: Any = producer
        else:
            push = _PullToPush(producer, self)
            push.startStreaming()
        self._producer = push
        if self._full:
            push.pauseProducing()

    def unregisterProducer(self) -> None:
        producer, self._producer = self._producer, None
        if isinstance(producer, _PullToPush):
            producer.stopStreaming()

    def pauseProducing(self) -> None:
        """The client does not read: the transport is full."""
        if self._full:
            # A pull producer's task counts its pauses: each would want a resumption of its own.
            return
        self._full = True
        if self._producer is not None:
            self._producer.pauseProducing()

    def resumeProducing(self) -> None:
        """The client has read all there was."""
        self._full = False
        if self._draining:
            self._draining = False
            if self.request is not None:
                self.request.drained()
        elif self._producer is not None:
            self._producer.resumeProducing()
        elif self.request is None:
            self._advance()

    def stopProducing(self) -> None:
        if self._producer is not None:
            self._producer.stopProducing()

    def drain(self) -> bool:
        """Whether all was sent already; if not, the request's `drained` is called when it is."""
        transport = self.transport
        if not isinstance(transport, SendAtOnce) or transport.drain():
            return True
        self._draining = True
        return False

    def high_water(self, size: int) -> None:
        """Let `size` bytes of an answer wait in memory before its producer is paused."""
        if isinstance(self.transport, SendAtOnce):
            self.transport.high_water = size

    def _pause(self) -> None:
        if not self._paused:
            self._paused = True
            self.transport.pauseProducing()

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            self.transport.resumeProducing()

    def pause_body(self) -> None:
        """Take no more of the body for now (a consumer of it is full)."""
        self._pause()

    def resume_body(self) -> None:
        """Take more of what the client sends."""
        self._resume()

    # --- what Twisted's Request asks of its channel ---

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    def writeSequence(self, iovec: Any) -> None:
        self.transport.writeSequence(iovec)

    def getPeer(self) -> Any:
        return self.transport.getPeer()

    def getHost(self) -> Any:
        return self.transport.getHost()
