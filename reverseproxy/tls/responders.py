"""Who says whether a certificate is still good: OCSP responders, asked over the network."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, succeed

from reverseproxy.upstream.demand import is_numeric
from reverseproxy.upstream.dns import Found
from reverseproxy.upstream.fetching import Fetch, Unfetched
from reverseproxy.upstream.resolving import ResolverSettings

from .ocsp import Question, Word, Worthless

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from reverseproxy.config import Level
    from reverseproxy.content.target import Target
    from reverseproxy.upstream.names import HostNames
    from reverseproxy.upstream.pool import Pools

MEDIA_TYPE = b"application/ocsp-response"
_REQUEST = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\n"
    "Accept: application/ocsp-response\r\nConnection: close\r\n\r\n"
)


class Unanswered(Exception):
    """Nobody says anything of a certificate that is worth something; the message says why."""


class Responders:
    """Asks for the servers of a configuration."""

    def __init__(self, pools: Pools, names: HostNames, clock: Callable[[], float]) -> None:
        """`clock` is the time of day, in seconds since the epoch."""
        self._pools = pools
        self._names = names
        self._clock = clock

    def ask(self, level: Level, question: Question, target: Target) -> Deferred[Word]:
        """What a responder says, of whom a server (`level`) wants to know. Fails with Unanswered.

        Without a `resolver` the name servers of the system are asked where the responder is.
        """
        path = question.path(target.uri or "/")
        head = _REQUEST.format(path=path, host=target.name).encode("latin-1")
        fetch = Fetch(self._pools, self._lookup(level, target.host), target.port, head, MEDIA_TYPE)

        def read(answer: bytes) -> Word:
            try:
                return question.word(answer, self._clock())
            except Worthless as error:
                raise Unanswered(f"{error}, responder: {target.url}") from error

        def unfetched(failure: Failure) -> Any:
            failure.trap(Unfetched)
            raise Unanswered(f"{failure.value}, responder: {target.url}")

        return fetch.begin().addCallbacks(read, unfetched)

    def _lookup(self, level: Level, host: str) -> Callable[[], Deferred[Found[str]]]:
        settings = level[ResolverSettings]
        if is_numeric(host):
            return lambda: succeed(Found([host]))
        if settings.resolver is None:
            return lambda: self._names.lookup(host)
        return self._names.asker(host, settings.resolver, settings.resolver_timeout)
