"""The access log: formats byte for byte, escapes, and which requests are logged where."""

from __future__ import annotations

import json
import os
import time

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError

from ..support import Bench, ok, proxied, request, serve

HOSTILE = bytes(byte for byte in range(0x20, 0x100) if byte != 0x7F)


def utc(test: SynchronousTestCase) -> None:
    """Let local time be UTC for one test."""
    before = os.environ.get("TZ")

    def restore() -> None:
        if before is None:
            os.environ.pop("TZ", None)
        else:
            os.environ["TZ"] = before
        time.tzset()

    test.addCleanup(restore)
    os.environ["TZ"] = "UTC"
    time.tzset()


class FormatTests(SynchronousTestCase):
    def logged(self, form: str, *fields: bytes, path: bytes = b"/", escape: str = "") -> str:
        """The line of one request in a format."""
        bench = serve(
            self,
            f"log_format f {escape} {form}; access_log logs/f.log f; "
            "server { listen 80; server_name example.org; location / { return 200 hello; } }",
        )
        bench.client().ask(path, *fields)
        (line,) = bench.lines("logs/f.log")
        return line

    def test_combined(self) -> None:
        """The default is nginx's combined, byte for byte."""
        utc(self)
        bench = serve(self, "server { listen 80; server_name a; location / { return 200 hello; } }")
        bench.client().ask(
            b"/a%20b?c=d",
            b"Referer: http://r/?x",
            b"User-Agent: M/5.0 (X11; a b)",
            b"Authorization: Basic am9lOng=",
        )
        bench.client().ask()
        self.assertEqual(
            bench.lines(),
            [
                '192.0.2.7 - joe [02/Jul/2026:03:04:05 +0000] "GET /a%20b?c=d HTTP/1.1" 200 5 '
                '"http://r/?x" "M/5.0 (X11; a b)"',
                '192.0.2.7 - - [02/Jul/2026:03:04:05 +0000] "GET / HTTP/1.1" 200 5 "-" "-"',
            ],
        )

    def test_texts_are_joined(self) -> None:
        """Several texts are one; a percent sign and an escaped quote stand for themselves."""
        self.assertEqual(self.logged("'$status 100% ' '\"' $scheme%s"), '200 100% "http%s')

    def test_values(self) -> None:
        """Variables have nginx's values; what has none is a dash."""
        for form, expected in (
            ("$remote_addr $remote_port", "192.0.2.7 51234"),
            ("$request_method $request_uri $uri $args", "GET /a%41?b=c /aA b=c"),
            ("$host $http_host $server_name", "example.org example.org example.org"),
            ("$server_addr $server_port $server_protocol", "198.51.100.1 80 HTTP/1.1"),
            ("$body_bytes_sent $status", "5 200"),
            ("$connection $connection_requests", "1 1"),
            ("$request_time $msec", "0.000 1782961445.000"),
            ("$upstream_addr $upstream_status $http_none $remote_user", "- - - -"),
            ("$http_x_a [$arg_b] $cookie_d", "1, 2 [c] e"),
            ("$sent_http_content_length $request_completion", "5 OK"),
            ("$sent_http_connection $sent_http_transfer_encoding", "keep-alive -"),
            ("$sent_http_content_type", "text/plain"),
            ("$pid", str(os.getpid())),
        ):
            line = self.logged(f"'{form}'", b"X-A: 1", b"X-A: 2", b"Cookie: d=e", path=b"/a%41?b=c")
            self.assertEqual(line, expected, form)

    def test_bytes_sent(self) -> None:
        """$bytes_sent is the head and the body, as a client counts them."""
        bench = serve(
            self,
            "log_format f '$bytes_sent'; access_log logs/f.log f; "
            "server { listen 80; location / { return 200 hello; } }",
        )
        client = bench.client()
        client.ask()
        self.assertEqual(bench.lines("logs/f.log"), [str(len(client.received))])

    def test_upstream(self) -> None:
        """Each attempt at an upstream is named, with its status."""
        bench = serve(
            self,
            "log_format f '$upstream_addr|$upstream_status'; access_log logs/f.log f; "
            "server { listen 80; location / { proxy_pass http://127.0.0.1:8080; } }",
        )
        client = bench.client()
        client.ask()
        bench.upstream().send(ok())
        client.ask()
        bench.upstream().close()
        bench.upstream().send(ok())
        self.assertEqual(
            bench.lines("logs/f.log"),
            ["127.0.0.1:8080|200", "127.0.0.1:8080, 127.0.0.1:8080|502, 200"],
        )

    def test_escape_default(self) -> None:
        """By default quotes, backslashes, controls and 8-bit bytes are hexadecimal."""
        line = self.logged("'<$http_x>'", b'X: a"b\\c\td\xe4\x80z')
        self.assertEqual(line, r"<a\x22b\x5Cc\x09d\xE4\x80z>")

    def test_escape_json(self) -> None:
        """With escape=json a line of JSON can be read whatever was sent."""
        form = '\'{"x":"$http_x","none":"$http_none"}\''
        value = 'a"b\\c\td/\u00e4'
        line = self.logged(form, b"X: " + value.encode(), escape="escape=json")
        self.assertEqual(json.loads(line.encode("latin-1")), {"x": value, "none": ""})
        line = self.logged("'$uri'", path=b"/%01%0a%1f%22", escape="escape=json")
        self.assertEqual(line, '/\\u0001\\n\\u001F\\"')

    def test_escape_none(self) -> None:
        """With escape=none values are written as they are, and nothing for no value."""
        line = self.logged("'<$http_x|$http_none>'", b'X: a"b\\c', escape="escape=none")
        self.assertEqual(line, '<a"b\\c|>')

    def test_one_request_one_line(self) -> None:
        """No byte of a request, a path or a field can end a line or forge one."""
        forged = b'" 200 5 "-" "-"\n1.2.3.4 - - [x] "GET /forged'
        everything = b"".join(b"%%%02X" % byte for byte in range(1, 256))
        form = "'$remote_user|$uri|$http_x|$request|$args|$arg_a|$cookie_a'"
        for fields, path in (
            ((b"X: " + HOSTILE,), b"/" + everything.replace(b"%2E", b".")),
            ((b"Cookie: a=" + HOSTILE.replace(b";", b""),), b"/?a=" + everything),
            ((b"Authorization: Basic InhcImE6Yg==",), b"/"),
            ((), b"/" + b"".join(b"%%%02X" % byte for byte in forged)),
        ):
            line = self.logged(form, *fields, path=path)
            self.assertTrue(line.isascii() and line.isprintable(), line)
            self.assertNotIn('"', line)

    def test_malformed(self) -> None:
        """A request that can't be read has a line as well, with what came as far as it goes."""
        bench = serve(self, "server { listen 80; }")
        bench.client().send(b'\x16\x03"\xff\n\n')
        self.assertIn(r'"\x16\x03\x22\xFF" 400 ', bench.lines()[0])
        bench.client().send(b"GET /" + b"x" * 9000)
        self.assertIn('" 414 ', bench.lines()[1])
        self.assertLess(len(bench.lines()[1]), 2300)


