"""add_header, add_trailer, expires, server_tokens and chunked_transfer_encoding."""

from __future__ import annotations

import os
import time

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError
from tests.support import Bench, serve

PUT = "listen 80; location / { return 200 text; %s } location /bad { return 404; }"


class HeaderCase(SynchronousTestCase):
    """What the classes below share."""

    def bench(self, inside: str, http: str = "") -> Bench:
        """A server that answers with a text."""
        return serve(self, f"{http} server {{ {inside} {PUT % ''} }}")

    def errors(self, inside: str) -> str:
        """What the load says of a server with this in it."""
        error = self.assertRaises(ConfigurationError, self.bench, inside)
        return str(error)


class AddHeaderTests(HeaderCase):
    """add_header and its inheritance."""

    def test_success_only(self) -> None:
        """Without always a field is added to a success and not to an error."""
        client = self.bench("add_header X-A a; add_header X-B b always;").client()
        good, bad = client.get(b"/"), client.get(b"/bad")
        self.assertEqual((good.get(b"X-A"), good.get(b"X-B")), (b"a", b"b"))
        self.assertEqual((bad.get(b"X-A"), bad.get(b"X-B")), (None, b"b"))

    def test_merge(self) -> None:
        """With add_header_inherit merge a level has its own fields and then those around it."""
        answer = (
            serve(
                self,
                "add_header X-L http; add_header_inherit merge; server { listen 80; "
                "add_header X-L server; location / { add_header X-L here; return 200 x; } }",
            )
            .client()
            .get(b"/")
        )
        self.assertEqual(answer.all(b"X-L"), [b"here", b"server", b"http"])

    def test_off(self) -> None:
        """With add_header_inherit off nothing comes from around."""
        answer = (
            serve(
                self,
                "add_header X-L http; server { listen 80; "
                "location / { add_header_inherit off; return 200 x; } }",
            )
            .client()
            .get(b"/")
        )
        self.assertEqual(answer.all(b"X-L"), [])

    def test_rule_is_inherited(self) -> None:
        """The rule itself is inherited: off around means own fields only inside."""
        answer = (
            serve(
                self,
                "add_header X-L http; server { listen 80; add_header_inherit off; "
                "location / { return 200 x; } }",
            )
            .client()
            .get(b"/")
        )
        self.assertEqual(answer.all(b"X-L"), [])

    def test_control_bytes(self) -> None:
        """A value with a line end, out of the decoded path, is left out and logged."""
        bench = serve(
            self, "server { listen 80; location / { add_header X-U $uri; return 200 x; } }"
        )
        answer = bench.client().get(b"/a%0d%0aX-Evil:%201")
        self.assertEqual((answer.status, answer.all(b"X-U"), answer.all(b"X-Evil")), (200, [], []))
        self.assertIn("add_header", bench.errors()[-1])

    def test_status(self) -> None:
        """$status and $sent_http_… in a value are of the answer that gets it."""
        bench = serve(
            self,
            "server { listen 80; location / { add_header X-S "
            '"$status $sent_http_content_type" always; return 404; } }',
        )
        self.assertEqual(bench.client().get(b"/").get(b"X-S"), b"404 text/plain")

    def test_bad(self) -> None:
        """What can't be a field, or would frame the message a second time, is an error."""
        for text in (
            "add_header 'X Y' a;",
            "add_header Content-Length 5;",
            "add_header X a sometimes;",
            "add_header X $nothing;",
            "add_header X;",
            "add_header_inherit maybe;",
            "add_trailer Content-Type a;",
        ):
            self.assertIn("nginx.conf:4:", self.errors(text), text)


class TrailerTests(HeaderCase):
    """add_trailer."""

    def test_trailer(self) -> None:
        """The body goes in chunks, and the fields follow the last one."""
        client = self.bench("add_trailer X-T $status;").client()
        client.ask(b"/")
        raw = client.take()
        self.assertIn(b"Transfer-Encoding: chunked", raw)
        self.assertTrue(raw.endswith(b"\r\n4\r\ntext\r\n0\r\nX-T: 200\r\n\r\n"), raw)

    def test_head(self) -> None:
        """An answer to HEAD keeps its length."""
        answer = self.bench("add_trailer X-T 1;").client().get(b"/", method=b"HEAD")
        self.assertEqual(answer.get(b"Content-Length"), b"4")

    def test_errors(self) -> None:
        """Only always adds a trailer to an error."""
        client = self.bench("add_trailer X-T 1; add_trailer X-A 1 always;").client()
        client.ask(b"/bad")
        self.assertTrue(client.take().endswith(b"\r\n0\r\nX-A: 1\r\n\r\n"))


