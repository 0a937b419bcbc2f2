"""Where lines go: buffers, conditions, paths with variables, syslog, memory."""

from __future__ import annotations

import gzip
import os
import socket

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError

from ..support import Bench, serve

SERVER = 'server { listen 80; location / { return 200 "x"; } %s }'


class BufferTests(SynchronousTestCase):
    """`buffer=`, `flush=` and `gzip`."""

    def bench(self, options: str) -> Bench:
        """A bench whose accesses are logged by their paths."""
        log = f"log_format f $uri; access_log logs/f.log f {options};"
        return serve(self, log + SERVER % "")

    def test_size(self) -> None:
        """Lines are written when the next does not fit, and only whole ones."""
        bench = self.bench("buffer=12")
        for path in (b"/aaaa", b"/bbbb"):
            bench.client().get(path)
        self.assertEqual(bench.lines("logs/f.log"), [])
        bench.client().get(b"/cccc")
        self.assertEqual(bench.lines("logs/f.log"), ["/aaaa", "/bbbb"])

    def test_longer_than_the_buffer(self) -> None:
        """A line that is longer than the buffer is written all the same."""
        bench = self.bench("buffer=4")
        bench.client().get(b"/a-long-path")
        bench.client().get(b"/b")
        self.assertEqual(bench.lines("logs/f.log"), ["/a-long-path"])

    def test_time(self) -> None:
        """What waited for `flush` is written, however little it is."""
        bench = self.bench("buffer=1k flush=5s")
        bench.client().get(b"/a")
        bench.advance(4)
        self.assertEqual(bench.lines("logs/f.log"), [])
        bench.advance(3)
        self.assertEqual(bench.lines("logs/f.log"), ["/a"])

    def test_stop(self) -> None:
        """At the end nothing is lost."""
        bench = self.bench("buffer=1k")
        bench.client().get(b"/a")
        bench.assembly.logs.close()
        self.assertEqual(bench.lines("logs/f.log"), ["/a"])

    def test_reopen(self) -> None:
        """What was gathered before a rotation is in the file that was renamed."""
        bench = self.bench("buffer=1k")
        bench.client().get(b"/a")
        os.rename(bench.path("logs/f.log"), bench.path("logs/f.log.1"))
        bench.assembly.log_files.reopen()
        bench.client().get(b"/b")
        bench.assembly.logs.close()
        self.assertEqual(bench.lines("logs/f.log.1"), ["/a"])
        self.assertEqual(bench.lines("logs/f.log"), ["/b"])

    def test_gzip(self) -> None:
        """Each block is a gzip member; the file is what they are together."""
        bench = self.bench("gzip=9 buffer=8")
        for path in (b"/aaaa", b"/bbbb", b"/cccc"):
            bench.client().get(path)
        bench.assembly.logs.close()
        with gzip.open(bench.path("logs/f.log")) as file:
            self.assertEqual(file.read(), b"/aaaa\n/bbbb\n/cccc\n")

    def test_refused(self) -> None:
        """What can't be is said where it stands."""
        for options, why in (
            ("flush=5s", "flush= and no buffer="),
            ("buffer=x", "takes a size"),
            ("gzip=10", "from 1 to 9"),
            ("wrong=1", "does not take"),
        ):
            error = self.assertRaises(ConfigurationError, self.bench, options)
            self.assertIn(why, str(error))
        text = (
            "access_log a.log combined buffer=1k; " + SERVER % "location /a { access_log a.log; }"
        )
        error = self.assertRaises(ConfigurationError, serve, self, text)
        self.assertIn("is there already with another buffer", str(error))


