"""The way out: an answer's head, its body piece by piece, its end.

`respond` runs the location's header filters and decides the framing; the head then waits for the
first piece of the body, so that a small answer leaves in one system call. `write` sends pieces
through the transform that a filter may have set, `finish` ends the answer, `abandon` cuts it off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from twisted.python.failure import Failure

from reverseproxy.errors import BrokenBody
from reverseproxy.wire.chunked import LAST_CHUNK

from .browsers import MSIE6
from .lazyrequest import LazyRequest
from .response import BODILESS, REASONS, Response, Transform
from .segments import FileSegment, Segment
from .transport import SendAtOnce

if TYPE_CHECKING:
    from .locations import HeaderFilter
    from .vhosts import VirtualHost

#: Up to this size a body is joined to its head: cheaper than two pieces in one system call.
JOINED = 16 * 1024


#: The last line of a head, where the connection does not serve on.
_CLOSED = b"Connection: close\r\n\r\n"
_UPGRADED = b"Connection: upgrade\r\n\r\n"


class Watcher(Protocol):
    """Whatever works for a request and wants to know when nobody waits for it any more."""

    def client_gone(self) -> None:
        """The client left."""


class AnsweringRequest(LazyRequest):
    """The half of `Request` that writes."""

    vhost: VirtualHost

    # Values that most requests never change stay on the class.
    response: Response | None = None
    transform: Transform | None = None
    #: makes the fields that follow the last chunk, each with its line end
    trailers: Callable[[Any], bytes] | None = None
    #: those fields, once they are sent
    sent_trailers = b""
    watcher: Watcher | None = None
    #: bytes of the answer's head
    head_sent = 0
    #: the status that an `error_page` gives to whatever answers, or 0
    status_override = 0
    #: fields that the answer has instead of its own of these names: what an error gives to its
    #: `error_page` (WWW-Authenticate), an upstream to the location that it redirects to
    carried: tuple[tuple[bytes, bytes], ...] = ()
    #: filters that this request alone has, for an upstream asked for them
    own_filters: tuple[HeaderFilter, ...] = ()
    #: the character set that an upstream gave to whatever answers (X-Accel-Charset)
    charset = b""
    #: which of Date and Server are the upstream's, in lower case
    lines_passed: frozenset[bytes] = frozenset()
    #: what is let go of when the request is over (its places in `limit_conn`)
    held: tuple[Callable[[], None], ...] = ()
    _bodiless = False
    _promised: int | None = None
    _unsent = b""

    def respond(self, response: Response) -> None:
        """Begin the answer: run the header filters, decide the framing, keep the head ready.

        The head leaves with the first piece of the body, or with `flush` or `finish`.
        """
        if self._disconnected:
            return
        if self.status_override or self.carried:
            self._stand_in(response)
        self.response = response
        for change in self.location.filters:
            change(self, response)  # type: ignore[arg-type]  # each is a Request
        for change in self.own_filters:
            change(self, response)  # type: ignore[arg-type]  # as above
        self.startedWriting = 1
        self.code = status = response.status
        if status == 204 and response.reason is None:
            # There is nothing that this could be the type and the date of (but as nginx, an
            # upstream's own 204 is passed on as it is).
            response.drop(b"content-type")
            response.drop(b"last-modified")
        channel, head = self.channel, self.head
        bodiless = self._bodiless = head.method == b"HEAD" or status in BODILESS
        lines = [
            b"HTTP/1.1 %d %b\r\n" % (status, response.reason or REASONS.get(status, b"")),
            self.location.server_line,
            self.site.dates.line(),
        ]
        if self.lines_passed:
            lines[1:] = (
                [] if len(self.lines_passed) == 2 else [lines[1 + (b"server" in self.lines_passed)]]
            )
        for name, value in response.fields:
            lines += (name, b": ", value, b"\r\n")
        length = response.length
        if length is not None:
            if status != 204:
                lines.append(b"Content-Length: %d\r\n" % length)
            if not bodiless:
                self._promised = length
        elif not bodiless and status != 101:
            if head.version == b"1.1" and self.location.client.chunked_transfer_encoding:
                lines.append(b"Transfer-Encoding: chunked\r\n")
                self.chunked = 1
            else:
                channel.persistent = False
        if channel.persistent and self._may_persist():
            lines.append(self.location.keep_alive_line)
        else:
            channel.persistent = False
            lines.append(_UPGRADED if status == 101 else _CLOSED)
        self._unsent = b"".join(lines)
        self.head_sent = len(self._unsent)

    def _stand_in(self, response: Response) -> None:
        """Make an answer one that stands for an error, or for another answer."""
        if self.status_override:
            response.status, response.reason = self.status_override, None
            if response.mtime is not None and response.status != 200:
                # A file that stands for an error has no dates and no parts.
                response.ranges, response.mtime = False, None
                response.drop(b"last-modified")
        if self.carried:
            names = {name.lower() for name, _ in self.carried}
            kept = [pair for pair in response.fields if pair[0].lower() not in names]
            response.fields = [*kept, *self.carried]

    def _may_persist(self) -> bool:
        client = self.location.client
        return (
            client.keepalive_timeout.server > 0
            and self.channel.served < client.keepalive_requests
            and self.site.sweep.now - self.channel.since < client.keepalive_time
            and not self.site.draining
            # msie6, the default, is about POST alone: other requests need not be looked at.
            and not (
                (self.head.method == b"POST" or "safari" in client.keepalive_disable)
                and self._disabled(client.keepalive_disable)
            )
        )

    def _disabled(self, browsers: frozenset[str]) -> bool:
        """Whether the client is a browser that can't keep a connection (`keepalive_disable`)."""
        agent = self.head.named.get(b"user-agent", b"")
        if "msie6" in browsers and self.head.method == b"POST" and MSIE6.search(agent):
            return True
        return "safari" in browsers and b"Safari/" in agent and b"Chrome/" not in agent

    def write(self, data: bytes) -> None:
        """Send a piece of the body; the first call of a foreign resource begins the answer."""
        if self._disconnected:
            return
        if self.finished:
            raise RuntimeError("Request.write called on a request after Request.finish was called.")
        if not self.startedWriting:
            self.respond(self._foreign_response())
        if self._bodiless:
            return
        if self.transform is not None:
            try:
                data = self.transform.feed(data)
            except BrokenBody as error:
                self._break_off(str(error))
                return
        if data:
            self._send(data)

    def _send(self, data: bytes, last: bool = False) -> None:
        transport = self.channel.transport
        size = len(data)
        self.sentLength += size
        if self._promised is not None and self.sentLength > self._promised:
            # Bytes beyond the length would be read as the next answer.
            self.sentLength -= size
            self._break_promise(self.sentLength + size)
            return
        head, self._unsent = self._unsent, b""
        if self.chunked:
            end = b"\r\n0\r\n\r\n" if last else b"\r\n"
            transport.writeSequence((b"%b%x\r\n" % (head, size), data, end))
        elif not head:
            transport.write(data)
        elif size <= JOINED:
            transport.write(head + data)
        else:
            transport.writeSequence((head, data))

    def send_file(self, segment: FileSegment) -> None:
        """Send a piece of an open file from the kernel; only where `sends_files` says so."""
        head, self._unsent = self._unsent, b""
        self.sentLength += segment.remaining
        self.channel.transport.write_file(head, segment, self.location.cork)

    @property
    def sends_files(self) -> bool:
        """Whether the body may leave by sendfile(2), untouched."""
        return (
            self.transform is None
            and not self.chunked
            and isinstance(self.channel.transport, SendAtOnce)
        )

    @property
    def splices(self) -> bool:
        """Whether the body may go from socket to socket, untouched."""
        return self.sends_files and self.channel.transport.splices and not self._bodiless

    def send_piped(self, pipe: Segment, count: int) -> None:
        """Send `count` bytes more, which are in a pipe; only where `splices` says so."""
        if self._disconnected:
            pipe.drop()
            return
        self.sentLength += count
        if self._unsent:
            head, self._unsent = self._unsent, b""
            self.channel.transport.write(head)
        self.channel.transport.write_piped(pipe)

    def flush(self) -> None:
        """Hold nothing back of what was written so far."""
        if self.transform is not None and not self._bodiless:
            data = self.transform.flush()
            if data:
                self._send(data)
        if self._unsent:
            head, self._unsent = self._unsent, b""
            self.channel.transport.write(head)

    def finish(self, data: bytes = b"") -> None:
        """End the answer, with a last piece of the body if there is one."""
        if self._disconnected:
            raise RuntimeError(
                "Request.finish called on a request after its connection was lost; "
                "use Request.notifyFinish to keep track of this."
            )
        if self.finished:
            raise RuntimeError("Request.finish called twice.")
        if not self.startedWriting:
            self.respond(self._foreign_response())
        self.finished = 1
        if self._bodiless:
            data = b""
        elif self.transform is not None:
            try:
                data = (self.transform.feed(data) if data else b"") + self.transform.finish()
            except BrokenBody as error:
                self._break_off(str(error))
                return
        if self.trailers is not None and self.chunked:
            self._end_with_trailers(data)
        elif data:
            self._send(data, last=True)
        elif self.chunked:
            self.channel.transport.write(self._unsent + LAST_CHUNK)
        elif self._unsent:
            self.channel.transport.write(self._unsent)
        self._unsent = b""
        if self._disconnected:
            return
        if self._promised is not None and self._promised != self.sentLength:
            self._break_promise(self.sentLength)
        elif self.channel.drain():
            self.drained()

    def _end_with_trailers(self, data: bytes) -> None:
        """The last chunk and what is said behind it (RFC 9112 section 7.1.2)."""
        if data:
            self._send(data)
        self.sent_trailers = self.trailers(self) if self.trailers is not None else b""
        self.channel.transport.write(b"%b0\r\n%b\r\n" % (self._unsent, self.sent_trailers))

    def _break_promise(self, size: int) -> None:
        self._break_off(f"the answer has {size} bytes where {self._promised} were promised")

    def _break_off(self, why: str) -> None:
        self.location.error_log.error(f"{why}: connection cut", request=self)
        self.abandon()

    def drained(self) -> None:
        """Everything was handed to the kernel: log, and let the channel go on."""
        channel = self.channel
        self._close()
        channel.requestDone(self)  # type: ignore[arg-type]  # as above
        if "notifications" in self.__dict__:
            for deferred in self._taken_notifications():
                deferred.callback(None)

    def _close(self) -> None:
        """Log, and let go of what the request holds."""
        self.watcher = None
        self.location.log(self)  # type: ignore[arg-type]  # as above
        if self.held:
            for release in self.held:
                release()
            self.held = ()
        if self.spool is not None:
            self.spool.close()
            self.spool = None
        if "content" in self.__dict__:
            self.__dict__.pop("content").close()

    def abandon(self) -> None:
        """The answer can't be completed: the client must see a cut (RFC 9112 section 8)."""
        self.finished = 1
        channel, watcher = self.channel, self.watcher
        if self._unsent:
            channel.transport.write(self._unsent)
            self._unsent = b""
        self._disconnected = True
        self._close()
        channel.request = None
        channel.cut(delimited=bool(self.chunked) or self._promised is not None)
        if watcher is not None:
            watcher.client_gone()
        for deferred in self._taken_notifications():
            deferred.errback(Failure(ConnectionAbortedError("the answer was cut")))
