"""Groups of real servers: one of three is killed under load, and no client notices."""

from __future__ import annotations

import http.client
import sys
import threading
import time
from pathlib import Path

from tests.integration.components import IntegrationCase
from tests.integration.servers import Server, directory, free_port, start_proxy, until

CONFIGURATION = """\
pid run.pid;
error_log error.log info;
events {{ }}
http {{
    access_log access.log;
    upstream app {{
        {choice}
        {servers}
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass http://app; }}
    }}
}}
"""
#: An HTTP/1.1 server with keep-alive that answers with its port, after a moment. An answer leaves
#: in one piece: whoever kills the server finds it sent or not; half an answer can't be mended.
BACKEND = """\
import http.server, sys, time
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    def do_GET(self):
        time.sleep(0.005)
        body = sys.argv[1].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""


class Load:
    """Clients that ask again and again, each on one connection."""

    def __init__(self, port: int, clients: int = 8) -> None:
        self.port = port
        #: status and body of each answer; an error's name where there was none
        self.answers: list[tuple[int | str, bytes]] = []
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        while not self._stop.is_set():
            try:
                connection.request("GET", "/")
                response = connection.getresponse()
                self.answers.append((response.status, response.read()))
            except (OSError, http.client.HTTPException) as error:
                self.answers.append((type(error).__name__, b""))
                connection.close()
        connection.close()

    def more(self, count: int) -> None:
        """Wait for so many further answers."""
        wanted = len(self.answers) + count
        until(lambda: len(self.answers) >= wanted, f"{count} answers")

    def end(self) -> None:
        """Stop asking."""
        self._stop.set()
        for thread in self._threads:
            thread.join()


class UpstreamTests(IntegrationCase):
    """Three servers behind one proxy."""

    def setUp(self) -> None:
        super().setUp()
        self.home = directory("upstreams")
        self.ports = [free_port() for _ in range(3)]
        self.backends = {port: self.backend(port) for port in self.ports}

    def backend(self, port: int) -> Server:
        """A server that answers with its port."""
        home: Path = self.home / f"{port}-{time.monotonic_ns()}"
        home.mkdir()
        server = Server([sys.executable, "-c", BACKEND, str(port)], port, home)
        self.addCleanup(server.stop)
        return server

    def load(self, choice: str = "") -> Load:
        """Start the proxy before the servers, and the clients."""
        port = free_port()
        path = self.home / "reverseproxy.conf"
        servers = "\n".join(f"server 127.0.0.1:{each} fail_timeout=1s;" for each in self.ports)
        path.write_text(CONFIGURATION.format(choice=choice, servers=servers, port=port))
        self.addCleanup(start_proxy(path, self.home, port).stop)
        load = Load(port)
        self.addCleanup(load.end)
        return load

    def test_killed(self) -> None:
        """One of three is killed under load: every request is answered, by the other two."""
        load = self.load()
        load.more(100)
        self.assertEqual({body for _, body in load.answers}, {b"%d" % p for p in self.ports})
        self.backends[self.ports[0]].stop()
        load.more(100)
        after = len(load.answers)
        load.more(100)
        load.end()
        self.assertEqual({status for status, _ in load.answers}, {200})
        left = {body for _, body in load.answers[after:]}
        self.assertEqual(left, {b"%d" % port for port in self.ports[1:]})

    def test_restarted(self) -> None:
        """All are restarted, one after the other: every request is answered."""
        load = self.load("least_conn;")
        for port in self.ports:
            load.more(50)
            self.backends[port].stop()
            load.more(50)
            self.backends[port] = self.backend(port)
            until(
                lambda wanted=b"%d" % port: (200, wanted) in load.answers[-20:],
                f"{port} to be asked again",
            )
        load.end()
        self.assertEqual({status for status, _ in load.answers}, {200})
