"""A small document that the daemon itself needs, asked for by HTTP: an OCSP response.

Each address of a host is tried in turn, over a connection that carries nothing else; to the
`ProxyClient` that reads the answer a `Fetch` is what an `Exchange` is. All of it has one deadline,
which the sweep looks at, and a bound on what is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from reverseproxy.errors import UpstreamError

from .attempt import Timeouts, Try
from .connecting import ProxyClientFactory
from .hearing import Asker
from .pool import Keeping, Peer

if TYPE_CHECKING:
    from reverseproxy.wire.heads import ResponseHead

    from .dns import Found
    from .exchange import Exchange
    from .pool import Pools

#: How long a document may take as a whole, and each step towards it, in seconds.
LIMIT = 15.0
STEP = 5.0
#: How many bytes its head may have, and the document itself.
HEAD_LIMIT = 8192
SIZE_LIMIT = 64 * 1024
#: How many addresses of a host are tried.
_MOST = 4


class Unfetched(Exception):
    """The document can't be had; the message says why, and of whom it was asked."""


class Fetch(Asker):
    """`begin` gives the document, or fails with Unfetched; cancelling what it gave ends it."""

    timeouts = Timeouts(STEP, STEP, STEP)
    head_limit = HEAD_LIMIT

    def __init__(
        self,
        pools: Pools,
        lookup: Callable[[], Deferred[Found[str]]],
        port: int,
        head: bytes,
        media_type: bytes,
    ) -> None:
        """`lookup` finds the addresses; `head` is the request, `media_type` of the document."""
        self.tried: Try
        self._pools = pools
        self._lookup = lookup
        self._port = port
        self._head = head
        self._media_type = media_type
        self._hosts: list[str] = []
        self._body = bytearray()
        self._deadline = pools.sweep.now + LIMIT
        self._done: Deferred[bytes] | None = None

    def begin(self) -> Deferred[bytes]:
        """Ask."""
        done = self._done = Deferred(lambda _: self._drop())
        self._pools.sweep.add(self)
        self._lookup().addCallback(self._found)
        return done

    def check(self, now: float) -> None:
        """Give up when it takes too long; the sweep calls it."""
        if now >= self._deadline:
            what = "no answer" if hasattr(self, "tried") else "its host could not be resolved"
            self._fail(f"{what} within {LIMIT:g} s")

    def _found(self, found: Found[str]) -> None:
        if self._done is None:
            return
        self._hosts = found.addresses[:_MOST]
        if self._hosts:
            self._try_next()
        else:
            self._fail("its host could not be resolved")

    def _try_next(self) -> None:
        if not self._pools.has_room():
            self._fail("worker_connections are not enough")
            return
        peer = Peer(self._hosts.pop(0), self._port, self._pools, Keeping(most=0))
        self.tried = Try(peer.address, "", self._pools.sweep.now)
        factory = self._connecting = ProxyClientFactory(peer, cast("Exchange", self))
        factory.connector = peer.connect(factory, STEP)

    # --- the end ---

    def _drop(self) -> None:
        """Nobody wants to know any more."""
        self._done = None
        self._pools.sweep.discard(self)
        self._let_go()

    def _fail(self, why: str) -> None:
        done = self._done
        peer = "" if not hasattr(self, "tried") else f" (of {self.tried.addr.decode()})"
        self._drop()
        if done is not None:
            done.errback(Failure(Unfetched(why + peer)))

    def _succeed(self) -> None:
        done = self._done
        self._drop()
        if done is not None:
            done.callback(bytes(self._body))

    # --- what a connection tells ---

    def _is_right(self, head: ResponseHead) -> bool:
        kind = (head.joined(b"content-type") or b"").partition(b";")[0].strip().lower()
        if head.status != 200:
            self._fail(f"it answered with status {head.status}")
        elif kind != self._media_type:
            self._fail(f"it answered with {kind.decode('latin-1') or 'no type'!a}")
        return self._done is not None

    def answered(self, head: ResponseHead, _length: int | None, body: bytes) -> None:
        """The whole answer came at once."""
        if self._is_right(head) and self._take(body):
            self._succeed()

    def begun(
        self, head: ResponseHead, _length: int | None, _trailers: list[tuple[bytes, bytes]]
    ) -> None:
        """The head is here."""
        self._is_right(head)

    def piece(self, data: bytes) -> None:
        """A piece of the document."""
        self._take(data)

    def _take(self, data: bytes) -> bool:
        self._body += data
        if len(self._body) > SIZE_LIMIT:
            self._fail(f"its answer has more than {SIZE_LIMIT} bytes")
        return self._done is not None

    def ended(self, pieces: list[bytes]) -> None:
        """The document is complete."""
        if self._take(b"".join(pieces)):
            self._succeed()

    def failed(self, error: UpstreamError) -> None:
        """Nobody is there, or what came is no answer: maybe somebody is at the next address."""
        self._connecting = self.client = None
        if self._done is None:
            return
        self._body.clear()
        if self._hosts:
            self._try_next()
        else:
            self._fail(str(error))
