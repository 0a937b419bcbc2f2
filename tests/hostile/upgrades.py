"""Upgrade tricks: who asks for a tunnel, how the upstream answers, and what follows unasked."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from .clients import NEXT_SENT

#: How the client asks. All but the last two are no WebSocket's handshake.
ASKS = {
    "h2c": (b"Upgrade: h2c", b"Connection: Upgrade, HTTP2-Settings", b"HTTP2-Settings: AAMAAABk"),
    "h2c in lower case": (b"upgrade: h2c", b"connection: upgrade"),
    "h2c without Connection": (b"Upgrade: h2c",),
    "TLS": (b"Upgrade: TLS/1.0", b"Connection: Upgrade"),
    "a list": (b"Upgrade: websocket, h2c", b"Connection: Upgrade"),
    "two fields": (b"Upgrade: websocket", b"Upgrade: h2c", b"Connection: Upgrade"),
    "nothing": (b"Upgrade:", b"Connection: Upgrade"),
    "Connection alone": (b"Connection: Upgrade",),
    "websocket without Connection": (b"Upgrade: websocket",),
    "websocket with close": (b"Upgrade: websocket", b"Connection: close"),
    "websocket with a body": (b"Upgrade: websocket", b"Connection: Upgrade", b"Content-Length: 3"),
    "websocket with chunks": (
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Transfer-Encoding: chunked",
    ),
    "websocket": (b"Upgrade: websocket", b"Connection: Upgrade"),
    "websocket of an odd version": (
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Version: 1337",
    ),
}
BODIES = {"websocket with a body": b"abc", "websocket with chunks": b"3\r\nabc\r\n0\r\n\r\n"}
#: What comes behind the head before anybody has agreed to anything.
AHEAD = {
    "a request": NEXT_SENT,
    "an HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    "a frame": b"\x81\x05hello",
}
#: What the upstream says, and whether that agrees.
ANSWERS = {
    "200": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", False),
    "426": (
        b"HTTP/1.1 426 No\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n",
        False,
    ),
    "200 with Upgrade": (
        b"HTTP/1.1 200 OK\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
        b"Content-Length: 0\r\n\r\n",
        False,
    ),
    "101": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        True,
    ),
    "101 to another": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
        False,
    ),
    "101 to two": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket, h2c\r\n"
        b"Connection: upgrade\r\n\r\n",
        False,
    ),
    "101 to nothing": (b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\r\n", False),
    "101 to another, and a frame": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: TLS/1.0\r\nConnection: upgrade\r\n\r\n"
        b"\x81\x05hello",
        False,
    ),
    "nonsense": (b"nonsense\r\n\r\n", False),
}


@attrs.frozen
class Upgrade:
    """One attempt. `asked` says whether it is a WebSocket's handshake."""

    name: str
    head: bytes
    ahead: bytes
    answer: bytes
    agrees: bool
    asked: bool


def cases() -> Iterator[Upgrade]:
    """Every way to ask, with everything behind it, and every answer."""
    for ask, lines in ASKS.items():
        body = BODIES.get(ask, b"")
        head = b"\r\n".join([b"GET /chat HTTP/1.1", b"Host: a", *lines, b"", body])
        for behind, ahead in AHEAD.items():
            for said, (answer, agrees) in ANSWERS.items():
                name = f"{ask}, {behind} ahead, answered {said}"
                asked = ask in ("websocket", "websocket of an odd version")
                yield Upgrade(name, head, ahead, answer, agrees, asked)
