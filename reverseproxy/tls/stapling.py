"""`ssl_stapling`: what the issuers say of our certificates, fetched ahead and sent in handshakes.

Theory. A handshake takes what is there: no client waits for a responder. So responses are asked for
as soon as a process serves, and again before they end: after an hour at the latest, and five
minutes after a failure, as in nginx. Once a sweep it is looked for whom it is time. Each worker
asks for itself, as in nginx: a response is small, and who tells it to whom would be more than that.

A `Staple` is all that a context knows of this.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from typing import TYPE_CHECKING, Any

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from OpenSSL import SSL
from twisted.internet.defer import CancelledError, Deferred

from reverseproxy.content.target import BadURL, Target

from . import ocsp
from .ocspsettings import OCSPSettings, responder_url
from .responders import Unanswered

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from reverseproxy.config import Level
    from reverseproxy.logs.errors import ErrorLog
    from reverseproxy.web.sweep import Sweep

    from .responders import Responders

#: When a response is asked for anew: not before, and not after, in seconds; and how long ahead.
SHORTEST = 300.0
LONGEST = 3600.0
AHEAD = 300.0
#: How many are asked for at once.
AT_ONCE = 8


@attrs.define(eq=False)
class Staple:
    """The response for one certificate, and until when it holds (epoch, in seconds)."""

    clock: Callable[[], float]
    response: bytes = b""
    until: float = 0.0

    def current(self) -> bytes:
        """The response, if it holds; else nothing, and nothing is sent."""
        return self.response if self.clock() < self.until else b""


def identity(certificate: x509.Certificate) -> bytes:
    """By what a certificate is told from others."""
    return certificate.fingerprint(hashes.SHA256())


def send(context: SSL.Context, staples: dict[bytes, Staple], only: bool) -> None:
    """Send the responses of a context's certificates; `only` says that there is but one of them."""
    if not staples:
        return
    if only:
        staple = next(iter(staples.values()))
        context.set_ocsp_server_callback(lambda _connection, _data: staple.current())
        return

    def of_the_shown(connection: SSL.Connection, _data: Any) -> bytes:
        shown: Any = connection.get_certificate()
        found = staples.get(identity(shown.to_cryptography()))
        return b"" if found is None else found.current()

    context.set_ocsp_server_callback(of_the_shown)


class Unstapled(Exception):
    """Nothing can be asked about a certificate; the message is nginx's."""


@attrs.define(eq=False)
class _Kept:
    """One staple, and who is asked for it, on behalf of which server."""

    staple: Staple
    level: Level
    name: str
    question: ocsp.Question
    target: Target
    error_log: ErrorLog
    #: when to ask (seconds, monotonic)
    due: float = 0.0
    #: the last failure that was told
    told: str = ""
    asked: Deferred[Any] | None = None

    def inherit(self, before: _Kept) -> None:
        """Go on with what was known of the same certificate."""
        self.staple.response, self.staple.until = before.staple.response, before.staple.until
        self.due, self.told = before.due, before.told


