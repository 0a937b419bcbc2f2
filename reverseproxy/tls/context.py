"""From a server's settings to what OpenSSL needs for it: once, at load.

Every file is read through the function that the load has for it: workers get the bytes that the
master read, and need no rights to a key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs
from cryptography import x509
from OpenSSL import SSL

from reverseproxy.config import Diagnostic, Level, Origin, Template, read_file

from . import library, pem, tickets
from .clientstatus import ClientStatus, ClientStatuses
from .ocspsettings import OCSPSettings
from .options import options_of
from .settings import Command, File, PEMFile, SecureSettings, Trouble
from .stapling import Stapling, Unstapled, send
from .stapling import identity as identity_of
from .varying import Rendered, VaryingContexts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reverseproxy.config.parser import Read


@attrs.define(eq=False)
class SecureHost:
    """A server as TLS has it. `context` is None where every handshake is refused."""

    settings: SecureSettings
    context: SSL.Context | None
    #: what sessions belong to: none is resumed where clients are verified in another way
    identity: bytes
    #: for each connection, as a context's are those of the first
    options: int
    #: what the first context of an address must be like
    root: Root
    #: what makes the contexts of certificates with variables, if there are some
    varying: VaryingContexts | None = None
    #: finds out whether certificates of clients were taken back, if that is wanted
    status: ClientStatus | None = None

    @property
    def depth(self) -> int | None:
        """How long chains of clients may be; None: clients are not asked."""
        settings = self.settings
        return None if settings.ssl_verify_client == "off" else settings.ssl_verify_depth


@attrs.frozen
class Root:
    """What of a context can't be changed when the client's name for the server is known."""

    groups: str
    signatures: str
    cache: bool
    #: the zone of `ssl_session_cache shared`: its name, and its size in bytes
    zone: tuple[str, int] | None
    timeout: int
    ticket_keys: tuple[bytes, ...] = attrs.field(repr=False)
    identity: bytes


class Contexts:
    """Makes contexts. `read` gives a file's bytes, `warn` is told what is odd and not wrong."""

    def __init__(
        self,
        read: Read,
        warn: Callable[[Diagnostic], None],
        compile_: Callable[[Template], Rendered],
        stapling: Stapling,
        statuses: ClientStatuses,
    ) -> None:
        self._read_file = read
        self._warn = warn
        self._zones: dict[str, int] = {}
        self._warned: list[Diagnostic] = []
        self._compile = compile_
        self._stapling = stapling
        self._statuses = statuses
        #: the files of servers with `ssl_certificate_reload`; of certificates when they end
        self.renewable: dict[str, float | None] = {}

    def host(self, level: Level) -> SecureHost:
        """A server's. Raises Trouble."""
        settings = level[SecureSettings]
        if not settings.ssl_certificate and not settings.ssl_reject_handshake:
            raise Trouble(
                level.origin,
                'a server that listens with "ssl" needs ssl_certificate and ssl_certificate_key',
            )
        commands = {one.name: one for one in settings.ssl_conf_command}
        groups = self._groups(level, commands)
        identity = self._identity(settings)
        root = Root(
            groups=groups,
            signatures=self._signatures(commands),
            cache=settings.ssl_session_cache.keeps,
            zone=self._zone(level, settings),
            timeout=int(settings.ssl_session_timeout),
            ticket_keys=self._ticket_keys(level, settings),
            identity=identity,
        )
        options = options_of(settings, commands)
        context = varying = None
        if settings.ssl_certificate:
            context = self.context(level, self._pairs(settings), identity)
            varying = self._varying(level, identity)
        status = self._statuses.of(level)
        return SecureHost(settings, context, identity, options, root, varying, status)

    def _varying(self, level: Level, identity: bytes) -> VaryingContexts | None:
        settings = level[SecureSettings]
        written = list(zip(settings.ssl_certificate, settings.ssl_certificate_key, strict=True))
        if not any(one.template.names for pair in written for one in pair):
            return None
        return VaryingContexts(
            [
                (self._compile(certificate.template), self._compile(key.template), certificate, key)
                for certificate, key in written
            ],
            settings.ssl_certificate_cache,
            lambda pairs: self.context(level, pairs, identity),
            read_file,
        )

    def context(
        self, level: Level, pairs: Sequence[tuple[bytes, bytes, PEMFile, PEMFile]], identity: bytes
    ) -> SSL.Context:
        """A context with these certificates and keys, as a level has it. Raises Trouble."""
        settings = level[SecureSettings]
        commands = {one.name: one for one in settings.ssl_conf_command}
        context = SSL.Context(SSL.SSLv23_METHOD)
        context.set_session_id(identity)
        passwords = self._passwords(settings)
        chains = {}
        for certificate, key, where, whose in pairs:
            try:
                chain = pem.use_pair(context, certificate, key, passwords)
            except pem.PEMError as error:
                raise self._misfit(error, where, whose) from error
            if where.template.names:
                continue
            chains[where.word.text] = chain
            if settings.ssl_certificate_reload:
                self.renewable[where.word.text] = pem.validity(chain[0])[1].timestamp()
                self.renewable.setdefault(whose.word.text)
        self._ciphers(context, level, commands)
        if settings.ssl_dhparam is not None:
            self._parameters(context, settings.ssl_dhparam)
        if settings.ssl_verify_client != "off":
            self._believe(context, settings)
        context.set_alpn_select_callback(_http)
        self._staple(context, level, chains)
        return context

    # --- files ---

    def _read(self, file: File) -> bytes:
        return self.contents(file.path, file.word.origin)

    def _certificates(self, file: File | None) -> list[x509.Certificate]:
        """Those that a file holds; none if there is no file."""
        if file is None:
            return []
        try:
            return pem.certificates(self._read(file))
        except pem.PEMError as error:
            raise Trouble(file.word.origin, f'"{file.path}" {error}') from error

    def contents(self, path: str, origin: Origin) -> bytes:
        """A file's bytes. Raises Trouble."""
        try:
            return self._read_file(path)
        except OSError as error:
            raise Trouble(origin, f'"{path}" can\'t be read: {error.strerror}') from error

    def _pairs(self, settings: SecureSettings) -> list[tuple[bytes, bytes, PEMFile, PEMFile]]:
        found = []
        for certificate, key in zip(
            settings.ssl_certificate, settings.ssl_certificate_key, strict=False
        ):
            if certificate.template.names or key.template.names:
                # The whole context is made in the handshake.
                return []
            found.append(
                (
                    self.contents(certificate.word.text, certificate.word.origin),
                    self.contents(key.word.text, key.word.origin),
                    certificate,
                    key,
                )
            )
        return found

    def _passwords(self, settings: SecureSettings) -> list[bytes]:
        if settings.ssl_password_file is None:
            return []
        return pem.lines_of_passwords(self._read(settings.ssl_password_file))

    @staticmethod
    def _misfit(error: pem.PEMError, where: PEMFile, whose: PEMFile) -> Trouble:
        if isinstance(error, pem.Mismatch):
            message = f'the key "{whose.word.text}" does not belong to "{where.word.text}"'
            return Trouble(whose.word.origin, message)
        wrong = whose if isinstance(error, pem.BadKey) else where
        return Trouble(wrong.word.origin, f'"{wrong.word.text}" {error}')

    # --- the parts of a context ---

    def _ciphers(self, context: SSL.Context, level: Level, commands: dict[str, Command]) -> None:
        settings = level[SecureSettings]
        command = commands.get("CipherString")
        text = settings.ssl_ciphers if command is None else command.value
        origin = level.origin_of("ssl_ciphers") if command is None else command.word.origin
        try:
            context.set_cipher_list(text.encode())
        except SSL.Error as error:
            raise Trouble(origin, f'"{text}" names no cipher that OpenSSL has') from error
        suites = commands.get("Ciphersuites")
        if suites is not None and not library.set_suites(context, suites.value):
            raise Trouble(suites.word.origin, f'"{suites.value}" names no suites of TLS 1.3')

    def _parameters(self, context: SSL.Context, file: File) -> None:
        try:
            with pem.in_memory(self._read(file)) as path:
                context.load_tmp_dh(path.encode())
        except SSL.Error as error:
            message = f'"{file.path}" holds no parameters for Diffie-Hellman'
            raise Trouble(file.word.origin, message, "openssl dhparam makes some") from error

    def _believe(self, context: SSL.Context, settings: SecureSettings) -> None:
        store = context.get_cert_store()
        if store is None:
            raise AssertionError("a context has a store")
        for file in (settings.ssl_client_certificate, settings.ssl_trusted_certificate):
            for certificate in self._certificates(file):
                pem.trust(store, certificate)
                if file is settings.ssl_client_certificate:
                    pem.ask_for(context, certificate)
        file = settings.ssl_crl
        if file is not None:
            try:
                pem.revoke(store, self._read(file))
            except pem.PEMError as error:
                raise Trouble(file.word.origin, f'"{file.path}" {error}') from error

    def _staple(
        self, context: SSL.Context, level: Level, chains: dict[str, list[x509.Certificate]]
    ) -> None:
        """Send OCSP responses for certificates with these chains, by the names of their files."""
        settings, trusts = level[OCSPSettings], level[SecureSettings]
        if not settings.ssl_stapling:
            return
        if settings.ssl_stapling_file is not None:
            response = self._read(settings.ssl_stapling_file)
            context.set_ocsp_server_callback(lambda _connection, _data: response)
            return
        if any(one.template.names for one in trusts.ssl_certificate):
            self._unstapled(level, "no certificate is known whose file variables name")
            return
        trusted = [
            *self._certificates(trusts.ssl_client_certificate),
            *self._certificates(trusts.ssl_trusted_certificate),
        ]
        staples = {}
        for name, chain in chains.items():
            try:
                staples[identity_of(chain[0])] = self._stapling.staple(level, name, chain, trusted)
            except Unstapled as error:
                self._unstapled(level, str(error))
        send(context, staples, only=len(chains) == 1)

    def _unstapled(self, level: Level, why: str) -> None:
        told = Diagnostic(level.origin_of("ssl_stapling"), f'"ssl_stapling" ignored, {why}')
        if told not in self._warned:
            self._warned.append(told)
            self._warn(told)

    # --- what is settled before a certificate is chosen ---

    def _groups(self, level: Level, commands: dict[str, Command]) -> str:
        command = commands.get("Groups") or commands.get("Curves")
        groups = level[SecureSettings].ssl_ecdh_curve if command is None else command.value
        origin = level.origin_of("ssl_ecdh_curve") if command is None else command.word.origin
        if groups == "auto":
            return ""
        if not library.can_set_groups():
            raise Trouble(
                origin,
                "the curves can't be set with this version of cryptography",
                'leave them to OpenSSL with "auto"',
            )
        if not library.set_groups(SSL.Context(SSL.SSLv23_METHOD), groups):
            raise Trouble(origin, f'"{groups}" names a curve that OpenSSL does not have')
        return groups

    @staticmethod
    def _signatures(commands: dict[str, Command]) -> str:
        command = commands.get("SignatureAlgorithms")
        if command is None:
            return ""
        if not library.set_signature_algorithms(SSL.Context(SSL.SSLv23_METHOD), command.value):
            raise Trouble(command.word.origin, f'OpenSSL does not know all of "{command.value}"')
        return command.value

    def _zone(self, level: Level, settings: SecureSettings) -> tuple[str, int] | None:
        zone = settings.ssl_session_cache.zone
        if zone is not None and self._zones.setdefault(*zone) != zone[1]:
            origin = level.origin_of("ssl_session_cache")
            raise Trouble(origin, f'the zone "{zone[0]}" has another size elsewhere')
        return zone

    def _ticket_keys(self, level: Level, settings: SecureSettings) -> tuple[bytes, ...]:
        files = settings.ssl_session_ticket_key
        if not files:
            return ()
        origin = level.origin_of("ssl_session_ticket_key")
        if not library.can_set_ticket_keys():
            raise Trouble(
                origin,
                "the keys of tickets can't be set with this version of cryptography, which brings "
                "an OpenSSL of its own",
                "leave the directive out: the workers share a key that the master makes",
            )
        keys = tuple(self._read(file) for file in files)
        for file, key in zip(files, keys, strict=True):
            if len(key) not in tickets.SIZES:
                message = f'"{file.path}" has {len(key)} bytes: a ticket key has 80 or 48'
                raise Trouble(file.word.origin, message, "openssl rand 80 makes one")
        return keys

    def _identity(self, settings: SecureSettings) -> bytes:
        """Sessions of servers that verify clients differently must not be mixed up."""
        if settings.ssl_verify_client == "off":
            return b"reverseproxy"
        found = hashlib.sha256(str(settings.ssl_verify_depth).encode())
        for file in (
            settings.ssl_client_certificate,
            settings.ssl_trusted_certificate,
            settings.ssl_crl,
        ):
            found.update(hashlib.sha256(b"" if file is None else self._read(file)).digest())
        return found.digest()


class NoCommonProtocol(SSL.Error):
    """The client wants to speak something else than HTTP (RFC 7301 section 3.2)."""


def _http(_connection: SSL.Connection, offered: list[bytes]) -> bytes:
    for protocol in (b"http/1.1", b"http/1.0", b"http/0.9"):
        if protocol in offered:
            return protocol
    raise NoCommonProtocol([("", "", "no common application protocol")])
