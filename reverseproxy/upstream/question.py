"""One question of a health check: a request to one server, and what its answer is worth.

It goes over a connection of its own, a `ProxyClient` as any; to that it is what an `Exchange` is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import attrs

from reverseproxy.errors import ReverseProxyError, UpstreamError, UpstreamUnanswered

from .attempt import Timeouts, Try
from .connecting import client_factory
from .hearing import Asker
from .matching import EXAMINED, Examination

if TYPE_CHECKING:
    from reverseproxy.logs.errors import ErrorLog
    from reverseproxy.tls.upstream import Secured
    from reverseproxy.web.request import Request
    from reverseproxy.wire.heads import ResponseHead

    from .client import ProxyClient
    from .exchange import Exchange
    from .healthsettings import HealthRule
    from .pool import Peer

#: Hears what came of a question: the reason, and whether the server passed.
Told = Callable[[str, bool], None]


@attrs.frozen(eq=False)
class Inquiry:
    """What a location says of its checks.

    `request` makes a request of this daemon's own, `head` the bytes to be sent for it, `bind` the
    address to connect from, and `secure` says with which TLS, if any.
    """

    rule: HealthRule
    timeouts: Timeouts
    head_limit: int
    examination: Examination
    error_log: ErrorLog
    request: Callable[[], Request]
    head: Callable[[Request], bytes]
    bind: Callable[[Request], tuple[str, int] | None]
    secure: Callable[[Request], Secured] | None = None

    @property
    def limit(self) -> float:
        """How long a question may take as a whole, in seconds."""
        return self.timeouts.connect + self.timeouts.read


class Question(Asker):
    """`begin` it; `told` hears once what came of it, unless it is dropped before."""

    def __init__(self, peer: Peer, inquiry: Inquiry, told: Told) -> None:
        self.timeouts = inquiry.timeouts
        self.head_limit = inquiry.head_limit
        self.tried: Try
        self._told: Told | None = told
        self._peer = peer
        self._inquiry = inquiry
        self._request = inquiry.request()
        self._secured: Secured | None = None
        self._reused = False
        self._body = bytearray()
        self._taken = 0
        self._answer: ResponseHead | None = None

    def begin(self) -> None:
        """Send the request."""
        try:
            self._head = self._inquiry.head(self._request)
            if self._inquiry.secure is not None:
                self._secured = self._inquiry.secure(self._request)
        except ReverseProxyError as error:
            self._tell(str(error), False)
            return
        self._send(self._peer.take(self._secured))

    def _send(self, client: ProxyClient | None) -> None:
        self._reused = client is not None
        self.tried = Try(self._peer.address, "", self._request.site.seconds())
        self._request.upstream_tries = (self.tried,)
        if client is not None:
            self._ask(client)
            return
        factory = self._connecting = client_factory(
            self._peer, cast("Exchange", self), self._secured
        )
        factory.bind = self._inquiry.bind(self._request)
        factory.connector = self._peer.connect(factory, self.timeouts.connect)

    def drop(self) -> None:
        """Nobody wants to know any more."""
        self._told = None
        self._let_go()

    def _tell(self, reason: str, passed: bool) -> None:
        told, self._told = self._told, None
        if told is not None:
            told(reason, passed)

    def _judge(self) -> None:
        """Say what the answer is worth, as far as it is here."""
        head = self._answer
        if self._told is None or head is None:
            return
        examination = self._inquiry.examination
        objection = examination.objection(head, bytes(self._body), self._request)
        self._tell(objection or f"status {head.status}", not objection)

    # --- what a connection tells ---

    def _note(self, head: ResponseHead) -> None:
        tried = self.tried
        self._answer = tried.head = head
        tried.status = head.status
        tried.header_time = self._request.site.seconds() - tried.started

    def answered(self, head: ResponseHead, _length: int | None, body: bytes) -> None:
        """The whole answer came at once."""
        self._note(head)
        self._take(body)
        self._judge()

    def begun(
        self, head: ResponseHead, _length: int | None, _trailers: list[tuple[bytes, bytes]]
    ) -> None:
        """The head is here: a verdict waits for the body only where it needs it."""
        self._note(head)
        if not self._inquiry.examination.reads_body:
            self._judge()

    def piece(self, data: bytes) -> None:
        """A piece of the body; what is beyond `EXAMINED` is not waited for."""
        self._take(data)
        if self._taken >= EXAMINED:
            client, self.client = self.client, None
            if client is not None:
                client.drop()
            self._judge()

    def _take(self, data: bytes) -> None:
        if self._inquiry.examination.reads_body:
            self._body += data[: EXAMINED - len(self._body)]
        self._taken += len(data)

    def ended(self, pieces: list[bytes]) -> None:
        """The body is complete."""
        for data in pieces:
            self._take(data)
        self._judge()

    def failed(self, error: UpstreamError) -> None:
        """The server can't be reached, or does not answer as it should."""
        self._connecting = self.client = None
        if self._reused and isinstance(error, UpstreamUnanswered) and self._told is not None:
            # It closed an idle connection just as it was taken (RFC 9112 section 9.3.1).
            self._send(None)
            return
        self._tell(str(error), False)
