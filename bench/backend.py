"""An application for large bodies: GET /N gives N bytes, POST takes a body and tells its size.

Who asks for another protocol gets it, and silence.
"""

import asyncio
import sys

PIECE = bytes(65536)


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, one request after the other."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            method, target, _ = head.split(b" ", 2)
            fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:-2])
            if b"upgrade" in fields:
                writer.write(b"HTTP/1.1 101 Switching Protocols\r\n")
                writer.write(b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
                await reader.read()
                break
            left = taken = int(fields.get(b"content-length", b"0"))
            while left:
                left -= len(await reader.readexactly(min(left, len(PIECE))))
            size = int(target.rpartition(b"/")[2] or b"0") if method == b"GET" else 0
            body = b"" if size else b"%d" % taken
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (size or len(body)))
            writer.write(body)
            while size:
                piece = PIECE[:size]
                size -= len(piece)
                writer.write(piece)
                await writer.drain()
            await writer.drain()
            if head.split(b"\r\n", 1)[0].endswith(b"1.0"):
                break
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # the other side has left
    writer.close()


async def main() -> None:
    """Serve until killed."""
    server = await asyncio.start_server(converse, "127.0.0.1", int(sys.argv[1]))
    async with server:
        await server.serve_forever()


asyncio.run(main())
