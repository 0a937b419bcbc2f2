"""SIGHUP: a new configuration takes the place of the old one, and nothing is dropped for it."""

from __future__ import annotations

import gc
import os
import weakref
from collections.abc import Callable

from twisted.internet import fdesc
from twisted.internet.defer import Deferred

from reverseproxy.process import loaded
from reverseproxy.process.daemon import Daemon
from reverseproxy.upstream import names

from ..support import CLIENT, HERE, Client, Network, ok, request
from .test_start import StartTestCase

TOP = "master_process off; error_log logs/error.log notice; %s http { access_log logs/a.log; %s }"
SITE = "server { listen 127.0.0.1:8081; %s }"


class ReloadCase(StartTestCase):
    def setUp(self) -> None:
        super().setUp()
        os.mkdir(self.path("logs"))
        self.network = Network(self.reactor)
        self.patch(loaded, "monotonic", self.reactor.seconds)
        self.patch(fdesc, "_setCloseOnExec", lambda _fd: None)

    def start(self, http: str, main: str = "") -> Daemon:
        """A daemon with this in `http`."""
        self.daemon = self.make(TOP % (main, http))
        self.daemon.assembly.pools.connect = self.network.connect
        self.daemon.startService()
        return self.daemon

    def reload(self, http: str, main: str = "") -> None:
        """Let it read another."""
        self.write("reverseproxy.conf", TOP % (main, http))
        self.daemon.reload()
        self.reactor.settle()

    def client(self, port: int = 8081) -> Client:
        """A client that is connected to a port."""
        site = next(p.site for a, p in self.daemon.serving.ports.items() if a.port == port)
        client = self.network.connected(site, CLIENT, (HERE[0], port))
        if client is None:
            raise AssertionError("the connection was not taken")
        return client

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        end = self.reactor.seconds() + seconds
        while self.reactor.seconds() < end:
            self.reactor.advance(0.05)
            self.reactor.settle()


