"""`error_page`: which errors have one, what it answers, and where it ends."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from ..answers import Answer
from ..support import Bench, request, serve


class Broken(Resource):
    """Fails."""

    isLeaf = True

    def render(self, _request: object) -> int:
        """Fail."""
        raise RuntimeError("broken on purpose")


class ErrorPageTests(SynchronousTestCase):
    """One server; its locations are what each test says."""

    def bench(self, locations: str) -> Bench:
        """A bench with these directives in its server."""
        return serve(self, f"server {{ listen 80; server_name example.org; {locations} }}")

    def get(self, locations: str, path: bytes = b"/", *fields: bytes) -> Answer:
        """The answer to one request."""
        return self.bench(locations).client().get(path, *fields)

    def test_redirects(self) -> None:
        """A redirect is a status with a page like any other, and keeps its Location."""
        answer = self.get(
            "error_page 301 302 /moved; location = /moved { return 200 page; }"
            "location / { return 301 /there; } location /slash/ { proxy_pass http://10.0.0.1; }"
        )
        self.assertEqual((answer.status, answer.body), (301, b"page"))
        self.assertEqual(answer.get(b"Location"), b"http://example.org/there")

    def test_where_it_leads(self) -> None:
        """Whether a target is a path, a named location or a URL shows when it is rendered."""
        bench = self.bench(
            "error_page 404 $arg_to; error_page 403 =307 $arg_to;"
            "location / { return 404; } location = /no { return 403; }"
            "location = /page { return 200 page; } location @name { return 200 named; }"
        )
        client = bench.client()
        for target, status, body in (
            (b"/?to=/page", 404, b"page"),
            (b"/?to=@name", 404, b"named"),
        ):
            answer = client.get(target)
            self.assertEqual((answer.status, answer.body), (status, body))
        for target, status, location in (
            (b"/?to=http://a.test/", 302, b"http://a.test/"),
            (b"/no?to=https://a.test/", 307, b"https://a.test/"),
            (b"/", 302, b""),
        ):
            answer = client.get(target)
            self.assertEqual((answer.status, answer.get(b"Location")), (status, location))

    def test_recursion(self) -> None:
        """Each location says by `recursive_error_pages` whether its page may have one in turn."""
        pages = (
            "location /first { %s error_page 404 /second; return 404; }"
            "location /second { %s error_page 403 /third; return 403; }"
            "location /third { error_page 410 /fourth; return 410; }"
            "location /fourth { return 200 fourth; }"
        )
        on = "recursive_error_pages on;"
        for first, second, status, body in (
            ("", "", 403, b""),
            (on, "", 410, b""),
            (on, on, 410, b"fourth"),
            ("", on, 403, b""),
        ):
            answer = self.get(pages % (first, second), b"/first")
            self.assertEqual(answer.status, status)
            self.assertIn(body, answer.body)

    def test_recursion_of_refusals(self) -> None:
        """What a guard refuses in a page's location has its page, too, where that is recursive."""
        answer = self.get(
            "recursive_error_pages on; location / { error_page 404 /closed; return 404; }"
            "location /closed { deny all; error_page 403 @open; }"
            "location @open { return 200 open; }"
        )
        self.assertEqual((answer.status, answer.body), (403, b"open"))

    def test_circle(self) -> None:
        """Pages that lead to each other end with 500 after ten times."""
        for target in ("/again", "@again", "@nowhere"):
            bench = self.bench(
                f"recursive_error_pages on; error_page 404 500 {target};"
                "location / { return 404; } location @again { return 404; }"
            )
            self.assertEqual(bench.client().get().status, 500)
            self.assertIn("internal redirection cycle", bench.errors()[-1])

    def test_status(self) -> None:
        """In a page, $status is the error's."""
        answer = self.get(
            "error_page 404 /page; location = /page { return 200 $status; }"
            "location / { return 404; } location = /own { return 410 $status; }"
        )
        self.assertEqual((answer.status, answer.body), (404, b"404"))

    def test_empty_text(self) -> None:
        """`return` of an error with an empty text is that error, with its page."""
        answer = self.get(
            "error_page 404 /page; location = /page { return 200 page; }"
            'location / { return 404 ""; }'
        )
        self.assertEqual((answer.status, answer.body), (404, b"page"))

    def test_no_content(self) -> None:
        """A page that is answered with 204 has neither body nor type nor date."""
        bench = self.bench(
            "error_page 404 =204 /a.txt; location / { return 404; } location = /a.txt { }"
        )
        os.mkdir(bench.path("html"))
        with open(bench.path("html/a.txt"), "w") as file:
            file.write("text")
        answer = bench.client().get()
        self.assertEqual((answer.status, answer.body), (204, b""))
        for name in (b"Content-Type", b"Content-Length", b"Last-Modified"):
            self.assertIsNone(answer.get(name), name)

    def test_large_head(self) -> None:
        """A head that is too large is nginx's 494: 400 to the client, with a page of its own."""
        large = request(b"/", b"X: " + b"x" * 2000)
        sizes = "large_client_header_buffers 2 1k;"
        for pages, body in (
            ("error_page 400 /page;", b"larger than this server takes"),
            ("error_page 494 /page;", b"page of 400"),
        ):
            client = self.bench(
                f'{sizes} {pages} location = /page {{ return 200 "page of $status"; }}'
            ).client()
            client.send(large)
            answer = client.answer()
            self.assertEqual(answer.status, 400)
            self.assertIn(body, answer.body)

    def test_kinds_of_400(self) -> None:
        """495, 496 and 497 are 400 to the client, unless an error_page says otherwise."""
        bench = self.bench(
            "location / { return 497; } location = /page { return 200 page; }"
            "location /own/ { error_page 496 =401 /page; return 496; }"
        )
        client = bench.client()
        self.assertEqual(client.get().status, 400)
        self.assertEqual(client.get(b"/own/").status, 401)
        self.assertIn('" 400 ', bench.lines()[0])

    def test_broken_page(self) -> None:
        """A resource that fails as an error's page is 500; the client doesn't wait for ever."""
        bench = self.bench(
            "location / { proxy_pass http://10.0.0.1; error_page 502 /broken; }"
            f"location = /broken {{ twisted_resource {__name__}:Broken; }}"
        )
        bench.accepting = False
        client = bench.client()
        client.ask()
        bench.upstream().refuse()
        self.assertEqual(client.answer().status, 500)
        self.assertIn("a resource failed", bench.errors()[-1])
