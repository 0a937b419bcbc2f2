"""A request and its answer.

The way in: `begin` chooses the virtual host and the location, `enter` renders the location's chain.
`internal_redirect` re-enters at the choice of a location. The way out: `respond` runs the
location's header filters and decides the framing, `write` sends pieces of the body, `finish` ends
it. `fail` answers every error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from twisted.python.failure import Failure

from reverseproxy.errors import ClientError, ReverseProxyError, blame
from reverseproxy.wire.chunked import LAST_CHUNK
from reverseproxy.wire.heads import RequestHead
from reverseproxy.wire.target import normalise_path, quote_path, split_target

from .errorpage import error_response
from .lazyrequest import LazyRequest
from .response import BODILESS, REASONS, Response, Transform
from .spool import Spool
from .transport import FileSegment, SendAtOnce

if TYPE_CHECKING:
    from .channel import HTTPChannel
    from .locations import Location
    from .vhosts import VirtualHost

#: nginx's limit of internal redirects.
REDIRECTS = 10
#: Up to this size a body is joined to its head: cheaper than two pieces in one system call.
JOINED = 16 * 1024


class Watcher(Protocol):
    """Whatever works for a request and wants to know when nobody waits for it any more."""

    def client_gone(self) -> None:
        """The client left."""


class Request(LazyRequest):
    """One request, from its head to its line in the access log."""

    location: Location
    vhost: VirtualHost
    channel: HTTPChannel

    # Values most requests never change stay on the class.
    has_body = False
    wants_body = False
    body_length: int | None = 0
    spool: Spool | None = None
    response: Response | None = None
    transform: Transform | None = None
    watcher: Watcher | None = None
    upstream_tries: tuple[Any, ...] = ()
    head_sent = 0
    user: bytes = b""
    _then: Callable[[Request], None] | None = None
    _lost_code = 499
    _redirects = 0
    _bodiless = False
    #: whether the path is still the one that was received: no internal redirect changed it
    unmoved = True
    _promised: int | None = None
    _unsent = b""
    query: bytes | None = None
    path: bytes = b""
    document_uri: bytes = b""
    queued = False

    def __init__(self, channel: HTTPChannel, head: RequestHead) -> None:
        # Not the base class's: see the lazy attributes below.
        self.channel = channel
        self.site = site = channel.site
        self.head = head
        self.method = head.method
        self.uri = head.target
        self.started = site.seconds()

    @classmethod
    def malformed(cls, channel: HTTPChannel, received: bytes) -> Request:
        """Stand for a head that could not be read, in the log and for its error page."""
        line = received.lstrip(b"\r\n").partition(b"\n")[0].rstrip(b"\r")
        head = RequestHead(b"-", b"-", b"1.1", [], {}, False, line[:2048])
        request = cls(channel, head)
        request.vhost = channel.site.vhosts.default
        request.location = request.vhost.location
        return request

    # --- the way in ---

    def begin(self) -> None:
        """Find out who is asked for what, and let the location answer."""
        site = self.site
        try:
            head = self.head
            target = head.target
            host = head.named.get(b"host", b"")
            self.vhost = vhost = site.vhosts.choose(host)
            self.location = vhost.location
            if target[0] == 0x2F and b"#" not in target:
                self.path, mark, query = target.partition(b"?")
                if mark:
                    self.query = query
            else:
                vhost = self._other_target()
            self.document_uri = uri = normalise_path(self.path, vhost.merge_slashes)
            self.enter(vhost.locate(uri))
        except ReverseProxyError as error:
            self.fail(error)
        except Exception:  # noqa: BLE001 - whatever a mounted resource raises is answered and told
            self.processingFailed(Failure())

    def _other_target(self) -> VirtualHost:
        """The target is not in origin-form (RFC 9112 section 3.2)."""
        target = split_target(self.method, self.head.target)
        if target.form == "authority":
            raise ClientError(405, "RP-405-connect", "CONNECT is not served by a reverse proxy")
        if target.form == "asterisk":
            raise ClientError(400, "RP-400-target", 'the target "*" names no resource')
        if target.authority is not None:
            # RFC 9112 section 3.2.2: an absolute-form target wins over Host.
            self.head.named[b"host"] = target.authority
            self.vhost = self.site.vhosts.choose(target.authority)
            self.location = self.vhost.location
        self.path, self.query = target.path, target.query
        return self.vhost

    def enter(self, location: Location) -> None:
        """Hand the request to `location`."""
        self.location = location
        client = location.client
        self.channel.settings = client
        limit = client.client_max_body_size
        if self.has_body and limit and self.body_length is not None and self.body_length > limit:
            raise self._too_large(self.body_length)
        location.resource.render(self)

    def internal_redirect(self, uri: bytes, query: bytes | None = None) -> None:
        """Choose a location anew for `uri` (decoded), as nginx's internal redirects do."""
        self._redirects += 1
        if self._redirects > REDIRECTS:
            raise ClientError(
                500,
                "RP-500-redirects",
                f'more than {REDIRECTS} internal redirects, now to "{uri!r}"',
            )
        self.document_uri = uri
        self.query = query
        self.unmoved = False
        self.enter(self.vhost.locate(uri))

    def _too_large(self, size: int) -> ClientError:
        location = self.location
        limit = location.client.client_max_body_size
        where = location.where("client_max_body_size")
        return ClientError(
            413,
            "RP-413-body-size",
            f"client intended to send too large body: {size} bytes, "
            f"client_max_body_size is {limit} ({where})",
        )

    # --- the body ---

    def receive_body(self, then: Callable[[Request], None]) -> None:
        """Call `then(request)` when the whole body is here (at once when there is none)."""
        if not self.has_body or self.spool is not None:
            then(self)
            return
        self._then = then
        self.spool = Spool(self.location.spool, self.location.client.client_body_buffer_size)
        self.wants_body = True
        self.channel.receive_body()

    def handleContentChunk(self, data: bytes) -> None:
        """Take a piece of the body."""
        spool = self.spool
        assert spool is not None
        limit = self.location.client.client_max_body_size
        try:
            if limit and spool.size + len(data) > limit:
                raise self._too_large(spool.size + len(data))
            spool.write(data)
        except ReverseProxyError as error:
            self.wants_body = False
            self.fail(error)

    def body_complete(self) -> None:
        """The last piece is here."""
        self.wants_body = False
        then, self._then = self._then, None
        assert then is not None
        try:
            then(self)
        except ReverseProxyError as error:
            self.fail(error)
        except Exception:  # noqa: BLE001 - as in `begin`
            self.processingFailed(Failure())

    # --- the way out ---

    def respond(self, response: Response) -> None:
        """Begin the answer: run the header filters, decide the framing, keep the head ready.

        The head leaves with the first piece of the body, or with `flush` or `finish`.
        """
        if self._disconnected:
            return
        for change in self.location.filters:
            change(self, response)
        self.startedWriting = 1
        self.response = response
        self.code = status = response.status
        channel, head = self.channel, self.head
        bodiless = self._bodiless = head.method == b"HEAD" or status in BODILESS
        lines = [
            b"HTTP/1.1 %d %b\r\n" % (status, response.reason or REASONS.get(status, b"")),
            self.location.server_line,
            self.site.dates.line(),
        ]
        for name, value in response.fields:
            lines += (name, b": ", value, b"\r\n")
        length = response.length
        if length is not None:
            if status != 204:
                lines.append(b"Content-Length: %d\r\n" % length)
            if not bodiless:
                self._promised = length
        elif not bodiless:
            if head.version == b"1.1":
                lines.append(b"Transfer-Encoding: chunked\r\n")
                self.chunked = 1
            else:
                channel.persistent = False
        if channel.persistent and self._may_persist():
            lines.append(b"Connection: keep-alive\r\n\r\n")
        else:
            channel.persistent = False
            lines.append(b"Connection: close\r\n\r\n")
        self._unsent = b"".join(lines)
        self.head_sent = len(self._unsent)

    def _may_persist(self) -> bool:
        client = self.location.client
        return (
            client.keepalive_timeout.server > 0
            and self.channel.served < client.keepalive_requests
            and not self.site.draining
        )

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
            data = self.transform.feed(data)
        if data:
            self._send(data)

    def _send(self, data: bytes, last: bool = False) -> None:
        transport = self.channel.transport
        size = len(data)
        self.sentLength += size
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
            data = (self.transform.feed(data) if data else b"") + self.transform.finish()
        if data:
            self._send(data, last=True)
        elif self.chunked:
            self.channel.transport.write(self._unsent + LAST_CHUNK)
        elif self._unsent:
            self.channel.transport.write(self._unsent)
        self._unsent = b""
        if self._promised is not None and self._promised != self.sentLength:
            self.location.error_log.error(
                f"the answer has {self.sentLength} bytes where {self._promised} were promised: "
                "connection cut",
                request=self,
            )
            self._abandon()
        elif self.channel.drain():
            self.drained()

    def drained(self) -> None:
        """Everything was handed to the kernel: log, and let the channel go on."""
        channel = self.channel
        self._close()
        channel.requestDone(self)
        for deferred in self._taken_notifications():
            deferred.callback(None)

    def _close(self) -> None:
        """Log, and let go of what the request holds."""
        self.watcher = None
        self.location.log(self)
        if self.spool is not None:
            self.spool.close()
            self.spool = None
        content = self.__dict__.pop("content", None)
        if content is not None:
            content.close()

    # --- errors ---

    def fail(self, error: ReverseProxyError) -> None:
        """Answer an error, or cut the connection when an answer is already on its way."""
        fault = blame(error)
        self.location.error_log.log(fault.level, str(error), request=self)
        if self._disconnected:
            return
        if self.startedWriting:
            self._abandon()
            return
        self._then = None
        self.wants_body = False
        if fault.close:
            self.channel.persistent = False
        self.answer(fault.status, fault.cause, fault.fields)

    def answer(
        self, status: int, cause: str = "", fields: Iterable[tuple[bytes, bytes]] = ()
    ) -> None:
        """Answer with one of the house's own pages."""
        response, body = error_response(self, status, cause, fields)
        self.respond(response)
        self.finish(body)

    def _abandon(self) -> None:
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

    def timed_out(self) -> None:
        """The client was too slow; the connection is about to be cut."""
        self._lost_code = 408

    def connectionLost(self, reason: Failure) -> None:
        """The client left."""
        self._disconnected = True
        if not self.finished or self.channel.request is self:
            watcher = self.watcher
            if not self.startedWriting:
                self.code = self._lost_code
            self.finished = 1
            if watcher is not None:
                watcher.client_gone()
        pending = getattr(self.channel.transport, "pending", 0)
        self.sentLength = max(0, self.sentLength - pending)
        self._close()
        for deferred in self._taken_notifications():
            deferred.errback(reason)

    def processingFailed(self, reason: Failure) -> Failure:
        """A resource raised: tell the operator, answer 500."""
        self.location.error_log.failure("a resource failed", reason, request=self)
        if self.startedWriting:
            if not self._disconnected:
                self._abandon()
        else:
            self.answer(500, "RP-500-resource")
        return reason

    def location_of(self, uri: bytes) -> bytes:
        """An absolute URL for `uri` (decoded) on this server, for `Location`."""
        host = self.head.named.get(b"host") or self.vhost.name
        return b"%b://%b%b" % (self.site.scheme, host, quote_path(uri))
