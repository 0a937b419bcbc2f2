"""Health checks: when servers are asked, and what they are asked."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError
from reverseproxy.upstream import healthcheck
from reverseproxy.upstream.exchange import Exchange
from reverseproxy.upstream.members import Rank
from reverseproxy.web.ownrequest import OwnRequest
from reverseproxy.web.variables import _GETTERS

from ..support import Bench, Upstream, ok, serve

BAD = b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"
TWO = "server 10.0.0.1; server 10.0.0.2;"


class HealthCase(SynchronousTestCase):
    """A group "app" behind port 80, whose checks run."""

    def begin(
        self, check: str = "health_check;", servers: str = TWO, more: str = "", http: str = ""
    ) -> Bench:
        self.patch(healthcheck.random, "uniform", lambda _low, high: high)
        bench = serve(
            self,
            f"{http} upstream app {{ {servers} }} server {{ listen 80; server_name site; "
            f"location / {{ proxy_pass http://app; {check} {more} }} }}",
        )
        self.bench = bench
        #: what each server says to a check: bytes, or an exception
        self.says: dict[str, bytes | Exception] = {}
        bench.accepting = False
        bench.assembly.groups.start()
        self.addCleanup(bench.assembly.groups.stop)
        return bench

    def settle(self) -> list[Upstream]:
        """Let every new connection be answered as its server says; those there were."""
        self.bench.reactor.settle()
        new = [one for one in self.bench.upstreams if one.state == "connecting"]
        for upstream in new:
            said = self.says.get(upstream.host, ok())
            if isinstance(said, Exception):
                upstream.fail(said)
                continue
            upstream.accept()
            self.bench.reactor.settle()
            if said:
                upstream.send(said)
        return new

    def wait(self, seconds: float) -> list[str]:
        """Let time pass; the servers that were asked, in order."""
        asked = []
        for _ in range(round(seconds / 0.25)):
            self.bench.advance(0.25)
            asked += [upstream.host[-1] for upstream in self.settle()]
        return asked

    def state(self, server: int = 0) -> str:
        """The state of a server."""
        (group,) = self.bench.assembly.groups.declared
        return group.rank.everyone[server].state(self.bench.reactor.seconds())

    def serves(self) -> str:
        """Which servers four requests go to; "-" is a 502."""
        found = ""
        for _ in range(4):
            client = self.bench.client()
            client.ask()
            for upstream in self.bench.upstreams:
                if isinstance(getattr(upstream.factory, "exchange", None), Exchange):
                    found += upstream.host[-1]
                    upstream.accept()
                    self.bench.reactor.settle()
                    upstream.send(ok(b"", b"Connection: close"))
            found += "-" if client.answer().status == 502 else ""
        return found


class TurnTests(HealthCase):
    def test_spread(self) -> None:
        """Each server is asked once an interval, each at a time of its own."""
        bench = self.begin()
        times = []
        for _ in range(60):
            times += [(bench.reactor.seconds(), one.host[-1]) for one in self.settle()]
            bench.advance(0.25)
        wanted = [(0, "1"), (2.5, "2"), (5, "1"), (7.5, "2"), (10, "1"), (12.5, "2")]
        self.assertEqual(times, wanted)

    def test_jitter(self) -> None:
        """Each question waits for up to the jitter more."""
        bench = self.begin("health_check jitter=1s;", "server 10.0.0.1;")
        self.assertEqual(self.wait(0.75), [])
        self.assertEqual(self.wait(0.25), ["1"])
        self.assertEqual(self.wait(4.75), [])
        self.assertEqual(self.wait(0.25), ["1"])
        self.assertEqual(len(bench.upstreams), 2)

    def test_one_at_a_time(self) -> None:
        """A server that is slow is not asked again before it has answered, then at once."""
        self.begin("health_check interval=1s;", "server 10.0.0.1;")
        self.says["10.0.0.1"] = b""
        self.assertEqual(self.wait(4.5), ["1"])
        self.bench.upstreams[0].send(ok())
        self.says.clear()
        self.assertEqual(self.wait(0.5), ["1"])
        self.assertEqual((self.wait(0.25), self.wait(3)), ([], ["1", "1", "1"]))

    def test_stop(self) -> None:
        """When it stops nothing is asked any more, and what was under way is dropped."""
        bench = self.begin("health_check keepalive_time=1h;", f"{TWO} server 10.0.0.3;")
        self.says["10.0.0.1"] = b""
        self.wait(3)
        bench.advance(0.5)
        self.assertEqual([one.host[-1] for one in bench.upstreams], ["1", "2", "3"])
        bench.assembly.groups.stop()
        bench.reactor.settle()
        waiting, idle, connecting = bench.upstreams
        self.assertEqual((waiting.ended, idle.ended), ("reset", "reset"))
        self.assertEqual(connecting.state, "cancelled")
        self.assertEqual((self.wait(10), bench.reactor.getDelayedCalls()[1:]), ([], []))

    def test_which(self) -> None:
        """Servers that are down are not asked, backups are; a unix socket is."""
        servers = "server 10.0.0.1 down; server 10.0.0.2; server unix:/3; server 10.0.0.4 backup;"
        self.begin(servers=servers)
        self.assertEqual(self.wait(4.75), ["2", "3", "4"])

    def test_port(self) -> None:
        """Checks go to the port that is named for them, and they only."""
        bench = self.begin("health_check port=81;", "server 10.0.0.1:8080;")
        self.wait(0.5)
        self.assertEqual((bench.upstreams[0].port, self.serves()), (81, "1111"))
        self.assertEqual(bench.upstream().port, 8080)

    def test_joins_and_leaves(self) -> None:
        """A server that a name comes to have is checked from then on, one that it loses no more."""
        bench = self.begin("health_check interval=1s mandatory;")
        (group,) = bench.assembly.groups.declared
        first, second = group.rank.members
        group.become(Rank((second,)), None)
        self.assertEqual(set(self.wait(2)), {"2"})
        self.assertIsNone(group.sole)
        group.become(Rank((first, second)), None)
        self.assertEqual(set(self.wait(2)), {"1", "2"})

    def test_no_connections_left(self) -> None:
        """Where worker_connections are taken nobody is asked, and nobody is blamed."""
        bench = self.begin(servers="server 10.0.0.1;")
        bench.assembly.connections.limit = 0
        self.assertEqual((self.wait(6), self.state()), ([], "up"))
        self.assertIn("worker_connections are not enough", bench.errors()[0])
        bench.assembly.connections.limit = 100
        self.assertEqual(self.wait(5), ["1"])


class AskedTests(HealthCase):
    def head(self, check: str, more: str = "", http: str = "") -> list[bytes]:
        self.begin(check, "server 10.0.0.1;", more, http)
        self.wait(0.25)
        head, end, rest = self.bench.upstreams[0].received.partition(b"\r\n\r\n")
        self.assertEqual((end, rest), (b"\r\n\r\n", b""))
        return head.split(b"\r\n")

    def test_plain(self) -> None:
        """A check asks for / at the group's name, and is the last on its connection."""
        head = [b"GET / HTTP/1.1", b"Host: app", b"Connection: close"]
        self.assertEqual(self.head("health_check;"), head)
        self.assertEqual(self.bench.upstreams[0].ended, "reset")

    def test_fields(self) -> None:
        """The location's fields are sent; the connection's are the check's own."""
        found = self.head(
            "health_check uri=/status?full=1;",
            "proxy_set_header Host $host; proxy_set_header X-Real-IP $remote_addr; "
            'proxy_set_header X-Port $server_port; proxy_set_header Connection "upgrade"; '
            "proxy_set_header Upgrade $http_upgrade; proxy_set_header X-Mapped $mapped;",
            "map $uri $mapped { /status well; }",
        )
        self.assertEqual(
            found,
            [
                b"GET /status?full=1 HTTP/1.1",
                b"Host: site",
                b"X-Port: 80",
                b"X-Mapped: well",
                b"Connection: close",
            ],
        )

    def test_host(self) -> None:
        """A Host of a variable that is empty, as nobody asks, is the group's name."""
        found = self.head("health_check;", "proxy_set_header Host $http_host;")
        self.assertEqual(found[1], b"Host: app")

    def test_every_variable(self) -> None:
        """There is no variable that a check's request could not be asked for."""
        bench = self.begin()
        (location,) = [
            served.host.locate(b"/", None)  # type: ignore[arg-type]
            for served in bench.assembly.served.values()
        ]
        (served,) = bench.assembly.served.values()
        request = OwnRequest(served.site, served.host, served.address, location, b"/a?b")
        for name, getter in _GETTERS.items():
            self.assertIsInstance(getter(request) or b"", bytes, name)
        self.assertEqual(_GETTERS["args"](request), b"b")

    def test_bind(self) -> None:
        """It connects from where the location's requests do."""
        self.head("health_check;", "proxy_bind 127.0.0.9;")
        self.assertEqual(self.bench.upstreams[0].factory.bind, ("127.0.0.9", 0))

    def test_keepalive(self) -> None:
        """With keepalive_time one connection serves, until that time is over."""
        head = self.head("health_check interval=1s keepalive_time=3s;")
        self.assertEqual(head, [b"GET / HTTP/1.1", b"Host: app"])
        first = self.bench.upstreams[0]
        for _ in range(3):
            first.take()
            self.assertEqual(self.wait(1), [])
            self.assertEqual(first.received, b"GET / HTTP/1.1\r\nHost: app\r\n\r\n")
            first.send(ok())
        self.assertEqual((first.ended, self.wait(1)), ("reset", ["1"]))

    def test_keepalive_stale(self) -> None:
        """A connection that the server closes as it is used again is no failure of the server."""
        self.head("health_check interval=1s keepalive_time=1h;")
        first = self.bench.upstreams[0]
        first.take()
        self.bench.advance(1)
        self.assertTrue(first.received)
        first.close()
        self.assertEqual([one.host for one in self.settle()], ["10.0.0.1"])
        self.assertEqual((self.state(), len(self.bench.upstreams)), ("up", 2))


