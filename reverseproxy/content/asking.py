"""How an upstream is asked: the head of the request that goes to it, and the body that is set.

Which fields are set and which stop here is decided when the configuration is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from reverseproxy.config import Template
from reverseproxy.config.template import Variable
from reverseproxy.errors import ClientError
from reverseproxy.web.steady import is_steady
from reverseproxy.wire.fields import HOP_BY_HOP, passed_on, safe_field_value
from reverseproxy.wire.framing import connection_tokens
from reverseproxy.wire.grammar import is_token

from .askingsettings import AskingSettings, own_address
from .proxysettings import ProxySettings

if TYPE_CHECKING:
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request
    from reverseproxy.web.variables import Rendered
    from reverseproxy.wire.heads import RequestHead

    from .destination import Destination

#: What the path of a request becomes at its destination.
Mapping = Callable[["Request", "Destination"], bytes]

#: Fields of a request that are made anew or mean only this hop (RFC 9110 section 7.6).
_STOPPED = HOP_BY_HOP | {b"host", b"content-length", b"expect"}

_CHUNKED = b"Transfer-Encoding: chunked\r\n"


#: Variables whose values are fields of the request, or addresses: nothing in them ends a line.
_SAFE = frozenset({"proxy_add_x_forwarded_for", "remote_addr", "scheme", "server_port"})


def _is_safe(value: Template) -> bool:
    """Whether a value is one such variable."""
    (first, *rest) = value.parts or ("",)
    return not rest and isinstance(first, Variable) and first.name in _SAFE


class Asking:
    """What the requests of a location are on their way out."""

    def __init__(self, place: Place, mapping: Mapping) -> None:
        settings, proxying = place[AskingSettings], place[ProxySettings]
        self._target_of = mapping
        #: name, value, and whether a value can't but be fit for a field
        self._set: list[tuple[bytes, Rendered, bool]] = [
            (b"%b: " % rule.name.encode(), place.compile(rule.value), _is_safe(rule.value))
            for rule in proxying.proxy_set_header
        ]
        #: whether they are the same for all requests of a connection with the same fields
        self._is_steady = all(is_steady(value_of) for _, value_of, _ in self._set)
        names = {rule.name.lower().encode() for rule in proxying.proxy_set_header}
        self._sets_host = b"host" in names
        self._stopped = place.same(frozenset(_STOPPED | names))
        self.sets_upgrade = b"upgrade" in names
        self._sets_connection = b"connection" in names
        #: whether a request that had a length gets one that has no body
        self._zero = b"content-length" not in names
        self.sends_body = proxying.proxy_pass_request_body
        body, method = settings.proxy_set_body, settings.proxy_method
        self.body_of = None if body is None else place.compile(body)
        self.method_of = None if method is None else place.compile(method)
        self._takes_chunks = settings.proxy_http_version == b"1.1"
        self.streams = not settings.proxy_request_buffering and self.sends_body and not body
        self._passes_fields = settings.proxy_pass_request_headers
        bind = settings.proxy_bind
        self.bind_of = None if bind is None else place.compile(bind)
        self.ignores_abort = settings.proxy_ignore_client_abort
        self.socket_keepalive = settings.proxy_socket_keepalive
        #: what follows the target
        self._version = b" HTTP/%b\r\n" % settings.proxy_http_version
        closes = not self._takes_chunks and not self._sets_connection
        if closes:
            self._version += b"Connection: close\r\n"
        #: whether the upstream is told that no other request follows (RFC 9112 section 9.6)
        self.closes = closes
        for rule in proxying.proxy_set_header:
            if rule.name.lower() == "connection":
                options = connection_tokens((rule.value.constant or "").encode())
                self.closes = b"close" in options

    def can_stream(self, request: Request) -> bool:
        """Whether a body is to come that can be passed on as it comes (not in chunks to 1.0)."""
        return (
            request.has_body
            and request.spool is None
            and (request.body_length is not None or self._takes_chunks)
        )

    def upgrade(self, request: Request) -> tuple[bool, bytes]:
        """Whether the upstream is asked to switch protocols, and what asks it.

        A WebSocket's handshake (RFC 6455 section 4.1) is passed on as it is; any other protocol
        only where `proxy_set_header` passes it. One with a body is none: some servers (llhttp's)
        take that for what follows the switch, others for the request's.
        """
        if self.sets_upgrade:
            if not self._sets_connection:
                return False, b""
            sent = {name.lower(): value_of(request) for name, value_of, _ in self._set}
            asks = b"upgrade" in connection_tokens(sent[b"connection: "])
            return asks and bool(sent[b"upgrade: "]), b""
        head = request.head
        if (
            not self._sets_connection
            and head.method == b"GET"
            and not request.has_body
            and head.version == b"1.1"
            and (head.joined(b"upgrade") or b"").lower() == b"websocket"
            and b"upgrade" in connection_tokens(head.joined(b"connection"))
        ):
            return True, b"Upgrade: websocket\r\nConnection: upgrade\r\n"
        return False, b""

    def head(
        self,
        request: Request,
        destination: Destination,
        more: bytes = b"",
        streamed: bool = False,
    ) -> bytes:
        """The head of the request to the upstream, with the lines of `more`; a body that is set.

        Raises ClientError where a variable gives what can't be sent.
        """
        head = request.head
        method = head.method if self.method_of is None else self.method(request)
        host = b"" if self._sets_host else b"Host: %b\r\n" % destination.host
        lines: bytes | None = head.made.get(self)
        if lines is None:
            lines = head.made[self] = self._lasting(request)
        if not self._is_steady:
            lines = self._own(request) + lines
        return b"%b %b%b%b%b%b" % (
            method,
            self._target_of(request, destination),
            self._version,
            host,
            lines,
            self._framing(request, more, streamed),
        )

    def _lasting(self, request: Request) -> bytes:
        """The lines that are the same as long as the client's fields are."""
        own = self._own(request) if self._is_steady else b""
        return own + self._passed(request.head)

    def _own(self, request: Request) -> bytes:
        """The lines of `proxy_set_header`."""
        parts: list[bytes] = []
        for name, value_of, is_safe in self._set:
            value = value_of(request)
            if value:
                if not is_safe and not safe_field_value(value):
                    raise ClientError(
                        400,
                        "RP-400-set-header",
                        f"a control byte in proxy_set_header {name[:-2].decode()}: {value!r}",
                    )
                parts += (name, value, b"\r\n")
        return b"".join(parts)

    def _passed(self, head: RequestHead) -> bytes:
        """The client's fields, less what stops here."""
        if not self._passes_fields:
            return b""
        parts: list[bytes] = []
        for name, value in passed_on(head, self._stopped):
            parts += (name, b": ", value, b"\r\n")
        return b"".join(parts)

    def _framing(self, request: Request, more: bytes, streamed: bool) -> bytes:
        """The end of a head, which says how long the body is; a body that is set follows."""
        if self.body_of is not None:
            body = self.body_of(request)
            return b"%bContent-Length: %d\r\n\r\n%b" % (more, len(body), body)
        if streamed:
            size = request.body_length
            length = _CHUNKED if size is None else b"Content-Length: %d\r\n" % size
        elif request.spool is not None:
            length = b"Content-Length: %d\r\n" % request.spool.size
        elif self._zero and request.head.named.get(b"content-length") is not None:
            length = b"Content-Length: 0\r\n"
        else:
            length = b""
        return length + more + b"\r\n"

    def method(self, request: Request) -> bytes:
        """The method that the upstream sees. Raises ClientError if a variable gives none."""
        if self.method_of is None:
            return request.head.method
        method = self.method_of(request)
        if not is_token(method):
            raise ClientError(400, "RP-400-method", f"proxy_method gives no method: {method!r}")
        return method

    def bind(self, request: Request) -> tuple[str, int] | None:
        """The address to connect from; None where there is none, or a variable gives nonsense."""
        text = b"" if self.bind_of is None else self.bind_of(request)
        address = own_address(text.decode("latin-1"))
        if address is None and text:
            request.location.error_log.error(f"invalid local address {text!r}", request=request)
        return address
