"""Groups of servers: who is asked, who is asked next, and what the client and the logs see."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError
from reverseproxy.upstream.pool import MOMENT

from ..support import Bench, Client, Upstream, ok, request, serve

NOT_FOUND_NEXT = "proxy_next_upstream http_404;"
SERVERS = "server 10.0.0.1:81; server 10.0.0.2; server 10.0.0.3;"
FORMAT = "log_format t '$upstream_addr|$upstream_status|$status'; access_log logs/access.log t;"


def group(test: SynchronousTestCase, servers: str = SERVERS, extra: str = "") -> Bench:
    """A bench whose only location goes to a group."""
    return serve(
        test,
        f"{FORMAT} upstream app {{ {servers} }} server {{ listen 80; "
        f"location / {{ proxy_pass http://App; {extra} }} }}",
    )


class GroupCase(SynchronousTestCase):
    bench: Bench
    client: Client

    def begin(self, servers: str = SERVERS, extra: str = "") -> None:
        self.bench = group(self, servers, extra)
        self.client = self.bench.client()

    def hosts(self) -> list[str]:
        """Whom connections were made to, by the ends of their addresses."""
        return [upstream.host[-1] for upstream in self.bench.upstreams]

    def upstream(self) -> Upstream:
        return self.bench.upstream()

    def log(self) -> str:
        """The newest line of the access log."""
        return self.bench.lines()[-1]


class ChoiceTests(GroupCase):
    def test_round(self) -> None:
        """Requests go round, each connection is kept for its own server."""
        self.begin()
        for _ in range(5):
            self.client.ask()
            for upstream in self.bench.upstreams:
                if upstream.received:
                    upstream.take()
                    upstream.send(ok())
            self.assertEqual(self.client.answer().status, 200)
        self.assertEqual(self.hosts(), ["1", "2", "3"])
        self.assertEqual((self.bench.upstreams[0].port, self.bench.upstreams[1].port), (81, 80))

    def test_host(self) -> None:
        """The Host field is the group's name as it is written."""
        self.begin()
        self.client.ask()
        self.assertEqual(self.upstream().fields()[0], (b"Host", b"App"))

    def test_keepalive(self) -> None:
        """A group keeps as many idle connections as it says, over all its servers."""
        self.begin(SERVERS + "keepalive 2;")
        clients = [self.bench.client() for _ in range(3)]
        for client in clients:
            client.ask()
        for upstream in self.bench.upstreams:
            upstream.send(ok())
        self.bench.advance(2.1 * MOMENT, MOMENT)
        self.assertEqual([u.ended for u in self.bench.upstreams], ["reset", "", ""])

    def test_no_keepalive(self) -> None:
        """`keepalive 0` closes each connection."""
        self.begin(SERVERS + "keepalive 0;")
        self.client.ask()
        self.upstream().send(ok())
        self.assertEqual(self.upstream().ended, "reset")

    def test_keepalive_requests(self) -> None:
        """keepalive_requests is the group's own."""
        self.begin("server 10.0.0.1; keepalive_requests 2;")
        for _ in range(2):
            self.client.ask()
            self.upstream().take()
            self.upstream().send(ok())
        self.assertEqual((self.hosts(), self.upstream().ended), (["1"], "reset"))

    def test_hash(self) -> None:
        """Hash sends a key to one server, whoever asks."""
        self.begin(SERVERS + "hash $uri consistent; keepalive 0;")
        for _ in range(4):
            self.client.ask(b"/x")
            self.upstream().send(ok())
            self.client.take()
        self.assertEqual(len(set(self.hosts())), 1)

    def test_max_conns(self) -> None:
        """max_conns counts requests under way, and lets go of those that ended or were left."""
        self.begin("server 10.0.0.1 max_conns=1;")
        self.client.ask()
        other = self.bench.client()
        other.ask()
        self.assertEqual(other.answer().status, 502)
        self.upstream().send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na")
        self.upstream().send(b"b")
        other.ask()
        other.close()
        self.client.take()
        self.client.ask()
        self.assertEqual(self.client.received, b"")
        self.upstream().send(ok())
        self.assertEqual(self.client.answer().status, 200)

    def test_unix(self) -> None:
        """A server may be a unix socket; its address is its path."""
        self.begin("server unix:/run/app.sock;")
        self.client.ask()
        self.assertEqual(self.upstream().host, "unix:/run/app.sock")
        self.upstream().send(ok())
        self.assertEqual(self.log(), "unix:/run/app.sock|200|200")


