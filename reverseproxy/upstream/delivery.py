"""How an answer's body goes from an upstream to a client who may be slow.

What a slow reader leaves is kept in memory up to `proxy_buffers`, then in a temporary file up to
`proxy_max_temp_file_size`; only then does the upstream have to wait. The pieces go on through
`Request`, whose producer a delivery is while there is more to come.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from reverseproxy.errors import SpoolError

from .overflow import Overflow

if TYPE_CHECKING:
    from reverseproxy.content.proxy import ReverseProxyResource
    from reverseproxy.web.request import Request

    from .attempt import Try
    from .client import ProxyClient
    from .members import Member


@implementer(IPushProducer)
class Delivery:
    """The half of `Exchange` that passes a body on."""

    tried: Try

    __slots__ = (
        "_member",
        "_overflow",
        "_overflow_limit",
        "_paused",
        "_registered",
        "_route",
        "client",
        "request",
        "tried",
    )

    def __init__(self, route: ReverseProxyResource, request: Request) -> None:
        self._route = route
        self.request = request
        self.client: ProxyClient | None = None
        self._overflow: Overflow | None = None
        #: how much may wait in a file; 0: the upstream waits instead
        self._overflow_limit = 0
        #: which of a group's servers it is
        self._member: Member | None = None
        self._paused = False
        self._registered = False

    def _free(self, failed: bool = False) -> None:
        """The attempt is over, as far as the group is concerned."""
        raise NotImplementedError

    def _elapsed(self) -> float:
        return self.request.site.seconds() - self.tried.started

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
            if self.client is not None:
                self.client.drop()
                self.client = None
            self._free()
            self._finish()
            self.request.fail(error)
            return
        if overflow.full and self.client is not None:
            self.client.pause()

    def pause_in_stream(self) -> None:
        """Nothing more is here for now: what was written so far must not wait for more."""
        if self._overflow is None:
            self.request.flush()

    def ended(self, pieces: list[bytes]) -> None:
        """The body is complete (and the upstream free)."""
        self.tried.response_time = self._elapsed()
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
        self.request.watcher = None
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
        if not self._overflow_limit and self.client is not None:
            self.client.pause()

    def resumeProducing(self) -> None:
        """The client reads again: first what overflowed, then what comes."""
        self._paused = False
        overflow = self._overflow
        while overflow is not None and not self._paused:
            data = overflow.read(self._route.piece_size)
            if data:
                self.request.write(data)
            elif overflow.complete:
                self._finish()
                self.request.finish()
                return
            else:
                overflow.close()
                overflow = self._overflow = None
        if self.client is not None and (overflow is None or not overflow.full):
            self.client.resume()

    def stopProducing(self) -> None:
        """The client's connection is gone; `client_gone` follows."""
