"""What happens at the limits: connections, names, heads that are too large, files that shrink."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.web import vhosts

from ..support import ok, serve

PROXIED = "server { listen 80; location / { proxy_pass http://127.0.0.1:8080; } }"


class LimitTests(SynchronousTestCase):
    """Each limit says what it is, and what is within goes on."""

    def test_upstreams_count(self) -> None:
        """A request that would need one connection too many is 500 and told, the others go on."""
        bench = serve(self, "events { worker_connections 3; } http { " + PROXIED + " }")
        first, second = bench.client(), bench.client()
        first.ask()
        second.ask()
        self.assertEqual(second.answer().status, 500)
        self.assertIn("3 worker_connections are not enough", bench.errors()[-1])
        bench.upstream().send(ok(b"fine"))
        self.assertEqual(first.answer().body, b"fine")

    def test_idle_ones_give_way(self) -> None:
        """A connection that idles towards one upstream is closed for one that is needed."""
        text = (
            "server { listen 80; location / { proxy_pass http://127.0.0.1:8080; }"
            " location /b { proxy_pass http://127.0.0.1:8081; } }"
        )
        bench = serve(self, "events { worker_connections 2; } http { " + text + " }")
        client = bench.client()
        client.ask()
        bench.upstream().send(ok(b"a"))
        self.assertEqual(client.answer().body, b"a")
        client.ask(b"/b")
        bench.upstream().send(ok(b"b"))
        self.assertEqual((client.answer().body, bench.idle()), (b"b", 0))

    def test_too_large_a_head_lingers(self) -> None:
        """The answer to a head that is too large arrives, however much the client still sends."""
        bench = serve(self, "large_client_header_buffers 2 1k; " + PROXIED)
        client = bench.client()
        client.send(b"GET /" + b"a" * 3000)
        self.assertEqual(client.answer().status, 414)
        self.assertEqual(client.ended, "shut")
        client.send(b"a" * 1000)
        self.assertEqual(client.ended, "shut")

    def test_invented_names(self) -> None:
        """Names that nobody has don't fill the memory of names for good."""
        self.patch(vhosts, "REMEMBERED", 3)
        bench = serve(self, "server { listen 80; return 200 $host; }")
        for number in range(10):
            client = bench.client()
            client.send(b"GET / HTTP/1.1\r\nHost: n%d.test\r\n\r\n" % number)
            self.assertEqual(client.answer().body, b"n%d.test" % number)
        (site,) = bench.assembly.sites.values()
        self.assertLessEqual(len(site.vhosts._remembered), 3)
