"""TLS to upstreams: a context for each distinct settings, made when a configuration is loaded.

Whoever may share a connection has the same `Secured`: the same context, the same name.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import attrs
from OpenSSL import SSL

from reverseproxy.logs.files import LogFile, LogFiles

from . import library, pem, verification
from .protocols import OFF
from .upstreamsettings import Command, ProxySSLSettings

if TYPE_CHECKING:
    from reverseproxy.config.parser import Read
    from reverseproxy.web.place import Place

_VERSIONS = {
    "None": 0,
    "TLSv1": SSL.TLS1_VERSION,
    "TLSv1.1": SSL.TLS1_1_VERSION,
    "TLSv1.2": SSL.TLS1_2_VERSION,
    "TLSv1.3": SSL.TLS1_3_VERSION,
}
#: SSL_CONF_cmd(3)'s Options that a client can have: the bit, and whether to set is to switch off.
#: (pyOpenSSL 23.0 has no names for two of them.)
_OPTIONS = {
    "SessionTicket": (SSL.OP_NO_TICKET, True),
    "EncryptThenMac": (0x80000, True),
    "NoRenegotiation": (SSL.OP_NO_RENEGOTIATION, False),
    "UnsafeLegacyServerConnect": (0x4, False),
}


class KeyLog(LogFile):
    """The file of `proxy_ssl_key_log`, which is nobody else's to read."""

    mode = 0o600


@attrs.frozen(eq=False)
class UpstreamContext:
    """One distinct settings of TLS to upstreams."""

    context: SSL.Context
    verifies: bool
    sends_name: bool
    reuses: bool


@attrs.frozen
class Secured:
    """TLS to a name: connections and sessions are shared by whoever has an equal one."""

    context: UpstreamContext
    name: str

    @property
    def reuses(self) -> bool:
        """Whether sessions are resumed."""
        return self.context.reuses

    def connection(self, session: Any) -> SSL.Connection:
        """A new connection that is to begin the handshake, and may offer a session."""
        context = self.context
        made = SSL.Connection(context.context, None)
        made.set_connect_state()
        if context.sends_name and self.name and not verification.is_address(self.name):
            made.set_tlsext_host_name(self.name.encode())
        if session is not None:
            made.set_session(session)
        return made

    def objection(self, connection: SSL.Connection) -> str:
        """What speaks against the other side after the handshake; "" is nothing."""
        if not self.context.verifies:
            return ""
        return verification.wrong_name(connection, self.name)


class UpstreamContexts:
    """Every context of a configuration; those that the one before had as well stay the same.

    So do the connections and sessions that are made with them.
    """

    def __init__(
        self, read: Read, files: LogFiles, previous: UpstreamContexts | None = None
    ) -> None:
        """`read` reads certificates and keys, `files` has the log files."""
        self._read = read
        self._files = files
        self._made: dict[object, UpstreamContext] = {}
        self._before = {} if previous is None else previous._made

    def succeed(self) -> None:
        """The configuration before this one is gone."""
        self._before = {}

    def at(self, place: Place) -> UpstreamContext | None:
        """The context of a place; None if there is a complaint."""
        settings = place[ProxySSLSettings]
        if not _is_complete(place, settings):
            return None
        files = _Files(self._read, place)
        parts = _Parts(
            files.bytes_of("proxy_ssl_trusted_certificate", settings.proxy_ssl_verify),
            files.bytes_of("proxy_ssl_crl", settings.proxy_ssl_verify),
            files.bytes_of("proxy_ssl_certificate"),
            files.bytes_of("proxy_ssl_certificate_key", bool(settings.proxy_ssl_certificate)),
            files.bytes_of("proxy_ssl_password_file", bool(settings.proxy_ssl_certificate)),
        )
        log = self._key_log(place, settings.proxy_ssl_key_log)
        if files.failed:
            return None
        # The name is each connection's own; the files count by what is in them.
        known: Any = settings
        key = (attrs.evolve(known, proxy_ssl_name=None), parts.digest())
        found = self._made.get(key) or self._before.get(key)
        if found is None:
            context = _Making(place, settings).context(parts, log)
            if context is None:
                return None
            found = UpstreamContext(
                context,
                settings.proxy_ssl_verify,
                settings.proxy_ssl_server_name,
                settings.proxy_ssl_session_reuse,
            )
        self._made[key] = found
        return found

    def _key_log(self, place: Place, path: str | None) -> LogFile | None:
        """The file that keys go to."""
        if not path:
            return None
        if self._files.known(path) is None:
            self._files.add(self._files.before(path) or KeyLog(path, self._files.complain))
            self._files.origins[path] = place.level.origin_of("proxy_ssl_key_log")
        return self._files.at(path)


@attrs.frozen
class _Parts:
    """What the files of some settings hold; None where there is none."""

    trusted: bytes | None
    revoked: bytes | None
    certificate: bytes | None
    key: bytes | None
    passwords: bytes | None

    def digest(self) -> tuple[bytes | None, ...]:
        """Equal if the contents are."""
        return tuple(
            None if part is None else hashlib.sha256(part).digest() for part in attrs.astuple(self)
        )


