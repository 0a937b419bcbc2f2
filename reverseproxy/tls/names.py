"""The servers of an address that listens with TLS, and the choice among them by name (SNI).

Theory. A connection begins with the *root* context of its address, which has no certificate: it
holds what OpenSSL settles before a name is known, and the key of session tickets, which is drawn
where the context is made. Roots are kept, by what they are like, for as long as the process lives;
the master makes them before it forks. So every worker has the same root, and resumes the sessions
of all others. The context of the chosen server then takes the root's place, but for its tickets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from OpenSSL import SSL

from reverseproxy.errors import ClientError

from . import library, overhearing, sessions, tickets
from .admission import SecureRequest
from .context import Root, SecureHost
from .transport import Secure, SecureServer, SecureUnixServer
from .varying import VaryingContexts

if TYPE_CHECKING:
    from reverseproxy.logs.errors import ErrorLog
    from reverseproxy.process.sharedring import SharedRing
    from reverseproxy.web.vhosts import NameVirtualHost, VirtualHost

#: How many roots are kept.
_MOST = 64
_roots: dict[Root, SSL.Context] = {}


def root_context(root: Root) -> SSL.Context:
    """The context that connections begin with; the same for the same."""
    found = _roots.get(root)
    if found is not None:
        return found
    context = SSL.Context(SSL.SSLv23_METHOD)
    context.set_session_id(root.identity)
    # Connections that idle hold no buffers.
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)
    context.set_timeout(root.timeout)
    context.set_session_cache_mode(SSL.SESS_CACHE_SERVER if root.cache else SSL.SESS_CACHE_OFF)
    if root.groups:
        library.set_groups(context, root.groups)
    if root.signatures:
        library.set_signature_algorithms(context, root.signatures)
    if root.ticket_keys:
        tickets.use(context, root.ticket_keys)
    library.on_name(context, _named)
    if len(_roots) >= _MOST:
        _roots.pop(next(iter(_roots)))
    _roots[root] = context
    return context


def _named(connection: SSL.Connection) -> None:
    transport: Secure = connection.get_app_data()
    transport.secured.choose(transport, connection)


class Secured:
    """What a Site that listens with TLS needs for it."""

    def __init__(
        self,
        vhosts: NameVirtualHost,
        hosts: Mapping[VirtualHost, SecureHost],
        error_log: ErrorLog,
        overhears: bool = False,
        zone: SharedRing | None = None,
    ) -> None:
        """`overhears` says that it is wanted what is said in handshakes; `zone` keeps sessions."""
        self._vhosts = vhosts
        self.hosts = hosts
        self.default = default = hosts[vhosts.default]
        self._error_log = error_log
        self._root = root_context(default.root)
        if overhears:
            overhearing.listen(self._root)
        if zone is not None:
            sessions.share(self._root, zone)
        #: what requests are made of
        self.request = SecureRequest
        self.handshake_timeout = default.settings.ssl_handshake_timeout

    def connection(self, transport: Secure) -> SSL.Connection:
        """TLS for a new connection."""
        made = SSL.Connection(self._root, None)
        made.set_app_data(transport)
        made.set_accept_state()
        self._become(made, transport, self.default)
        return made

    def accepted(self, unix: bool, *args: Any) -> Secure:
        """The transport of a connection that was accepted."""
        made = (SecureUnixServer if unix else SecureServer)(*args)
        made.secure(self)
        return made

    @staticmethod
    def _become(connection: SSL.Connection, transport: Secure, host: SecureHost) -> None:
        transport.host = host
        transport.record = host.settings.ssl_buffer_size
        if host.context is not None:
            connection.set_context(host.context)
        library.set_options(connection, host.options)
        library.ask_for_certificate(connection, host.depth)

    def choose(self, transport: Secure, connection: SSL.Connection) -> None:
        """Go on as the server whose name the client asked for; or refuse."""
        name = connection.get_servername()
        host = self.default
        if name:
            try:
                found = self._vhosts.named(name)
            except ClientError as error:
                raise library.HandshakeRefused from error
            if found is not None:
                transport.server_name = name.lower()
                host = self.hosts[found]
        if host.settings.ssl_reject_handshake:
            raise library.HandshakeRefused
        if host is self.default:
            if host.varying is not None:
                self._vary(transport, connection, host.varying)
            return
        if (
            host.depth is not None
            and host.identity != self.default.identity
            and library.reused(connection)
        ):
            # It was resumed before the name was known: what was verified then is nothing here.
            raise library.HandshakeRefused
        self._become(connection, transport, host)
        if host.varying is not None:
            self._vary(transport, connection, host.varying)

    def _vary(
        self, transport: Secure, connection: SSL.Connection, varying: VaryingContexts
    ) -> None:
        """Show the certificate that variables name."""
        if library.reused(connection):
            return
        try:
            connection.set_context(varying.context(transport.protocol))
        except library.HandshakeRefused as error:
            self._error_log.error(f"no certificate: {error}", channel=transport.protocol)
            raise

    def broken(self, transport: Secure, why: str) -> None:
        """TLS failed."""
        if not transport.agreed:
            self._error_log.info(f"TLS handshake failed: {why}", channel=transport.protocol)
        else:
            self._error_log.info(f"TLS failed: {why}", channel=transport.protocol)