class TargetTests(SynchronousTestCase):
    """Conditions, paths with variables, syslog and memory."""

    def test_condition(self) -> None:
        """No line is written where the condition is empty or 0."""
        bench = serve(self, "log_format f $uri; access_log logs/f.log f if=$arg_log;" + SERVER % "")
        for path in (b"/a", b"/b?log=0", b"/c?log=1", b"/d?log=no"):
            bench.client().get(path)
        self.assertEqual(bench.lines("logs/f.log"), ["/c", "/d"])

    def test_path_of_variables(self) -> None:
        """Each host has its file, where the root of the request is there."""
        bench = serve(
            self, 'log_format f $uri; access_log "logs/$host.log" f;' + SERVER % "root there;"
        )
        bench.client().get(b"/early")
        os.makedirs(bench.path("there"))
        bench.client().get(b"/a")
        bench.client().get(b"/b")
        self.assertEqual(bench.lines("logs/example.org.log"), ["/a", "/b"])

    def test_cache(self) -> None:
        """With a cache files stay open until they are unused, or checked again."""
        cache = "open_log_file_cache max=1 inactive=20s valid=10s;"
        bench = serve(
            self,
            'log_format f $uri; access_log "logs/$arg_n.log" f;' + cache + SERVER % "root .;",
        )
        bench.client().get(b"/a?n=1")
        os.rename(bench.path("logs/1.log"), bench.path("logs/old"))
        bench.client().get(b"/b?n=1")
        self.assertEqual(bench.lines("logs/old"), ["/a", "/b"])
        bench.advance(11)
        bench.client().get(b"/c?n=1")
        self.assertEqual(bench.lines("logs/1.log"), ["/c"])
        (log,) = bench.assembly.logs.varying.values()
        bench.client().get(b"/d?n=2")
        self.assertEqual(list(log._open), [bench.path("logs/2.log").encode()])
        bench.advance(21)
        self.assertEqual(list(log._open), [])

    def test_syslog(self) -> None:
        """Lines go to a unix socket with facility, severity, tag and without the host's name."""
        path = os.path.join("/tmp", f"rp-{os.getpid()}.sock")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as syslog:
            self.addCleanup(os.unlink, path)
            syslog.bind(path)
            syslog.settimeout(5)
            options = f"syslog:server=unix:{path},facility=local1,tag=rp,nohostname"
            bench = serve(
                self,
                f"log_format f $uri; access_log {options},severity=notice f; "
                f"error_log {options} warn;" + SERVER % "location /e { root none; }",
            )
            bench.client().get(b"/a")
            first = syslog.recv(4096)
            bench.client().get(b"/e")
            seen = {first, syslog.recv(4096), syslog.recv(4096)}
        lines = sorted(line.decode() for line in seen)
        # local1 is 17: 17 * 8 + 5 (notice) and + 3 (err).
        self.assertRegex(lines[0], r"\A<139>[A-Z][a-z]{2} [ 0-9]\d \d\d:\d\d:\d\d rp: .*\[error\]")
        self.assertRegex(lines[1], r"\A<141>.{15} rp: /a\Z")
        self.assertRegex(lines[2], r"\A<141>.{15} rp: /e\Z")

    def test_no_syslog(self) -> None:
        """A syslog that is not there is complained of, and serving goes on."""
        bench = serve(self, "access_log syslog:server=unix:/nowhere/at/all combined;" + SERVER % "")
        self.assertEqual(bench.client().get(b"/").status, 200)
        self.assertIn("sending to syslog at unix:/nowhere/at/all failed", bench.errors()[-1])

    def test_refused_syslog(self) -> None:
        """What syslog: does not take is said."""
        for text, why in (
            ("syslog:facility=local1", "needs server="),
            ("syslog:server=a,facility=nope", "nothing that syslog: takes"),
            ("syslog:server=a:99999", "is not a port"),
        ):
            error = self.assertRaises(
                ConfigurationError, serve, self, f"error_log {text};" + SERVER % ""
            )
            self.assertIn(why, str(error))

    def test_memory(self) -> None:
        """A memory keeps the last lines, as many as fit."""
        bench = serve(self, "error_log memory:400 info;" + SERVER % "location /e { root none; }")
        for number in range(5):
            bench.client().get(b"/e%d" % number)
        (memory,) = bench.assembly.logs.memory.values()
        self.assertIn(b"/e4", memory.lines[-1])
        self.assertLess(len(memory.lines), 5)
        self.assertLessEqual(sum(map(len, memory.lines)), 400)
