"""Names that a real name server knows: `resolve`, `service=` and `proxy_pass` with variables."""

from __future__ import annotations

import http.client
import os
import sys
from pathlib import Path

from tests.integration import nameserver
from tests.integration.components import IntegrationCase
from tests.integration.differential import echo
from tests.integration.servers import Server, directory, free_port, start_proxy, until

CONFIGURATION = """\
pid run.pid;
error_log error.log info;
events {{ }}
http {{
    access_log access.log;
    resolver 127.0.0.1:{dns};
    resolver_timeout 3s;
    upstream app {{ server app.test:{first} resolve; }}
    upstream service {{ server app.test service=http resolve; }}
    server {{
        listen 127.0.0.1:{port};
        add_header X-Addr $upstream_addr always;
        location / {{ proxy_pass http://app; }}
        location /service/ {{ proxy_pass http://service; }}
        location /named/ {{ proxy_pass http://$arg_h:{first}; }}
    }}
}}
"""


class ResolverTests(IntegrationCase):
    def setUp(self) -> None:
        super().setUp()
        self.home = directory("resolver")
        self.first, self.second = echo.start()[0], echo.start()[0]
        self.records = self.home / "records"
        service = f"_http._tcp.app.test SRV 10 1 {self.second} app.test"
        self.write("app.test A 127.0.0.1", service)
        dns, self.port = free_port(), free_port()
        script = str(Path(nameserver.__file__))
        self.names = Server([sys.executable, script, str(dns), str(self.records)], dns, self.home)
        self.addCleanup(self.names.stop)
        path = self.home / "nginx.conf"
        path.write_text(CONFIGURATION.format(dns=dns, first=self.first, port=self.port))
        proxy_home = self.home / "proxy"
        proxy_home.mkdir()
        self.addCleanup(start_proxy(path, proxy_home, self.port).stop)

    def write(self, *lines: str) -> None:
        """Let the name server say this from now on."""
        new = self.home / "records.new"
        new.write_text("\n".join(lines))
        os.replace(new, self.records)

    def asked(self, path: str) -> tuple[int, str | None]:
        """The status of an answer, and who gave it."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        connection.close()
        return response.status, response.getheader("X-Addr")

    def test_names(self) -> None:
        """What the name server says is followed, and stays when the name server is gone."""
        on = (200, f"127.0.0.1:{self.first}")
        for path in ("/", "/named/?h=app.test"):
            until(lambda path=path: self.asked(path) == on, f"{path} to be answered")
        self.assertEqual(self.asked("/named/?h=none.test")[0], 502)
        served = (200, f"127.0.0.1:{self.second}")
        until(lambda: self.asked("/service/") == served, "the service to be found")
        self.write("app.test A 127.0.0.1", "other.test A 127.0.0.1")
        self.assertEqual(self.asked("/named/?h=other.test"), on)
        self.write("app.test A 127.0.0.9")
        moved = (502, f"127.0.0.9:{self.first}")
        until(lambda: self.asked("/") == moved, "the group to follow")
        self.write("app.test A 127.0.0.1")
        until(lambda: self.asked("/") == on, "the group to come back")
        until(lambda: self.asked("/named/?h=app.test") == on, "the name to come back")
        self.names.stop()
        for _ in range(3):
            for path in ("/", "/named/?h=app.test"):
                self.assertEqual(self.asked(path), on)
