"""A backend that serves one connection at a time, to its end, before it accepts the next."""

from __future__ import annotations

import sys

from tests.integration.components import IntegrationCase
from tests.integration.load import Load
from tests.integration.servers import Server, directory, free_port, start_proxy

CONFIGURATION = """\
pid run.pid;
error_log error.log info;
events {{}}
http {{
    access_log off;
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass http://127.0.0.1:{backend}; }}
    }}
}}
"""
#: http.server as it comes: no threads. An answer has the number of its connection.
BACKEND = """\
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = sys.argv[2]
    connections = 0
    def setup(self):
        Answer.connections += 1
        super().setup()
    def do_GET(self):
        self.send_response(200)
        self.send_header("X-Backend", str(self.connections))
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *args):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""
CLIENTS = 4
EACH = 40


class SerialTests(IntegrationCase):
    def load(self, version: str) -> Load:
        """What becomes of the clients' requests to a backend that speaks `version`."""
        home, port, backend = directory("serial"), free_port(), free_port()
        home_of_backend = home / "backend"
        home_of_backend.mkdir()
        argv = [sys.executable, "-c", BACKEND, str(backend), version]
        self.addCleanup(Server(argv, backend, home_of_backend).stop)
        path = home / "reverseproxy.conf"
        path.write_text(CONFIGURATION.format(port=port, backend=backend))
        self.addCleanup(start_proxy(path, home, port).stop)
        load = Load(port, CLIENTS, EACH)
        load.join()
        print(
            f"{version}: {len(load.failed)} of {len(load.answers)} failed, "
            f"{len(load.served)} connections, longest wait {load.longest:.2f} s"
        )
        return load

    def test_keep_alive(self) -> None:
        """With keep-alive an idle connection makes way for the one that waits to be accepted."""
        load = self.load("HTTP/1.1")
        self.assertEqual((load.failed, len(load.answers)), ([], CLIENTS * EACH))
        self.assertLess(load.longest, 10)

    def test_no_keep_alive(self) -> None:
        """With a connection for each request all are served in turn."""
        load = self.load("HTTP/1.0")
        self.assertEqual((load.failed, len(load.answers)), ([], CLIENTS * EACH))
        self.assertEqual(len(load.served), CLIENTS * EACH)