class Stapling:
    """Every staple of a configuration. `error_log_of` gives a server's log."""

    def __init__(
        self,
        responders: Responders,
        sweep: Sweep,
        clock: Callable[[], float],
        error_log_of: Callable[[Level], ErrorLog],
        previous: Stapling | None = None,
    ) -> None:
        """`previous` is what the configuration before had, until `succeed`."""
        self._responders = responders
        self._sweep = sweep
        self._clock = clock
        self._error_log_of = error_log_of
        self._before = previous
        self._kept: dict[object, _Kept] = {}
        self._due = -inf

    def staple(
        self,
        level: Level,
        name: str,
        chain: Sequence[x509.Certificate],
        trusted: Sequence[x509.Certificate],
    ) -> Staple:
        """The staple of the first certificate of a chain, whose file is `name`. Raises Unstapled.

        `trusted` are the certificates that a server believes.
        """
        settings, certificate = level[OCSPSettings], chain[0]
        issuer = next(
            (one for one in (*chain[1:], *trusted) if ocsp.is_issuer(one, certificate)), None
        )
        if issuer is None:
            raise Unstapled(f'issuer certificate not found for certificate "{name}"')
        target = settings.ssl_stapling_responder or _target(certificate, name)
        vouching = tuple(trusted) if settings.ssl_stapling_verify else None
        key = (
            identity(certificate),
            identity(issuer),
            target.url,
            None if vouching is None else tuple(map(identity, vouching)),
        )
        if key not in self._kept:
            question = ocsp.Question(certificate, issuer, vouching)
            self._kept[key] = _Kept(
                Staple(self._clock), level, name, question, target, self._error_log_of(level)
            )
        return self._kept[key].staple

    def start(self) -> None:
        """Begin to ask."""
        if self._kept:
            self._sweep.add(self)

    def stop(self) -> None:
        """Ask no more, and wait for no answer."""
        self._sweep.discard(self)
        for kept in self._kept.values():
            if kept.asked is not None:
                kept.asked.cancel()

    def succeed(self) -> None:
        """Go on with what the configuration before knew."""
        before, self._before = self._before, None
        if before is None:
            return
        before.stop()
        for key, kept in self._kept.items():
            older = before._kept.get(key)
            if older is not None:
                kept.inherit(older)

    def check(self, now: float) -> None:
        """Ask for whom it is time; the sweep calls it."""
        if now < self._due:
            return
        free = AT_ONCE - sum(kept.asked is not None for kept in self._kept.values())
        for kept in self._kept.values():
            if free <= 0:
                return
            if kept.asked is None and kept.due <= now:
                free -= 1
                self._ask(kept)
        waiting = [kept.due for kept in self._kept.values() if kept.asked is None]
        self._due = min(waiting, default=inf)

    def _ask(self, kept: _Kept) -> None:
        asked: Deferred[Any] = self._responders.ask(kept.level, kept.question, kept.target)
        kept.asked = asked
        asked.addCallbacks(self._answered, self._failed, callbackArgs=(kept,), errbackArgs=(kept,))

    def _answered(self, word: ocsp.Word, kept: _Kept) -> None:
        if word.status != ocsp.GOOD:
            if word.status == ocsp.REVOKED:
                # What was good before is not.
                kept.staple.until = 0.0
            self._missed(kept, f'certificate status "{word.status}" in the OCSP response')
            return
        kept.staple.response, kept.staple.until = word.answer, word.until
        left = word.until - self._clock()
        self._next(kept, max(min(left - AHEAD, LONGEST), SHORTEST))
        if kept.told:
            kept.told = ""
            kept.error_log.log("notice", f'there is an OCSP response for "{kept.name}" again')

    def _failed(self, failure: Failure, kept: _Kept) -> None:
        if failure.check(CancelledError):
            kept.asked = None
            return
        failure.trap(Unanswered)
        self._missed(kept, str(failure.value))

    def _missed(self, kept: _Kept, why: str) -> None:
        self._next(kept, SHORTEST)
        if kept.told != why:
            # It may last: each cause is told once, until it is over.
            kept.told = why
            kept.error_log.error(f'no OCSP response for the certificate "{kept.name}": {why}')

    def _next(self, kept: _Kept, pause: float) -> None:
        kept.asked = None
        kept.due = self._sweep.now + pause
        self._due = -inf


def _target(certificate: x509.Certificate, name: str) -> Target:
    """The responder that a certificate names. Raises Unstapled."""
    url = ocsp.responder(certificate)
    if not url:
        raise Unstapled(f'no OCSP responder URL in the certificate "{name}"')
    try:
        return responder_url(url)
    except BadURL as error:
        what = f'invalid OCSP responder in the certificate "{name}": {error}'
        raise Unstapled(what) from error