class SwapTests(ReloadCase):
    def test_next_request(self) -> None:
        """A connection lives on; its next request is answered by what is new."""
        self.start(SITE % "return 200 old;")
        client = self.client()
        self.assertEqual(client.get().body, b"old")
        self.reload(SITE % "return 200 new;")
        self.assertEqual(client.get().body, b"new")
        self.assertEqual(self.client().get().body, b"new")
        self.assertIn("reconfigured", self.log().splitlines()[-1])

    def test_under_way(self) -> None:
        """A request under way ends as it began: its fields, its log, its error pages."""
        self.start(SITE % "location / { proxy_pass http://10.0.0.1; add_header X-Is old; }")
        client = self.client()
        client.ask()
        self.reload(SITE % "location / { return 404; }")
        self.network.upstream().send(ok())
        self.assertEqual(client.answer().get(b"X-Is"), b"old")
        self.assertEqual(client.get().status, 404)
        with open(self.path("logs/a.log")) as file:
            self.assertEqual(len(file.read().splitlines()), 2)

    def test_broken(self) -> None:
        """A configuration that is wrong is told, every error, and nothing changes."""
        self.start(SITE % "return 200 old;")
        gc.collect()
        descriptors = len(os.listdir("/proc/self/fd"))
        peers = len(self.daemon.assembly.sweep.members)
        for text in (
            "rot; nonsense on; %s",
            "access_log nowhere/a.log; access_log b buffer=1k; %s",
        ):
            self.reload(text % (SITE % "return 200 new;"))
            self.assertIn("[emerg] ", self.log())
            self.assertIn("the configuration is as it was", self.log().splitlines()[-1])
            self.assertEqual(self.client().get().body, b"old")
        self.assertIn('"nonsense"', self.log())
        self.assertIn("nowhere", self.log())
        gc.collect()
        self.assertEqual(len(os.listdir("/proc/self/fd")), descriptors)
        self.assertEqual(len(self.daemon.assembly.sweep.members), peers + 2)

    def test_listens(self) -> None:
        """A new address is opened; one that is gone is closed, and its connections end in order."""
        self.start(SITE % "return 200 a;" + "server { listen 127.0.0.1:8082; return 200 b; }")
        idle, waiting = self.client(8082), self.client(8082)
        self.assertEqual(idle.get().body, b"b")
        self.assertEqual(waiting.get().body, b"b")
        self.reload("server { listen 127.0.0.1:8083; return 200 c; }" + SITE % "return 200 a;")
        self.assertEqual([one.getsockname()[1] for one in self.bound], [8081, 8082, 8083])
        self.assertEqual([one.closed for one in self.bound], [False, True, False])
        self.assertEqual(self.client(8083).get().body, b"c")
        answer = waiting.get()
        self.assertEqual((answer.body, answer.get(b"Connection")), (b"b", b"close"))
        self.assertEqual(idle.ended, "")
        self.advance(2.5)
        self.assertEqual(idle.ended, "closed")

    def test_backlog(self) -> None:
        """Who waits at an address that is closed is let in first, and answered."""
        self.start(SITE % "return 200 a;" + "server { listen 127.0.0.1:8082; return 200 b; }")
        sock = type(self.bound[0])((HERE[0], 8082), CLIENT)
        sock.arrived.append(request())
        self.bound[1].waiting.append(sock)
        self.write("reverseproxy.conf", TOP % ("", SITE % ""))
        self.daemon.reload()
        self.reactor.settle()
        self.assertIn(b"\r\n\r\nb", bytes(sock.sent))

    def test_specific(self) -> None:
        """An address under a wildcard, or no more under it, changes as any other."""
        wild = "server { listen 8081; return 200 wild; }"
        self.start(wild + f"server {{ listen {HERE[0]}:8081; return 200 one; }}")
        client = self.client()
        self.assertEqual(client.get().body, b"one")
        self.reload(wild + f"server {{ listen {HERE[0]}:8081; return 200 two; }}")
        self.assertEqual((client.get().body, self.client().get().body), (b"two", b"two"))
        self.reload(wild)
        self.assertEqual((client.get().body, self.client().get().body), (b"wild", b"wild"))
        self.reload(wild + f"server {{ listen {HERE[0]}:8081; return 200 three; }}")
        self.assertEqual((client.get().body, self.client().get().body), (b"wild", b"three"))

    def test_freed(self) -> None:
        """A configuration that was replaced is freed once no request needs it, its files too."""
        self.start(SITE % "location / { proxy_pass http://10.0.0.1; } access_log logs/b.log;")
        descriptors = len(os.listdir("/proc/self/fd"))
        client = self.client()
        client.ask()
        before = weakref.ref(self.daemon.assembly)
        self.reload(SITE % "access_log logs/a.log;")
        self.advance(1)
        self.assertIsNotNone(before())
        self.network.upstream().send(ok())
        client.take()
        self.advance(11)
        self.assertIsNone(before())
        self.assertEqual(len(os.listdir("/proc/self/fd")), descriptors)

    def test_time(self) -> None:
        """worker_shutdown_timeout bounds how long requests of the old configuration last."""
        proxied = SITE % "location / { proxy_pass http://10.0.0.1; }"
        self.start(proxied, "worker_shutdown_timeout 5s;")
        slow, idle = self.client(), self.client()
        idle.ask()
        self.network.upstream().send(ok())
        idle.take()
        slow.ask()
        self.reload(proxied, "worker_shutdown_timeout 5s;")
        self.advance(4.5)
        later = self.client()
        later.ask()
        self.assertEqual(slow.ended, "")
        self.advance(1)
        self.assertEqual((slow.ended, idle.ended, later.ended), ("closed", "", ""))

    def test_limits(self) -> None:
        """worker_connections and time-outs are those of the new configuration."""
        self.start(SITE % "")
        self.reload("keepalive_timeout 5s; client_header_timeout 80ms; " + SITE % "return 200 x;")
        self.assertEqual(self.daemon.assembly.sweep.interval, 0.02)
        client = self.client()
        client.get()
        self.advance(6.1)
        self.assertEqual(client.ended, "closed")


