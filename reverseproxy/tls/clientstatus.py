"""`ssl_ocsp`: whether the certificates of clients were taken back, asked when they connect.

Theory. The handshake is over then, and the client may have sent a request: nothing more is read of
the connection until the answer is here, so the request sees the verdict, as in nginx. What can't be
found out counts as not good. `ssl_handshake_timeout` bounds all of it.

Words that say until when they hold are kept that long, by each worker for itself.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from itertools import pairwise
from math import inf
from typing import TYPE_CHECKING, Any

from cryptography import x509
from OpenSSL import SSL, crypto
from twisted.internet.defer import Deferred

from reverseproxy.content.target import BadURL

from . import library, ocsp
from .ocspsettings import OCSPSettings, responder_url
from .responders import Unanswered
from .settings import SecureSettings, Trouble
from .stapling import identity

if TYPE_CHECKING:
    from twisted.python.failure import Failure

    from reverseproxy.config import Level
    from reverseproxy.logs.errors import ErrorLog
    from reverseproxy.web.channel import HTTPChannel

    from .responders import Responders

#: What nginx says of a certificate that is not good.
_OBJECTIONS = {
    ocsp.GOOD: "",
    ocsp.REVOKED: "certificate revoked",
    ocsp.UNKNOWN: "certificate status unknown",
}
_FAILED = "certificate status request failed"
#: What one word takes in a cache, in bytes.
_ENTRY = 256

_Key = tuple[bytes, int]


class StatusCache:
    """The words of a `ssl_ocsp_cache`; the longest unused make room."""

    def __init__(self, size: int) -> None:
        """`size` is in bytes."""
        self.size = size
        self._words: OrderedDict[_Key, ocsp.Word] = OrderedDict()

    def get(self, key: _Key, now: float) -> ocsp.Word | None:
        """A word that holds now, in seconds since the epoch."""
        found = self._words.get(key)
        if found is None or found.until <= now:
            return None
        self._words.move_to_end(key)
        return found

    def put(self, key: _Key, word: ocsp.Word) -> None:
        """Keep a word."""
        if word.until == inf:
            # There is always a newer one (RFC 6960 section 4.2.2.1).
            return
        self._words[key] = word
        self._words.move_to_end(key)
        while len(self._words) > max(1, self.size // _ENTRY):
            self._words.popitem(last=False)


class ClientStatus:
    """What a server with `ssl_ocsp` does with certificates that verify."""

    def __init__(
        self,
        level: Level,
        responders: Responders,
        clock: Callable[[], float],
        error_log: ErrorLog,
        cache: StatusCache | None,
    ) -> None:
        self._level = level
        self._settings = level[OCSPSettings]
        self._responders = responders
        self._clock = clock
        self._error_log = error_log
        self._cache = cache

    def objection(self, connection: SSL.Connection, channel: HTTPChannel) -> str | Deferred[str]:
        """What speaks against the client's certificate, "" is nothing; maybe later."""
        leaf = connection.get_peer_certificate()
        if leaf is None or library.verify_result(connection):
            return ""
        chain = [one.to_cryptography() for one in _chain(connection, leaf)]
        if not chain:
            self._tell("its chain can't be built", leaf.to_cryptography(), channel)
            return _FAILED
        pairs = list(pairwise(chain))
        return self._next(pairs[:1] if self._settings.ssl_ocsp == "leaf" else pairs, channel)

    def _next(
        self, pairs: list[tuple[x509.Certificate, x509.Certificate]], channel: HTTPChannel
    ) -> str | Deferred[str]:
        """The verdict on certificates, each with its issuer: the first that is not good counts."""
        while pairs:
            (certificate, issuer), pairs = pairs[0], pairs[1:]
            key = (identity(issuer), certificate.serial_number)
            word = None if self._cache is None else self._cache.get(key, self._clock())
            if word is None:
                return self._ask(key, certificate, issuer, pairs, channel)
            if word.status != ocsp.GOOD:
                return _OBJECTIONS[word.status]
        return ""

    def _ask(
        self,
        key: _Key,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        rest: list[tuple[x509.Certificate, x509.Certificate]],
        channel: HTTPChannel,
    ) -> str | Deferred[str]:
        target = self._settings.ssl_ocsp_responder
        try:
            target = target or responder_url(ocsp.responder(certificate))
        except BadURL as error:
            self._tell(f"no OCSP responder in the certificate: {error}", certificate, channel)
            return _FAILED

        def answered(word: ocsp.Word) -> Any:
            if self._cache is not None:
                self._cache.put(key, word)
            return _OBJECTIONS[word.status] or self._next(rest, channel)

        def failed(failure: Failure) -> str:
            failure.trap(Unanswered)
            self._tell(str(failure.value), certificate, channel)
            return _FAILED

        asked: Deferred[Any] = self._responders.ask(
            self._level, ocsp.Question(certificate, issuer), target
        )
        return asked.addCallbacks(answered, failed)

    def _tell(self, why: str, certificate: x509.Certificate, channel: HTTPChannel) -> None:
        name = certificate.subject.rfc4514_string()
        message = f'the status of the client\'s certificate "{name}" is not known: {why}'
        self._error_log.error(message, channel=channel)


class ClientStatuses:
    """Makes what servers need for `ssl_ocsp`. `error_log_of` gives a server's log."""

    def __init__(
        self,
        responders: Responders,
        clock: Callable[[], float],
        error_log_of: Callable[[Level], ErrorLog],
        previous: ClientStatuses | None = None,
    ) -> None:
        """What `previous` knew is known."""
        self._responders = responders
        self._clock = clock
        self._error_log_of = error_log_of
        self._caches: dict[str, StatusCache] = {}
        self._before = {} if previous is None else previous._caches

    def of(self, level: Level) -> ClientStatus | None:
        """A server's; None if it does not ask. Raises Trouble."""
        settings = level[OCSPSettings]
        if settings.ssl_ocsp == "off" or level[SecureSettings].ssl_verify_client == "off":
            return None
        if level[SecureSettings].ssl_verify_client == "optional_no_ca":
            message = '"ssl_ocsp" is incompatible with "ssl_verify_client optional_no_ca"'
            raise Trouble(level.origin_of("ssl_ocsp"), message)
        log = self._error_log_of(level)
        return ClientStatus(level, self._responders, self._clock, log, self._cache(level))

    def _cache(self, level: Level) -> StatusCache | None:
        rule = level[OCSPSettings].ssl_ocsp_cache
        if rule is None:
            return None
        name, size = rule
        found = self._caches.get(name)
        if found is None:
            found = self._before.get(name)
            if found is None or found.size != size:
                found = StatusCache(size)
            self._caches[name] = found
        if found.size != size:
            origin = level.origin_of("ssl_ocsp_cache")
            raise Trouble(origin, f'the cache "{name}" has another size elsewhere: {found.size}')
        return found


def _chain(connection: SSL.Connection, leaf: crypto.X509) -> list[crypto.X509]:
    """The chain that was verified, the client's certificate first; made anew for a session."""
    found = connection.get_verified_chain()
    if found:
        return found
    store = connection.get_context().get_cert_store()
    if store is None:
        raise AssertionError("a context has a store")
    sent = connection.get_peer_cert_chain() or []
    try:
        return crypto.X509StoreContext(store, leaf, sent).get_verified_chain()
    except crypto.X509StoreContextError:
        return []
