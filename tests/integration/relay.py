"""A relay that stands before the application and remembers when it was called."""

from __future__ import annotations

import socket
import threading
import time


class Relay:
    """Passes bytes between its own port and another; `opened` holds a time per connection."""

    def __init__(self, target_port: int) -> None:
        self._target = ("127.0.0.1", target_port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.opened: list[float] = []  # time.monotonic()
        self.first_bytes: list[float] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            near, _ = self._listener.accept()
            self.opened.append(time.monotonic())
            far = socket.create_connection(self._target)
            for pair in ((near, far, True), (far, near, False)):
                threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, to_target: bool) -> None:
        first = to_target
        try:
            while data := source.recv(65536):
                if first:
                    self.first_bytes.append(time.monotonic())
                    first = False
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            # One side is gone: so must the other be, or the proxy would not learn of it.
            for end in (source, sink):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
