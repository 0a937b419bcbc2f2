"""How the daemon starts, refuses to start, and stops."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.integration.client import STATIC, ask
from tests.integration.components import ROOT, UNDER_TEST, IntegrationCase
from tests.integration.servers import (
    alive,
    answers,
    directory,
    free_port,
    proxy_command,
    proxy_environ,
    start_proxy,
    until,
)

SITE = """\
pid run.pid;
error_log error.log;
events {{ }}
http {{
    access_log off;
    server {{
        listen 127.0.0.1:{port};
        location / {{ root html; }}
    }}
}}
"""


class StartCase(IntegrationCase):
    """A prefix directory with a page and whatever configuration a test writes."""

    def setUp(self) -> None:
        super().setUp()
        self.prefix = directory("start")
        self.configuration = self.prefix / "reverseproxy.conf"
        (self.prefix / "html").mkdir()
        (self.prefix / "html" / "index.html").write_text("here")

    def refused(self, configuration: Path | None = None) -> list[str]:
        """Start it, expect status 1 and no traceback; what it said, line by line."""
        command = proxy_command(configuration or self.configuration, self.prefix)
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **proxy_environ()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
        )
        said = done.stderr + done.stdout
        self.assertEqual(done.returncode, 1, said)
        self.assertNotIn("Traceback", said)
        return done.stderr.splitlines()

    def line_about(self, lines: list[str], *words: str) -> str:
        """The one line that holds all the words."""
        found = [line for line in lines if all(word in line for word in words)]
        self.assertEqual(len(found), 1, "\n".join(lines))
        return found[0]


class RefusalTests(StartCase):
    """What is wrong is said in one clear line, and nothing is started."""

    def test_unknown_directive(self) -> None:
        """A misspelt directive is named with its file and line."""
        text = SITE.format(port=free_port()).replace("access_log", "acess_log")
        self.configuration.write_text(text)
        self.line_about(self.refused(), '"acess_log"', f"{self.configuration}:5")

    def test_unfinished_file(self) -> None:
        """A file that ends inside a block is an error in that file."""
        text = SITE.format(port=free_port()).rstrip().removesuffix("}")
        self.configuration.write_text(text)
        self.line_about(self.refused(), f"{self.configuration}:")

    def test_wrong_value(self) -> None:
        """A value that can't be read is named with its file and line."""
        text = SITE.format(port=free_port()).replace("root html", "client_max_body_size 10x")
        self.configuration.write_text(text)
        self.line_about(self.refused(), "client_max_body_size", f"{self.configuration}:8")

    def test_error_in_an_included_file(self) -> None:
        """An error in an included file is located there."""
        included = self.prefix / "part.conf"
        included.write_text("\n\nnonsense on;\n")
        text = SITE.format(port=free_port()).replace("access_log off", "include part.conf")
        self.configuration.write_text(text)
        self.line_about(self.refused(), '"nonsense"', f"{included}:3")

    def test_all_errors_at_once(self) -> None:
        """Three mistakes are three lines, each located, and nothing besides."""
        if UNDER_TEST == "nginx":
            raise SkipTest("nginx stops at the first error")
        text = SITE.format(port=free_port())
        for right, wrong in (("access_log", "acess_log"), ("root", "rot"), ("events", "evnts")):
            text = text.replace(right, wrong)
        self.configuration.write_text(text)
        located = [line for line in self.refused() if f"{self.configuration}:" in line]
        lines = [re.search(r"reverseproxy\.conf:(\d+)", line) for line in located]
        self.assertEqual([match and match[1] for match in lines], ["3", "5", "8"])

    def test_only_the_errors(self) -> None:
        """A refusal is the errors and no usage text that hides them."""
        self.configuration.write_text(SITE.format(port=free_port()).replace("root", "rot"))
        self.assertLessEqual(len(self.refused()), 2)

    def test_missing_configuration(self) -> None:
        """A configuration that isn't there is named."""
        missing = self.prefix / "nowhere" / "reverseproxy.conf"
        self.line_about(self.refused(missing), str(missing))

    def test_missing_log_directory(self) -> None:
        """A log whose directory is missing is named with its path."""
        text = SITE.format(port=free_port()).replace("access_log off", "access_log nowhere/a.log")
        self.configuration.write_text(text)
        self.line_about(self.refused(), str(self.prefix / "nowhere"))

    def test_port_in_use(self) -> None:
        """An address that somebody else listens on is named."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            self.configuration.write_text(SITE.format(port=port))
            lines = [line for line in self.refused() if f"127.0.0.1:{port}" in line]
        self.assertTrue(lines)
        self.assertRegex(lines[0], "[Aa]ddress already in use")

    def test_unknown_user(self) -> None:
        """A `user` that the system doesn't know is named."""
        if os.geteuid() != 0:
            raise SkipTest("only root can become somebody else, for others `user` has no effect")
        self.configuration.write_text("user nobodyknows;\n" + SITE.format(port=free_port()))
        self.line_about(self.refused(), "nobodyknows", f"{self.configuration}:1")


class LifeTests(StartCase):
    """Starting, serving, stopping."""

    def test_foreground(self) -> None:
        """In the foreground it serves, and SIGTERM ends it with its port closed."""
        port = free_port()
        self.configuration.write_text(SITE.format(port=port))
        server = start_proxy(self.configuration, self.prefix, port)
        self.addCleanup(server.stop)
        self.assertEqual(ask(port, "/", host=STATIC).body, b"here")
        server.process.send_signal(signal.SIGTERM)
        # twistd stops in order and then lets the signal be its end, so that whoever waits knows.
        self.assertIn(server.process.wait(10), (0, -signal.SIGTERM), server.said())
        self.assertFalse(answers(port))
        self.assertNotIn("Traceback", server.said())

    def test_directory(self) -> None:
        """A directory can be named instead of the file in it."""
        if UNDER_TEST == "nginx":
            raise SkipTest("nginx wants the file")
        port = free_port()
        self.configuration.write_text(SITE.format(port=port))
        server = start_proxy(self.prefix, self.prefix, port)
        self.addCleanup(server.stop)
        self.assertEqual(ask(port, "/", host=STATIC).body, b"here")

    def test_background(self) -> None:
        """As a daemon it leaves a pid, serves, and is gone after SIGTERM, the pid file too."""
        port, pidfile = free_port(), self.prefix / "run.pid"
        text = SITE.format(port=port)
        if UNDER_TEST != "nginx":
            text = text.replace("pid run.pid;", "")  # twistd's own
        self.configuration.write_text(text)
        done = subprocess.run(
            proxy_command(self.configuration, self.prefix, pidfile=pidfile),
            cwd=self.prefix,  # twistd's log goes to where it is started
            env={**os.environ, **proxy_environ()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=30,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        until(lambda: pidfile.exists() and pidfile.read_text().strip(), "the pid file")
        pid = int(pidfile.read_text())
        self.addCleanup(self.end, pid)
        until(lambda: answers(port), "the daemon to listen")
        self.assertEqual(ask(port, "/", host=STATIC).body, b"here")
        os.kill(pid, signal.SIGTERM)
        until(lambda: not alive(pid), "the daemon to end", 10)
        self.assertFalse(answers(port))
        self.assertFalse(pidfile.exists())

    @staticmethod
    def end(pid: int) -> None:
        """Leave no daemon behind, whatever a test found."""
        if alive(pid):
            os.kill(pid, signal.SIGKILL)
