"""`limit_req` and `limit_conn`."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError
from reverseproxy.guards.zones import RequestZone
from tests.support import Bench, load_text, ok, serve


def bench_of(test: SynchronousTestCase, limits: str, http: str = "") -> Bench:
    """A proxied location with limits; `/free` has none."""
    return serve(
        test,
        "limit_req_zone $binary_remote_addr zone=one:1m rate=1r/s;"
        "limit_req_zone $server_name zone=all:1m rate=10r/s;"
        "limit_conn_zone $binary_remote_addr zone=addr:1m;"
        "log_format limits '$status $limit_req_status $limit_conn_status';"
        f"access_log logs/access.log limits; {http}"
        f"server {{ listen 80; server_name x; location / {{ {limits} return_ok; }} }}".replace(
            "return_ok", "try_files /none =404"
        ),
    )


class LimitReqTests(SynchronousTestCase):
    """Requests from one address, at a time that the test makes; 404 is the content."""

    def test_refused(self) -> None:
        """Over the rate there is 503; a second later all is well."""
        bench = bench_of(self, "limit_req zone=one;")
        client = bench.client()
        self.assertEqual([client.get().status for _ in range(2)], [404, 503])
        bench.advance(1)
        self.assertEqual(client.get().status, 404)
        self.assertEqual(bench.lines(), ["404 PASSED -", "503 REJECTED -", "404 PASSED -"])
        (line,) = [line for line in bench.errors() if "limiting" in line]
        self.assertIn('limiting requests, excess: 1.000 by zone "one" (', line)
        self.assertIn("[error]", line)

    def test_other_address(self) -> None:
        """Another client has a bucket of its own."""
        bench = bench_of(self, "limit_req zone=one;")
        self.assertEqual(bench.client().get().status, 404)
        self.assertEqual(bench.client(peer=("192.0.2.8", 1)).get().status, 404)

    def test_burst_waits(self) -> None:
        """Within the burst requests wait for their time; over it they are refused."""
        bench = bench_of(self, "limit_req zone=one burst=2;")
        clients = [bench.client() for _ in range(4)]
        for client in clients:
            client.ask()
        received = [bool(client.received) for client in clients]
        self.assertEqual(received, [True, False, False, True])
        self.assertEqual(clients[3].answer().status, 503)
        bench.advance(1.1)
        self.assertEqual(clients[1].answer().status, 404)
        self.assertEqual(clients[2].received, b"")
        bench.advance(1)
        self.assertEqual(clients[2].answer().status, 404)
        self.assertIn("404 DELAYED -", bench.lines())
        delayed = [line for line in bench.errors() if "delaying request" in line]
        self.assertIn("[warn]", delayed[0])
        self.assertIn('delaying request, excess: 1.000, by zone "one"', delayed[0])

    def test_nodelay(self) -> None:
        """`nodelay` lets the burst through at once."""
        bench = bench_of(self, "limit_req zone=one burst=2 nodelay;")
        client = bench.client()
        self.assertEqual([client.get().status for _ in range(4)], [404, 404, 404, 503])

    def test_delay(self) -> None:
        """`delay=1` lets one of the burst through at once; the next waits for what is over it."""
        bench = bench_of(self, "limit_req zone=one burst=3 delay=1;")
        client = bench.client()
        self.assertEqual([client.get().status for _ in range(2)], [404, 404])
        client.ask()
        self.assertEqual(client.received, b"")
        bench.advance(1.1)
        self.assertEqual(client.answer().status, 404)

    def test_gone_while_waiting(self) -> None:
        """A client that leaves takes its timer with it."""
        bench = bench_of(self, "limit_req zone=one burst=2;")
        bench.client().get()
        client = bench.client()
        client.ask()
        calls = len(bench.reactor.getDelayedCalls())
        client.reset()
        self.assertEqual(len(bench.reactor.getDelayedCalls()), calls - 1)

    def test_several(self) -> None:
        """Of several limits the strictest decides; what one refuses the others don't count."""
        bench = bench_of(self, "limit_req zone=all; limit_req zone=one;")
        self.assertEqual(bench.client().get().status, 404)
        bench.advance(0.2)
        self.assertEqual(bench.client().get().status, 503)
        self.assertIn('zone "one"', bench.errors()[-1])
        self.assertEqual(bench.client(peer=("192.0.2.8", 1)).get().status, 404)
        self.assertEqual(bench.client(peer=("192.0.2.9", 1)).get().status, 503)
        self.assertIn('zone "all"', bench.errors()[-1])

    def test_taken_meanwhile(self) -> None:
        """Who was before another worker's request when it looked, and is behind it, is refused."""
        bench = bench_of(self, "limit_req zone=one;")
        bench.client().get()
        self.patch(RequestZone, "look", lambda _zone, _key, _now: 0)
        take = RequestZone.take

        def late(zone: RequestZone, key: bytes, now: int, burst: int) -> int:
            bucket = zone._buckets[key]
            excess = max(0, bucket.excess - zone.rate * (now - bucket.last) // 1000 + 1000)
            return excess if excess > burst else take(zone, key, now, burst)

        self.patch(RequestZone, "take", late)
        self.assertEqual(bench.client().get().status, 503)
        self.assertEqual(bench.lines()[-1], "503 REJECTED -")
        bench.advance(1)
        self.assertEqual(bench.client().get().status, 404)

    def test_status_and_level(self) -> None:
        """The status and the level of the log line may be chosen."""
        limits = "limit_req zone=one; limit_req_status 429; limit_req_log_level info;"
        bench = bench_of(self, limits)
        bench.client().get()
        self.assertEqual(bench.client().get().status, 429)
        self.assertIn("[info]", next(line for line in bench.errors() if "limiting" in line))

    def test_hang_up(self) -> None:
        """Status 444 closes the connection without a word."""
        bench = bench_of(self, "limit_req zone=one; limit_req_status 444;")
        bench.client().get()
        client = bench.client()
        client.ask()
        self.assertEqual((client.received, client.ended), (b"", "closed"))

    def test_dry_run(self) -> None:
        """A dry run counts and logs, and refuses nobody."""
        bench = bench_of(self, "limit_req zone=one burst=1; limit_req_dry_run on;")
        client = bench.client()
        self.assertEqual([client.get().status for _ in range(3)], [404, 404, 404])
        self.assertEqual(
            bench.lines(),
            ["404 PASSED -", "404 DELAYED_DRY_RUN -", "404 REJECTED_DRY_RUN -"],
        )
        self.assertIn("limiting requests, dry run, excess: 2.000", bench.errors()[-2])

    def test_empty_key(self) -> None:
        """A request whose key is empty is not counted."""
        bench = bench_of(
            self, "limit_req zone=key;", "limit_req_zone $arg_k zone=key:1m rate=1r/m;"
        )
        self.assertEqual([bench.client().get().status for _ in range(3)], [404] * 3)
        self.assertEqual([bench.client().get(b"/?k=1").status for _ in range(2)], [404, 503])
        self.assertEqual(bench.lines()[0], "404 - -")

    def test_once(self) -> None:
        """A request that is sent on to another location is counted where it came first."""
        bench = serve(
            self,
            "limit_req_zone x zone=one:1m rate=1r/s; limit_req zone=one;"
            "server { listen 80; error_page 404 /other; location / { try_files /n =404; }"
            " location /other { try_files /n =410; } }",
        )
        self.assertEqual(bench.client().get().status, 410)
        self.assertEqual(bench.client().get().status, 503)

    def test_bad_values(self) -> None:
        """Bad rates, zones and numbers are refused, each where it stands."""
        zone = "limit_req_zone $uri zone=one:1m rate=1r/s;"
        for text, words in {
            "limit_req_zone $uri zone=one:1m rate=0r/s;": "a rate such as",
            "limit_req_zone $uri zone=one:1m rate=1r/h;": "a rate such as",
            "limit_req_zone $uri zone=one rate=1r/s;": "a zone such as",
            "limit_req_zone $uri zone=one:8k rate=1r/s;": "too small",
            "limit_req_zone $uri size=1 rate=1r/s;": 'does not take "size=1"',
            "limit_req_zone $uri rate=2r/s rate=1r/s;": "needs a zone",
            "limit_req_zone $nobody zone=one:1m rate=1r/s;": "unknown variable",
            zone + zone: "there twice",
            zone + "limit_conn_zone $uri zone=one:1m;": "there twice",
            "limit_req zone=one;": 'no zone "one"',
            zone + "limit_req zone=one; limit_req zone=one;": "used twice",
            zone + "limit_req zone=one burst=0;": "a number of requests",
            zone + "limit_req zone=one delay=x;": "a number of requests",
            zone + "limit_req zone=one now;": 'does not take "now"',
            zone + "limit_req burst=1;": "needs a zone",
            "limit_req_status 200;": "400",
            "limit_req_log_level debug;": "info",
            "limit_req_dry_run maybe;": "on",
        }.items():
            error = self.assertRaises(ConfigurationError, load_text, text, self.mktemp())
            self.assertEqual(len(error.diagnostics), 1, text)
            self.assertIn(words, str(error), text)
            self.assertIsNotNone(error.diagnostics[0].origin)


class LimitConnTests(SynchronousTestCase):
    """Requests that an upstream keeps waiting."""

    def bench(self, limits: str) -> Bench:
        return serve(
            self,
            "limit_conn_zone $binary_remote_addr zone=addr:1m;"
            "limit_conn_zone $server_name zone=all:1m;"
            "log_format limits '$status $limit_conn_status'; access_log logs/access.log limits;"
            "server { listen 80; server_name x;"
            f" location / {{ {limits} proxy_pass http://127.0.0.1:8080; }} }}",
        )

    def test_most(self) -> None:
        """As many as may are under way; the next is refused, until one is answered."""
        bench = self.bench("limit_conn addr 2;")
        first = bench.client()
        first.ask()
        upstream = bench.upstream()
        bench.client().ask()
        self.assertEqual(bench.client().get().status, 503)
        upstream.send(ok())
        self.assertEqual(first.answer().status, 200)
        third = bench.client()
        third.ask()
        self.assertEqual(third.received, b"")
        self.assertEqual(bench.lines(), ["503 REJECTED", "200 PASSED"])
        self.assertIn('limiting connections by zone "addr"', "".join(bench.errors()))

    def test_gone(self) -> None:
        """A client that leaves makes room."""
        bench = self.bench("limit_conn addr 1;")
        client = bench.client()
        client.ask()
        client.reset()
        second = bench.client()
        second.ask()
        self.assertEqual(second.received, b"")

    def test_idle_connections_are_not_counted(self) -> None:
        """A connection that is kept alive counts nothing between its requests."""
        bench = self.bench("limit_conn addr 1;")
        for _ in range(3):
            client = bench.client()
            client.ask()
            bench.upstream().send(ok())
            self.assertEqual(client.answer().status, 200)

    def test_several(self) -> None:
        """What one limit refuses is counted in none."""
        bench = self.bench("limit_conn all 2; limit_conn addr 1;")
        bench.client().ask()
        for _ in range(3):
            self.assertEqual(bench.client().get().status, 503)
        other = bench.client(peer=("192.0.2.8", 1))
        other.ask()
        self.assertEqual(other.received, b"")

    def test_dry_run_status_and_level(self) -> None:
        """A dry run refuses nobody; status and level may be chosen."""
        bench = self.bench("limit_conn addr 1; limit_conn_dry_run on;")
        bench.client().ask()
        client = bench.client()
        client.ask()
        self.assertEqual(client.received, b"")
        self.assertIn("limiting connections, dry run, by zone", "".join(bench.errors()))
        bench = self.bench("limit_conn addr 1; limit_conn_status 429; limit_conn_log_level warn;")
        bench.client().ask()
        self.assertEqual(bench.client().get().status, 429)
        self.assertIn("[warn]", next(line for line in bench.errors() if "limiting" in line))

    def test_bad_values(self) -> None:
        """Bad zones and numbers are refused, each where it stands."""
        zone = "limit_conn_zone $uri zone=one:1m;"
        for text, words in {
            "limit_conn_zone $uri one:1m;": "a zone such as",
            "limit_conn one 1;": 'no zone "one"',
            zone + "limit_conn one 0;": "from 1 to 65535",
            zone + "limit_conn one 65536;": "from 1 to 65535",
            zone + "limit_conn one 1; limit_conn one 2;": "used twice",
            zone + zone: "there twice",
            "limit_conn_status 600;": "400",
            "limit_conn_log_level crit;": "info",
            "limit_conn_dry_run 1;": "on",
        }.items():
            error = self.assertRaises(ConfigurationError, load_text, text, self.mktemp())
            self.assertEqual(len(error.diagnostics), 1, text)
            self.assertIn(words, str(error), text)