class StateTests(ReloadCase):
    """What survives where its definition did."""

    lookup: Callable[[str], Deferred[names.Found[str]]]
    GROUP = "upstream g { %s } " + SITE % "location / { proxy_pass http://g; }"

    def served(self, client: Client) -> str:
        """Ask, answer as the upstream; who that was."""
        client.ask()
        for upstream in self.network.upstreams:
            if upstream.socket and upstream.received and not upstream.ended:
                upstream.take()
                upstream.send(ok())
                client.take()
                return upstream.host
        raise AssertionError("nobody was asked")

    def test_pool(self) -> None:
        """Idle connections to an upstream are kept; those to one that is gone are closed."""
        plain = SITE % "location /a { proxy_pass http://10.0.0.1; } %s"
        self.start(plain % "location /b { proxy_pass http://10.0.0.2; }")
        client = self.client()
        for path in (b"/a", b"/b"):
            client.ask(path)
            self.network.upstream().send(ok())
            client.take()
        self.reload(plain % "")
        first, second = self.network.upstreams
        self.assertEqual((first.ended, second.ended), ("", "reset"))
        first.take()
        client.ask(b"/a")
        self.assertTrue(first.received)

    def test_group_pool(self) -> None:
        """So are those of a group, while it keeps as many for as long."""
        self.start(self.GROUP % "server 10.0.0.1; server 10.0.0.2;")
        client = self.client()
        self.assertEqual([self.served(client), self.served(client)], ["10.0.0.1", "10.0.0.2"])
        self.reload(self.GROUP % "server 10.0.0.1; server 10.0.0.3;")
        self.assertEqual([one.ended for one in self.network.upstreams], ["", "reset"])
        self.reload(self.GROUP % "server 10.0.0.1; server 10.0.0.3; keepalive 7;")
        self.assertEqual([one.ended for one in self.network.upstreams], ["reset", "reset"])

    def test_failures(self) -> None:
        """A server that failed stays out of use; one whose line is another begins anew."""
        two = "server 10.0.0.1 max_fails=1 fail_timeout=%ds; server 10.0.0.2;"
        self.start(self.GROUP % (two % 50))
        client = self.client()
        client.ask()
        self.network.upstream().close()
        self.network.upstream().send(ok())
        client.take()
        self.reload(self.GROUP % ("# a line more\n" + two % 50))
        self.assertEqual({self.served(client) for _ in range(4)}, {"10.0.0.2"})
        self.reload(self.GROUP % (two % 60))
        self.assertEqual({self.served(client) for _ in range(4)}, {"10.0.0.1", "10.0.0.2"})

    def test_under_way(self) -> None:
        """A request under way counts where its server is the same (max_conns)."""
        text = self.GROUP % "server 10.0.0.1 max_conns=1;"
        self.start(text)
        first, second = self.client(), self.client()
        first.ask()
        self.reload(text)
        self.assertEqual(second.get().status, 502)
        self.network.upstream().send(ok())
        self.assertEqual(first.answer().status, 200)
        self.assertEqual(self.served(second), "10.0.0.1")

    def test_health(self) -> None:
        """What checks know of a server counts on, unless they are mandatory and not persistent."""
        text = "upstream g { server 10.0.0.1; } " + SITE % (
            "location / { proxy_pass http://g; health_check uri=/well %s; }"
        )
        for words, before, after in (
            ("", "unhealthy", "unhealthy"),
            ("mandatory", "unhealthy", "checking"),
            ("mandatory persistent", "unhealthy", "unhealthy"),
            ("mandatory persistent", "up", "up"),
        ):
            self.setUp()
            self.start(text % words)
            self.reactor.settle()
            answer = ok() if before == "up" else b"HTTP/1.1 500 no\r\nContent-Length: 0\r\n\r\n"
            self.advance(6)
            self.network.upstreams[-1].send(answer)
            self.assertEqual(self.state(), before, words)
            self.reload(text % words)
            self.assertEqual(self.state(), after, words)

    def state(self) -> str:
        """What the checks say of the one server."""
        (group,) = self.daemon.assembly.groups.declared
        return group.rank.members[0].state(self.reactor.seconds())

    def test_zones(self) -> None:
        """What was counted for a limit counts on, unless the zone is another."""
        text = "limit_req_zone $server_addr zone=z:%s rate=1r/m; " + SITE % "limit_req zone=z; %s"
        self.start(text % ("1m", "root html;"))
        client = self.client()
        self.assertEqual([client.get().status, client.get().status], [404, 503])
        self.reload(text % ("1m", "root other;"))
        self.assertEqual(client.get().status, 503)
        self.reload(text % ("2m", "root other;"))
        self.assertEqual(client.get().status, 404)

    def test_names(self) -> None:
        """Addresses that the resolver gave are used from the start, not only when asked again."""
        self.lookup = lambda _host: Deferred()  # nobody answers
        self.patch(names, "DomainNames", lambda *_given, **_named: self)
        text = "resolver 192.0.2.1; " + self.GROUP % "server 127.0.0.1 resolve; server 10.0.0.9;"
        self.start(text)
        (watched,) = self.daemon.assembly.groups.names._all
        watched.addresses = ["10.0.0.7"]
        watched.changed()
        self.reload(text)
        (group,) = self.daemon.assembly.groups.declared
        self.assertEqual([m.peer.host for m in group.rank.members], ["10.0.0.7", "10.0.0.9"])


