"""`auth_request`, and the subrequests that it is made of."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from reverseproxy.config import ConfigurationError
from reverseproxy.web.subrequest import Subrequest
from tests.support import Bench, load_text, ok, serve


class Slow(Resource):
    """Never answers by itself; the last request stays here."""

    isLeaf = True
    last: Any = None

    def render(self, request: Any) -> int:
        """Keep it."""
        Slow.last = request
        return NOT_DONE_YET


class Pulled(Resource):
    """Answers through a pull producer, as foreign resources may."""

    isLeaf = True

    def render(self, request: Any) -> int:
        """Begin."""
        self.request = request
        request.registerProducer(self, False)
        return NOT_DONE_YET

    def resumeProducing(self) -> None:
        """All of it at once."""
        request = self.request
        request.write(b"a body that nobody reads")
        request.unregisterProducer()
        request.finish()

    def stopProducing(self) -> None:
        """Nothing to stop."""


class AuthRequestTests(SynchronousTestCase):
    """`/` asks `/auth`, which an upstream answers; 404 is the content of `/`."""

    def bench(self, rules: str = "", auth: str = "proxy_pass http://127.0.0.1:8080;") -> Bench:
        return serve(
            self,
            f"server {{ listen 80; location / {{ auth_request /auth; {rules}"
            f" try_files /none =404; }} location = /auth {{ internal; {auth} }} }}",
        )

    def answer(self, status: bytes, *fields: bytes, rules: str = "") -> Any:
        """What the client gets when the upstream answers `status`."""
        client = (bench := self.bench(rules)).client()
        client.ask(b"/a")
        self.assertEqual(client.received, b"")
        lines = [b"HTTP/1.1 " + status, b"Content-Length: 4", *fields, b"", b"body"]
        bench.upstream().send(b"\r\n".join(lines))
        return client.answer()

    def test_lets_in(self) -> None:
        """With 2xx the request goes on; the subrequest's body is for nobody."""
        self.assertEqual(self.answer(b"200 OK").status, 404)
        self.assertEqual(self.answer(b"299 Fine").status, 404)

    def test_keeps_out(self) -> None:
        """401 and 403 are the client's answer, with the challenges of the former."""
        self.assertEqual(self.answer(b"403 No").status, 403)
        answer = self.answer(b"401 Who", b"WWW-Authenticate: A", b"WWW-Authenticate: B", b"X: y")
        self.assertEqual(answer.status, 401)
        self.assertEqual(answer.all(b"www-authenticate"), [b"A", b"B"])
        self.assertEqual(answer.all(b"x"), [])

    def test_anything_else(self) -> None:
        """Any other status, and an upstream that is not there, are 500."""
        for status in (b"302 Found", b"404 Not Found", b"503 Busy"):
            self.assertEqual(self.answer(status).status, 500)
        bench = self.bench()
        bench.accepting = False
        client = bench.client()
        client.ask()
        bench.upstream().refuse()
        self.assertEqual(client.answer().status, 500)
        self.assertIn("auth request unexpected status: 502 (", bench.errors()[-1])
        self.assertIn(', subrequest: "/auth"', "".join(bench.errors()))

    def test_what_is_sent(self) -> None:
        """The upstream sees GET, the client's fields, and no body."""
        bench = self.bench()
        client = bench.client()
        client.send(b"POST /a HTTP/1.1\r\nHost: x\r\nX-A: b\r\nContent-Length: 2\r\n\r\nhi")
        upstream = bench.upstream()
        self.assertTrue(upstream.received.startswith(b"GET /auth HTTP/1.1\r\n"))
        self.assertIn((b"X-A", b"b"), upstream.fields())
        self.assertIn((b"Content-Length", b"0"), upstream.fields())

    def test_body_is_kept(self) -> None:
        """The client's body waits for the content."""
        bench = serve(
            self,
            "server { listen 80; location / { auth_request /auth; proxy_pass http://127.0.0.1:81; }"
            ' location = /auth { proxy_pass_request_body off; proxy_set_header Content-Length "";'
            " proxy_pass http://127.0.0.1:80; } }",
        )
        client = bench.client()
        client.send(b"POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n", b"hi")
        self.assertNotIn(b"Content-Length", bench.upstream().received)
        bench.upstream().send(ok())
        self.assertEqual(bench.upstream().port, 81)
        self.assertTrue(bench.upstream().received.endswith(b"\r\n\r\nhi"))

    def test_set(self) -> None:
        """Variables are set from the subrequest, whatever it says, and serve the parent."""
        rules = (
            "auth_request_set $user $sent_http_x_user; auth_request_set $code $status;"
            ' error_page 403 404 =200 @told; } location @told { return 200 "$user $code $uri";'
        )
        answer = self.answer(b"200 OK", b"X-User: me", rules=rules)
        self.assertEqual(answer.body, b"me 200 /a")
        answer = self.answer(b"403 No", b"X-User: you", rules=rules)
        self.assertEqual(answer.body, b"you 403 /a")

    def test_variables_are_shared(self) -> None:
        """What `set` does in the subrequest holds in its parent, as in nginx."""
        bench = self.bench(
            'error_page 404 =200 @told; } location @told { return 200 "$x $request_uri";',
            "set $x $request_uri; return 204;",
        )
        self.assertEqual(bench.client().get(b"/a?b").body, b"/a?b /a?b")

    def test_no_access_no_log(self) -> None:
        """A subrequest is not asked for access, and has no line in the log."""
        bench = self.bench("", "deny all; root .; try_files /none =204;")
        self.assertEqual(bench.client().get().status, 404)
        self.assertEqual(len(bench.lines()), 1)

    def test_client_leaves(self) -> None:
        """When the client leaves, the upstream is left alone as well."""
        bench = self.bench()
        client = bench.client()
        client.ask()
        client.reset()
        self.assertTrue(bench.upstream().ended)
        self.assertIn(" 499 ", bench.lines()[0])

    def test_foreign_resources(self) -> None:
        """Any content may answer: a Twisted resource late, in pieces, or through a producer."""
        name = "twisted_resource tests.guards.test_authrequest:"
        bench = self.bench(auth=name + "Slow;")
        client = bench.client()
        client.ask()
        Slow.last.setResponseCode(403)
        gone = Slow.last.notifyFinish()
        Slow.last.write(b"a piece")
        self.assertEqual(client.received, b"")
        Slow.last.finish()
        self.assertEqual(client.answer().status, 403)
        self.successResultOf(gone)
        client = self.bench(auth=name + "Pulled;").client()
        client.ask()
        client.reactor.advance(1)
        client.reactor.settle()
        self.assertEqual(client.answer().status, 404)

    def test_foreign_resource_and_gone(self) -> None:
        """A resource learns that nobody waits any more."""
        bench = self.bench(auth="twisted_resource tests.guards.test_authrequest:Slow;")
        client = bench.client()
        client.ask()
        gone = Slow.last.notifyFinish()
        client.reset()
        self.failureResultOf(gone)

    def test_broken_answer(self) -> None:
        """An answer that breaks off has said what counts."""
        bench = self.bench()
        client = bench.client()
        client.ask()
        bench.upstream().send(b"HTTP/1.1 403 No\r\nContent-Length: 100\r\n\r\npart")
        bench.upstream().close()
        self.assertEqual(client.answer().status, 403)

    def test_wanted(self) -> None:
        """Who wants the body of a subrequest gets it."""
        bench = serve(
            self,
            "server { listen 80; location / { twisted_resource"
            " tests.guards.test_authrequest:Slow; } location /text { return 200 hello; } }",
        )
        bench.client().ask()
        found: list[Subrequest] = []
        Subrequest(Slow.last, b"/text", None, found.append, wanted=True).begin()
        self.assertEqual((found[0].code, found[0].body), (200, [b"hello"]))

    def test_satisfy(self) -> None:
        """`satisfy any`: a forbidden address may still come in by the other location's word."""
        rules = "satisfy any; deny all;"
        self.assertEqual(self.answer(b"200 OK", rules=rules).status, 404)
        self.assertEqual(self.answer(b"403 No", rules=rules).status, 403)

    def test_delay(self) -> None:
        """`auth_delay` is for its 401 as well."""
        bench = self.bench("auth_delay 1s;", "return 401;")
        client = bench.client()
        client.ask()
        self.assertEqual(client.received, b"")
        bench.advance(1.1)
        self.assertEqual(client.answer().status, 401)

    def test_off(self) -> None:
        """`off` asks nobody, where an outer level does."""
        text = """server { listen 80; auth_request /auth; location / { auth_request off;
            try_files /none =404; } location /in { try_files /none =404; }
            location /auth { return 403; } }"""
        bench = serve(self, text)
        self.assertEqual(bench.client().get().status, 404)
        self.assertEqual(bench.client().get(b"/in").status, 403)

    def test_bad_values(self) -> None:
        """A URI, and a variable with a value; nothing built in can be set."""
        for text in (
            "auth_request a b;",
            "auth_request_set name value;",
            "auth_request_set $name;",
            "auth_request_set $uri /x;",
            "auth_request_set $name $nobody_knows;",
        ):
            error = self.assertRaises(ConfigurationError, load_text, text, self.mktemp())
            self.assertEqual(error.diagnostics[0].origin.line, 4)
