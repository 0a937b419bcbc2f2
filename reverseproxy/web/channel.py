"""A client's connection: bytes in, one request after the other, answers out in order.

Theory. A channel is in one of four states, told apart by two attributes:

    request is None                     waiting for a head, or reading one
    request, decoder is not None        reading the request's body
    request, decoder is None            the body is complete; the request is being answered
    closing                             nothing is read but to be thrown away (RFC 9112 section 9.6)

Pipelined bytes wait in `_buffer` until the request before them is answered, `EAGER` of them at
most; then the socket is paused. How a connection ends is `EndingChannel`, the base class.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from reverseproxy.errors import ClientError
from reverseproxy.wire.chunked import ChunkedDecoder, ChunkError, LengthDecoder
from reverseproxy.wire.framing import CHUNKED, NO_BODY, keeps_alive, locate, request_framing
from reverseproxy.wire.heads import SHORT, head_end, parse_request_head

from . import siphon
from .ending import EndingChannel
from .request import Request

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from reverseproxy.upstream.tunnel import Tunnel
    from reverseproxy.wire.heads import RequestHead

    from .siphon import Siphon

#: Pipelined bytes that are taken before the request in front of them is answered.
EAGER = 16 * 1024
#: A body that nobody wanted is read and dropped up to this size to keep the connection.
DISCARDED = 1024 * 1024
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class HTTPChannel(EndingChannel):
    """HTTP/1 as a server speaks it (RFC 9112), strictly."""

    requestFactory: type[Request] = Request
    #: who gets what the client sends, once protocols were switched
    tunnel: Tunnel | None = None

    def __init__(self) -> None:
        super().__init__()
        self.request: Request | None = None
        self.decoder: LengthDecoder | ChunkedDecoder | None = None
        self.persistent = True
        self.served = 0
        self._scanned = 0
        self._advancing = False
        self._expects = False
        self._head_begun = False
        self._siphon: Siphon | None = None
        #: the last head that was read: the next mostly repeats its fields
        self._before: RequestHead | None = None
        #: whether the request under way came with bytes of another behind it
        self.pipelined = False

    # --- the connection ---

    def connectionMade(self) -> None:
        site = self.site
        if site.specific:
            host = getattr(self.transport.getHost(), "host", "")
            site = self.site = site.specific.get(host, site)
        self.number = site.next_connection()
        self.since = site.sweep.now
        self.began = site.seconds()
        #: the client's address as text, nginx's $remote_addr
        self.peer = str(getattr(self.transport.getPeer(), "host", "unix:")).encode()
        self.settings = site.settings
        self.deadline = site.sweep.now + self.settings.client_header_timeout
        if site.secured is not None:
            self.requestFactory = site.secured.request
            self.deadline = site.sweep.now + site.secured.handshake_timeout
        site.sweep.add(self)
        self.transport.registerProducer(self, True)

    def handshakeCompleted(self) -> None:
        """TLS is agreed upon: from now on the client has time to send a head."""
        if self.settings.tcp_nodelay:
            # Else an answer would wait until the client has acknowledged its tickets.
            self.transport.setTcpNoDelay(True)
        self.deadline = self.site.sweep.now + self.settings.client_header_timeout

    @property
    def requests(self) -> list[Request]:
        """The requests under way, as the base class has them: at most one."""
        return [] if self.request is None else [self.request]

    @property
    def phase(self) -> str:
        """What the connection is at: "reading" a head, "writing" an answer, or "waiting"."""
        if self.request is not None or self._closing:
            return "writing"
        return "reading" if self._buffer else "waiting"

    def connectionLost(self, reason: Failure) -> None:
        self.deadline = inf
        self.site.sweep.discard(self)
        self.site.connection_closed(self.served)
        self._read_again()
        request, self.request = self.request, None
        if request is not None:
            request.connectionLost(reason)

    # --- bytes in ---

    def dataReceived(self, data: bytes) -> None:
        if self.decoder is not None:
            self._read_body(data)
        elif self._closing:
            self._discard_closing()
        elif self.tunnel is not None:
            self.tunnel.sent(data)
        elif self.request is not None:
            self._buffer += data
            if len(self._buffer) > EAGER:
                self._pause()
        else:
            self._buffer = self._buffer + data if self._buffer else data
            self._advance()

    def _advance(self) -> None:
        """Serve the requests whose heads are here, one at a time."""
        if self._advancing:
            return
        self._advancing = True
        try:
            while self._buffer and self.request is None and not self._closing and not self._full:
                if not self._read_head():
                    break
        finally:
            self._advancing = False

    def _read_head(self) -> bool:
        """Begin the next request, if its head is complete."""
        buffer = self._buffer
        end = head_end(buffer, self._scanned, self._before)
        limits = self.site.head_limits
        if end < 0:
            if len(buffer) > limits.line and limits.exceeded(buffer):
                self._refuse(limits.error(buffer), buffer)
                return False
            # A blank line's start may lie in the last three bytes.
            self._scanned = len(buffer)
            if self.served and not self._head_begun:
                # A head has one deadline, from its first byte; no later byte moves it.
                self._head_begun = True
                self.deadline = self.site.sweep.now + self.settings.client_header_timeout
            return False
        head_bytes = buffer[:end]
        self._buffer = buffer[end:]
        self._scanned = 0
        self._head_begun = False
        try:
            if end > limits.line and limits.exceeded(head_bytes):
                raise limits.error(head_bytes)
            head = parse_request_head(head_bytes, limits.fields, self._before)
            framing = request_framing(head)
        except ClientError as error:
            locate(head_bytes, error)
            self._refuse(error, head_bytes)
            return False
        self._before = head if end <= SHORT else None
        self.deadline = inf
        self.served += 1
        self.pipelined = bool(self._buffer)
        request = self.request = self.requestFactory(self, head)
        request.head_received = end
        self.persistent = keeps_alive(head)
        if framing != NO_BODY:
            self._begin_body(request, framing)
        request.begin()
        return self.request is None

    def _refuse(self, error: ClientError, received: bytes) -> None:
        """Answer a head that can't be understood; what follows it can't be trusted, nor is it read.

        What is left in the buffer makes the connection linger, so that the answer arrives.
        """
        self.persistent = False
        self.served += 1
        request = self.request = self.requestFactory.malformed(self, received)
        request.fail(error)

    def forget(self) -> None:
        """What was made of the last head is another configuration's."""
        self._before = None

    # --- the body of a request ---

    def _begin_body(self, request: Request, framing: int) -> None:
        self.decoder = ChunkedDecoder() if framing == CHUNKED else LengthDecoder(framing)
        request.has_body = True
        request.body_length = None if framing == CHUNKED else framing
        self._expects = (
            request.head.version == b"1.1"
            and (request.head.named.get(b"expect") or b"").lower() == b"100-continue"
        )

    def receive_body(self) -> None:
        """The request wants its body: let the client send it, and read what is here."""
        self.body_since = self.site.sweep.now
        self.deadline = self.body_since + self.settings.client_body_timeout
        self._resume()
        if self._expects:
            self._expects = False
            if not self._buffer:
                self.transport.write(CONTINUE)
        if self._buffer:
            data, self._buffer = self._buffer, b""
            self._read_body(data)

    def _read_body(self, data: bytes) -> None:
        request, decoder = self.request, self.decoder
        if decoder is None:
            return
        if request is not None and not request.wants_body:
            # Nobody has asked yet (or ever will): keep it as pipelined bytes are kept.
            self._buffer += data
            if len(self._buffer) > EAGER:
                self._pause()
            return
        try:
            pieces = decoder.feed(data)
        except ChunkError as error:
            self.decoder = None
            self.persistent = False
            broken = ClientError(400, "RP-400-chunk", error.detail, error.offset, part="body")
            if request is not None:
                request.fail(broken)
            else:
                self.close()
            return
        if request is None:
            self._discarded(decoder)
            return
        self.deadline = self.site.sweep.now + self.settings.client_body_timeout
        for piece in pieces:
            request.handleContentChunk(piece)
            if self.request is not request or not request.wants_body:
                # It was refused half-way: what is left is for `request_done` to see.
                break
        if decoder.done and self.decoder is decoder:
            self.decoder = None
            self.deadline = inf
            self._buffer = bytes(decoder.unused)
            request.body_complete()
        elif self.decoder is decoder and request.wants_body:
            self._siphon = siphon.begin(self, decoder)

    def siphoned(self, data: memoryview) -> None:
        """A large piece of the body, and of nothing else; it is not there any more after that."""
        request, decoder = self.request, self.decoder
        if request is None or request.spool is None or not isinstance(decoder, LengthDecoder):
            return
        self.deadline = self.site.sweep.now + self.settings.client_body_timeout
        decoder.passed(len(data))
        request.keep_piece(request.spool, data)
        if decoder.done or not request.wants_body:
            self._read_again()
        if decoder.done and self.decoder is decoder:
            self.decoder = None
            self.deadline = inf
            request.body_complete()

    def _read_again(self) -> None:
        """Let the body's last piece be the end of the siphon, or whatever comes before it."""
        if self._siphon is not None:
            self._siphon.end()
            self._siphon = None

    def _discarded(self, decoder: LengthDecoder | ChunkedDecoder) -> None:
        """A body whose request was answered early is read to its end, so that the next can come."""
        if decoder.done:
            self.decoder = None
            self._last_byte = inf
            self._buffer = bytes(decoder.unused)
            self._idle()
        elif decoder.received > DISCARDED:
            self.decoder = None
            self.close()

    def pause_body(self) -> None:
        """Take no more of the body for now; the client is not to be blamed for it."""
        super().pause_body()
        if self.deadline < inf:
            self.deadline = inf
            self.body_since -= self.site.sweep.now

    def resume_body(self) -> None:
        """Take more of what the client sends."""
        super().resume_body()
        if self.decoder is not None:
            now = self.site.sweep.now
            if self.deadline == inf:
                self.body_since += now
            self.deadline = now + self.settings.client_body_timeout

    # --- other protocols ---

    def begin_tunnel(self, tunnel: Tunnel) -> None:
        """From here on the client speaks another protocol, which is `tunnel`'s."""
        self.tunnel = tunnel
        self._resume()
        data, self._buffer = self._buffer, b""
        if data:
            tunnel.sent(data)

    def drop_eager(self) -> None:
        """What the client sent ahead is no request: drop it, and what follows."""
        if self._buffer:
            self.persistent = False

    # --- the end of a request ---

    def requestDone(self, _request: Request) -> None:
        """The answer is complete: go on to the next request, or close."""
        self.request = None
        self._read_again()
        if self._producer is not None:
            self.unregisterProducer()
        decoder = self.decoder
        if not self.persistent:
            unread = decoder is not None or self._buffer
            self.decoder = None
            self.close(linger=bool(unread))
        elif decoder is not None and self._expects:
            # The client may or may not send the body that it was not invited to: close.
            self.decoder = None
            self.close(linger=True)
        elif decoder is not None:
            self.deadline = inf
            self._last_byte = self.site.sweep.now + self.settings.lingering_time
            data, self._buffer = self._buffer, b""
            self._resume()
            self._read_body(data)
        else:
            self._idle()

    def _idle(self) -> None:
        if self.served == 1 and self.settings.tcp_nodelay and hasattr(self.transport, "socket"):
            # nginx, too, sets it when a connection is first kept alive.
            self.transport.setTcpNoDelay(True)
        self.deadline = self.site.sweep.now + self.settings.keepalive_timeout.server
        if self.site.draining:
            self.retire()
        if self._paused:
            self._resume()
        if self._buffer:
            self._advance()
