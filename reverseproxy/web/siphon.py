"""Large uploads: from the client's socket into their file, a megabyte at a time.

Once a body has outgrown `client_body_buffer_size` and its length is known, the channel's transport
reads with a `Siphon` up to the body's last byte, into a buffer that all connections of a process
share: what is in it is in the file before anything else is read. (splice(2) into a file costs twice
as much: it goes page by page.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet import main

from reverseproxy.wire.chunked import LengthDecoder

from .transport import SendAtOnce

if TYPE_CHECKING:
    from .channel import HTTPChannel

#: How much is read at once.
SIZE = 1024 * 1024
#: A body of which less than this is still to come is read as others are.
WORTH = 64 * 1024

#: Made when it is first needed.
_buffers: list[memoryview] = []


def _buffer() -> memoryview:
    if not _buffers:
        _buffers.append(memoryview(bytearray(SIZE)))
    return _buffers[0]


class Siphon:
    """What reads for an `HTTPChannel` in its stead; `begin` makes one."""

    __slots__ = ("_channel", "_decoder")

    def __init__(self, channel: HTTPChannel, decoder: LengthDecoder) -> None:
        self._channel = channel
        self._decoder = decoder
        channel.transport.read_with(self.read)

    def read(self) -> BaseException | None:
        """Hand on what is here (see `IReadDescriptor.doRead`)."""
        channel, buffer = self._channel, _buffer()
        try:
            count = channel.transport.socket.recv_into(buffer, min(self._decoder.left, SIZE))
        except (BlockingIOError, InterruptedError):
            return None
        except OSError:
            return main.CONNECTION_LOST
        if not count:
            return main.CONNECTION_DONE
        channel.siphoned(buffer[:count])
        return None

    def end(self) -> None:
        """Let the channel read again."""
        self._channel.transport.read_with(None)


def begin(channel: HTTPChannel, decoder: object) -> Siphon | None:
    """Siphon the rest of a body, if its socket and its spool allow it and it is worth it."""
    request, transport = channel.request, channel.transport
    if (
        not isinstance(decoder, LengthDecoder)
        or decoder.left < WORTH
        or not isinstance(transport, SendAtOnce)
        or not transport.splices
        or request is None
        or request.spool is None
        or request.spool.fd < 0
    ):
        return None
    return Siphon(channel, decoder)
