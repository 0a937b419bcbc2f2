"""Health checks of real servers: one of two falls ill and recovers; clients see nothing of it."""

from __future__ import annotations

import http.client
import json
import sys
from pathlib import Path

from tests.integration.components import IntegrationCase
from tests.integration.servers import Server, directory, free_port, start_proxy, until

CONFIGURATION = """\
pid run.pid;
error_log error.log warn;
events {{ }}
http {{
    access_log off;
    upstream app {{
        server 127.0.0.1:{ports[0]} max_fails=0;
        server 127.0.0.1:{ports[1]} max_fails=0;
    }}
    match well {{ status 200; header Content-Type ~ ^text/; body ~ ^[0-9]+$; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://app;
            proxy_set_header Host health.example;
            health_check interval=50ms jitter=5ms uri=/health match=well mandatory;
        }}
        location = /status {{ upstream_status; }}
    }}
}}
"""
#: Answers with its port; 500 while there is a file "ill", and 400 to a check for another host.
BACKEND = """\
import http.server, os, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status = 500 if os.path.exists("ill") else 200
        if self.path == "/health" and self.headers["Host"] != "health.example":
            status = 400
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.end_headers()
        self.wfile.write(sys.argv[1].encode())
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


class HealthTests(IntegrationCase):
    """Two servers behind one proxy."""

    def setUp(self) -> None:
        super().setUp()
        self.home = directory("health")
        self.ports = [free_port() for _ in range(2)]
        self.backends = [self.backend(port) for port in self.ports]
        self.port = free_port()
        path = self.home / "reverseproxy.conf"
        path.write_text(CONFIGURATION.format(ports=self.ports, port=self.port))
        self.proxy = start_proxy(path, self.home, self.port)
        self.addCleanup(self.proxy.stop)

    def backend(self, port: int) -> Server:
        """A server that answers with its port."""
        home: Path = self.home / str(port)
        home.mkdir(exist_ok=True)
        server = Server([sys.executable, "-c", BACKEND, str(port)], port, home)
        self.addCleanup(server.stop)
        return server

    def get(self, path: str = "/") -> tuple[int, bytes]:
        """An answer of the proxy's: its status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", path)
        response = connection.getresponse()
        answer = response.status, response.read()
        connection.close()
        return answer

    def states(self) -> list[str]:
        """What the proxy says of its servers."""
        (group,) = json.loads(self.get("/status")[1])["groups"]
        return [server["state"] for server in group["servers"]]

    def ports_of(self, count: int = 6) -> set[tuple[int, bytes]]:
        """What so many requests are answered."""
        return {self.get() for _ in range(count)}

    def test_ill(self) -> None:
        """A server that answers 500, or is gone, gets no requests until it is well again."""
        first, second = ((200, b"%d" % port) for port in self.ports)
        until(lambda: self.states() == ["up", "up"], "both to be checked")
        self.assertEqual(self.ports_of(), {first, second})
        ill = self.home / str(self.ports[0]) / "ill"
        ill.touch()
        until(lambda: self.states() == ["unhealthy", "up"], "the first to be ill")
        self.assertEqual(self.ports_of(), {second})
        self.backends[1].stop()
        until(lambda: self.states() == ["unhealthy", "unhealthy"], "the second to be gone")
        self.assertEqual({status for status, _ in self.ports_of()}, {502})
        ill.unlink()
        until(lambda: self.states() == ["up", "unhealthy"], "the first to be well")
        self.assertEqual(self.ports_of(), {first})
        self.backends[1] = self.backend(self.ports[1])
        until(lambda: self.states() == ["up", "up"], "the second to be well")
        self.assertEqual(self.ports_of(), {first, second})
        lines = (self.home / "error.log").read_text().splitlines()
        told = [line for line in lines if "upstream server" in line and "healthy" in line]
        # A check may have been under way when the second was stopped.
        gone = r"\(111: Conn|prematurely closed"
        for port, why in ((self.ports[0], "status 500, and not"), (self.ports[1], gone)):
            ill_line, well_line = (line for line in told if f":{port} " in line)
            self.assertIn("is unhealthy: ", ill_line)
            self.assertRegex(ill_line, why)
            self.assertTrue(well_line.endswith("is healthy again"), well_line)
        self.proxy.stop()
        self.assertNotIn("Traceback", self.proxy.said())
        self.assertNotIn("Unhandled", self.proxy.said())