class _Files:
    """Reads the files that a place's settings name."""

    def __init__(self, read: Read, place: Place) -> None:
        self._read = read
        self._place = place
        self.failed = False

    def bytes_of(self, directive: str, wanted: bool = True) -> bytes | None:
        """What the file of a directive holds, if it names one."""
        path = getattr(self._place[ProxySSLSettings], directive)
        if not path or not wanted:
            return None
        try:
            return self._read(path)
        except OSError as error:
            self.failed = True
            _complain(self._place, directive, f'"{path}" can\'t be read: {error.strerror}')
            return None


def _complain(place: Place, directive: str, what: str, hint: str = "") -> None:
    origin = place.level.origin_of(directive) or place.level.origin
    place.complain(origin, f"{directive}: {what}", hint)


def _is_complete(place: Place, settings: ProxySSLSettings) -> bool:
    """Whether what goes together is there; what isn't is told."""
    right = True
    if settings.proxy_ssl_verify and not settings.proxy_ssl_trusted_certificate:
        what = "there is no proxy_ssl_trusted_certificate to verify with"
        hint = "proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;"
        _complain(place, "proxy_ssl_verify", what, hint)
        right = False
    if settings.proxy_ssl_certificate and not settings.proxy_ssl_certificate_key:
        _complain(place, "proxy_ssl_certificate", "there is no proxy_ssl_certificate_key for it")
        right = False
    return right


class _Making:
    """Makes an OpenSSL context of settings; what is wrong with them is told to their place."""

    def __init__(self, place: Place, settings: ProxySSLSettings) -> None:
        self._place = place
        self._settings = settings
        self._context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        self._right = True

    def context(self, parts: _Parts, log: LogFile | None) -> SSL.Context | None:
        """The context; None if something is wrong."""
        settings, context = self._settings, self._context
        # An idle connection needs no buffers.
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        context.set_min_proto_version(0)
        for name, without in OFF.items():
            if name not in settings.proxy_ssl_protocols:
                context.set_options(without)
        self._ciphers(settings.proxy_ssl_ciphers, "proxy_ssl_ciphers")
        if settings.proxy_ssl_alpn:
            context.set_alpn_protos(list(settings.proxy_ssl_alpn))
        for command in settings.proxy_ssl_conf_command:
            self._command(command)
        self._pair(parts)
        self._trust(parts)
        if log is not None:
            context.set_keylog_callback(lambda _connection, line: log.write(line + b"\n"))
        return context if self._right else None

    def _wrong(self, directive: str, what: str) -> None:
        self._right = False
        _complain(self._place, directive, what)

    def _ciphers(self, ciphers: str, directive: str) -> None:
        try:
            self._context.set_cipher_list(ciphers.encode())
        except SSL.Error as error:
            self._wrong(directive, f'"{ciphers}": {pem.told(error)}')

    def _pair(self, parts: _Parts) -> None:
        if parts.certificate is None or parts.key is None:
            return
        passwords = pem.lines_of_passwords(parts.passwords or b"")
        try:
            pem.use_pair(self._context, parts.certificate, parts.key, passwords)
        except pem.PEMError as error:
            of_key = isinstance(error, pem.BadKey)
            directive = "proxy_ssl_certificate_key" if of_key else "proxy_ssl_certificate"
            self._wrong(directive, f'"{getattr(self._settings, directive)}" {error}')

    def _trust(self, parts: _Parts) -> None:
        """Verify chains, with the authorities and the lists of what is revoked."""
        if parts.trusted is None:
            return
        context, settings = self._context, self._settings
        store: Any = context.get_cert_store()
        directive = "proxy_ssl_trusted_certificate"
        try:
            for certificate in pem.certificates(parts.trusted):
                pem.trust(store, certificate)
            if parts.revoked is not None:
                directive = "proxy_ssl_crl"
                pem.revoke(store, parts.revoked)
        except pem.PEMError as error:
            self._wrong(directive, f'"{getattr(settings, directive)}" {error}')
        context.set_verify(SSL.VERIFY_PEER, verification.note)
        context.set_verify_depth(settings.proxy_ssl_verify_depth)

    def _command(self, command: Command) -> None:
        """One `proxy_ssl_conf_command` (SSL_CONF_cmd(3))."""
        context, name, value = self._context, command.name, command.value
        directive = "proxy_ssl_conf_command"
        if name == "CipherString":
            self._ciphers(value, directive)
        elif name == "Ciphersuites":
            if not library.set_suites(context, value):
                self._wrong(directive, f'"{value}" names no suites of TLS 1.3')
        elif name == "Options":
            for option in value.split(","):
                self._option(option.strip())
        elif value not in _VERSIONS:
            self._wrong(directive, f'{name} takes {", ".join(_VERSIONS)}, not "{value}"')
        elif name == "MinProtocol":
            context.set_min_proto_version(_VERSIONS[value])
        else:
            context.set_max_proto_version(_VERSIONS[value])

    def _option(self, text: str) -> None:
        name = text.lstrip("+-")
        if name not in _OPTIONS:
            known = ", ".join(_OPTIONS)
            self._wrong("proxy_ssl_conf_command", f'Options takes {known}, not "{text}"')
            return
        bit, inverted = _OPTIONS[name]
        if text.startswith("-") is inverted:
            self._context.set_options(bit)
