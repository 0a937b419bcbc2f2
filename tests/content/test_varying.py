"""proxy_pass with variables: each request says where it goes."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError
from reverseproxy.upstream import demand, names
from reverseproxy.upstream.pool import MOMENT

from ..support import Bench, ok, request, serve


class Varying(SynchronousTestCase):
    """`self.answers` has what a resolver was asked and has not answered yet."""

    def begin(self, location: str, http: str = "", extra: str = "") -> Bench:
        self.answers: list[tuple[str, Deferred[names.Found[str]]]] = []
        self.patch(names, "DomainNames", lambda *_given, **_named: self)
        return serve(
            self,
            f"log_format f '$upstream_addr|$status|$proxy_host|$proxy_port'; access_log logs/f.log "
            f"f; resolver 192.0.2.53; {http} "
            f"server {{ listen 80; server_name example.org; {extra} {location} }}",
        )

    def lookup(self, host: str) -> Deferred[names.Found[str]]:
        """What `dns.DomainNames` does."""
        answer: Deferred[names.Found[str]] = Deferred()
        self.answers.append((host, answer))
        return answer

    def tell(self, *addresses: str, ttl: float = 5.0, gone: bool = False) -> None:
        """Answer the oldest question."""
        self.answers.pop(0)[1].callback(names.Found(list(addresses), ttl, gone))


class TargetTests(Varying):
    def target(self, url: str, asked: bytes, location: str = "/") -> bytes:
        """What the upstream is asked for."""
        bench = self.begin(f"location {location} {{ proxy_pass {url}; }}")
        bench.client().ask(asked)
        return bench.upstream().target

    def test_uri(self) -> None:
        """The URI part stands for the whole; without one the path goes on as it came."""
        for url, location, asked, expected in (
            ("http://$arg_h", "/a/", b"/a/%62//c?h=10.0.0.1", b"/a/%62//c?h=10.0.0.1"),
            ("http://$arg_h/x", "/a/", b"/a/b?h=10.0.0.1", b"/x"),
            ("http://10.0.0.1$uri", "/", b"/a/%62?c", b"/a/b"),
            ("http://10.0.0.1$request_uri", "/", b"/a/%62?c", b"/a/%62?c"),
            ("http://10.0.0.1/x$is_args$args", "/", b"/a?c=d", b"/x?c=d"),
            ("http://10.0.0.1?$args", "/", b"/a?c", b"/?c"),
            ("http://10.0.0.1/$1", "~ ^/r/(.*)$", b"/r/b/c?d", b"/b/c"),
        ):
            self.assertEqual(self.target(url, asked, location), expected, url)

    def test_line_ends(self) -> None:
        """Nothing that a client sends can end the target: what can't stand in it is escaped."""
        self.assertEqual(
            self.target("http://10.0.0.1$uri", b"/a%0d%0aX:%20y%00".replace(b"%00", b"%ff")),
            b"/a%0D%0AX:%20y%FF",
        )

    def test_rewritten(self) -> None:
        """Without a URI part a path that was rewritten goes on as it is now."""
        bench = self.begin(
            "location / { rewrite ^/a/(.*)$ /b/$1?c break; proxy_pass http://$arg_h; }"
        )
        bench.client().ask(b"/a/x%20y?h=10.0.0.1")
        self.assertEqual(bench.upstream().target, b"/b/x%20y?c&h=10.0.0.1")

    def test_slash(self) -> None:
        """`/a` is sent to `/a/`, as with a URL that is written out."""
        bench = self.begin("location /a/ { proxy_pass http://$host; }")
        self.assertEqual(bench.client().get(b"/a").status, 301)