class ExpiresTests(HeaderCase):
    """expires; the bench's clock stands at Thu, 02 Jul 2026 03:04:05 GMT."""

    def fields(self, value: str) -> tuple[bytes | None, bytes | None]:
        """Expires and Cache-Control of an answer."""
        answer = self.bench(f"expires {value};").client().get(b"/")
        return answer.get(b"Expires"), answer.get(b"Cache-Control")

    def test_forms(self) -> None:
        """Each form of the directive gives its two fields."""
        now, hour = b"Thu, 02 Jul 2026 03:04:05 GMT", b"Thu, 02 Jul 2026 04:04:05 GMT"
        for value, expected in {
            "off": (None, None),
            "epoch": (b"Thu, 01 Jan 1970 00:00:01 GMT", b"no-cache"),
            "max": (b"Thu, 31 Dec 2037 23:55:55 GMT", b"max-age=315360000"),
            "0": (now, b"max-age=0"),
            "1h": (hour, b"max-age=3600"),
            "+1h": (hour, b"max-age=3600"),
            "-5s": (b"Thu, 02 Jul 2026 03:04:00 GMT", b"no-cache"),
            "modified 1h": (hour, b"max-age=3600"),
        }.items():
            self.assertEqual(self.fields(value), expected, value)

    def test_time_of_day(self) -> None:
        """@TIME is the next such moment, local time, at most a day away."""
        zone = os.environ.get("TZ")

        def back() -> None:
            os.environ.pop("TZ") if zone is None else os.environ.update(TZ=zone)
            time.tzset()

        self.addCleanup(back)
        os.environ["TZ"] = "UTC"
        time.tzset()
        self.assertEqual(
            self.fields("@15h30m"), (b"Thu, 02 Jul 2026 15:30:00 GMT", b"max-age=44755")
        )
        self.assertEqual(self.fields("@2h"), (b"Fri, 03 Jul 2026 02:00:00 GMT", b"max-age=82555"))

    def test_by_media_type(self) -> None:
        """A variable decides; one that is no such time adds nothing."""
        bench = self.bench("expires $arg_e;")
        client = bench.client()
        self.assertEqual(client.get(b"/?e=epoch").get(b"Cache-Control"), b"no-cache")
        self.assertEqual(client.get(b"/?e=@99h").get(b"Cache-Control"), None)

    def test_replaces(self) -> None:
        """What an upstream said of the same is replaced."""
        bench = serve(
            self,
            "server { listen 80; location / { expires max; proxy_pass http://127.0.0.1:8080; } }",
        )
        client = bench.client()
        client.ask(b"/")
        bench.upstream().send(
            b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nExpires: x\r\nCache-Control: a\r\n\r\n"
        )
        answer = client.answer()
        self.assertEqual(answer.all(b"Cache-Control"), [b"max-age=315360000"])
        self.assertEqual(answer.all(b"Expires"), [b"Thu, 31 Dec 2037 23:55:55 GMT"])

    def test_bad(self) -> None:
        """What is no time is an error with its place."""
        for text in ("5ms", "modified @5h", "@25h", "often", "modified epoch", "changed 1h"):
            self.assertIn("nginx.conf:4:", self.errors(f"expires {text};"), text)


class ServerTokensTests(HeaderCase):
    """server_tokens."""

    def server(self, value: str) -> bytes | None:
        """The Server field with a value of the directive."""
        return self.bench(f"server_tokens {value};").client().get(b"/").get(b"Server")

    def test_values(self) -> None:
        """On names the version, off doesn't, a text is sent as it is, an empty one not at all."""
        self.assertRegex(self.server("on") or b"", rb"^reverseproxy/\d")
        self.assertEqual(self.server("off"), b"reverseproxy")
        self.assertEqual(self.server("teapot"), b"teapot")
        self.assertEqual(self.server('""'), None)
        self.assertEqual(self.server('"$uri!"'), b"/!")

    def test_bad(self) -> None:
        """A text that can't be a field's value is an error."""
        self.assertIn("control", self.errors('server_tokens "a\nb";'))


class ChunkedTests(HeaderCase):
    """chunked_transfer_encoding."""

    def test_off(self) -> None:
        """A body of unknown length ends with the connection."""
        bench = serve(
            self,
            "server { listen 80; location / { chunked_transfer_encoding off; "
            "proxy_pass http://127.0.0.1:8080; } }",
        )
        client = bench.client()
        client.ask(b"/")
        bench.upstream().send(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
        )
        self.assertEqual(client.ended, "closed")
        answer = client.answer()
        self.assertEqual((answer.body, answer.get(b"Transfer-Encoding")), (b"hi", None))
        self.assertEqual(answer.get(b"Connection"), b"close")


class MsieTests(HeaderCase):
    """msie_refresh."""

    def test_refresh(self) -> None:
        """MSIE gets a page instead of a redirect, and no path can end its attribute."""
        bench = serve(
            self,
            "server { listen 80; msie_refresh on; location / { return 301 $uri; } }",
        )
        client = bench.client()
        agent = b"User-Agent: Mozilla/4.0 (compatible; MSIE 6.0)"
        answer = client.get(b"/%22%3E%3Cscript%3E", agent)
        self.assertEqual((answer.status, answer.get(b"Location")), (200, None))
        self.assertIn(b'content="0; URL=/%22%3E%3Cscript%3E"', answer.body)
        self.assertEqual(client.get(b"/", agent + b" Opera 8").status, 301)
        self.assertEqual(client.get(b"/").status, 301)