class FailingOverTests(GroupCase):
    def test_refused(self) -> None:
        """Who refuses is followed by the next; the client sees nothing of it, the logs do."""
        self.begin()
        self.bench.accepting = False
        self.client.ask()
        self.upstream().refuse()
        self.upstream().accept()
        self.upstream().send(ok(b"second"))
        self.assertEqual(self.client.answer().body, b"second")
        self.assertEqual(self.log(), "10.0.0.1:81, 10.0.0.2:80|502, 200|200")
        disabled, refused = self.bench.errors()[:2]
        self.assertIn(" [warn] ", disabled)
        self.assertIn("upstream server temporarily disabled", disabled)
        self.assertIn("connect() failed (111: Connection refused)", refused)
        self.assertIn('upstream: "http://10.0.0.1:81"', refused)

    def test_passed_over(self) -> None:
        """Who failed is not asked again for fail_timeout."""
        self.begin(SERVERS + "keepalive 0;")
        self.bench.accepting = False
        self.client.ask()
        self.upstream().refuse()
        self.bench.accepting = True
        self.upstream().accept()
        for _ in range(4):
            self.upstream().send(ok())
            self.client.take()
            self.client.ask()
        self.assertNotIn("1", self.hosts()[1:])

    def test_none_left(self) -> None:
        """When all have failed it is 502; the next request finds nobody, which the log says."""
        self.begin("server 10.0.0.1; server 10.0.0.2;")
        self.bench.accepting = False
        self.client.ask()
        self.upstream().refuse()
        self.upstream().refuse()
        self.assertEqual(self.client.answer().status, 502)
        self.assertEqual(self.log(), "10.0.0.1:80, 10.0.0.2:80|502, 502|502")
        answer = self.client.get()
        self.assertEqual(answer.status, 502)
        self.assertIn(b"RP-502-no-live-upstream", answer.body)
        self.assertEqual(self.log(), "app|502|502")
        self.assertIn("no live upstreams", self.bench.errors()[-1])

    def test_body_again(self) -> None:
        """A body goes out again from its start, be it in memory or in a file."""
        for size in (100, 200_000):
            self.begin()
            body = b"0123456789" * (size // 10)
            self.client.send(request(method=b"PUT", body=body))
            self.upstream().close()
            self.assertEqual(self.hosts(), ["1", "2"])
            self.assertTrue(self.upstream().received.endswith(b"\r\n\r\n" + body))

    def test_post(self) -> None:
        """What may have been received and is not idempotent goes to nobody else."""
        self.begin()
        self.client.send(request(method=b"POST", body=b"x"))
        self.upstream().close()
        self.assertEqual((self.client.answer().status, self.hosts()), (502, ["1"]))

    def test_post_not_sent(self) -> None:
        """A POST that was not sent yet goes on."""
        self.begin()
        self.bench.accepting = False
        self.client.send(request(method=b"POST", body=b"x"))
        self.upstream().refuse()
        self.assertEqual(self.hosts(), ["1", "2"])

    def test_non_idempotent(self) -> None:
        """`non_idempotent` sends a POST again."""
        self.begin(extra="proxy_next_upstream error non_idempotent;")
        self.client.send(request(method=b"POST", body=b"x"))
        self.upstream().close()
        self.assertEqual(self.hosts(), ["1", "2"])

    def test_off(self) -> None:
        """`off` tries nobody else; who failed is passed over by the next request all the same."""
        self.begin(extra="proxy_next_upstream off;")
        self.client.ask()
        self.upstream().close()
        self.assertEqual(self.client.answer().status, 502)
        self.client.ask()
        self.assertEqual(self.hosts(), ["1", "2"])

    def test_timeout(self) -> None:
        """A time-out goes on unless `timeout` is left out."""
        for extra, hosts in (("", ["1", "2"]), ("proxy_next_upstream error;", ["1"])):
            self.begin(extra=f"proxy_read_timeout 5s; {extra}")
            self.client.ask()
            self.bench.advance(7)
            self.assertEqual(self.hosts(), hosts)

    def test_invalid(self) -> None:
        """A broken head goes on where `invalid_header` is said."""
        for extra, hosts in (("", ["1"]), ("proxy_next_upstream invalid_header;", ["1", "2"])):
            self.begin(extra=extra)
            self.client.ask()
            self.upstream().send(b"nonsense\r\n\r\n")
            self.assertEqual(self.hosts(), hosts)

    def test_status(self) -> None:
        """Statuses that are named go on, however their bodies come; the last one is passed on."""
        busy = b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\n"
        self.begin(extra="proxy_next_upstream http_503;")
        self.client.ask()
        self.upstream().send(busy + b"busy")
        self.upstream().send(busy, b"bu")
        self.assertEqual(self.bench.upstreams[1].ended, "reset")
        self.upstream().send(busy + b"last")
        answer = self.client.answer()
        self.assertEqual((answer.status, answer.body), (503, b"last"))
        self.assertEqual(self.log(), "10.0.0.1:81, 10.0.0.2:80, 10.0.0.3:80|503, 503, 503|503")

    def test_blameless(self) -> None:
        """404 goes on where it is named, and counts against nobody."""
        self.begin("server 10.0.0.1; server 10.0.0.2; keepalive 0;", NOT_FOUND_NEXT)
        self.client.ask()
        self.upstream().send(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n")
        self.upstream().send(ok())
        for _ in range(2):
            self.client.take()
            self.client.ask()
            self.upstream().send(ok())
        self.assertEqual(self.hosts(), ["1", "2", "2", "1"])

    def test_tries(self) -> None:
        """proxy_next_upstream_tries bounds the attempts."""
        self.begin(extra="proxy_next_upstream_tries 2;")
        self.bench.accepting = False
        self.client.ask()
        self.upstream().refuse()
        self.upstream().refuse()
        self.assertEqual((self.client.answer().status, self.hosts()), (502, ["1", "2"]))

    def test_time(self) -> None:
        """Nobody else is asked when proxy_next_upstream_timeout is over."""
        self.begin(extra="proxy_next_upstream_timeout 3s;")
        self.client.ask()
        self.bench.advance(4)
        self.upstream().close()
        self.assertEqual((self.client.answer().status, self.hosts()), (502, ["1"]))

    def test_in_body(self) -> None:
        """What breaks in the body is cut, and is held against nobody."""
        self.begin("server 10.0.0.1; server 10.0.0.2; keepalive 0;")
        self.client.ask()
        self.upstream().send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc")
        self.upstream().close()
        self.assertEqual((self.client.ended, self.hosts()), ("closed", ["1"]))
        other = self.bench.client()
        for _ in range(2):
            other.ask()
            self.upstream().send(ok())
            other.take()
        self.assertEqual(self.hosts(), ["1", "2", "1"])

    def test_backup(self) -> None:
        """A backup is asked when the others failed."""
        self.begin("server 10.0.0.9 backup; server 10.0.0.1;")
        self.bench.accepting = False
        self.client.ask()
        self.upstream().refuse()
        self.assertEqual(self.hosts(), ["1", "9"])

    def test_one_off(self) -> None:
        """`off` holds for the retry over a connection that had grown old as well."""
        self.begin("server 10.0.0.1;", "proxy_next_upstream off;")
        self.client.ask()
        self.upstream().send(ok())
        self.client.take()
        self.client.ask()
        self.upstream().close()
        self.assertEqual((self.client.answer().status, self.hosts()), (502, ["1"]))


class MistakeTests(SynchronousTestCase):
    def errors(self, text: str) -> list[str]:
        prefix = os.path.abspath(self.mktemp())
        os.makedirs(prefix)
        with self.assertRaises(ConfigurationError) as caught:
            serve(self, text, prefix)
        return [error.message for error in caught.exception.diagnostics]

    def test_mistakes(self) -> None:
        """What can't be is refused when the configuration is loaded, in one sentence."""
        pass_on = "server { listen 80; location / { proxy_pass http://a%s; } }"
        one = "upstream a { server 10.0.0.1; %s }"
        for text, message in (
            (one % "" + pass_on % ":81", 'the upstream "a" may not have a port here: 81'),
            (one % "" + one % "", 'the upstream "a" is there twice'),
            ("upstream a { }", 'no servers are in the upstream "a"'),
            ("upstream a { server 10.0.0.1 backup; }", "only backup servers are in"),
            (one % "ip_hash; least_conn;", '"least_conn": the group chooses by ip_hash already'),
            (one % "server 10.0.0.2 backup; random;", "a group that chooses by random has no"),
            (one % "server 10.0.0.1:0;", '"0" is not a port'),
            (one % "server 10.0.0.1 route=a;", '"route" of server is not there yet'),
            (one % "server 10.0.0.1 fast;", 'server does not take "fast"'),
            (one % "hash $uri always;", 'hash takes "consistent" as its second argument'),
        ):
            (found,) = self.errors(text)
            self.assertTrue(found.startswith(message), (text, found))