class ChoiceTests(Varying):
    def test_address(self) -> None:
        """An address is connected to without a question, and the Host is what the URL says."""
        bench = self.begin("location / { proxy_pass http://$arg_h; }")
        for written, host, port, name in (
            (b"10.0.0.1", "10.0.0.1", 80, b"10.0.0.1"),
            (b"10.0.0.1:8080", "10.0.0.1", 8080, b"10.0.0.1:8080"),
            (b"[2001:db8::1]:81", "2001:db8::1", 81, b"[2001:db8::1]:81"),
            (b"unix:/run/a:", "unix:/run/a", 0, b"localhost"),
        ):
            client = bench.client()
            client.ask(b"/?h=" + written)
            upstream = bench.upstream()
            self.assertEqual((upstream.host, upstream.port), (host, port))
            self.assertEqual(upstream.fields()[0], (b"Host", name))
            upstream.send(ok())
            self.assertEqual(client.answer().status, 200)
        self.assertEqual(bench.lines("logs/f.log")[1], "10.0.0.1:8080|200|10.0.0.1:8080|8080")
        self.assertEqual(self.answers, [])

    def test_kept(self) -> None:
        """Connections are kept, all such hosts together as many as one group keeps."""
        bench = self.begin("location / { proxy_pass http://10.0.0.$arg_n; }")
        client = bench.client()
        for number in [*range(40), 39, 38]:
            client.ask(b"/?n=%d" % number)
            for upstream in bench.upstreams:
                if upstream.received and not upstream.ended:
                    upstream.take()
                    upstream.send(ok())
            self.assertEqual(client.answer().status, 200)
        self.assertEqual(len(bench.upstreams), 40)
        bench.advance(2.1 * MOMENT, MOMENT)
        self.assertEqual(sum(not upstream.ended for upstream in bench.upstreams), 32)

    def test_bounded(self) -> None:
        """However many hosts clients name, no more than so many are remembered."""
        self.patch(demand, "MOST", 3)
        bench = self.begin("location / { proxy_pass http://10.0.0.$arg_n; }")
        client = bench.client()
        for number in range(9):
            client.ask(b"/?n=%d" % number)
            bench.upstream().send(ok())
            client.take()
        self.assertEqual(sum(not upstream.ended for upstream in bench.upstreams), 3)
        self.assertEqual(len(bench.assembly.pools._peers), 3)

    def test_group(self) -> None:
        """The name of a group is the group, unless the URL has a port."""
        bench = self.begin(
            "location / { proxy_pass http://$arg_h; }",
            "upstream App { server 10.0.0.1:81; server 10.0.0.2:82; }",
        )
        for host in ("10.0.0.1", "10.0.0.2"):
            bench.client().ask(b"/?h=app")
            self.assertEqual(bench.upstream().host, host)
        bench.client().ask(b"/?h=app:80")
        self.assertEqual(self.answers[0][0], "app")

    def test_static(self) -> None:
        """A host that another proxy_pass names is known by that."""
        bench = self.begin(
            "location / { proxy_pass http://$arg_h; } "
            "location /x/ { proxy_pass http://localhost:81; }"
        )
        bench.client().ask(b"/?h=localhost:81")
        self.assertEqual((self.answers, bench.upstream().port), ([], 81))

    def test_bad_urls(self) -> None:
        """What is no URL is 500, and the log says why."""
        bench = self.begin('location / { set $u "$arg_u"; proxy_pass $u; }')
        for url, why in (
            (b"", "proxy_pass takes a URL"),
            (b"10.0.0.1", "proxy_pass takes a URL"),
            (b"http://", "no host in the URL"),
            (b"http://a@b", "no host in the URL"),
            (b"http://10.0.0.1:99999", "is not a port"),
            (b"http://10.0.0.1:0", "is not a port"),
            (b"ftp://10.0.0.1", "proxy_pass takes a URL"),
        ):
            answer = bench.client().get(b"/?u=" + url)
            self.assertEqual(answer.status, 500, url)
            self.assertIn(b"RP-500-proxy-pass", answer.body)
            self.assertIn(why, bench.errors()[-1])
        self.assertEqual(bench.upstreams, [])

    def test_refused_at_load(self) -> None:
        """What can never be a URL is refused when the configuration is loaded."""
        for location, message in (
            ("proxy_pass $scheme-$nothing;", "unknown variable"),
            ("proxy_pass $;", "no variable's name"),
            ("proxy_pass ftp://$host;", "proxy_pass takes a URL such as http://$name"),
            ("proxy_pass http://$host; proxy_redirect default;", '"proxy_redirect default" can'),
        ):
            with self.assertRaises(ConfigurationError) as caught:
                self.begin(f"location / {{ {location} }}")
            (error,) = caught.exception.diagnostics
            self.assertIn(message, error.message)

    def test_redirect(self) -> None:
        """No Location is rewritten by default; a rule is heeded."""
        for rule, expected in (
            ("", b"http://10.0.0.1/x"),
            ("proxy_redirect http://$arg_h/ /y/;", b"http://example.org/y/x"),
        ):
            bench = self.begin(f"location / {{ proxy_pass http://$arg_h; {rule} }}")
            client = bench.client()
            client.ask(b"/?h=10.0.0.1")
            bench.upstream().send(ok(b"", b"Location: http://10.0.0.1/x"))
            self.assertEqual(client.answer().get(b"Location"), expected)


