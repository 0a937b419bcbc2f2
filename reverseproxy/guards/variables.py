"""The variables of access and limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .networks import packed
from .referers import invalid_referer

if TYPE_CHECKING:
    from reverseproxy.web.request import Request


def _binary_remote_addr(request: Request) -> bytes:
    return packed(request.peer) or request.peer


def _realip_remote_addr(request: Request) -> bytes:
    return request.channel.peer


def _realip_remote_port(request: Request) -> bytes:
    return b"%d" % getattr(request.channel.getPeer(), "port", 0)


def _limit_req_status(request: Request) -> bytes | None:
    return (request.parent or request).limit_req_status


def _limit_conn_status(request: Request) -> bytes | None:
    return (request.parent or request).limit_conn_status


GETTERS: dict[str, Callable[[Request], bytes | None]] = {
    "binary_remote_addr": _binary_remote_addr,
    "invalid_referer": invalid_referer,
    "limit_conn_status": _limit_conn_status,
    "limit_req_status": _limit_req_status,
    "realip_remote_addr": _realip_remote_addr,
    "realip_remote_port": _realip_remote_port,
}
