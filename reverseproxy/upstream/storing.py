"""Exchanges of a location with `proxy_store`: what is passed on is kept as well.

As in nginx the upstream goes on when the client leaves, for the file's sake, and a file is made
only of an answer that may be faster than its client (`proxy_buffering`).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from .exchange import Exchange
from .streaming import Streamed
from .unheard import Unheard
from .upgrade import Upgrade

if TYPE_CHECKING:
    from reverseproxy.content.store import Copy
    from reverseproxy.errors import UpstreamError
    from reverseproxy.wire.heads import ResponseHead

    from .client import ProxyClient


class Storing(Exchange):
    """An `Exchange` that stores."""

    _copy: Copy | None = None

    def _copy_of(self, head: ResponseHead) -> Copy | None:
        """The file that an answer is to become, if it is."""
        store = self._route.store
        if store is None or self.method == b"HEAD" or not self._route.passing.buffers(head):
            return None
        return store.open(self.request, head)

    def late_copy_of(self, head: ResponseHead) -> Copy | None:
        """The same for an answer that comes when the client has left."""
        return None if self._route.passing.redirects(head) else self._copy_of(head)

    def _whole(self, head: ResponseHead, body: bytes) -> None:
        _kept(self._copy_of(head), [body])
        super()._whole(head, body)

    def _buffered(self, head: ResponseHead) -> None:
        super()._buffered(head)
        self._copy = self._copy_of(head)
        if self._copy is not None:
            # It is all on the disk anyhow: the upstream need not wait for the client.
            self._overflow_limit = sys.maxsize
            self._relays = False

    def piece(self, data: bytes) -> None:
        """A piece of the body."""
        if self._copy is not None:
            self._copy.write(data)
        super().piece(data)

    def ended(self, pieces: list[bytes]) -> None:
        """The body is complete: who has all of it finds the file."""
        copy, self._copy = self._copy, None
        _kept(copy, pieces)
        super().ended(pieces)

    def _unheard(self, client: ProxyClient) -> Unheard | None:
        if self.tried.header_time is not None and self._copy is None:
            return super()._unheard(client)
        copy, self._copy = self._copy, None
        return Recorded(self, client, copy)

    def _finish(self) -> None:
        super()._finish()
        if self._copy is not None:
            self._copy.drop()
            self._copy = None


class StoringUpgrade(Storing, Upgrade):
    """An `Upgrade` that stores."""


class StoringStreamed(Storing, Streamed):
    """A `Streamed` that stores."""


class Recorded(Unheard):
    """An answer that nobody waits for but its file."""

    def __init__(self, exchange: Storing, client: ProxyClient, copy: Copy | None) -> None:
        super().__init__(exchange, client)
        self._exchange = exchange
        self._copy = copy

    def answered(self, head: ResponseHead, length: int | None, body: bytes) -> None:
        """The whole answer came at once."""
        super().answered(head, length, body)
        _kept(self._exchange.late_copy_of(head), [body])

    def begun(
        self, head: ResponseHead, length: int | None, trailers: list[tuple[bytes, bytes]]
    ) -> None:
        """The head is here."""
        super().begun(head, length, trailers)
        self._copy = self._exchange.late_copy_of(head)

    def piece(self, data: bytes) -> None:
        """A piece of the body."""
        if self._copy is not None:
            self._copy.write(data)

    def ended(self, pieces: list[bytes]) -> None:
        """The body is complete."""
        super().ended(pieces)
        _kept(self._copy, pieces)

    def failed(self, error: UpstreamError) -> None:
        """The upstream did not finish."""
        super().failed(error)
        if self._copy is not None:
            self._copy.drop()


def _kept(copy: Copy | None, pieces: list[bytes]) -> None:
    """Write what is left, and keep the file."""
    if copy is not None:
        for data in pieces:
            copy.write(data)
        copy.keep()