class LogTests(ReloadCase):
    def test_files(self) -> None:
        """A log that was renamed is a new file after a reload, and no line is lost or doubled."""
        text = "access_log logs/b.log combined buffer=4k; " + SITE % "return 200 %s;"
        self.start(text % "x")
        client = self.client()
        client.get(b"/1")
        os.rename(self.path("logs/b.log"), self.path("logs/b.1"))
        self.reload(text % "y")
        client.get(b"/2")
        self.reload(SITE % "access_log logs/c.log; return 200 z;")
        client.get(b"/3")
        for name, path in (("b.1", "/1"), ("b.log", "/2"), ("c.log", "/3")):
            with open(self.path(f"logs/{name}")) as file:
                (line,) = file.read().splitlines()
            self.assertIn(f"GET {path} ", line)

    def test_late_line(self) -> None:
        """A request of the old configuration still finds its log, which holds nothing back."""
        self.start(
            "access_log logs/b.log combined buffer=4k; "
            + SITE % "location / { proxy_pass http://10.0.0.1; }"
        )
        client = self.client()
        client.ask(b"/late")
        self.reload(SITE % "return 200 z;")
        self.network.upstream().send(ok())
        with open(self.path("logs/b.log")) as file:
            self.assertIn("GET /late ", file.read())

    def test_reopen(self) -> None:
        """SIGUSR1 opens each file anew."""
        self.start(SITE % "return 200 x;")
        os.rename(self.path("logs/a.log"), self.path("logs/a.1"))
        self.daemon.reopen()
        self.client().get()
        for name, lines in (("a.1", 0), ("a.log", 1)):
            with open(self.path(f"logs/{name}")) as file:
                self.assertEqual(len(file.read().splitlines()), lines or 0, name)


class QuitTests(ReloadCase):
    def quit(self) -> None:
        """SIGQUIT."""
        self.ended = False

        def done() -> None:
            self.ended = True

        self.daemon.serving.quit(done)
        self.reactor.settle()

    def test_quit(self) -> None:
        """Nobody is listened to any more; requests are finished, idle connections closed soon."""
        self.start(
            SITE % "location / { proxy_pass http://10.0.0.1; } location /x { return 200 x; }"
        )
        busy, idle, fresh = self.client(), self.client(), self.client()
        idle.get(b"/x")
        busy.ask()
        self.quit()
        self.assertTrue(self.bound[0].closed)
        self.assertEqual((busy.ended, idle.ended), ("", ""))
        answer = fresh.get(b"/x")
        self.assertEqual((answer.body, answer.get(b"Connection")), (b"x", b"close"))
        self.advance(2.5)
        self.assertEqual((busy.ended, idle.ended, self.ended), ("", "closed", False))
        self.network.upstream().send(ok(b"well"))
        answer = busy.answer()
        self.assertEqual((answer.body, answer.get(b"Connection")), (b"well", b"close"))
        self.advance(0.2)
        self.assertTrue(self.ended)

    def test_answer_begun(self) -> None:
        """A connection whose answer had promised to keep it is closed soon after the answer."""
        self.start(SITE % "location / { proxy_pass http://10.0.0.1; }")
        client = self.client()
        client.ask()
        self.network.upstream().send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na")
        self.quit()
        self.network.upstream().send(b"b")
        self.assertEqual(client.answer().body, b"ab")
        self.advance(2.5)
        self.assertEqual((client.ended, self.ended), ("closed", True))

    def test_time(self) -> None:
        """worker_shutdown_timeout ends what lasts longer."""
        self.start(
            SITE % "location / { proxy_pass http://10.0.0.1; }", "worker_shutdown_timeout 3s;"
        )
        client = self.client()
        client.ask()
        self.quit()
        self.advance(2.5)
        self.assertFalse(self.ended)
        self.advance(1)
        self.assertEqual((client.ended, self.ended), ("closed", True))

    def test_min_timeout(self) -> None:
        """keepalive_min_timeout keeps an idle connection for so long after its last answer."""
        self.start("keepalive_min_timeout 5s; " + SITE % "return 200 x;")
        client = self.client()
        client.get()
        self.advance(2)
        self.quit()
        self.advance(2.5)
        self.assertEqual(client.ended, "")
        self.advance(2)
        self.assertEqual(client.ended, "closed")
