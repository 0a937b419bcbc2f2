"""`post_action` and `log_subrequest`: what is asked inside, and its lines in the log."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from ..support import Bench, ok, request, serve

FORMAT = 'log_format f "$request_method $uri $status"; access_log logs/access.log f;'
AFTER = (
    "location = /after { internal; proxy_pass http://10.0.0.1;"
    ' proxy_set_header X-Was "$status $body_bytes_sent $request_method $request_uri $args"; }'
    "location @named { proxy_pass http://10.0.0.1; }"
)


class PostActionTests(SynchronousTestCase):
    """One server with a location that tells another server of what is over."""

    def bench(self, locations: str) -> Bench:
        """A bench with these directives beside those of AFTER."""
        return serve(
            self, f"{FORMAT} server {{ listen 80; server_name example.org; {AFTER} {locations} }}"
        )

    def was(self, bench: Bench) -> bytes:
        """What the other server was told."""
        (value,) = [value for name, value in bench.upstream().fields() if name == b"X-Was"]
        return value

    def test_told(self) -> None:
        """When an answer is complete, the other server is asked, with what is known of it."""
        bench = self.bench("location / { return 200 hello; post_action /after; }")
        client = bench.client()
        self.assertEqual(client.get(b"/x?a=b").body, b"hello")
        self.assertEqual(bench.upstream().target, b"/after")
        self.assertEqual(self.was(bench), b"200 5 GET /x?a=b ")
        # The client's connection goes on meanwhile, and nothing of this comes out of it.
        self.assertEqual(client.get(b"/y").body, b"hello")
        bench.upstreams[0].send(ok(b"counted"))
        self.assertEqual((client.take(), client.ended), (b"", ""))
        self.assertEqual(bench.lines(), ["GET /x 200", "GET /y 200"])

    def test_named(self) -> None:
        """A named location is asked for the path and the arguments of the request."""
        bench = self.bench("location / { return 204; post_action @named; }")
        bench.client().get(b"/x?a=b")
        self.assertEqual(bench.upstream().target, b"/x?a=b")

    def test_errors(self) -> None:
        """Errors are told, too, and what was cut; but not what `return 444` closed."""
        bench = self.bench(
            "post_action /after; location / { return 404; } location = /no { return 444; }"
            "location /slow { proxy_pass http://10.0.0.2; } location = /quiet { post_action off; }"
        )
        bench.client().get(b"/x")
        self.assertEqual(self.was(bench)[:3], b"404")
        bench.client().ask(b"/no")
        bench.client().get(b"/quiet")
        self.assertEqual(len(bench.upstreams), 1)
        client = bench.client()
        client.ask(b"/slow")
        client.reset()
        self.assertEqual(self.was(bench)[:3], b"499")

    def test_once(self) -> None:
        """An action has no action, though its location inherits one."""
        bench = self.bench(
            "post_action /again; location / { return 200 x; } location = /again { return 200 y; }"
        )
        bench.client().get()
        self.assertEqual(bench.lines(), ["GET / 200"])

    def test_failing(self) -> None:
        """An action that goes wrong is told and bothers nobody."""
        bench = self.bench("location / { return 200 x; post_action @nobody; }")
        client = bench.client()
        self.assertEqual((client.get().body, client.get().body), (b"x", b"x"))
        self.assertIn("there is no location @nobody", bench.errors()[0])

    def test_log(self) -> None:
        """`log_subrequest` gives each subrequest a line, where its location has it."""
        for setting, lines in (
            ("", ["GET / 200"]),
            ("log_subrequest on;", ["GET /auth 204", "GET / 200"]),
        ):
            bench = self.bench(
                "location = / { auth_request /auth; try_files /x =200; }"
                f"location = /auth {{ {setting} return 204; }}"
            )
            bench.client().send(request())
            self.assertEqual(bench.lines(), lines)
