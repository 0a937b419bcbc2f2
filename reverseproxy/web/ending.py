"""How a client's connection ends: in good order, at a deadline, cut, or because the process does.

Deadlines are numbers that the sweep looks at (`check`).
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from .flow import FlowChannel
from .transport import SendAtOnce

if TYPE_CHECKING:
    from reverseproxy.wire.chunked import ChunkedDecoder, LengthDecoder

    from .settings import ClientSettings
    from .site import Site

#: How long a connection that idles is kept when the process drains, in seconds: a client that was
#: about to send its next request is answered, and told that there is no other.
GRACE = 1.0


class EndingChannel(FlowChannel):
    """The part of `HTTPChannel` that closes."""

    site: Site
    settings: ClientSettings
    decoder: LengthDecoder | ChunkedDecoder | None
    #: the connection's number, and when it came (seconds, monotonic)
    number: int
    since: float
    #: when the body under way was asked for, less what it was held up since (seconds, monotonic)
    body_since = 0.0

    def __init__(self) -> None:
        super().__init__()
        self._buffer = b""
        self._closing = False
        #: when the client must have sent what is awaited (seconds, monotonic)
        self.deadline = inf
        #: when reading on for nobody ends, whatever still comes
        self._last_byte = inf
        #: what the kernel had taken when the sweep last looked, and until when it must take more
        self._progress = (-1, inf)

    @property
    def idle_since(self) -> float | None:
        """When it began to carry nothing (seconds, monotonic); None while it carries something."""
        if self.request is not None or self.decoder is not None:
            return None
        if self._closing:
            return self._last_byte - self.settings.lingering_time if self._last_byte < inf else None
        if self._buffer:
            return None
        return self.deadline - self.settings.keepalive_timeout.server if self.served else self.since

    def _too_slow(self, now: float) -> bool:
        """Whether a body comes slower than `client_body_min_rate`, beyond client_body_timeout."""
        settings, decoder = self.settings, self.decoder
        rate = settings.client_body_min_rate
        if not rate or decoder is None or self.deadline == inf:
            return False
        return now - self.body_since - settings.client_body_timeout > decoder.received / rate

    def check(self, now: float) -> None:
        """Act on a deadline that has passed; the sweep calls it."""
        transport = self.transport
        if getattr(transport, "busy", False):
            taken = transport.taken
            if taken != self._progress[0]:
                self._progress = (taken, now + self.settings.send_timeout)
            elif now >= self._progress[1]:
                self._time_out("client did not read for send_timeout")
        elif now >= self.deadline or now >= self._last_byte:
            self._time_out(None)
        elif self.decoder is not None and self._too_slow(now):
            self._time_out("client sent its body slower than client_body_min_rate")

    def _time_out(self, why: str | None) -> None:
        self.deadline = self._last_byte = inf
        request = self.request
        if request is None and not self._closing and self._buffer:
            why = "client did not send a whole head in client_header_timeout"
        elif request is not None and self.decoder is not None and why is None:
            why = "client sent no piece of the body for client_body_timeout"
        if why is not None:
            self.site.error_log.info(f"{why}: connection closed", channel=self, request=request)
        if request is not None:
            request.timed_out()
        self.end(self.settings.reset_timedout_connection)

    def end(self, reset: bool) -> None:
        """Close without sending what is queued; with `reset` the client sees a reset."""
        self._closing = True
        self._last_byte = inf
        transport = self.transport
        transport.unregisterProducer()
        if reset or not isinstance(transport, SendAtOnce):
            transport.abortConnection()
        else:
            transport.close_at_once()

    def retire(self) -> None:
        """Close soon if nothing is under way; the process drains, or nobody listens there any more.

        A connection that idles stays for a moment, or for `keepalive_min_timeout`; one that brought
        no request yet may still bring it.
        """
        if self.request is None and not self._closing and not self._buffer and self.served:
            settings, now = self.settings, self.site.sweep.now
            since = self.deadline - settings.keepalive_timeout.server
            least = max(now + GRACE, since + settings.keepalive_min_timeout)
            self.deadline = min(self.deadline, least)

    def close(self, linger: bool = False) -> None:
        """Close once all is sent; `linger` reads on for a while, so that the answer arrives.

        Closing a socket with unread bytes makes the kernel send RST, which can destroy the answer
        in the client's hands (RFC 9112 section 9.6).
        """
        if self._closing:
            return
        self._closing = True
        self._buffer = b""
        self.transport.unregisterProducer()
        settings = self.settings
        linger = settings.lingering_close == "always" or (
            linger and settings.lingering_close == "on"
        )
        if linger and hasattr(self.transport, "loseWriteConnection"):
            self.deadline = self.site.sweep.now + settings.lingering_timeout
            self._last_byte = self.site.sweep.now + settings.lingering_time
            self._resume()
            self.transport.loseWriteConnection()
        else:
            self.deadline = self.site.sweep.now + settings.send_timeout
            self.transport.loseConnection()

    loseConnection = close

    def _discard_closing(self) -> None:
        self.deadline = self.site.sweep.now + self.settings.lingering_timeout

    def cut(self, delimited: bool) -> None:
        """End the connection so that the client can tell that the answer is not whole.

        Where a length or chunks delimit it, what was sent so far still arrives; where only the
        end of the connection does, it takes a reset (RFC 9112 section 8).
        """
        self.persistent = False
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.stopProducing()
        if delimited:
            self.close()
        else:
            self._closing = True
            self.transport.abortConnection()
