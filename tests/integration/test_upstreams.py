"""Groups of real servers: they are killed and restarted under load, and no client notices."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from tests.integration import backends
from tests.integration.components import IntegrationCase
from tests.integration.load import Load
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


class ThreeServers:
    """The tests, with three servers of a kind behind one proxy."""

    #: starts a server that answers with its port: see backends.py
    kind: ClassVar[Callable[..., Server]]
    #: what is asked of the server on its command line
    options: tuple[str, ...] = ()

    def setUp(self) -> None:
        super().setUp()
        self.ports = [free_port() for _ in range(3)]
        self.backends = {port: self.backend(port) for port in self.ports}

    def backend(self, port: int) -> Server:
        """A server on `port`, which may have had one before."""
        server = self.kind(directory("backend"), port, *self.options)
        self.addCleanup(server.kill)
        return server

    def load(self, choice: str = "") -> Load:
        """Start the proxy and the clients; every server has its share."""
        home, port = directory("upstreams"), free_port()
        path = home / "reverseproxy.conf"
        servers = "\n".join(f"server 127.0.0.1:{each} fail_timeout=1s;" for each in self.ports)
        path.write_text(CONFIGURATION.format(choice=choice, servers=servers, port=port))
        self.addCleanup(start_proxy(path, home, port).stop)
        load = Load(port)
        self.addCleanup(load.end)
        load.more(100)
        self.assertEqual(set(load.served), set(map(str, self.ports)))
        return load

    def finish(self, load: Load) -> None:
        """End the load: no request has failed."""
        load.end()
        print(f"{len(load.failed)} of {len(load.answers)} failed, longest {load.longest:.3f} s")
        self.assertEqual(load.failed, [])

    def test_killed(self) -> None:
        """One of three is killed under load: every request is answered, by the other two."""
        load = self.load()
        self.backends[self.ports[0]].kill()
        load.more(100)
        after = len(load.answers)
        load.more(300)
        self.finish(load)
        left = {who for _, who in load.answers[after:]}
        self.assertEqual(left, set(map(str, self.ports[1:])))

    def test_restarted(self) -> None:
        """All are restarted, one after the other: every request is answered."""
        load = self.load("least_conn;")
        for port in self.ports:
            load.more(50)
            self.backends[port].stop()
            load.more(50)
            self.backends[port] = self.backend(port)
            until(lambda wanted=str(port): (200, wanted) in load.answers[-20:], f"{port} to serve")
        self.finish(load)


class GunicornTests(ThreeServers, IntegrationCase):
    """gunicorn as it comes: a process for each request, and a connection."""

    needs = ("the proxy", "gunicorn")
    kind = staticmethod(backends.gunicorn)


class ThreadedGunicornTests(GunicornTests):
    """gunicorn with threads, which keeps connections alive."""

    options = ("--worker-class=gthread", "--threads=4", "--keep-alive=5")


class ApacheTests(ThreeServers, IntegrationCase):
    """Apache with mod_wsgi, which keeps connections alive."""

    needs = ("the proxy", "apache", "mod_wsgi")
    kind = staticmethod(backends.apache)
