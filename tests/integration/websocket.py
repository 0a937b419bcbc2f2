"""The little of RFC 6455 that a client needs which says exactly what the test says."""

from __future__ import annotations

import base64
import hashlib
import os
import socket

#: RFC 6455 section 1.3
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def accept_key(key: bytes) -> bytes:
    """Sec-WebSocket-Accept for a key (section 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest())


def masked(payload: bytes, opcode: int = 1) -> bytes:
    """A client's frame (section 5.2), of less than 64 KiB."""
    mask = os.urandom(4)
    body = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    return bytes([0x80 | opcode]) + length + mask + body


def read_frame(connection: socket.socket) -> tuple[int, bytes]:
    """The opcode and the payload of the next frame, masked or not."""
    first, second = exactly(connection, 2)
    size = second & 0x7F
    if size == 126:
        size = int.from_bytes(exactly(connection, 2), "big")
    mask = exactly(connection, 4) if second & 0x80 else bytes(4)
    body = exactly(connection, size)
    return first & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(body))


def exactly(connection: socket.socket, size: int) -> bytes:
    """The next `size` bytes."""
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise ConnectionError(f"{len(data)} bytes where {size} were to come")
        data += piece
    return data


def read_head(connection: socket.socket) -> bytes:
    """The head of a request or an answer, and no byte more."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        data += exactly(connection, 1)
    return data


def open_websocket(connection: socket.socket, target: str = "/") -> None:
    """Ask for a WebSocket and read the answer, which has to agree (section 4.1)."""
    key = base64.b64encode(os.urandom(16))
    connection.sendall(
        b"GET %b HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b\r\n\r\n" % (target.encode(), key)
    )
    head = read_head(connection)
    if not head.startswith(b"HTTP/1.1 101 "):
        raise AssertionError(f"no WebSocket: {head!r}")
    if b"\r\nSec-WebSocket-Accept: " + accept_key(key) + b"\r\n" not in head:
        raise AssertionError(f"another's WebSocket: {head!r}")
