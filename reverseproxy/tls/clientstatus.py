"""`ssl_ocsp`: whether the certificates of clients were taken back, asked when they connect.

Theory. The handshake is over then, and the client may have sent a request: nothing more is read of
the connection until the answer is here, so the request sees the verdict, as in nginx. What can't be
found out counts as not good. `ssl_handshake_timeout` bounds all of it.

Words that say until when they hold are kept that long, where all workers find them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from itertools import pairwise
from math import inf
from struct import Struct
from typing import TYPE_CHECKING, Any, Protocol

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
#: What one word is taken to need in a cache, in bytes.
_ENTRY = 256

#: A word as it is kept: its status, and until when it holds.
_WORD = Struct("=7sd")


class Values(Protocol):
    """Where words are kept, as bytes."""

    def get(self, key: bytes) -> bytes | None:
        """A value, if it is still there."""

    def put(self, key: bytes, value: bytes) -> None:
        """Keep a value."""


class OwnValues:
    """Those of one process; the oldest make room. `size` is in bytes."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._most = max(1, size // _ENTRY)
        self._values: OrderedDict[bytes, bytes] = OrderedDict()
        self.get = self._values.get

    def put(self, key: bytes, value: bytes) -> None:
        """Keep a value."""
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self._most:
            self._values.popitem(last=False)


class StatusCache:
    """The words of a `ssl_ocsp_cache`."""

    def __init__(self, size: int, values: Values) -> None:
        """`size` is as configured, in bytes."""
        self.size = size
        self.values = values

    def get(self, key: bytes, now: float) -> str | None:
        """The status of a certificate, if a word on it holds now (seconds since the epoch)."""
        found = self.values.get(key)
        if found is None:
            return None
        status, until = _WORD.unpack(found)
        return status.rstrip(b"\0").decode() if until > now else None

    def put(self, key: bytes, word: ocsp.Word) -> None:
        """Keep a word."""
        # Without an end there is always a newer one (RFC 6960 section 4.2.2.1).
        if word.until != inf:
            self.values.put(key, _WORD.pack(word.status.encode(), word.until))


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
            key = b"%b%x" % (identity(issuer), certificate.serial_number)
            status = None if self._cache is None else self._cache.get(key, self._clock())
            if status is None:
                return self._ask(key, certificate, issuer, pairs, channel)
            if status != ocsp.GOOD:
                return _OBJECTIONS[status]
        return ""

    def _ask(
        self,
        key: bytes,
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
        ring: Callable[[str, int], Values | None],
        previous: ClientStatuses | None = None,
    ) -> None:
        """`ring` gives the memory of a zone that workers share; what `previous` knew is known."""
        self._responders = responders
        self._clock = clock
        self._error_log_of = error_log_of
        self._ring = ring
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
            shared = self._ring(f"ssl_ocsp_cache {name}", size)
            found = self._before.get(name)
            if shared is not None or found is None or found.size != size:
                found = StatusCache(size, shared or OwnValues(size))
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
