"""A server with exchanges of all kinds: small answers, large ones, uploads, a WebSocket.

Run as a program: `python -m tests.integration.works PORT`.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.integration.components import ROOT
from tests.integration.servers import Server
from tests.integration.websocket import accept_key

#: The unit of large bodies, in bytes.
PIECE = 50_000


def pieces(size: int) -> Iterator[bytes]:
    """A body of `size` bytes, whole pieces, no two of them alike."""
    for number in range(size // PIECE):
        yield b"%010d" % number * (PIECE // 10)


def digest(size: int) -> str:
    """What SHA-256 makes of such a body."""
    made = hashlib.sha256()
    for piece in pieces(size):
        made.update(piece)
    return made.hexdigest()


def fields(head: bytes) -> dict[bytes, bytes]:
    """The fields of a head, by their names in lower case."""
    lines = (line.partition(b": ") for line in head.split(b"\r\n")[1:])
    return {name.lower(): value for name, _, value in lines}


class Exchange:
    """One connection: requests come one after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def serve(self) -> None:
        """Answer until it ends."""
        try:
            while True:
                await self._answer(await self._reader.readuntil(b"\r\n\r\n"))
                await self._writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            self._writer.close()

    async def _answer(self, head: bytes) -> None:
        """`/big/SIZE` is a body of that size; `/slow/SECONDS` takes a while."""
        found = fields(head)
        _method, path, _ = head.split(b" ", 2)
        if b"upgrade" in found:
            await self._echo(found)
        elif path.startswith(b"/big/"):
            await self._large(int(path[5:]))
        elif b"content-length" in found:
            made = hashlib.sha256()
            left = int(found[b"content-length"])
            while left:
                data = await self._reader.read(min(left, 65_536))
                if not data:
                    raise ConnectionError
                left -= len(data)
                made.update(data)
            self._say(made.hexdigest().encode())
        else:
            if path.startswith(b"/slow/"):
                await asyncio.sleep(float(path[6:]))
            self._say(b"well")

    def _say(self, body: bytes) -> None:
        self._writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    async def _large(self, size: int) -> None:
        self._writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for piece in pieces(size):
            self._writer.write(piece)
            await self._writer.drain()

    async def _echo(self, found: dict[bytes, bytes]) -> None:
        """A WebSocket; what comes goes back as it is, mask and all."""
        self._writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept_key(found[b"sec-websocket-key"])
        )
        while data := await self._reader.read(65_536):
            self._writer.write(data)
            await self._writer.drain()
        raise ConnectionError


def works(home: Path, port: int) -> Server:
    """The server, in a process of its own."""
    argv = [sys.executable, "-m", "tests.integration.works", str(port)]
    return Server(argv, port, home, cwd=ROOT)


async def _serve(port: int) -> None:
    server = await asyncio.start_server(
        lambda reader, writer: Exchange(reader, writer).serve(),
        "127.0.0.1",
        port,
        backlog=1000,
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
