"""Health checks: what comes of the servers' answers."""

from __future__ import annotations

from twisted.internet import error

from reverseproxy.upstream.health import Result

from ..support import ok, serve
from .test_health import BAD, TWO, HealthCase


class ResultTests(HealthCase):
    def test_unhealthy(self) -> None:
        """A server that answers 500 gets no requests until it is well; both are told once."""
        bench = self.begin()
        self.says["10.0.0.1"] = BAD
        self.wait(15)
        self.assertEqual((self.state(0), self.state(1), self.serves()), ("unhealthy", "up", "2222"))
        self.says.clear()
        self.wait(15)
        self.assertEqual(self.state(0), "up")
        self.assertEqual(sorted(self.serves()), ["1", "1", "2", "2"])
        told = [line.partition(": ")[2] for line in bench.errors() if "upstream server" in line]
        self.assertEqual(
            told,
            [
                'upstream server 10.0.0.1:80 of "app" is unhealthy: status 500 (GET /)',
                'upstream server 10.0.0.1:80 of "app" is healthy again',
            ],
        )
        self.assertIn("[warn]", bench.errors()[0])

    def test_alone(self) -> None:
        """Where the only server is not well there is 502, unlike after a failure of a request."""
        self.begin(servers="server 10.0.0.1;")
        self.assertEqual(self.serves(), "1111")
        self.says["10.0.0.1"] = BAD
        self.wait(0.5)
        self.assertEqual(self.serves(), "----")

    def test_every_balancer(self) -> None:
        """Whatever way a group chooses, nobody is sent to a server that is not well."""
        for way in (
            "",
            "least_conn;",
            "ip_hash;",
            "hash $request_id;",
            "hash $request_id consistent;",
            "random;",
            "random two least_conn;",
        ):
            self.begin(servers=f"{way} {TWO}")
            self.says["10.0.0.2"] = BAD
            self.wait(5)
            self.assertEqual(self.serves(), "1111", way)

    def test_backup(self) -> None:
        """When all others are unhealthy it is the backup's turn."""
        self.begin(servers="server 10.0.0.1; server 10.0.0.2 backup;")
        self.says["10.0.0.1"] = BAD
        self.assertEqual(self.serves(), "1111")
        self.wait(1)
        self.assertEqual(self.serves(), "2222")

    def test_failures(self) -> None:
        """No connection, no HTTP, no answer in time, too long a head: all are failures."""
        for said, reason in (
            (error.ConnectionRefusedError(111, "no"), "connect() failed (111: Connection refused)"),
            (error.TimeoutError(), "upstream timed out while connecting"),
            (b"nonsense\r\n\r\n", "not a status line"),
            (b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "status 404"),
            (b"HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", "upstream switched"),
            (b"", "upstream timed out while reading response header"),
            (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 5000, "upstream sent too big header"),
        ):
            self.begin("health_check;", "server 10.0.0.1;", "proxy_read_timeout 2s;")
            self.says["10.0.0.1"] = said
            self.wait(4)
            self.assertEqual(self.state(), "unhealthy", said)
            line = self.bench.errors()[0]
            self.assertIn(f"is unhealthy: {reason}", line)

    def test_too_slow(self) -> None:
        """An answer that never gets anywhere is given up, though something comes all the time."""
        self.begin(
            "health_check match=m;",
            "server 10.0.0.1;",
            "proxy_read_timeout 2s; proxy_connect_timeout 1s;",
            "match m { body ~ well; }",
        )
        self.says["10.0.0.1"] = b"HTTP/1.1 200 OK\r\n\r\n"
        self.wait(0.5)
        for _ in range(11):
            self.bench.upstreams[0].send(b"x")
            self.bench.advance(0.25)
        self.assertEqual((self.state(), self.bench.upstreams[0].ended), ("unhealthy", "reset"))
        self.assertIn("no answer within 3 s", self.bench.errors()[0])

    def test_in_a_row(self) -> None:
        """It takes fails failures in a row, and passes passes."""
        self.begin("health_check interval=1s fails=2 passes=3;", "server 10.0.0.1;")
        found = []
        for at, said in enumerate((BAD, ok(), BAD, BAD, ok(), ok(), BAD, ok(), ok(), ok())):
            self.says["10.0.0.1"] = said
            self.wait(1 if at else 0.5)
            found.append(self.state())
        self.assertEqual(found, ["up"] * 3 + ["unhealthy"] * 6 + ["up"])
        lines = [line for line in self.bench.errors() if "healthy" in line]
        self.assertEqual(len(lines), 2)

    def test_mandatory(self) -> None:
        """A mandatory check comes first: who was not asked is not used; then one pass is enough."""
        self.begin("health_check mandatory passes=3;")
        self.assertEqual((self.state(), self.serves()), ("checking", "----"))
        self.says["10.0.0.2"] = BAD
        self.assertEqual(self.wait(0.25), ["1", "2"])
        self.assertEqual((self.state(0), self.state(1)), ("up", "unhealthy"))
        self.assertEqual(self.serves(), "1111")
        lines = [line.partition(": ")[2] for line in self.bench.errors() if "server 10" in line]
        self.assertEqual(
            lines,
            [
                'upstream server 10.0.0.1:80 of "app" is healthy',
                'upstream server 10.0.0.2:80 of "app" is unhealthy: status 500 (GET /)',
            ],
        )
        self.assertEqual(self.wait(7.25), ["2", "1", "2"])

    def test_several(self) -> None:
        """Of several checks each must pass; other locations of the group are bound by them too."""
        bench = serve(
            self,
            f"upstream app {{ {TWO} }} server {{ listen 80; location / {{ proxy_pass http://app; }}"
            " location /a { proxy_pass http://app; health_check uri=/x; health_check uri=/y;"
            " if ($host) { set $a 1; } limit_except GET { deny all; } } "
            "location /b { proxy_pass http://app/; health_check uri=/z interval=1s; } }",
        )
        (group,) = bench.assembly.groups.declared
        member = group.rank.members[0]
        self.assertEqual([one.uri for one in member.health], ["/x", "/y", "/z"])
        for bad in (0, 1, 2):
            for at, health in enumerate(member.health):
                passed = at != bad
                member.judge(health, Result(passed, "", 1.0))
            self.assertEqual((member.barred, member.ready(2.0)), (1, False))
        member.judge(member.health[2], Result(True, "", 3.0))
        self.assertEqual((member.barred, member.ready(4.0), member.back), (0, True, 3.0))

    def test_match(self) -> None:
        """An answer is looked at by the tests of a match, variables included."""
        self.begin(
            "health_check match=well;",
            "server 10.0.0.1;",
            http="match well { status 200; require $fine $upstream_http_x_up; } "
            "map $upstream_status $fine { 200 1; }",
        )
        self.says["10.0.0.1"] = ok(b"", b"X-Up: 1")
        self.wait(5)
        self.assertEqual(self.state(), "up")
        self.says["10.0.0.1"] = ok(b"", b"X-Up: 0")
        self.wait(5)
        self.assertIn('status 200, and not "require $upstream_http_x_up"', self.bench.errors()[0])

    def test_body(self) -> None:
        """Of a body 256k are looked at, as they come; the rest is not waited for."""
        self.begin("health_check match=m;", "server 10.0.0.1;", http="match m { body ~ well; }")
        self.says["10.0.0.1"] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.wait(0.25)
        self.bench.upstreams[0].send(b"2\r\nwe\r\n", b"2\r\nll\r\n", b"0\r\n\r\n")
        self.assertEqual(self.state(), "up")
        self.wait(5)
        last = self.bench.upstream()
        last.send(b"40002\r\n" + b"x" * 0x3FFFE + b"well\r\n")
        self.assertEqual((self.state(), last.ended), ("unhealthy", "reset"))

    def test_body_not_needed(self) -> None:
        """Where no test is of the body the head is enough; some of the rest is read for manners."""
        self.begin("health_check interval=1s;", "server 10.0.0.1;")
        self.says["10.0.0.1"] = b"HTTP/1.1 500 Oh\r\n\r\n" + b"x" * 1000
        self.wait(0.25)
        first = self.bench.upstream()
        self.assertEqual((self.state(), first.ended), ("unhealthy", ""))
        first.send(b"x" * 0x40000)
        self.assertEqual(first.ended, "reset")
        self.wait(1)
        second = self.bench.upstream()
        self.assertEqual(second.ended, "")
        self.wait(1)
        self.assertEqual(second.ended, "reset")

    def test_control_byte(self) -> None:
        """A field that can't be sent is a failure that is told, and not sent."""
        self.begin(
            "health_check;",
            "server 10.0.0.1;",
            "proxy_set_header X $odd;",
            'map $uri $odd { / "a\\nb"; }',
        )
        self.wait(0.5)
        self.assertEqual((self.bench.upstreams, self.state()), ([], "unhealthy"))
        self.assertIn("a control byte in proxy_set_header X", self.bench.errors()[0])
