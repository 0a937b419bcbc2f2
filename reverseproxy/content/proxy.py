"""`proxy_pass`: a request goes to an upstream, as nginx would send it.

Everything that is the same for all requests of a location (which fields are set, which stop here,
how the path is mapped) is decided when the resource is made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.web import proxy
from twisted.web.server import NOT_DONE_YET

from reverseproxy.errors import ClientError
from reverseproxy.upstream.attempt import Timeouts
from reverseproxy.upstream.client import ProxyClientFactory
from reverseproxy.upstream.exchange import Exchange, Upgrade
from reverseproxy.upstream.failover import Failover
from reverseproxy.upstream.storing import Storing, StoringStreamed, StoringUpgrade
from reverseproxy.upstream.streaming import Streamed
from reverseproxy.web.response import Fields, Response
from reverseproxy.wire.fields import HOP_BY_HOP, hop_by_hop, safe_field_value
from reverseproxy.wire.framing import connection_tokens
from reverseproxy.wire.grammar import is_token
from reverseproxy.wire.target import quote_path, quote_unsendable

from .answerfields import AnswerFields
from .askingsettings import AskingSettings, own_address
from .passing import Passing
from .proxysettings import ProxySettings, Target
from .slash import AddsSlash
from .store import store

if TYPE_CHECKING:
    from reverseproxy.upstream.groups import Group
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request
    from reverseproxy.web.variables import Rendered
    from reverseproxy.wire.heads import ResponseHead

#: Fields of a request that are made anew or mean only this hop (RFC 9110 section 7.6).
_STOPPED = HOP_BY_HOP | {b"host", b"content-length", b"expect"}

_CHUNKED = b"Transfer-Encoding: chunked\r\n"


class ReverseProxyResource(proxy.ReverseProxyResource, AddsSlash):
    """Everything below a location is answered by a peer of a group.

    `prefix` is the part of the path that the URI of `proxy_pass` replaces.
    """

    isLeaf = True
    proxyClientFactoryClass = ProxyClientFactory

    def __init__(
        self,
        target: Target,
        group: Group,
        place: Place,
    ) -> None:
        settings, prefix = place[ProxySettings], place.prefix
        path = (target.uri or "").encode()
        super().__init__(target.host, target.port, path, place.assembly.reactor)
        self.group = group
        self.failover = Failover(
            settings.proxy_next_upstream,
            settings.proxy_next_upstream_tries,
            settings.proxy_next_upstream_timeout,
        )
        self.url = target.url
        self.timeouts = Timeouts(
            settings.proxy_connect_timeout,
            settings.proxy_send_timeout,
            settings.proxy_read_timeout,
        )
        self.head_limit = settings.proxy_buffer_size
        buffers = settings.proxy_buffers
        self.memory = settings.proxy_buffer_size + buffers.count * buffers.size
        self.busy = settings.proxy_busy_buffers_size or 2 * max(
            settings.proxy_buffer_size, buffers.size
        )
        self.piece_size = settings.proxy_temp_file_write_size or self.busy
        self.overflow = settings.proxy_temp_path
        self.overflow_limit = settings.proxy_max_temp_file_size
        self._target_of = self._mapping(target, prefix)
        self._set: list[tuple[bytes, Rendered]] = [
            (b"%b: " % rule.name.encode(), place.compile(rule.value))
            for rule in settings.proxy_set_header
        ]
        names = {rule.name.lower().encode() for rule in settings.proxy_set_header}
        if b"host" not in names:
            host = target.name.encode()
            self._set.insert(0, (b"Host: ", lambda _request: host))
        self._stopped = _STOPPED | names
        self._sets_upgrade = b"upgrade" in names
        self._sets_connection = b"connection" in names
        self._fields = AnswerFields(place, target)
        #: what becomes of a field's value: its name in any case, and its value
        self.rewritten = self._fields.rewritten
        self.passing = Passing(place)
        self._plain_hidden = self.passing.hidden | HOP_BY_HOP
        self.store = store(place)
        self._plain: type[Exchange] = Storing if self.store else Exchange
        self._upgraded: type[Exchange] = StoringUpgrade if self.store else Upgrade
        self._streamed: type[Streamed] = StoringStreamed if self.store else Streamed
        self._sends_body = settings.proxy_pass_request_body
        #: whether a request that had a length gets one that has no body
        self._zero = b"content-length" not in names
        self._compile_asking(place)

    def _compile_asking(self, place: Place) -> None:
        settings = place[AskingSettings]
        body, method = settings.proxy_set_body, settings.proxy_method
        self.body_of = None if body is None else place.compile(body)
        self.method_of = None if method is None else place.compile(method)
        self._takes_chunks = settings.proxy_http_version == b"1.1"
        self._streams = not settings.proxy_request_buffering and self._sends_body and not body
        self._passes_fields = settings.proxy_pass_request_headers
        bind = settings.proxy_bind
        self.bind_of = None if bind is None else place.compile(bind)
        self.ignores_abort = settings.proxy_ignore_client_abort
        self.socket_keepalive = settings.proxy_socket_keepalive
        #: what follows the target
        self._version = b" HTTP/%b\r\n" % settings.proxy_http_version
        if not self._takes_chunks and not self._sets_connection:
            self._version += b"Connection: close\r\n"

    @staticmethod
    def _mapping(target: Target, prefix: bytes) -> Callable[[Request], bytes]:
        """How a request's path becomes the path at the upstream (nginx's proxy_pass)."""
        if target.uri is None:

            def as_received(request: Request) -> bytes:
                path = request.path if request.unmoved else quote_path(request.document_uri)
                return (
                    path
                    if request.query is None
                    else b"%b?%b" % (path, quote_unsendable(request.query))
                )

            return as_received
        base, cut = target.uri.encode(), len(prefix)

        def replaced(request: Request) -> bytes:
            path = base + quote_path(request.document_uri[cut:])
            return (
                path
                if request.query is None
                else b"%b?%b" % (path, quote_unsendable(request.query))
            )

        return replaced

    def render(self, request: Request) -> int:
        """Wait for the body (the upstream sees no connection until it is here), then forward."""
        if self._streams and self._can_stream(request):
            self._streamed(self, request, self._head(request, streamed=True)).begin()
        elif self._sends_body:
            request.receive_body(self._forward)
        else:
            self._forward(request)
        return NOT_DONE_YET

    def _can_stream(self, request: Request) -> bool:
        """Whether a body is to come that can be passed on as it comes (not in chunks to 1.0)."""
        return (
            request.has_body
            and request.spool is None
            and (request.body_length is not None or self._takes_chunks)
        )

    def _forward(self, request: Request) -> None:
        if b"upgrade" in request.head.named or self._sets_upgrade:
            kind, upgrade = self._upgrade(request)
            kind(self, request, self._head(request, upgrade)).begin()
        else:
            self._plain(self, request, self._head(request)).begin()

    def _upgrade(self, request: Request) -> tuple[type[Exchange], bytes]:
        """Whether the upstream is asked to switch protocols, and what asks it.

        A WebSocket's handshake (RFC 6455 section 4.1) is passed on as it is; any other protocol
        only where `proxy_set_header` passes it.
        """
        if self._sets_upgrade:
            if not self._sets_connection:
                return self._plain, b""
            sent = {name.lower(): value_of(request) for name, value_of in self._set}
            asks = b"upgrade" in connection_tokens(sent[b"connection: "])
            return (self._upgraded if asks and sent[b"upgrade: "] else self._plain), b""
        head = request.head
        if (
            not self._sets_connection
            and head.method == b"GET"
            and head.version == b"1.1"
            and (head.joined(b"upgrade") or b"").lower() == b"websocket"
            and b"upgrade" in connection_tokens(head.joined(b"connection"))
        ):
            return self._upgraded, b"Upgrade: websocket\r\nConnection: upgrade\r\n"
        return self._plain, b""

    def _head(self, request: Request, more: bytes = b"", streamed: bool = False) -> bytes:
        """The head of the request to the upstream, with the lines of `more`."""
        head = request.head
        method = head.method if self.method_of is None else self._method(request)
        parts = [method, b" ", self._target_of(request), self._version]
        for name, value_of in self._set:
            value = value_of(request)
            if value:
                if not safe_field_value(value):
                    raise ClientError(
                        400,
                        "RP-400-set-header",
                        f"a control byte in proxy_set_header {name[:-2].decode()}: {value!r}",
                    )
                parts += (name, value, b"\r\n")
        stopped = self._stopped
        also = hop_by_hop(head.joined(b"connection"))
        if also is not HOP_BY_HOP:
            stopped = stopped | also
        for name, value in head.fields if self._passes_fields else ():
            if name.lower() not in stopped:
                parts += (name, b": ", value, b"\r\n")
        if self.body_of is not None:
            body = self.body_of(request)
            return b"%b%bContent-Length: %d\r\n\r\n%b" % (b"".join(parts), more, len(body), body)
        if streamed:
            size = request.body_length
            parts.append(_CHUNKED if size is None else b"Content-Length: %d\r\n" % size)
        elif request.spool is not None:
            parts.append(b"Content-Length: %d\r\n" % request.spool.size)
        elif self._zero and request.head.named.get(b"content-length") is not None:
            parts.append(b"Content-Length: 0\r\n")
        parts.append(more + b"\r\n" if more else b"\r\n")
        return b"".join(parts)

    def bind(self, request: Request) -> tuple[str, int] | None:
        """The address to connect from; None where there is none, or a variable gives nonsense."""
        text = b"" if self.bind_of is None else self.bind_of(request)
        address = own_address(text.decode("latin-1"))
        if address is None and text:
            request.location.error_log.error(f"invalid local address {text!r}", request=request)
        return address

    def _method(self, request: Request) -> bytes:
        method = b"" if self.method_of is None else self.method_of(request)
        if not is_token(method):
            raise ClientError(400, "RP-400-method", f"proxy_method gives no method: {method!r}")
        return method

    def response(self, request: Request, head: ResponseHead, length: int | None) -> Response:
        """The upstream's answer, less what stops here."""
        hidden = self._plain_hidden
        also = hop_by_hop(head.joined(b"connection"))
        if also is not HOP_BY_HOP:
            hidden = hidden | also
        fields: Fields = [pair for pair in head.fields if pair[0].lower() not in hidden]
        if not head.named.keys().isdisjoint(self._fields.names):
            rewritten = self.rewritten
            fields = [(name, rewritten(request, name, value)) for name, value in fields]
        if self.passing.passes_own:
            request.lines_passed = self.passing.passes_own & head.named.keys()
        if self.method_of is not None and self._method(request) == b"HEAD" != request.head.method:
            # The length is that of a body which nobody has asked for.
            length = 0
        ranges = self.passing.forces_ranges
        return Response(head.status, fields, length, reason=head.reason or None, ranges=ranges)


def content(place: Place) -> ReverseProxyResource | None:
    """The resource of a location with `proxy_pass`."""
    target = place[ProxySettings].proxy_pass
    if target is None:
        return None
    if target.uri is not None and not place.prefix:
        place.complain(
            target.word.origin,
            "proxy_pass can't have a URI part where a regular expression or a name is matched",
            f"without it the path is passed on as it came: http://{target.name}",
        )
    group = _group(place, target)
    return None if group is None else ReverseProxyResource(target, group, place)


def _group(place: Place, target: Target) -> Group | None:
    """The group that a URL names, or the addresses of its host; None if there is a complaint."""
    groups = place.assembly.groups
    if not groups.declares(target.host):
        return groups.at(target.address, target.word)
    if target.has_port:
        what = f'the upstream "{target.host}" may not have a port here: {target.port}'
        place.complain(target.word.origin, what, "its servers have their own")
    return groups.named(target.host)
