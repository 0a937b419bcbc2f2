"""Hostile clients: what each sends, and what must come of it."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

#: What proxies are configured with, Debian's proxy_params and one field more.
PARAMS = """proxy_set_header Host $host; proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;"""
PROXY = f"location / {{ proxy_pass http://127.0.0.1:8080; {PARAMS} }}"
STREAMING = PROXY.replace("{ proxy", "{ proxy_request_buffering off; proxy", 1)

#: A request: its method, its target, its body.
Asked = tuple[bytes, bytes, bytes]
#: The good one that follows.
NEXT: Asked = (b"GET", b"/next", b"")
NEXT_SENT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"


@attrs.frozen
class Case:
    """One client: `sent` in pieces, each a read of its own.

    `statuses` are those of the answers, in order; `reached` are the requests that an upstream had,
    in order. `closed` says whether the connection must end. `says` stands in the error log.
    `server` is the inside of the server block. `fields` are what the first request that reached an
    upstream has of some fields: all their values.
    """

    name: str
    sent: tuple[bytes, ...]
    statuses: tuple[int, ...]
    reached: tuple[Asked, ...] = ()
    closed: bool = True
    says: str = ""
    server: str = PROXY
    fields: tuple[tuple[bytes, tuple[bytes, ...]], ...] = ()
    methods: tuple[bytes, ...] = ()


def refused(name: str, sent: bytes, says: str = "", status: int = 400, server: str = PROXY) -> Case:
    """One answer, and nothing goes on."""
    return Case(name, (sent,), (status,), says=says, server=server)


def passed(
    name: str, sent: bytes, *reached: Asked, server: str = PROXY, closed: bool = False
) -> Case:
    """Each request goes on as it was meant."""
    return Case(name, (sent,), (200,) * len(reached), reached, closed, server=server)


def message(
    *lines: bytes,
    body: bytes = b"",
    method: bytes = b"POST",
    target: bytes = b"/",
    version: bytes = b"1.1",
) -> bytes:
    """A request of these field lines, each without its line end, behind Host."""
    start = b"%b %b HTTP/%b" % (method, target, version)
    return b"\r\n".join([start, b"Host: a", *lines, b"", body])


def cases() -> Iterator[Case]:
    """Every case of every table."""
    from . import fields, framing, heads, paths

    for table in (framing, heads, fields, paths):
        yield from table.cases()
