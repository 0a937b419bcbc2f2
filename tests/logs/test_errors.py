"""The error log: nginx's line, levels, and that nothing from outside can break a line."""

from __future__ import annotations

import os
import time

from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.logs.errors import LEVELS, ErrorLog, ErrorWrite

from ..support import proxied, request, serve
from .test_access import utc


def to(lines: list[bytes]) -> ErrorWrite:
    """What keeps the lines of an error log."""
    return lambda line, _level: lines.append(line)


class LineTests(SynchronousTestCase):
    def test_format(self) -> None:
        """A line has nginx's parts in nginx's order, so that its tools can read it."""
        utc(self)
        bench = proxied(self)
        bench.client()
        client = bench.client()
        client.send(request(b"/x?y", host=b"example.org:80"))
        bench.upstream().close()
        self.assertRegex(
            bench.errors()[0],
            r"^2026/07/02 03:04:05 \[error\] \d+#\d+: \*2 "
            r"upstream prematurely closed connection while reading response header "
            r"\(RP-502-closed\), "
            r"client: 192\.0\.2\.7, server: example\.org, "
            r'request: "GET /x\?y HTTP/1\.1", upstream: "http://127\.0\.0\.1:8080[^"]*", '
            r'host: "example\.org:80"$',
        )

    def test_without_request(self) -> None:
        """What concerns no request has the message alone."""
        lines: list[bytes] = []
        ErrorLog(((to(lines), "notice"),), lambda: 0.0).log("notice", "started")
        now = time.strftime("%Y/%m/%d %H:%M:%S", time.localtime(0))
        self.assertRegex(lines[0].decode(), rf"^{now} \[notice\] {os.getpid()}#\d+: started\n$")

    def test_levels(self) -> None:
        """A target gets its level and what is more serious."""
        for at, level in enumerate(LEVELS):
            lines: list[bytes] = []
            log = ErrorLog(((to(lines), level),))
            for name in LEVELS:
                log.log(name, name)
            self.assertEqual(len(lines), len(LEVELS) - at)

    def test_several_targets(self) -> None:
        """Each target has a level of its own; none at all is quiet."""
        few: list[bytes] = []
        many: list[bytes] = []
        log = ErrorLog(((to(few), "crit"), (to(many), "info")))
        for name in LEVELS:
            log.log(name, name)
        self.assertEqual((len(few), len(many)), (3, 7))
        ErrorLog(()).log("emerg", "nobody hears")

    def test_hostile_bytes(self) -> None:
        """No byte of a request can end a line, forge one, or speak to a terminal."""
        everything = b"".join(b"%%%02X" % byte for byte in range(1, 256) if byte != 0x2E)
        bench = serve(self, "server { listen 80; server_name example.org; root html; }")
        values = bytes(byte for byte in range(0x20, 0x100) if byte != 0x7F)
        for message in (
            request(b"/" + everything),
            request(b"/" + everything[: 3 * 120]),
            request(b"/%c2%9b1m%e2%80%a8%c3%a4"),
            request(b"/none", b"X: " + values),
            b'GE"T / HTTP/1.1\r\n\r\n',
            b"\x1b[31m\x9b\x85\xe2\x80\xa8 / HTTP/1.1\r\n\r\n",
            request(host=b'a"b'),
            request(b"/\x1b"),
        ):
            before = len(bench.errors())
            bench.client().send(message)
            (line,) = bench.errors()[before:]
            self.assertTrue(line.encode("latin-1").decode().isprintable(), line)

    def test_failure(self) -> None:
        """A Python error is one line with its place; the traceback is for level debug."""
        lines: list[bytes] = []
        log = ErrorLog(((to(lines), "debug"),))
        try:
            _raise()
        except ValueError:
            log.failure("it failed", Failure())
        self.assertEqual(len(lines), 2)
        self.assertIn(rb"[crit]", lines[0])
        self.assertIn(rb"it failed: ValueError: one\ntwo at ", lines[0])
        self.assertIn(b"test_errors.py:", lines[0])
        self.assertIn(b"Traceback", lines[1])
        self.assertTrue(all(line.count(b"\n") == 1 for line in lines))

    def test_complaints(self) -> None:
        """One complaint is repeated after a minute; another one comes at once."""
        lines: list[bytes] = []
        now = [0.0]
        log = ErrorLog(((to(lines), "info"),), lambda: 0.0, lambda: now[0])
        for seconds, message, count in (
            (0, "a", 1),
            (59, "a", 1),
            (59, "b", 2),
            (60, "a", 3),
            (100, "b", 3),
            (120, "b", 4),
        ):
            now[0] = seconds
            log.complain(message)
            self.assertEqual(len(lines), count, (seconds, message))


class WhereTests(SynchronousTestCase):
    def test_inheritance(self) -> None:
        """A location's errors go to its own log, a malformed request's to the default server's."""
        bench = serve(
            self,
            "error_log logs/main.log; http { error_log logs/http.log; server { listen 80; "
            "error_log logs/server.log info; location /a { error_log logs/a.log; root none; } "
            "location /b { root none; } } server { listen 81; location / { root none; } } }",
        )
        for port, message, name in (
            (80, request(b"/a"), "a"),
            (80, request(b"/b"), "server"),
            (80, b"nonsense\r\n\r\n", "server"),
            (81, request(), "http"),
        ):
            before = self.counts(bench.prefix)
            bench.client(port).send(message)
            after = self.counts(bench.prefix)
            changed = [at for at in after if after[at] != before[at]]
            self.assertEqual(changed, [f"{name}.log"])

    def counts(self, prefix: str) -> dict[str, int]:
        folder = os.path.join(prefix, "logs")
        return {
            name: os.path.getsize(os.path.join(folder, name))
            for name in os.listdir(folder)
            if name != "access.log"
        }


def _raise() -> None:
    raise ValueError("one\ntwo")