class ResolverTests(Varying):
    def begin(self, location: str = "", http: str = "", extra: str = "") -> Bench:
        location = location or "location / { proxy_pass http://$arg_h:81; }"
        return super().begin(location, http, extra)

    def test_asked(self) -> None:
        """A name is asked for at the resolver, once for all who wait, and then all are served."""
        bench = self.begin()
        clients = [bench.client() for _ in range(3)]
        for client in clients:
            client.ask(b"/?h=app.example")
        self.assertEqual([host for host, _ in self.answers], ["app.example"])
        self.assertEqual(bench.upstreams, [])
        self.tell("10.0.0.1", "10.0.0.2")
        bench.reactor.settle()
        self.assertEqual([u.host for u in bench.upstreams], ["10.0.0.1", "10.0.0.2", "10.0.0.1"])
        for client, upstream in zip(clients, bench.upstreams, strict=True):
            self.assertEqual(upstream.fields()[0], (b"Host", b"app.example:81"))
            upstream.send(ok())
            self.assertEqual(client.answer().status, 200)

    def test_after_body(self) -> None:
        """The body is here before anybody is asked."""
        bench = self.begin()
        client = bench.client()
        whole = request(b"/?h=app", body=b"12345", method=b"POST")
        client.send(whole[:-1])
        self.assertEqual(self.answers, [])
        client.send(whole[-1:])
        self.tell("10.0.0.1")
        bench.reactor.settle()
        self.assertTrue(bench.upstream().received.endswith(b"\r\n\r\n12345"))

    def test_streamed(self) -> None:
        """With proxy_request_buffering off the body comes when the host is found."""
        bench = self.begin(extra="proxy_request_buffering off;")
        client = bench.client()
        whole = request(b"/?h=app", body=b"12345", method=b"POST")
        client.send(whole[:-1])
        self.tell("10.0.0.1")
        bench.reactor.settle()
        self.assertTrue(bench.upstream().received.endswith(b"\r\n\r\n1234"))
        client.send(whole[-1:])
        self.assertTrue(bench.upstream().received.endswith(b"\r\n\r\n12345"))

    def ask(self, bench: Bench, *, expect: str) -> None:
        """A request goes to `expect` without waiting."""
        client = bench.client()
        client.ask(b"/?h=app")
        for upstream in bench.upstreams:
            if upstream.socket and upstream.received and not upstream.ended:
                self.assertEqual(upstream.host, expect)
                upstream.take()
                upstream.send(ok())
        self.assertEqual(client.answer().status, 200)

    def test_time_to_live(self) -> None:
        """An answer holds for its time to live; then it is asked anew, and who left is dropped."""
        bench = self.begin()
        bench.client().ask(b"/?h=app")
        self.tell("10.0.0.1", ttl=30.0)
        bench.reactor.settle()
        bench.upstream().take()
        bench.upstream().send(ok())
        bench.advance(29)
        self.ask(bench, expect="10.0.0.1")
        bench.advance(2)
        client = bench.client()
        client.ask(b"/?h=app")
        self.assertEqual(client.received, b"")
        self.tell("10.0.0.2", ttl=30.0)
        bench.reactor.settle()
        self.assertEqual(bench.upstream().host, "10.0.0.2")
        self.assertEqual(bench.upstreams[0].ended, "reset")

    def test_valid(self) -> None:
        """`valid` of the resolver stands for the time to live."""
        bench = self.begin(extra="resolver 192.0.2.54 valid=100s;")
        bench.client().ask(b"/?h=app")
        self.tell("10.0.0.1", ttl=1.0)
        bench.reactor.settle()
        bench.upstream().take()
        bench.upstream().send(ok())
        bench.advance(99)
        self.ask(bench, expect="10.0.0.1")

    def test_resolver_down(self) -> None:
        """A resolver that is down holds nobody up for over a second, and takes nobody away."""
        bench = self.begin(extra="keepalive_timeout 1h;")
        bench.client().ask(b"/?h=app")
        self.tell("10.0.0.1", ttl=5.0)
        bench.reactor.settle()
        bench.upstream().take()
        bench.upstream().send(ok())
        bench.advance(6)
        client = bench.client()
        client.ask(b"/?h=app")
        bench.advance(0.5)
        self.assertEqual(client.received, b"")
        bench.advance(0.6)
        bench.upstream().take()
        bench.upstream().send(ok())
        self.assertEqual(client.answer().status, 200)
        self.ask(bench, expect="10.0.0.1")
        self.assertEqual(len(self.answers), 1)
        self.tell()
        bench.advance(names.PAUSE + 1)
        self.ask(bench, expect="10.0.0.1")
        self.assertEqual(len(self.answers), 1)

    def test_not_found(self) -> None:
        """A name that is not there, or that nobody answers for, is 502 with the reason."""
        bench = self.begin()
        for gone, why in ((True, "there is no such host"), (False, "no answer from the resolver")):
            client = bench.client()
            client.ask(b"/?h=app")
            self.tell(gone=gone)
            self.assertEqual(client.answer().status, 502)
            self.assertIn(f"app could not be resolved: {why} (RP-502-unres", bench.errors()[-1])
        self.assertEqual(bench.lines("logs/f.log")[-1], "-|502|app:81|81")

    def test_gone(self) -> None:
        """A name that is gone takes its addresses with it."""
        bench = self.begin()
        bench.client().ask(b"/?h=app")
        self.tell("10.0.0.1")
        bench.reactor.settle()
        bench.upstream().send(ok())
        bench.advance(6)
        client = bench.client()
        client.ask(b"/?h=app")
        self.tell(gone=True)
        bench.reactor.settle()
        self.assertEqual((client.answer().status, bench.upstream().ended), (502, "reset"))

    def test_no_resolver(self) -> None:
        """Without a resolver a name is 502 that says so."""
        self.patch(names, "DomainNames", lambda *_given, **_named: self)
        bench = serve(self, "server { listen 80; location / { proxy_pass http://$arg_h; } }")
        self.assertEqual(bench.client().get(b"/?h=app").status, 502)
        self.assertIn("no resolver defined to resolve app", bench.errors()[-1])

    def test_no_name(self) -> None:
        """What can't be a name is never asked for."""
        bench = self.begin()
        for host in (b"a..b", b"a" * 64, b".".join([b"a" * 63] * 4) + b".a", b"a_b%21", b"caf\xc3"):
            answer = bench.client().get(b"/?h=" + host)
            self.assertIn(answer.status, (400, 502), host)
        self.assertEqual(self.answers, [])

    def test_client_leaves(self) -> None:
        """A client that leaves while its host is asked for is no trouble."""
        bench = self.begin()
        client, other = bench.client(), bench.client()
        client.ask(b"/?h=app")
        other.ask(b"/?h=app")
        client.close()
        self.tell("10.0.0.1")
        bench.reactor.settle()
        self.assertEqual(len(bench.upstreams), 1)
        client, gone = bench.client(), bench.client()
        gone.ask(b"/?h=none")
        gone.close()
        self.tell(gone=True)
        self.assertEqual(bench.lines("logs/f.log")[-1], "-|499|none:81|81")
