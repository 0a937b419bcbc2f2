"""nginx's variables: a name becomes a function of the request, once, at load.

A getter returns bytes, or None where the variable has no value: a log line shows `-` for it, a
template nothing. To add a variable, write its getter and give it a row in `_GETTERS` (or in
`_FAMILIES` for a family such as `$http_…`).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from reverseproxy import __version__
from reverseproxy.config import Template
from reverseproxy.content.documents import document_root, realpath_root, request_filename
from reverseproxy.guards import variables as access_variables
from reverseproxy.wire.credentials import basic_credentials
from reverseproxy.wire.forwarded import append_forwarded_for
from reverseproxy.wire.hosts import parse_host

if TYPE_CHECKING:
    from .request import Request

Getter = Callable[["Request"], bytes | None]
Rendered = Callable[["Request"], bytes]


def remote_addr(request: Request) -> bytes:
    """`$remote_addr`: the client's address."""
    return request.peer


def _remote_port(request: Request) -> bytes:
    return b"%d" % getattr(request.channel.getPeer(), "port", 0)


def remote_user(request: Request) -> bytes | None:
    """`$remote_user`: the name in Basic credentials (RFC 7617), whether or not they are right."""
    given = basic_credentials(request.head.named.get(b"authorization"))
    return None if given is None else given[0] or None


def host(request: Request) -> bytes:
    """`$host`: as the request names it, lower-case, without the port; else the server's name."""
    value = request.head.named.get(b"host")
    return parse_host(value)[0] if value else request.vhost.name


def _uri(request: Request) -> bytes:
    return request.document_uri


def _args(request: Request) -> bytes | None:
    return request.query


def _is_args(request: Request) -> bytes:
    return b"?" if request.query else b""


def _request_uri(request: Request) -> bytes:
    return request.uri


def _request_line(request: Request) -> bytes:
    return request.head.line


def _request_method(request: Request) -> bytes:
    return request.head.method


def _status(request: Request) -> bytes:
    return b"%03d" % request.code


def _body_bytes_sent(request: Request) -> bytes:
    return b"%d" % request.sentLength


def _bytes_sent(request: Request) -> bytes:
    return b"%d" % (request.head_sent + request.sentLength)


def _time_local(request: Request) -> bytes:
    return request.site.dates.local()


def _msec(request: Request) -> bytes:
    return b"%.3f" % request.site.dates.clock()


def _request_time(request: Request) -> bytes:
    return b"%.3f" % (request.site.seconds() - request.started)


def _scheme(request: Request) -> bytes:
    return request.site.scheme


def _server_name(request: Request) -> bytes:
    return request.vhost.name


def _server_addr(request: Request) -> bytes:
    return str(getattr(request.channel.getHost(), "host", "")).encode()


def _server_port(request: Request) -> bytes:
    return b"%d" % getattr(request.channel.getHost(), "port", 0)


def _server_protocol(request: Request) -> bytes:
    return b"HTTP/" + request.head.version


def _forwarded_for(request: Request) -> bytes:
    return append_forwarded_for(request.head.get_all(b"x-forwarded-for"), request.peer)


def _connection(request: Request) -> bytes:
    return b"%d" % request.channel.number


def _connection_requests(request: Request) -> bytes:
    return b"%d" % request.channel.served


def _content_length(request: Request) -> bytes | None:
    return request.head.named.get(b"content-length")


def _content_type(request: Request) -> bytes | None:
    return request.head.named.get(b"content-type")


def _request_completion(request: Request) -> bytes:
    return b"OK" if request.finished and not request._disconnected else b""


def _upstream_addr(request: Request) -> bytes | None:
    return b", ".join(tried.addr for tried in request.upstream_tries) or None


def _upstream_status(request: Request) -> bytes | None:
    return b", ".join(b"%d" % tried.status for tried in request.upstream_tries) or None


_HOSTNAME = socket.gethostname().lower().encode()

_GETTERS: dict[str, Getter] = {
    "args": _args,
    "body_bytes_sent": _body_bytes_sent,
    "bytes_sent": _bytes_sent,
    "connection": _connection,
    "connection_requests": _connection_requests,
    "content_length": _content_length,
    "content_type": _content_type,
    "document_root": document_root,
    "document_uri": _uri,
    "host": host,
    "hostname": lambda _request: _HOSTNAME,
    "is_args": _is_args,
    "msec": _msec,
    "nginx_version": lambda _request: __version__.encode(),
    "pid": lambda _request: b"%d" % os.getpid(),
    "proxy_add_x_forwarded_for": _forwarded_for,
    "query_string": _args,
    "realpath_root": realpath_root,
    "remote_addr": remote_addr,
    "remote_port": _remote_port,
    "remote_user": remote_user,
    "request": _request_line,
    "request_filename": request_filename,
    "request_completion": _request_completion,
    "request_method": _request_method,
    "request_time": _request_time,
    "request_uri": _request_uri,
    "scheme": _scheme,
    "server_addr": _server_addr,
    "server_name": _server_name,
    "server_port": _server_port,
    "server_protocol": _server_protocol,
    "status": _status,
    "time_local": _time_local,
    "upstream_addr": _upstream_addr,
    "upstream_status": _upstream_status,
    "uri": _uri,
    **access_variables.GETTERS,
}


