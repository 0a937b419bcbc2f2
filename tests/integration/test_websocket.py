"""100,000 frames through the proxy, to the `websockets` library and back, past a slow reader."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from pathlib import Path

from tests.integration.components import SYSTEM_PYTHON, IntegrationCase
from tests.integration.servers import Server, directory, free_port, start_proxy
from tests.integration.websocket import masked, open_websocket, read_frame

ECHO = """\
import asyncio, socket, sys, websockets
async def echo(connection):
    async for message in connection:
        await connection.send(message)
async def serve():
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for buffer in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        listening.setsockopt(socket.SOL_SOCKET, buffer, 65536)
    listening.bind(("127.0.0.1", int(sys.argv[1])))
    async with websockets.serve(echo, sock=listening, compression=None, ping_interval=None):
        await asyncio.Future()
asyncio.run(serve())
"""
CONFIGURATION = """\
error_log error.log info;
pid run.pid;
# One process, whose memory is looked at.
master_process off;
events {{}}
http {{
    access_log off;
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass http://127.0.0.1:{backend}; }}
    }}
}}
"""
FRAMES = 100_000
#: Of one frame. All of them are more than the kernel keeps between four sockets: up to 74 MB with
#: current Linux's limits, as the client's and the server's are kept small.
SIZE = 1000
#: What stands before a payload: a whole binary message with its length, and a mask of zeros.
FROM_CLIENT = b"\x82\xfe" + SIZE.to_bytes(2, "big") + bytes(4)
FROM_SERVER = b"\x82\x7e" + SIZE.to_bytes(2, "big")
MEBIBYTE = 1024 * 1024
MOST = 8 * MEBIBYTE


def payload(number: int) -> bytes:
    """What a frame says: its number, again and again."""
    return b"%010d" % number * (SIZE // 10)


def parts() -> Iterator[memoryview]:
    """All that the client sends, a thousand frames at a time."""
    for start in range(0, FRAMES, 1000):
        frames = (FROM_CLIENT + payload(number) for number in range(start, start + 1000))
        yield memoryview(b"".join(frames))


class Sender:
    """Sends the frames as far as they are taken."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._parts = parts()
        self._rest = memoryview(b"")
        self.sent = 0
        self.done = False

    def go_on(self) -> None:
        """Send what the kernel takes now."""
        if not self._rest:
            self._rest = next(self._parts, memoryview(b""))
            self.done = not self._rest
        taken = self._connection.send(self._rest) if self._rest else 0
        self.sent += taken
        self._rest = self._rest[taken:]


def memory(server: Server, name: str) -> int:
    """A size of /proc/PID/status, in bytes."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) * 1024


class WebSocketTests(IntegrationCase):
    needs = ("the proxy", "websockets")

    def setUp(self) -> None:
        super().setUp()
        home, port, backend = directory("websocket"), free_port(), free_port()
        echo = Server([SYSTEM_PYTHON, "-c", ECHO, str(backend)], backend, directory("echo"))
        self.addCleanup(echo.kill)
        path = home / "reverseproxy.conf"
        path.write_text(CONFIGURATION.format(port=port, backend=backend))
        self.proxy = start_proxy(path, home, port)
        self.addCleanup(self.proxy.stop)
        self.connection = socket.socket()
        self.addCleanup(self.connection.close)
        for buffer in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            self.connection.setsockopt(socket.SOL_SOCKET, buffer, 65_536)
        self.connection.settimeout(20)
        self.connection.connect(("127.0.0.1", port))

    def read_all(self, sender: Sender) -> int:
        """Read to the last frame, in small pieces, and send the rest; how many came as sent."""
        connection, found, received = self.connection, 0, b""
        size = len(FROM_SERVER) + SIZE
        while found < FRAMES:
            writing = [] if sender.done else [connection]
            readable, writable, _ = select.select([connection], writing, [], 20)
            self.assertTrue(readable or writable, f"nothing came after {found} frames")
            if writable:
                sender.go_on()
            if not readable:
                continue
            piece = connection.recv(16_384)
            self.assertTrue(piece, f"closed after {found} frames")
            received += piece
            end = len(received) - len(received) % size
            for at in range(0, end, size):
                if received[at : at + size] != FROM_SERVER + payload(found):
                    self.fail(f"frame {found} came as {received[at : at + size]!r}")
                found += 1
            received = received[end:]
        self.assertEqual(received, b"")
        return found

    def test_slow_reader(self) -> None:
        """All frames come back whole and in order; who doesn't read costs no memory."""
        open_websocket(self.connection)
        Path(f"/proc/{self.proxy.process.pid}/clear_refs").write_text("5")  # VmHWM begins anew
        before = memory(self.proxy, "VmRSS")
        sender = Sender(self.connection)
        # Nothing is read until nothing more is taken: everybody between waits for the reader.
        self.connection.setblocking(False)
        while not sender.done and select.select([], [self.connection], [], 1)[1]:
            sender.go_on()
        self.assertFalse(sender.done, "nobody waited")
        halted = sender.sent // (len(FROM_CLIENT) + SIZE)
        found = self.read_all(sender)
        grown = memory(self.proxy, "VmHWM") - before
        print(
            f"{found} of {FRAMES} frames came back; the reader was waited for at {halted}; "
            f"the proxy grew from {before // 1024} by {grown // 1024} KiB"
        )
        self.assertLess(grown, MOST)
        self.connection.settimeout(20)
        self.connection.sendall(masked(b"\x03\xe8", opcode=8))
        self.assertEqual(read_frame(self.connection), (8, b"\x03\xe8"))
        self.assertEqual(self.connection.recv(1), b"")
