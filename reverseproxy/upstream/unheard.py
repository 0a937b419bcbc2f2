"""An answer that nobody waits for any more (`proxy_ignore_client_abort`).

The client has left and its line is in the log; the upstream finishes what it was asked to do, and
its connection serves on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .hearing import Hearer

if TYPE_CHECKING:
    from reverseproxy.errors import UpstreamError
    from reverseproxy.wire.heads import ResponseHead

    from .client import ProxyClient
    from .exchange import Exchange


class Unheard(Hearer):
    """Takes the place of the `Exchange` that it comes from."""

    def __init__(self, exchange: Exchange, client: ProxyClient) -> None:
        self.client: ProxyClient | None = client
        self.method = exchange.method
        self.timeouts = exchange.timeouts
        self.head_limit = exchange.head_limit
        self.tried = exchange.tried
        intake = self._intake = exchange.take_intake()
        if intake is not None:
            intake.then = client.resume
        if intake is None or not intake.waiting:
            client.resume()

    def answered(self, _head: ResponseHead, _length: int | None, _body: bytes) -> None:
        """The whole answer came at once."""
        self._unlimited()

    def begun(
        self, _head: ResponseHead, _length: int | None, _trailers: list[tuple[bytes, bytes]]
    ) -> None:
        """The head is here; from now on it is read as fast as it comes."""
        self._unlimited()

    def piece(self, _data: bytes) -> None:
        """A piece of the body."""

    def pause_in_stream(self) -> None:
        """Nothing more is here for now."""
        if self._intake is not None:
            self._intake.came()

    def ended(self, _pieces: list[bytes]) -> None:
        """The body is complete."""
        self._unlimited()

    def failed(self, _error: UpstreamError) -> None:
        """The upstream did not finish."""
        self._unlimited()

    def _unlimited(self) -> None:
        intake, self._intake = self._intake, None
        if intake is not None:
            intake.stop()
