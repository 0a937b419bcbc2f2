"""One request's way through an upstream: connect, send, read, pass on; again where that is safe.

What a slow reader leaves is kept in memory up to `proxy_buffers`, then in a temporary file up to
`proxy_max_temp_file_size`; only then does the upstream have to wait. The pieces go on through
`Request`, whose producer the exchange is while there is more to come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from reverseproxy.errors import (
    ReverseProxyError,
    SpoolError,
)

from . import relay
from .attempts import Attempts
from .intake import Intake
from .overflow import Overflow
from .unheard import Unheard

if TYPE_CHECKING:
    from reverseproxy.wire.heads import ResponseHead

    from .client import ProxyClient
    from .relay import Relay
    from .tunnel import Tunnel


#: Fields of the upstream's that whatever answers instead of it has as well (nginx's list).
_WITH_REDIRECT = frozenset(
    b"accept-ranges cache-control content-disposition content-type expires set-cookie".split()
)


@implementer(IPushProducer)
class Exchange(Attempts):
    """One request and its answer, over one connection at a time."""

    # Values that most answers never change stay on the class.
    _overflow: Overflow | None = None
    _overflow_limit = 0
    #: what limits how fast the answer is read (`proxy_limit_rate`)
    _intake: Intake | None = None
    #: what moves the body past this process, and whether it may
    _relay: Relay | None = None
    _relays = False
    #: whether the client is to have at once what is there, however little
    _live = True
    _paused = False
    _registered = False

    def client_gone(self) -> None:
        """The client left: the upstream need not go on."""
        self._read_again()
        client, self.client = self.client, None
        if self._connecting is not None:
            self._connecting.cancel()
            self._connecting = None
        what = "client prematurely closed connection"
        unheard = None
        if client is not None and client.may_go_on(self):
            unheard = self._unheard(client)
        if client is not None and unheard is not None:
            client.go_on(unheard)
        else:
            what += ", so upstream connection is closed too"
            if client is not None:
                client.drop()
        self._free()
        self._finish()
        request = self.request
        request.location.error_log.info(what, request=request)

    def _unheard(self, client: ProxyClient) -> Unheard | None:
        """Who takes the rest of the answer when the client has left, if anybody does."""
        return Unheard(self, client) if self._route.asking.ignores_abort else None

    def take_intake(self) -> Intake | None:
        """What limits the reading, for whoever reads on."""
        intake, self._intake = self._intake, None
        return intake

    def _ask(self, client: ProxyClient) -> None:
        if self._route.passing.rate_of is not None:
            self._intake = Intake(client, self.tried, self.head_limit, self._read_on)
        client.last = self._route.asking.closes
        client.send(self, self._head, self._spool)

    def _unlimited(self) -> None:
        """Read as fast as it comes; whoever has the connection next does."""
        intake = self.take_intake()
        if intake is not None:
            intake.stop()

    # --- towards the client ---

    def answered(self, head: ResponseHead, length: int | None, body: bytes) -> None:
        """The whole answer came at once."""
        request, tried = self.request, self.tried
        tried.status, tried.head, tried.length = head.status, head, len(body)
        tried.header_time = tried.response_time = self._elapsed()
        if self._intake is not None:
            self._unlimited()
        if self._turn is not None:
            if self._passed_over(head):
                return
            self._free()
        request.watcher = None
        if not self._answered_elsewhere(head) and self._responded(head, length):
            self._whole(head, body)

    def _whole(self, _head: ResponseHead, body: bytes) -> None:
        """Pass on the one piece that there is."""
        self.request.finish(body)

    def hinted(self, head: ResponseHead) -> None:
        """An answer is announced."""
        self._route.passing.hint(self.request, head)

    def begun(
        self, head: ResponseHead, length: int | None, trailers: list[tuple[bytes, bytes]]
    ) -> None:
        """The head is here, the body is coming; `trailers` are filled when it has come."""
        request, tried = self.request, self.tried
        tried.status, tried.head, tried.trailers = head.status, head, trailers
        tried.header_time = self._elapsed()
        if self._turn is not None and self._passed_over(head):
            return
        if self._answered_elsewhere(head) or not self._responded(head, length):
            return
        route = self._route
        if route.passing.passes_trailers and request.chunked:
            route.passing.trail(request, trailers)
        if route.passing.buffers(head):
            self._live = length is None
            self._buffered(head)
        else:
            self._unlimited()
            request.channel.high_water(route.head_limit)
            route.passing.unbuffered(request)
        self._registered = True
        request.registerProducer(self, True)

    def _buffered(self, _head: ResponseHead) -> None:
        """The upstream may be faster than the client; how fast, and what is kept for it."""
        route, request = self._route, self.request
        request.channel.high_water(route.memory)
        self._overflow_limit = route.overflow_limit
        self._relays = self._intake is None and self.complete
        if self._intake is not None and route.passing.rate_of is not None:
            rate = route.passing.rate_of(request)
            if rate:
                self._intake.begin(rate, request.site)
            else:
                self._unlimited()

    def _responded(self, head: ResponseHead, length: int | None) -> bool:
        """Begin the client's answer; False where that fails (a range that is not in it)."""
        request = self.request
        try:
            request.respond(self._route.response(request, head, length))
        except ReverseProxyError as error:
            self._let_go()
            request.fail(error)
            return False
        return True

    def switched(self, _client: ProxyClient, _head: ResponseHead) -> Tunnel:
        """The upstream switches protocols; an `Upgrade`, which has asked for it, knows how."""
        raise NotImplementedError

    def _answered_elsewhere(self, head: ResponseHead) -> bool:
        """Whether another location answers: as the upstream asks, or as `error_page` has it."""
        passing, request = self._route.passing, self.request
        if passing.asks(head):
            passing.heed(request, head)
            if passing.redirects(head):
                self._let_go()
                self._send_elsewhere(head)
                return True
        if head.status >= 300 and passing.intercepts(request, head):
            self._let_go()
            fields = [(b"WWW-Authenticate", v) for v in head.get_all(b"www-authenticate")]
            cause = f"RP-{head.status}-upstream"
            request.answer(head.status, cause, fields if head.status == 401 else ())
            return True
        return False

    def _let_go(self) -> None:
        """The rest of the answer is for nobody."""
        self._free()
        client, self.client = self.client, None
        if client is not None:
            client.drop()
        self._free()
        self.request.watcher = None

    def _send_elsewhere(self, head: ResponseHead) -> None:
        """Let another location answer, as the upstream asks with X-Accel-Redirect."""
        request = self.request
        rewritten = self._route.rewritten
        request.carried += tuple(
            (name, rewritten(request, name, value))
            for name, value in head.fields
            if name.lower() in _WITH_REDIRECT
        )
        try:
            # Of several the first counts, as in nginx.
            request.sent_inside(head.get_all(b"x-accel-redirect")[0])
        except ReverseProxyError as error:
            request.fail(error)

    def piece(self, data: bytes) -> None:
        """A piece of the body."""
        self.tried.length += len(data)
        if self._overflow is not None:
            self._spill(data)
        elif not self._paused:
            self.request.write(data)
        elif self._overflow_limit:
            self._overflow = Overflow(self._route.overflow, self._overflow_limit)
            self.request.channel.high_water(self._route.busy)
            self._spill(data)
        else:
            self.request.write(data)
            if self.client is not None:
                self.client.pause()

    def _spill(self, data: bytes) -> None:
        overflow = self._overflow
        if overflow is None:
            return
        try:
            overflow.write(data)
        except SpoolError as error:
            self._give_up(error)
            return
        if overflow.full and self.client is not None:
            self.client.pause()

    def _give_up(self, error: SpoolError) -> None:
        """The machine failed: the answer is cut."""
        if self.client is not None:
            self.client.drop()
            self.client = None
        self._free()
        self._finish()
        self.request.fail(error)

    def pause_in_stream(self) -> None:
        """Nothing more is here for now.

        What was written so far must not wait for more, unless it is known how much there will be:
        then the head leaves with the body, and what is compressed is compressed as a whole (as in
        nginx, for `proxy_buffering`).
        """
        if self._live and self._overflow is None:
            self.request.flush()
        if self._intake is not None:
            self._intake.came()
        elif self._relays and not self._paused:
            self._pass_by()

    def _pass_by(self) -> None:
        """Let the rest go from socket to socket, where it can."""
        client = self.client
        if client is not None and self._overflow is None and self._relay is None:
            self._relay = relay.begin(client, self.request)

    def relayed(self, count: int) -> None:
        """So many bytes of the body are in the pipe."""
        self.tried.length += count
        if self._relay is not None:
            self.request.send_piped(self._relay.pipe, count)

    def _read_again(self) -> None:
        """Let what is still to come be read."""
        if self._relay is not None:
            self._relay.end()
            self._relay = None

    def ended(self, pieces: list[bytes]) -> None:
        """The body is complete (and the upstream free)."""
        self.tried.response_time = self._elapsed()
        if self._intake is not None:
            self._unlimited()
        if self._member is not None:
            self._free()
        for data in pieces[:-1]:
            self.piece(data)
            if self.request.finished:
                # The disk did not take it, and the answer is cut.
                return
        last = pieces[-1] if pieces else b""
        self.tried.length += len(last)
        if self._overflow is not None:
            if last:
                self._spill(last)
            if self._overflow is not None:
                self._overflow.complete = True
                if not self._paused:
                    self.resumeProducing()
            return
        if self.request.finished:
            return
        self._finish()
        self.request.finish(last)

    def _finish(self) -> None:
        self._read_again()
        self.request.watcher = None
        if self._intake is not None:
            self._unlimited()
        if self._registered:
            self._registered = False
            self.request.unregisterProducer()
        if self._overflow is not None:
            self._overflow.close()
            self._overflow = None

    # --- IPushProducer: the client's connection says when it is full ---

    def pauseProducing(self) -> None:
        """The client does not read."""
        self._paused = True
        self._read_again()
        if not self._overflow_limit and self.client is not None:
            self.client.pause()

    def resumeProducing(self) -> None:
        """The client reads again: first what overflowed, then what comes."""
        self._paused = False
        overflow = self._overflow
        while overflow is not None and not self._paused:
            try:
                data = overflow.read(self._route.piece_size)
            except SpoolError as error:
                self._give_up(error)
                return
            if data:
                self.request.write(data)
            elif overflow.complete:
                self._finish()
                self.request.finish()
                return
            else:
                overflow.close()
                overflow = self._overflow = None
        self._read_on()

    def _read_on(self) -> None:
        """Read what comes, unless the client or the rate still holds it back."""
        client, overflow, intake = self.client, self._overflow, self._intake
        full = self._paused and not self._overflow_limit if overflow is None else overflow.full
        if client is not None and not full and (intake is None or not intake.waiting):
            client.resume()
            if self._relays and not self._paused:
                self._pass_by()

    def stopProducing(self) -> None:
        """The client's connection is gone; `client_gone` follows."""