class MistakeTests(SynchronousTestCase):
    def mistakes(self, location: str, http: str = "") -> list[str]:
        prefix = os.path.abspath(self.mktemp())
        os.makedirs(prefix)
        with self.assertRaises(ConfigurationError) as caught:
            serve(
                self,
                f"upstream app {{ server 10.0.0.1; }} {http} server {{ listen 80;\n"
                f"location / {{\n{location}\n}} }}",
                prefix,
            )
        return [str(one).partition("nginx.conf:")[2] for one in caught.exception.diagnostics]

    def test_mistakes(self) -> None:
        """What can't be checked, or can't be meant, is refused at its place."""
        app = "proxy_pass http://app;\n"
        well = "match well { status 200; }"
        for location, http, message in (
            ("health_check;", "", "6:1: health_check needs a proxy_pass to a group"),
            (
                "proxy_pass http://$host;\nhealth_check;",
                "",
                '7:1: health_check: proxy_pass names no group of servers, but "http://$host"',
            ),
            (
                "proxy_pass http://10.0.0.1;\nhealth_check;",
                "",
                '7:1: health_check: proxy_pass names no group of servers, but "10.0.0.1"',
            ),
            (
                app + "health_check match=wel;",
                well,
                '7:14: there is no match "wel" (did you mean "well"?)',
            ),
            (app + "health_check type=grpc;", "", '7:14: "type" of health_check is not there yet'),
            (app + "health_check persistent;", "", "7:1: persistent goes with mandatory"),
            (app + "health_check interval=0;", "", "7:1: the interval of a health_check can't"),
            (app + 'health_check "uri=/a b";', "", "7:14: health_check takes a URI such as"),
            (app + "health_check uri=$uri;", "", "7:14: health_check takes a URI such as"),
            (app + "health_check passes=0;", "", '7:14: "health_check" takes a number of at'),
            (app + "health_check port=0;", "", '7:14: "health_check" takes a number from 1'),
            (app + "health_check fast;", "", '7:14: health_check does not take "fast"'),
        ):
            (found,) = self.mistakes(location, http)
            self.assertTrue(found.startswith(message), (found, message))
