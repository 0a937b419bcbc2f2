"""An upstream that answers with what it was asked, for proxying cases."""

from __future__ import annotations

import socketserver
import threading
from urllib.parse import parse_qsl


class _Echo(socketserver.StreamRequestHandler):
    """One request: the answer's body is the request's head and body, unless the path says else.

    `/echo/status/404` answers that status; arguments become fields: `?Location=/x&X-A=b`.
    """

    def handle(self) -> None:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self.rfile.readline()
            if not line:
                return
            head += line
        length = 0
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        body = self.rfile.read(length)
        target = head.split(b" ")[1].decode("latin-1")
        path, _, query = target.partition("?")
        status = "200"
        if "/status/" in path:
            status = path.partition("/status/")[2][:3]
        fields = "".join(
            f"{name}: {value}\r\n" for name, value in parse_qsl(query) if name[0].isupper()
        )
        # Ports and connections differ between the two proxies; the rest must not.
        kept = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
        answer = b"" if status in ("204", "304") else _sorted(kept) + body
        if "Content-Type:" not in fields:
            fields += "Content-Type: text/plain\r\n"
        if answer:
            fields += f"Content-Length: {len(answer)}\r\n"
        self.wfile.write(
            f"HTTP/1.1 {status} Echo\r\n{fields}Connection: close\r\n\r\n".encode("latin-1")
        )
        if not head.startswith(b"HEAD "):
            self.wfile.write(answer)


def _sorted(lines: list[bytes]) -> bytes:
    """The request line (whatever its version), then the fields in an order that is nobody's."""
    first, *fields = [line for line in lines if line]
    return b"\n".join([first.rpartition(b" ")[0], *sorted(fields)]) + b"\n\n"


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


def start() -> tuple[int, threading.Thread]:
    """Serve on a free loopback port until the process ends; the port, and a thread.

    The same port is served on further loopback addresses, for groups of servers.
    """
    server = _Server(("127.0.0.1", 0), _Echo)
    port = server.server_address[1]
    for each in (server, *(_Server((f"127.0.0.{number}", port), _Echo) for number in (2, 3, 5))):
        thread = threading.Thread(target=each.serve_forever, daemon=True)
        thread.start()
    return port, thread
