"""A request's body on its way from the client's socket into its file, never in memory.

Once a body has outgrown `client_body_buffer_size` and its length is known, the channel's transport
reads with a `Siphon` up to the body's last byte: splice(2) into a pipe, and from there to the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet import main

from reverseproxy.wire.chunked import LengthDecoder

from . import pipes
from .transport import SendAtOnce

if TYPE_CHECKING:
    from .channel import HTTPChannel
    from .pipes import Pipe


class Siphon:
    """What reads for an `HTTPChannel` in its stead; `begin` makes one."""

    __slots__ = ("_channel", "_decoder", "pipe")

    def __init__(self, channel: HTTPChannel, decoder: LengthDecoder, pipe: Pipe) -> None:
        self._channel = channel
        self._decoder = decoder
        self.pipe = pipe
        channel.transport.read_with(self.read)

    def read(self) -> BaseException | None:
        """Move what is here (see `IReadDescriptor.doRead`)."""
        channel = self._channel
        try:
            count = self.pipe.fill(channel.transport.socket, self._decoder.left)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return main.CONNECTION_LOST
        if not count:
            return main.CONNECTION_DONE
        channel.siphoned(self._decoder, count)
        return None

    def end(self) -> None:
        """Let the channel read again."""
        self._channel.transport.read_with(None)
        if self.pipe.remaining:
            self.pipe.drop()
        else:
            self.pipe.end()


def begin(channel: HTTPChannel, decoder: object) -> Siphon | None:
    """Siphon the rest of a body, if its socket and its spool allow it and it is worth it."""
    request, transport = channel.request, channel.transport
    if (
        not isinstance(decoder, LengthDecoder)
        or decoder.left < pipes.WORTH
        or not isinstance(transport, SendAtOnce)
        or not transport.splices
        or request is None
        or request.spool is None
        or request.spool.fd < 0
    ):
        return None
    pipe = pipes.KEPT.take()
    return None if pipe is None else Siphon(channel, decoder, pipe)
