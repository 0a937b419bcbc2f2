"""Who stands for an `Exchange`: what `ProxyClient` tells, and what of it few need to know."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from reverseproxy.wire.heads import ResponseHead

    from .client import ProxyClient
    from .connecting import ProxyClientFactory
    from .exchange import Exchange


class Hearer:
    """What hears of an answer, its request being sent."""

    #: see `Exchange`
    complete = True
    upgrades = False

    def hinted(self, _head: ResponseHead) -> None:
        """An answer is announced."""

    def pause_in_stream(self) -> None:
        """Nothing more is here for now."""

    def surplus(self, _count: int) -> None:
        """More came than the answer has: the connection is not used again."""


class Asker(Hearer):
    """One that has a question of this daemon's own, and sends it by itself."""

    method = b"GET"
    #: the connection, while the answer is awaited; before that, what makes it
    client: ProxyClient | None = None
    _connecting: ProxyClientFactory | None = None
    _head = b""

    def _ask(self, client: ProxyClient) -> None:
        self.client = client
        client.send(cast("Exchange", self), self._head, None)

    def connected(self, client: ProxyClient) -> None:
        """A new connection is there."""
        self._connecting = None
        self._ask(client)

    def _let_go(self) -> None:
        """Wait no more, neither for a connection nor for an answer."""
        connecting, self._connecting = self._connecting, None
        if connecting is not None:
            connecting.cancel()
        client, self.client = self.client, None
        if client is not None:
            client.drop()
