"""The getters of nginx's own variables: what each name is for a request.

To add a variable, write its getter and give it a row in `GETTERS`, or in `FAMILIES` for a family
such as `$http_…`. A getter returns None where the variable has no value. One whose value depends
on nothing but the connection and the request's fields is marked `steady`.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from reverseproxy import __version__
from reverseproxy.config import Template
from reverseproxy.content.documents import document_root, realpath_root, request_filename
from reverseproxy.content.proxysettings import ProxySettings
from reverseproxy.wire.credentials import basic_credentials
from reverseproxy.wire.forwarded import append_forwarded_for
from reverseproxy.wire.hosts import parse_host

from .steady import steady

if TYPE_CHECKING:
    from reverseproxy.content.target import Target

    from .request import Request

Getter = Callable[["Request"], bytes | None]


@steady
def remote_addr(request: Request) -> bytes:
    """`$remote_addr`: the client's address."""
    return request.peer


@steady
def _remote_port(request: Request) -> bytes:
    if request.peer_port is not None:
        return request.peer_port
    return b"%d" % getattr(request.channel.getPeer(), "port", 0)


@steady
def remote_user(request: Request) -> bytes | None:
    """`$remote_user`: the name in Basic credentials (RFC 7617), whether or not they are right."""
    given = basic_credentials(request.head.named.get(b"authorization"))
    return None if given is None else given[0] or None


@steady
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
    return (request.parent or request).head.method


def _status(request: Request) -> bytes:
    return b"%03d" % (request.status_override or request.code)


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


@steady
def _scheme(request: Request) -> bytes:
    return request.scheme


@steady
def _server_name(request: Request) -> bytes:
    return request.vhost.name


@steady
def _server_addr(request: Request) -> bytes:
    return str(getattr(request.channel.getHost(), "host", "")).encode()


@steady
def _server_port(request: Request) -> bytes:
    return b"%d" % getattr(request.channel.getHost(), "port", 0)


def _server_protocol(request: Request) -> bytes:
    return b"HTTP/" + request.head.version


@steady
def _forwarded_for(request: Request) -> bytes:
    return append_forwarded_for(request.head.get_all(b"x-forwarded-for"), request.peer)


@steady
def _connection(request: Request) -> bytes:
    return b"%d" % request.channel.number


def _connection_requests(request: Request) -> bytes:
    return b"%d" % request.channel.served


@steady
def _content_length(request: Request) -> bytes | None:
    return request.head.named.get(b"content-length")


@steady
def _content_type(request: Request) -> bytes | None:
    return request.head.named.get(b"content-type")


def _request_completion(request: Request) -> bytes:
    return b"OK" if request.finished and not request._disconnected else b""


def _connection_time(request: Request) -> bytes:
    return b"%.3f" % (request.site.seconds() - request.channel.began)


@steady
def _https(request: Request) -> bytes:
    return b"on" if request.scheme == b"https" else b""


def _limit_rate(request: Request) -> bytes:
    return request.variables.get("limit_rate", b"0")


def _pipe(request: Request) -> bytes:
    return b"p" if request.channel.pipelined else b"."


def _request_id(request: Request) -> bytes:
    """`$request_id`: 16 random bytes in hexadecimal, the same all through a request."""
    known = request.variables.get("request_id")
    if known is None:
        known = os.urandom(16).hex().encode()
        request.assign("request_id", known)
    return known


def _request_length(request: Request) -> bytes:
    """`$request_length`: the bytes of the request line, the fields and the body."""
    return b"%d" % (request.head_received + (0 if request.spool is None else request.spool.size))


@steady
def _request_port(request: Request) -> bytes | None:
    """`$request_port`: the port that the request names, in its target or in Host."""
    value = request.head.named.get(b"host")
    port = parse_host(value)[1] if value else None
    return None if port is None else b"%d" % port


@steady
def _is_request_port(request: Request) -> bytes:
    return b":" if _request_port(request) else b""


def _request_body(request: Request) -> bytes | None:
    """`$request_body`: the body, where all of it is in memory."""
    spool = request.spool
    return None if spool is None or spool.fd >= 0 else b"".join(spool.pieces())


def _request_body_file(request: Request) -> bytes | None:
    path = None if request.spool is None else request.spool.path
    return None if path is None else path.encode()


def _time_iso8601(request: Request) -> bytes:
    return request.site.dates.iso()


def _target(request: Request) -> Target | None:
    """Where the request is passed on to, if it is."""
    written = request.location.level[ProxySettings].proxy_pass
    return request.proxied_to if isinstance(written, Template) else written


def _proxy_host(request: Request) -> bytes | None:
    target = _target(request)
    return None if target is None else target.name.encode()


def _proxy_port(request: Request) -> bytes | None:
    target = _target(request)
    return None if target is None else b"%d" % target.port


def _gzip_ratio(request: Request) -> bytes | None:
    """`$gzip_ratio`: how many times smaller the body became."""
    taken = getattr(request.transform, "taken", 0)
    given = getattr(request.transform, "given", 0)
    return b"%.2f" % (taken / given) if given else None


def _tcp_info(position: int) -> Getter:
    """`$tcpinfo_…`: a number of the kernel's about the connection (struct tcp_info)."""

    def getter(request: Request) -> bytes | None:
        sock = getattr(request.channel.transport, "socket", None)
        if sock is None or sock.family not in (socket.AF_INET, socket.AF_INET6):
            return None
        info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8 + 4 * (position + 1))
        return b"%d" % struct.unpack_from("I", info, 8 + 4 * position)[0]

    return getter


_HOSTNAME = socket.gethostname().lower().encode()

GETTERS: dict[str, Getter] = {
    "args": _args,
    "body_bytes_sent": _body_bytes_sent,
    "bytes_sent": _bytes_sent,
    "connection": _connection,
    "connection_requests": _connection_requests,
    "connection_time": _connection_time,
    "content_length": _content_length,
    "content_type": _content_type,
    "document_root": document_root,
    "document_uri": _uri,
    "gzip_ratio": _gzip_ratio,
    "host": host,
    "hostname": lambda _request: _HOSTNAME,
    "https": _https,
    "is_args": _is_args,
    "is_request_port": _is_request_port,
    "limit_rate": _limit_rate,
    "msec": _msec,
    "nginx_version": lambda _request: __version__.encode(),
    "pid": lambda _request: b"%d" % os.getpid(),
    "pipe": _pipe,
    "proxy_add_x_forwarded_for": _forwarded_for,
    "proxy_host": _proxy_host,
    "proxy_port": _proxy_port,
    "query_string": _args,
    "realpath_root": realpath_root,
    "remote_addr": remote_addr,
    "remote_port": _remote_port,
    "remote_user": remote_user,
    "request": _request_line,
    "request_body": _request_body,
    "request_body_file": _request_body_file,
    "request_completion": _request_completion,
    "request_filename": request_filename,
    "request_id": _request_id,
    "request_length": _request_length,
    "request_method": _request_method,
    "request_port": _request_port,
    "request_time": _request_time,
    "request_uri": _request_uri,
    "scheme": _scheme,
    "server_addr": _server_addr,
    "server_name": _server_name,
    "server_port": _server_port,
    "server_protocol": _server_protocol,
    "status": _status,
    "tcpinfo_rcv_space": _tcp_info(22),
    "tcpinfo_rtt": _tcp_info(15),
    "tcpinfo_rttvar": _tcp_info(16),
    "tcpinfo_snd_cwnd": _tcp_info(18),
    "time_iso8601": _time_iso8601,
    "time_local": _time_local,
    "uri": _uri,
}