def _request_field(name: str) -> Getter:
    """`$http_NAME`: a field of the request; several are joined with a comma."""
    plain = name.encode()
    field = plain.replace(b"_", b"-")

    def getter(request: Request) -> bytes | None:
        head = request.head
        found = head.joined(field) if head.repeated else head.named.get(field)
        if found is None and b"_" in request.vhost.field_names:
            # Where underscores are taken, X_A and X-A are the same variable.
            for other in head.named:
                if other.replace(b"-", b"_") == plain:
                    return head.joined(other)
        return found

    return getter


def _sent_length(request: Request) -> bytes | None:
    length = None if request.response is None else request.response.length
    return None if length is None or request.code == 204 else b"%d" % length


def _sent_coding(request: Request) -> bytes | None:
    return b"chunked" if request.chunked else None


def _sent_connection(request: Request) -> bytes | None:
    if request.response is None:
        return None
    return b"keep-alive" if request.channel.persistent else b"close"


#: The fields of an answer that are made where it is framed.
_FRAMING: dict[str, Getter] = {
    "connection": _sent_connection,
    "content_length": _sent_length,
    "transfer_encoding": _sent_coding,
}


def _response_field(name: str) -> Getter:
    """`$sent_http_NAME`: a field of the answer."""
    if name in _FRAMING:
        return _FRAMING[name]
    field = name.replace("_", "-").encode()

    def getter(request: Request) -> bytes | None:
        response = request.response
        return None if response is None else response.get(field)

    return getter


def _argument(name: str) -> Getter:
    """`$arg_NAME`: an argument of the request, as it was sent (not decoded)."""
    wanted = name.encode()

    def getter(request: Request) -> bytes | None:
        for pair in (request.query or b"").split(b"&"):
            key, equals, value = pair.partition(b"=")
            if equals and key.lower() == wanted:
                return value
        return None

    return getter


def _cookie(name: str) -> Getter:
    """`$cookie_NAME`: a cookie of the request."""
    wanted = name.encode()

    def getter(request: Request) -> bytes | None:
        for line in request.head.get_all(b"cookie"):
            for pair in line.split(b";"):
                key, equals, value = pair.strip(b" ").partition(b"=")
                if equals and key.lower() == wanted:
                    return value
        return None

    return getter


_FAMILIES: dict[str, Callable[[str], Getter]] = {
    "http_": _request_field,
    "sent_http_": _response_field,
    "arg_": _argument,
    "cookie_": _cookie,
}


class Variables:
    """The variables of one configuration: those built in, and those that it declares.

    A name that is neither is one that `set` or a regular expression's named group gives a value
    while a request is served; that there is such a directive was checked when the text was read.
    """

    def __init__(self) -> None:
        self._declared: dict[str, Getter] = {}

    def declare(self, name: str, getter: Getter) -> None:
        """Add a variable that a directive declares (`map`, `geo`, …)."""
        self._declared[name] = getter

    def getter(self, name: str) -> Getter:
        """The function for a variable's name; "1" to "9" are the last match's groups."""
        if len(name) == 1 and name in "123456789":
            return _capture(int(name))
        found = self._declared.get(name) or built_in(name)
        return _assigned(name) if found is None else found

    def compile(self, template: Template) -> Rendered:
        """The template as a function of the request; no value is nothing."""
        constant = template.constant
        if constant is not None:
            always = constant.encode()
            return lambda _request: always
        parts = [
            _constant(part.encode()) if isinstance(part, str) else self.getter(part.name)
            for part in template.parts
        ]
        if len(parts) == 1:
            only = parts[0]
            return lambda request: only(request) or b""
        return lambda request: b"".join([part(request) or b"" for part in parts])


def built_in(name: str) -> Getter | None:
    """The function for one of nginx's own variables, or None."""
    found = _GETTERS.get(name)
    if found is None:
        for prefix, family in _FAMILIES.items():
            if name.startswith(prefix) and len(name) > len(prefix):
                return family(name[len(prefix) :])
    return found


def known(name: str) -> bool:
    """Whether there is such a variable, whatever the configuration declares."""
    return built_in(name) is not None


def _constant(value: bytes) -> Getter:
    return lambda _request: value


def _capture(number: int) -> Getter:
    def capture(request: Request) -> bytes | None:
        groups = request.captures
        return groups[number - 1] if number <= len(groups) else None

    return capture


def _assigned(name: str) -> Getter:
    def assigned(request: Request) -> bytes | None:
        return request.variables.get(name)

    return assigned
