"""An OCSP responder on loopback, in a thread: it answers what a test says, or nothing."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

from cryptography.x509 import ocsp

from tests.integration.servers import free_port

#: Makes an answer for the number of a certificate; None hangs until the responder stops.
Says = Callable[[int], "bytes | None"]


class Responder:
    """`says` may be changed at any time; `asked` are the numbers of certificates so far."""

    def __init__(self, says: Says) -> None:
        self.says = says
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/ocsp"
        self.asked: list[int] = []
        self._over = threading.Event()
        responder = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                text = unquote(self.path.rpartition("/")[2])
                asked = ocsp.load_der_ocsp_request(base64.b64decode(text, validate=True))
                responder.asked.append(asked.serial_number)
                answer = responder.says(asked.serial_number)
                if answer is None:
                    responder._over.wait()
                    return
                self.send_response(200)
                self.send_header("Content-Type", "application/ocsp-response")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Answer no more; whoever waits is cut off."""
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
