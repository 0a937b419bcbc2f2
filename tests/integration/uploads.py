"""An upstream that notes every upload, whole or cut, and can be slow to read."""

from __future__ import annotations

import contextlib
import hashlib
import socket
import threading

import attrs

from tests.integration.servers import until


@attrs.define
class Upload:
    """One request: the size that it announced (None: chunks), and what came of its body.

    `whole` says whether an honest server would take it for complete.
    """

    announced: int | None
    received: int = 0
    whole: bool = False
    ended: bool = False
    digest: str = ""


class Uploads:
    """Listens on a loopback port; `held` keeps it from reading bodies."""

    def __init__(self) -> None:
        self.found: list[Upload] = []
        self.free = threading.Event()
        self.free.set()
        self._connections: list[socket.socket] = []
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Listen no more, and leave whoever is connected."""
        self._listening.close()
        self.free.set()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection = self._listening.accept()[0]
            except OSError:
                return
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        with connection, connection.makefile("rb") as file:
            try:
                while head := file.readline():
                    while (line := file.readline()) not in (b"\r\n", b""):
                        head += line
                    self._take(file, head.lower())
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell")
            except OSError:
                return

    def _take(self, file: socket.SocketIO, head: bytes) -> None:
        length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if not length and b"transfer-encoding: chunked" not in head:
            return
        upload = Upload(int(length) if length else None)
        self.found.append(upload)
        made = hashlib.sha256()
        try:
            self._body(file, upload, made)
        finally:
            upload.digest = made.hexdigest()
            upload.ended = True
        if not upload.whole:
            raise ConnectionError

    def _body(self, file: socket.SocketIO, upload: Upload, made: hashlib._Hash) -> None:
        while True:
            left = upload.announced
            if left is None:
                size = file.readline()
                if not size.endswith(b"\r\n"):
                    return
                left = int(size, 16)
            took = left
            while left:
                self.free.wait()
                data = file.read(min(left, 65_536))
                if not data:
                    return
                left -= len(data)
                upload.received += len(data)
                made.update(data)
            if upload.announced is not None:
                upload.whole = True
                return
            if file.readline() != b"\r\n":
                return
            if not took:
                upload.whole = True
                return

    def ended(self, count: int) -> list[Upload]:
        """Wait until so many have come to an end; all of them."""
        until(lambda: sum(upload.ended for upload in self.found) >= count, f"{count} uploads")
        return self.found
