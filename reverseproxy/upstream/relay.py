"""An answer's body on its way from the upstream's socket to the client's, never in memory.

While a `Relay` is under way the upstream's transport reads with it: splice(2) into a pipe, and from
the pipe into the client's socket. The pipe is what waits for the client; when it is full, the
client's transport holds up the exchange as it does for what is in memory. The exchange then ends
the relay, and may begin another one when the client has read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet import main

from reverseproxy.web import pipes
from reverseproxy.web.transport import SendAtOnce
from reverseproxy.wire.chunked import LengthDecoder

if TYPE_CHECKING:
    from reverseproxy.web.pipes import Pipe
    from reverseproxy.web.request import Request

    from .client import ProxyClient


class Relay:
    """What reads for a `ProxyClient` in its stead; `begin` makes one."""

    __slots__ = ("_client", "_decoder", "_how", "_request", "over", "pipe")

    def __init__(
        self, client: ProxyClient, decoder: LengthDecoder, request: Request, pipe: Pipe
    ) -> None:
        self._client = client
        self._decoder = decoder
        self._request = request
        self.pipe = pipe
        #: how the upstream's connection ended, where it did
        self._how: BaseException = main.CONNECTION_DONE
        #: whether it has ended
        self.over = False
        client.transport.read_with(self.read)

    def read(self) -> BaseException | None:
        """Move what is here (see `IReadDescriptor.doRead`)."""
        count = self._move()
        if count is None:
            if self.pipe.remaining:
                # epoll says that there is something to read: it is the pipe that has no room.
                self._request.channel.transport.hold()
            return None
        # A large pipe is full before all is moved that is here: once more is cheaper than a turn.
        while count and count >= pipes.WORTH and not self.over:
            more = self._move()
            if more is None:
                return None
            count = more
        return None if count else self._how

    def _move(self) -> int | None:
        """Move what is here: how much, 0 at the end, None if nothing can be moved now."""
        client, pipe = self._client, self.pipe
        try:
            count = pipe.fill(client.transport.socket, self._decoder.left)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError as error:
            if error.errno in pipes.UNABLE:
                # Not on this system: then as without pipes.
                pipes.KEPT.useless = True
                self.end()
                return None
            self._how = main.CONNECTION_LOST
            return 0
        if count:
            client.relayed(count)
        return count

    def end(self) -> None:
        """Let the client read again; what is in the pipe is the client's transport's."""
        if self.over:
            return
        self.over = True
        self._client.transport.read_with(None)
        self.pipe.end()


def begin(client: ProxyClient, request: Request) -> Relay | None:
    """Relay the rest of an answer, if both sockets allow it and it is worth it."""
    decoder, transport = client.decoder, client.transport
    if (
        not isinstance(decoder, LengthDecoder)
        or decoder.left < pipes.WORTH
        or not isinstance(transport, SendAtOnce)
        or not transport.splices
        or not request.splices
    ):
        return None
    pipe = pipes.KEPT.take()
    return None if pipe is None else Relay(client, decoder, request, pipe)
