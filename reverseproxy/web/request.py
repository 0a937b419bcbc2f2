"""A request and its answer.

The way in: `begin` chooses the virtual host and the location, `enter` renders the location's chain,
`receive_body` waits for the body, `fail` answers every error. How a request goes from one location
to another is `RedirectingRequest`, how it answers `AnsweringRequest`: the base classes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.python.failure import Failure

from reverseproxy.errors import ClientError, ReverseProxyError, blame
from reverseproxy.wire.heads import RequestHead
from reverseproxy.wire.target import normalise_path, split_target

from .redirecting import RedirectingRequest
from .spool import Spool

if TYPE_CHECKING:
    from reverseproxy.content.target import Target
    from reverseproxy.upstream.attempt import Try
    from reverseproxy.upstream.streaming import Streamed

    from .channel import HTTPChannel
    from .locations import Location
    from .vhosts import VirtualHost

#: Methods that a reverse proxy has no use for (RFC 9110 sections 9.3.6 and 9.3.8).
_REFUSED = frozenset({b"CONNECT", b"TRACE"})


class Request(RedirectingRequest):
    """One request, from its head to its line in the access log."""

    # Values that most requests never change stay on the class.
    #: whether the body's pieces may come
    wants_body = False
    #: bytes of the head as it was received
    head_received = 0
    #: the body's size as announced; None when it comes in chunks
    body_length: int | None = 0
    #: the attempts at upstreams, for `$upstream_…`
    upstream_tries: tuple[Try, ...] = ()
    #: where a `proxy_pass` with variables sends it
    proxied_to: Target | None = None
    #: the request that this one is made for, where it is no client's own (a subrequest)
    parent: Request | None = None
    #: what `limit_req` and `limit_conn` decided, for their variables
    limit_req_status: bytes | None = None
    limit_conn_status: bytes | None = None
    #: who gets the body as it comes, and how much of it came
    stream: Streamed | None = None
    streamed = 0
    _then: Callable[[Request], None] | None = None
    _lost_code = 499

    def __init__(self, channel: HTTPChannel, head: RequestHead) -> None:
        # Not the base class's: see LazyRequest.
        self.channel = channel
        self.peer = channel.peer
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
            head, vhosts = self.head, site.vhosts
            target = head.target
            known: VirtualHost | None = head.made.get(vhosts)
            vhost = known or vhosts.choose(head.named.get(b"host", b""))
            self.vhost = vhost
            self.location = vhost.location
            if target[0] == 0x2F and 0x23 not in target and head.method not in _REFUSED:
                self.path, mark, query = target.partition(b"?")
                if mark:
                    self.query = query
            else:
                vhost = self._other_target()
            if vhost is not known:
                if b"".join(head.named).translate(None, vhost.field_names):
                    self._drop_fields(vhost.field_names)
                head.made[vhosts] = vhost
            if vhost.find_client is not None:
                vhost.find_client(self)
            if vhost.regexes:
                vhost.capture(self)
            self.document_uri = uri = normalise_path(self.path, vhost.merge_slashes)
            if vhost.program:
                if not self._rewritten_by_server():
                    return
                uri = self.document_uri
            self.enter(vhost.locate(uri, self))
        except ReverseProxyError as error:
            self.fail(error)
        except Exception:  # noqa: BLE001 - whatever a mounted resource raises is answered and told
            self.processingFailed(Failure())

    def _drop_fields(self, allowed: bytes) -> None:
        """Drop the fields whose names have other bytes than `allowed`."""
        head = self.head
        odd = {name for name in head.named if name.translate(None, allowed)}
        head.part()
        head.fields = [pair for pair in head.fields if pair[0].lower() not in odd]
        for name in odd:
            del head.named[name]
        names = ", ".join(sorted(ascii(name.decode("latin-1")) for name in odd))
        self.location.error_log.info(
            f"client sent invalid header fields, dropped: {names}", request=self
        )

    def _other_target(self) -> VirtualHost:
        """The target is not in origin-form (RFC 9112 section 3.2), or the method is no use."""
        if self.method == b"TRACE":
            raise ClientError(405, "RP-405-trace", "client sent TRACE", close=False)
        if self.method == b"CONNECT":
            raise ClientError(405, "RP-405-connect", "CONNECT is not served by a reverse proxy")
        target = split_target(self.method, self.head.target)
        if target.form == "asterisk":
            what = 'the target "*" names no resource'
            raise ClientError(400, "RP-400-target", what, 0, part="target")
        if target.authority is not None:
            # RFC 9112 section 3.2.2: an absolute-form target wins over Host.
            self.head.part()
            self.head.named[b"host"] = target.authority
            self.vhost = self.site.vhosts.choose(target.authority)
            self.location = self.vhost.location
        self.path, self.query = target.path, target.query
        # From here on the request looks like any other, to resources and in $request_uri.
        self.uri = target.path if target.query is None else b"%b?%b" % (target.path, target.query)
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
        client = self.location.client
        self.spool = Spool(
            self.location.spool, client.client_body_buffer_size, client.client_body_in_file_only
        )
        self.wants_body = True
        self.channel.receive_body()

    def stream_body(self, stream: Streamed) -> None:
        """Give the body to `stream` piece by piece, from now on."""
        self.stream = stream
        self.wants_body = True
        self.channel.receive_body()

    def _pass_on(self, stream: Streamed, data: bytes) -> None:
        limit = self.location.client.client_max_body_size
        self.streamed += len(data)
        if limit and self.streamed > limit:
            self.fail(self._too_large(self.streamed))
        else:
            stream.body_piece(data)

    def handleContentChunk(self, data: bytes) -> None:
        """Take a piece of the body."""
        if self.spool is not None:
            self.keep_piece(self.spool, data)
        elif self.stream is not None:
            self._pass_on(self.stream, data)

    def keep_piece(self, spool: Spool, data: bytes | memoryview) -> None:
        """Put a piece of the body with the others; what refuses it is answered."""
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
        if self.stream is not None:
            stream, self.stream = self.stream, None
            stream.body_ended()
            return
        then, self._then = self._then, None
        if then is not None:
            self.resume(then)

    def resume(self, then: Callable[[Request], object]) -> None:
        """Go on after a wait for something; what is raised is answered."""
        try:
            then(self)
        except ReverseProxyError as error:
            self.fail(error)
        except Exception:  # noqa: BLE001 - as in `begin`
            self.processingFailed(Failure())

    # --- errors ---

    def fail(self, error: ReverseProxyError) -> None:
        """Answer an error, or cut the connection when an answer is already on its way."""
        fault = blame(error)
        self.location.error_log.log(fault.level, f"{error} ({fault.cause})", request=self)
        if self._disconnected:
            return
        if self.stream is not None:
            stream, self.stream = self.stream, None
            stream.body_broken()
        if self.startedWriting:
            self.abandon()
            return
        self._then = None
        self.wants_body = False
        # What a filter began was for the answer that another one refused.
        self.transform = None
        if fault.close:
            self.channel.persistent = False
        self.answer(fault.status, fault.cause, fault.fields)

    def hang_up(self) -> None:
        """Close the connection without a word (`return 444`)."""
        self.code = 444
        self.startedWriting = 1
        self.finished = 1
        self._disconnected = True
        channel = self.channel
        self._close()
        channel.request = None
        channel.end(self.location.client.reset_timedout_connection)

    def timed_out(self) -> None:
        """The client was too slow; the connection is about to be cut."""
        self._lost_code = 408

    def connectionLost(self, reason: Failure) -> None:
        """The client left."""
        self._disconnected = True
        self.finished = 1
        if not self.startedWriting:
            self.code = self._lost_code
        if getattr(self.channel.transport, "shrunk", False):
            what = "a file shrank while it was sent, or can't be read: cut"
            self.location.error_log.error(what, request=self)
        if self.watcher is not None:
            self.watcher.client_gone()
        self.sentLength = max(0, self.sentLength - getattr(self.channel.transport, "unsent", 0))
        self._close()
        for deferred in self._taken_notifications():
            deferred.errback(reason)

    def processingFailed(self, reason: Failure) -> Failure:
        """A resource raised: tell the operator, answer 500."""
        self.location.error_log.failure("a resource failed", reason, request=self)
        if self.startedWriting:
            if not self._disconnected:
                self.abandon()
            return reason
        try:
            self.answer(500, "RP-500-resource")
        except Exception:  # noqa: BLE001 - it may have been a filter, which an error's page meets too
            self.location.error_log.failure("an error's page failed", Failure(), request=self)
            self.code = 500
            self.abandon()
        return reason
