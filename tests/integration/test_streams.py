"""Real connections: a WebSocket through the proxy, events as they happen, proxy_bind."""

from __future__ import annotations

import socket
import threading
import time

from tests.integration.components import IntegrationCase
from tests.integration.servers import Server, directory, free_port, once, start_proxy
from tests.integration.websocket import accept_key, masked, open_websocket, read_frame, read_head


def _echo(connection: socket.socket, head: bytes) -> None:
    key = next(line[19:] for line in head.split(b"\r\n") if line.startswith(b"Sec-WebSocket-Key: "))
    connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept_key(key) + b"\r\n\r\n"
    )
    while True:
        opcode, payload = read_frame(connection)
        size = len(payload)
        length = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
        connection.sendall(bytes([0x80 | opcode]) + length + payload)
        if opcode == 8:
            return


def _events(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    for _ in range(10):
        time.sleep(0.1)
        connection.sendall(b"data: %.6f\n\n" % time.monotonic())


def _serve(connection: socket.socket) -> None:
    with connection:
        try:
            head = read_head(connection)
            if b"\r\nUpgrade: websocket\r\n" in head:
                _echo(connection, head)
            elif head.startswith(b"GET /bound/ "):
                peer = connection.getpeername()[0].encode()
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + peer)
            else:
                _events(connection)
        except ConnectionError:
            return


@once
def upstream() -> int:
    """The port of a server with a WebSocket that echoes, and events."""
    listening = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        while True:
            connection, _ = listening.accept()
            threading.Thread(target=_serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return int(listening.getsockname()[1])


@once
def proxy() -> Server:
    """The proxy in front of it."""
    home, port = directory("streams"), free_port()
    (home / "logs").mkdir()
    (home / "nginx.conf").write_text(
        "events {}\nhttp { access_log off; server { "
        f"listen 127.0.0.1:{port}; location / {{ proxy_pass http://127.0.0.1:{upstream()}; }} "
        f"location /bound/ {{ proxy_bind 127.0.0.2; proxy_pass http://127.0.0.1:{upstream()}; }} "
        "} }\n"
    )
    return start_proxy(home / "nginx.conf", home, port)


class StreamTests(IntegrationCase):
    needs = ("the proxy",)

    def connect(self) -> socket.socket:
        """A connection to the proxy."""
        connection = socket.create_connection(("127.0.0.1", proxy().port), timeout=10)
        self.addCleanup(connection.close)
        return connection

    def test_websocket(self) -> None:
        """Frames of all sizes come back, and closing is answered and closes."""
        connection = self.connect()
        open_websocket(connection, "/chat")
        for payload in (b"", b"hello", b"x" * 60_000):
            connection.sendall(masked(payload))
            self.assertEqual(read_frame(connection), (1, payload))
        connection.sendall(masked(b"\x03\xe8", opcode=8))
        self.assertEqual(read_frame(connection), (8, b"\x03\xe8"))
        self.assertEqual(connection.recv(1), b"")

    def test_events(self) -> None:
        """An event is with the client less than 50 ms after it was sent.

        Of ten one may be late, as these machines pause now and then.
        """
        connection = self.connect()
        connection.sendall(b"GET /events HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        received, late = b"", []
        while data := connection.recv(65_536):
            now = time.monotonic()
            received += data
            while b"data: " in received and b"\n\n" in received:
                event, _, received = received.partition(b"\n\n")
                late.append(now - float(event.partition(b"data: ")[2]))
        print("late by", " ".join(f"{1000 * each:.1f}" for each in late), "ms")
        self.assertEqual(len(late), 10)
        self.assertLess(sorted(late)[8], 0.05)

    def test_bind(self) -> None:
        """With proxy_bind the upstream sees a connection from that address."""
        connection = self.connect()
        connection.sendall(b"GET /bound/ HTTP/1.0\r\n\r\n")
        received = b""
        while data := connection.recv(65_536):
            received += data
        self.assertTrue(received.endswith(b"\r\n\r\n127.0.0.2"), received)
