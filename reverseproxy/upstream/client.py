"""A connection to an upstream: it sends one request after the other and reads the answers.

`ProxyClient` knows HTTP/1 and nothing of clients: what it reads goes to an `Exchange`. It is in one
of three states:

    exchange is None                    idle in the pool; any byte that comes now drops it
    exchange, decoder is None           the request is going out, or the answer's head is awaited
    exchange, decoder                   the answer's body is coming in
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from twisted.internet import error as neterror
from twisted.web import proxy

from reverseproxy.errors import (
    UpstreamClosed,
    UpstreamError,
    UpstreamProtocolError,
    UpstreamTimeout,
    UpstreamUnanswered,
)
from reverseproxy.web.segments import FileSegment
from reverseproxy.wire.chunked import ChunkedDecoder, ChunkError, CloseDecoder, LengthDecoder
from reverseproxy.wire.framing import (
    CHUNKED,
    NO_BODY,
    UNTIL_CLOSE,
    keeps_alive,
    locate,
    response_framing,
)
from reverseproxy.wire.heads import SHORT, ResponseHead, head_end, parse_response_head

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from reverseproxy.tls.upstream import Secured
    from reverseproxy.web.spool import Spool

    from .exchange import Exchange
    from .pool import Peer
    from .unheard import Unheard

#: How many interim answers (RFC 9110 section 15.2) one request may get.
INTERIM = 16
#: How long a new connection waits for its first byte before another one has to make way for it.
PATIENCE = 1.0


class ProxyClient(proxy.ProxyClient):
    """The protocol of one pooled connection."""

    #: the TLS that it was made with; see `SecureClient`
    secured: Secured | None = None
    #: whether the upstream was told that this request is the last one
    last = False

    def __init__(self, peer: Peer, exchange: Exchange | None) -> None:
        # Not the base class's, which carries one request: this one carries many.
        self.transport: Any = None
        self.peer = peer
        self.exchange = exchange
        self.decoder: LengthDecoder | ChunkedDecoder | CloseDecoder | None = None
        self.served = 0
        self.since = peer.pools.sweep.now
        self.deadline = inf
        self._buffer = b""
        self._interim = 0
        self._reusable = False
        self._paused = False
        self._taken = 0
        #: the last head that was read: the next may repeat its fields
        self._before: ResponseHead | None = None
        #: how much of a body that goes on came together with its head
        self.ahead = 0

    def connectionMade(self) -> None:
        exchange = self._joined()
        if exchange is not None:
            exchange.connected(self)

    def _joined(self) -> Exchange | None:
        """Be one of the connections; who waits for it, unless the client left meanwhile."""
        pools = self.peer.pools
        pools.sweep.add(self)
        pools.connections.upstreams += 1
        if self.exchange is None:
            self.drop()
        return self.exchange

    # --- the request ---

    def send(self, exchange: Exchange, head: bytes, spool: Spool | None) -> None:
        """Send a request; its answer goes to `exchange`."""
        self.exchange = exchange
        self.served += 1
        self._interim = 0
        self._buffer = b""
        self.deadline = self.peer.pools.sweep.now + exchange.timeouts.read
        transport = self.transport
        exchange.tried.sent = len(head) + (0 if spool is None else spool.size)
        if spool is None or not spool.size:
            transport.write(head)
        elif spool.fd < 0:
            transport.writeSequence([head, *spool.pieces()])
        else:
            transport.write_file(head, FileSegment(spool.fd, 0, spool.size, spool), cork=True)

    # --- the answer ---

    def dataReceived(self, data: bytes) -> None:
        exchange = self.exchange
        if exchange is None:
            # Nobody asked: whatever it is, the next answer on this connection can't be trusted.
            self.drop()
            return
        self.deadline = self.peer.pools.sweep.now + exchange.timeouts.read
        exchange.tried.received += len(data)
        try:
            if self.decoder is None:
                self._read_head(exchange, data)
            else:
                self._read_body(exchange, self.decoder, data)
        except UpstreamError as error:
            self.fail(error)
        except ChunkError as error:
            self.fail(UpstreamProtocolError(error.detail, error.offset, "body"))

    def _read_head(self, exchange: Exchange, data: bytes) -> None:
        scanned = len(self._buffer)
        if scanned:
            data = self._buffer + data
        while True:
            end = head_end(data, scanned, self._before)
            if end < 0:
                if len(data) > exchange.head_limit:
                    raise UpstreamProtocolError(
                        f"upstream sent too big header: over proxy_buffer_size, "
                        f"{exchange.head_limit} bytes"
                    )
                self._buffer = data
                return
            if end > exchange.head_limit:
                raise UpstreamProtocolError(
                    f"upstream sent too big header: {end} bytes, "
                    f"proxy_buffer_size is {exchange.head_limit}"
                )
            raw, data = data[:end], data[end:]
            head = parse_response_head(raw, before=self._before)
            self._before = head if end <= SHORT else None
            if head.status >= 200:
                break
            self._interim += 1
            if head.status == 101:
                self._switch(exchange, head, data)
                return
            if head.status == 103:
                exchange.hinted(head)
            if self._interim > INTERIM:
                raise UpstreamProtocolError(f"upstream sent over {INTERIM} interim answers")
            scanned = 0
        self._buffer = b""
        try:
            framing = response_framing(exchange.method, head)
        except UpstreamProtocolError as error:
            locate(raw, error)
            raise
        self._begin_body(exchange, head, framing, data)

    def _switch(self, exchange: Exchange, head: ResponseHead, data: bytes) -> None:
        """The upstream switches protocols: from here on bytes are passed, not read."""
        if not exchange.upgrades:
            raise UpstreamProtocolError("upstream switched protocols and was not asked to")
        self._buffer = b""
        self.decoder = CloseDecoder()
        # It stands for an exchange from here on.
        tunnel: Any = exchange.switched(self, head)
        if self.exchange is None:
            return
        self.exchange = tunnel
        tunnel.begin(head)
        if data and self.exchange is tunnel:
            self._read_body(tunnel, self.decoder, data)

    def may_go_on(self, exchange: Exchange) -> bool:
        """Whether it can finish without its client: the request has gone out as a whole."""
        return not getattr(self.transport, "busy", False) and exchange.complete

    def go_on(self, unheard: Unheard) -> None:
        """Finish for nobody."""
        instead: Any = unheard
        self.exchange = instead

    def touch(self, timeout: float) -> None:
        """Give the upstream `timeout` seconds from now."""
        self.deadline = self.peer.pools.sweep.now + timeout

    def finish(self, timeout: float) -> None:
        """Close once all is sent, at the latest when `timeout` is over."""
        self.exchange = None
        self.decoder = None
        self.touch(timeout)
        self._resume()
        self.transport.loseConnection()

    def _begin_body(
        self, exchange: Exchange, head: ResponseHead, framing: int, data: bytes
    ) -> None:
        self._reusable = (
            framing != UNTIL_CLOSE
            and not self.last
            and keeps_alive(head)
            and not getattr(self.transport, "busy", False)
            and exchange.complete
        )
        if framing == NO_BODY:
            self._release(exchange, unused=data)
            length = head.named.get(b"content-length")
            exchange.answered(head, _promised(length), b"")
        elif framing > 0 and len(data) == framing:
            # The whole answer came at once, as small answers do.
            self._release(exchange, unused=b"")
            exchange.answered(head, framing, data)
        else:
            if framing == CHUNKED:
                self.decoder = ChunkedDecoder()
            elif framing == UNTIL_CLOSE:
                self.decoder = CloseDecoder()
            else:
                self.decoder = LengthDecoder(framing)
            self.ahead = len(data)
            exchange.begun(head, framing if framing > 0 else None, self.decoder.trailers)
            if data and self.exchange is exchange:
                self._read_body(exchange, self.decoder, data)
            elif self.exchange is exchange:
                exchange.pause_in_stream()

    def _read_body(
        self,
        exchange: Exchange,
        decoder: LengthDecoder | ChunkedDecoder | CloseDecoder,
        data: bytes,
    ) -> None:
        pieces = decoder.feed(data)
        if decoder.done:
            self._release(exchange, unused=decoder.unused)
            exchange.ended(pieces)
            return
        for piece in pieces:
            exchange.piece(piece)
            if self.exchange is not exchange:
                return
        exchange.pause_in_stream()

    def relayed(self, count: int) -> None:
        """So many bytes of the body went past, from socket to socket."""
        exchange, decoder = self.exchange, self.decoder
        if exchange is None or not isinstance(decoder, LengthDecoder):
            return
        self.deadline = self.peer.pools.sweep.now + exchange.timeouts.read
        exchange.tried.received += count
        decoder.passed(count)
        exchange.relayed(count)
        if decoder.done and self.exchange is exchange:
            # What else is there was not moved: it must not be read as the next answer.
            self._release(exchange, unused=self.transport.peek())
            exchange.ended([])

    def _release(self, exchange: Exchange, unused: bytes) -> None:
        """The answer is here as a whole: let the connection go to the pool, or close it."""
        self.exchange = None
        self.decoder = None
        exchange.client = None
        if self._paused:
            self._resume()
        if unused:
            exchange.surplus(len(unused))
        if unused or not self._reusable or not self.peer.put(self):
            self.drop()

    # --- the end ---

    def _left(self) -> Exchange | None:
        """Be none of the connections any more; who was served."""
        pools = self.peer.pools
        pools.sweep.discard(self)
        pools.connections.upstreams -= 1
        self.deadline = inf
        self.peer.lost(self)
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.client = None
        return exchange

    def connectionLost(self, reason: Failure) -> None:
        exchange = self._left()
        if exchange is None:
            return
        decoder, self.decoder = self.decoder, None
        how = self._how(reason)
        if isinstance(decoder, CloseDecoder) and reason.check(neterror.ConnectionDone):
            # The one framing in which closing is the end of the body (RFC 9112 section 6.3).
            exchange.ended([])
        elif decoder is not None:
            what = "upstream prematurely closed connection in the body, after"
            what = f"{what} {decoder.received} bytes of it{how}"
            exchange.failed(UpstreamClosed(what))
        else:
            begun = self._buffer or self._interim
            closed = UpstreamClosed if begun else UpstreamUnanswered
            what = "upstream prematurely closed connection while reading response header"
            exchange.failed(closed(what + how))

    def _how(self, _reason: Failure) -> str:
        """What else is to be told of the end."""
        return ""

    def fail(self, error: UpstreamError) -> None:
        """Give up this connection and tell the exchange why."""
        exchange, self.exchange = self.exchange, None
        self.decoder = None
        self.drop()
        if exchange is not None:
            exchange.client = None
            exchange.failed(error)

    def drop(self) -> None:
        """Close at once, whatever is under way."""
        self.exchange = None
        self.deadline = inf
        self.peer.lost(self)
        self.transport.abortConnection()

    def check(self, now: float) -> None:
        """Act on a deadline that has passed; the sweep calls it."""
        transport, exchange = self.transport, self.exchange
        if exchange is not None and self.waits and now >= exchange.tried.started + PATIENCE:
            self.peer.make_way(self)
        if exchange is not None and getattr(transport, "busy", False):
            taken = transport.taken
            if taken != self._taken:
                self._taken = taken
                self.deadline = now + exchange.timeouts.send
            elif now >= self.deadline:
                self.fail(UpstreamTimeout("upstream timed out while sending request to upstream"))
        elif self._paused:
            # We stopped reading: the upstream can't be blamed for its silence.
            self.deadline = now + exchange.timeouts.read if exchange is not None else inf
        elif now >= self.deadline:
            if exchange is None:
                self.drop()
            elif not exchange.complete and self.decoder is None:
                # It is the client's turn, who has a deadline of its own.
                self.touch(exchange.timeouts.read)
            else:
                what = "response header" if self.decoder is None else "upstream"
                self.fail(UpstreamTimeout(f"upstream timed out while reading {what}"))

    @property
    def waits(self) -> bool:
        """Whether nothing came over this connection ever: it may not be accepted yet.

        While the client is still sending the request there is nothing to wait for.
        """
        exchange = self.exchange
        if self.served != 1 or exchange is None or exchange.tried.received:
            return False
        return exchange.complete or getattr(self.transport, "busy", False)

    def pause(self) -> None:
        """Read no more for now: nobody takes what comes."""
        if not self._paused:
            self._paused = True
            self.transport.pauseProducing()

    def _resume(self) -> None:
        if self._paused:
            self._paused = False
            self.transport.resumeProducing()

    resume = _resume


def _promised(length: bytes | None) -> int | None:
    """The Content-Length of an answer without a body (to HEAD, or 304), to be passed on."""
    return int(length) if length is not None and length.isdigit() else None