class WhereTests(SynchronousTestCase):
    CONFIG = (
        "log_format short '$status $request_uri'; access_log logs/http.log short; "
        "server { listen 80; "
        "location / { return 200 a; } "
        "location /off { access_log off; return 200 a; } "
        "location /own { access_log logs/own.log short; access_log logs/both.log short; "
        "return 200 a; location /own/in { return 200 b; } } } "
        "server { listen 81; access_log logs/81.log short; location / { return 200 a; } }"
    )

    def counts(self, bench: Bench) -> list[int]:
        names = ("http", "own", "both", "81")
        return [len(bench.lines(f"logs/{name}.log")) for name in names]

    def test_inheritance(self) -> None:
        """A level with an access_log of its own has only those; `off` is none."""
        bench = serve(self, self.CONFIG)
        for path, port, expected in (
            (b"/", 80, [1, 0, 0, 0]),
            (b"/off", 80, [1, 0, 0, 0]),
            (b"/own", 80, [1, 1, 1, 0]),
            (b"/own/in", 80, [1, 2, 2, 0]),
            (b"/", 81, [1, 2, 2, 1]),
        ):
            bench.client(port).ask(path)
            self.assertEqual(self.counts(bench), expected, path)

    def test_same_file(self) -> None:
        """A file that is named twice is opened once, and has every line whole."""
        bench = serve(
            self,
            "access_log logs/x.log; server { listen 80; access_log logs/x.log; "
            "location / { return 200 a; } }",
        )
        self.assertEqual(sum(f.path.endswith("x.log") for f in bench.assembly.log_files), 1)
        bench.client().send(request() * 3)
        self.assertEqual(len(bench.lines("logs/x.log")), 3)

    def test_unknown_format(self) -> None:
        """A format that is not there is an error with its place."""
        with self.assertRaises(ConfigurationError) as caught:
            serve(self, "access_log logs/x.log nosuch; server { listen 80; }")
        self.assertIn('no log_format "nosuch"', str(caught.exception))

    def test_reopened(self) -> None:
        """After a rotation lines go to the new file, and no line is lost."""
        bench = serve(self, "server { listen 80; location / { return 200 a; } }")
        client = bench.client()
        client.ask()
        os.rename(bench.path("logs/access.log"), bench.path("logs/access.log.1"))
        client.ask()
        bench.assembly.log_files.reopen()
        client.ask()
        self.assertEqual(len(bench.lines("logs/access.log.1")), 2)
        self.assertEqual(len(bench.lines("logs/access.log")), 1)


class FailingTests(SynchronousTestCase):
    def bench(self) -> Bench:
        return serve(
            self,
            "access_log /dev/full; server { listen 80; location / { return 200 hello; } }",
        )

    def test_serves_on(self) -> None:
        """A log that can't be written to never stops an answer, and is complained of."""
        bench = self.bench()
        client = bench.client()
        for _ in range(3):
            self.assertEqual(client.get().body, b"hello")
        (line,) = bench.errors()
        self.assertIn("[alert]", line)
        self.assertIn('writing to "/dev/full" failed: No space left on device', line)

    def test_once_a_minute(self) -> None:
        """The complaint is repeated once a minute, not once a request."""
        bench = self.bench()
        for _ in range(60):
            bench.client().ask(b"/", b"Connection: close")
            bench.advance(2.5, step=2.5)
        self.assertEqual(len(bench.errors()), 3)

    def test_lost_lines_are_counted(self) -> None:
        """How many lines were lost is known."""
        bench = self.bench()
        bench.client().send(request() * 5)
        (file,) = [f for f in bench.assembly.log_files if f.path == "/dev/full"]
        self.assertEqual(file.lost, 5)

    def test_error_log_too(self) -> None:
        """An error log that can't be written to stops nothing either."""
        bench = serve(
            self,
            "error_log /dev/full info; http { access_log /dev/full; server { listen 80; "
            "location / { return 200 hello; } } }",
        )
        self.assertEqual(bench.client().get().body, b"hello")
        client = bench.client()
        client.send(b"nonsense\r\n\r\n")
        self.assertEqual(client.answer().status, 400)

    def test_short_write(self) -> None:
        """A line of which the disk took a part is complained of as well."""
        bench = serve(self, "server { listen 80; location / { return 200 hello; } }")
        (file,) = [f for f in bench.assembly.log_files if f.path.endswith("access.log")]
        self.patch(os, "write", _half(os.write, file.fd))
        bench.client().ask()
        self.assertRegex(bench.errors()[0], r"access.log\" took \d+ of \d+ bytes")

    def test_client_gone(self) -> None:
        """A request whose client left is logged once, as 499."""
        bench = proxied(self)
        client = bench.client()
        client.ask()
        client.reset()
        bench.advance(5)
        self.assertEqual([line.split(" ")[8] for line in bench.lines()], ["499"])


def _half(write: object, broken: int) -> object:
    def half(fd: int, data: bytes) -> int:
        return write(fd, data[: len(data) // 2] if fd == broken else data)  # type: ignore[operator]

    return half
