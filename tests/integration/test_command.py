"""The command itself: how fast it answers, how it starts a daemon, and how it is told things."""

from __future__ import annotations

import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tests.integration.client import STATIC, ask
from tests.integration.components import UNDER_TEST, IntegrationCase
from tests.integration.servers import answers, directory, free_port, proxy_environ, until
from tests.integration.test_startup import alive

COMMAND = [sys.executable, "-m", "reverseproxy"]
SITE = """\
events {{ }}
http {{
    access_log off;
    server {{
        listen 127.0.0.1:{port};
        location / {{ root html; }}
    }}
}}
"""
#: What a shared machine may be slower than one's own by.
MARGIN = 5 if os.environ.get("CI") else 3

#: Tells its signals, once it says that it is ready.
LISTENER = """\
import signal, sys
def told(number, frame):
    print(signal.Signals(number).name, flush=True)
    if number == signal.SIGTERM:
        sys.exit()
for name in ("TERM", "QUIT", "HUP", "USR1"):
    signal.signal(getattr(signal, "SIG" + name), told)
print("ready", flush=True)
while True:
    signal.pause()
"""


class CommandCase(IntegrationCase):
    def setUp(self) -> None:
        super().setUp()
        if UNDER_TEST == "nginx":
            raise SkipTest("nginx has a command of its own")
        self.prefix = directory("command")
        self.configuration = self.prefix / "reverseproxy.conf"
        (self.prefix / "html").mkdir()
        (self.prefix / "html" / "index.html").write_text("here")
        self.port = free_port()
        self.configuration.write_text(SITE.format(port=self.port))
        self.pid_file = self.prefix / "logs" / "reverseproxy.pid"
        self.error_log = self.prefix / "logs" / "error.log"
        # As it is when it is installed: with its bytecode at hand.
        self.environ = {**os.environ, **proxy_environ(), "PYTHONPYCACHEPREFIX": _bytecode()}
        self.environ.pop("PYTHONDONTWRITEBYTECODE", None)

    def command(self, *options: str) -> list[str]:
        return [*COMMAND, "-p", str(self.prefix), "-c", "reverseproxy.conf", *options]

    def run_command(self, *options: str, under: tuple[str, ...] = ()) -> tuple[int, str]:
        """The status and what is on standard error; standard output is to be empty."""
        done = subprocess.run(
            [*under, *self.command(*options)],
            env=self.environ,
            cwd=self.prefix,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
        )
        if self.pid_file.exists():
            # Whatever is found below, no daemon is left behind.
            pid = int(self.pid_file.read_text())
            self.addCleanup(lambda: alive(pid) and os.kill(pid, signal.SIGKILL))
        self.assertEqual(done.stdout, "")
        return done.returncode, done.stderr

    def daemon(self) -> int:
        """The number of the daemon that was started."""
        return int(self.pid_file.read_text())


_directories: list[Path] = []


def _bytecode() -> str:
    if not _directories:
        _directories.append(directory("bytecode"))
    return str(_directories[0])


class AnswerTests(CommandCase):
    def test_no_twisted(self) -> None:
        """-v, -V and -h import nothing of Twisted."""
        for option in ("-v", "-V", "-h"):
            program = (
                f"import sys, reverseproxy.cli as c; c.main(['{option}']); print(*sys.modules)"
            )
            done = subprocess.run(
                [sys.executable, "-c", program], env=self.environ, capture_output=True, text=True
            )
            self.assertIn("reverseproxy version", done.stderr)
            loaded = set(done.stdout.split())
            self.assertIn("reverseproxy.about", loaded)
            # Debian's Python knows the bare namespace `zope` from its start.
            self.assertEqual(loaded & {"twisted", "zope.interface", "attr"}, set())

    def test_fast(self) -> None:
        """-V is answered within 60 ms, the median of five."""
        self.run_command("-V")
        taken = []
        for _ in range(5):
            start = time.perf_counter()
            status, _ = self.run_command("-V")
            taken.append(time.perf_counter() - start)
            self.assertEqual(status, 0)
        median = statistics.median(taken)
        print(f"\nreverseproxy -V: {median * 1000:.0f} ms (median of 5)")
        self.assertLess(median, 0.06 * MARGIN)


class TestingTests(CommandCase):
    def test_touches_nothing(self) -> None:
        """-t makes no file and binds nothing: a port that is taken is none of its business."""
        with socket.create_server(("127.0.0.1", self.port)):
            status, said = self.run_command("-t")
        self.assertEqual(
            (status, said.splitlines()),
            (
                0,
                [
                    f"reverseproxy: the configuration file {self.configuration} syntax is ok",
                    f"reverseproxy: configuration file {self.configuration} test is successful",
                ],
            ),
        )
        self.assertEqual(sorted(os.listdir(self.prefix)), ["html", "reverseproxy.conf"])

    def test_dump(self) -> None:
        """-T writes the files to standard output, and the rest to standard error."""
        (self.prefix / "more.conf").write_bytes(b"# caf\xc3\xa9\r\n")
        text = f"include more.conf;\n{self.configuration.read_text()}"
        self.configuration.write_text(text)
        done = subprocess.run(self.command("-T"), env=self.environ, capture_output=True)
        expected = (
            f"# configuration file {self.configuration}:\n{text}\n"
            f"# configuration file {self.prefix}/more.conf:\n# caf\u00e9\r\n\n"
        )
        self.assertEqual(done.stdout, expected.encode())
        self.assertIn(b"test is successful", done.stderr)


class LifeTests(CommandCase):
    def test_background(self) -> None:
        """The command returns when the sockets listen, and the pid file is there."""
        self.run_command("-t")  # the bytecode
        start = time.perf_counter()
        status, said = self.run_command()
        taken = time.perf_counter() - start
        self.assertEqual((status, said), (0, ""))
        pid = self.daemon()
        print(f"\nfrom exec to the pid file: {taken:.2f} s")
        self.assertLess(taken, 1.5 * MARGIN)
        self.assertEqual(ask(self.port, "/", host=STATIC).body, b"here")
        self.assertEqual(os.getsid(pid), pid)
        for number in "012":
            self.assertEqual(os.readlink(f"/proc/{pid}/fd/{number}"), "/dev/null")
        self.assertEqual(self.run_command("-s", "stop"), (0, ""))
        until(lambda: not alive(pid), "the daemon to end", 10)
        self.assertFalse(answers(self.port))
        self.assertFalse(self.pid_file.exists())
        self.assertEqual(self.error_log.read_text(), "")

    def test_foreground(self) -> None:
        """With `daemon off` the process that was started is the one in the pid file."""
        with subprocess.Popen(
            self.command("-g", "daemon off;"),
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            try:
                until(self.pid_file.exists, "the pid file")
                self.assertEqual(self.pid_file.read_text(), f"{process.pid}\n")
                self.assertEqual(ask(self.port, "/", host=STATIC).body, b"here")
                self.assertEqual(self.run_command("-s", "stop"), (0, ""))
                self.assertEqual((process.wait(10), process.communicate()[0]), (0, b""))
            finally:
                process.kill()

    def test_closed_descriptors(self) -> None:
        """It starts with any of the standard descriptors closed."""
        for closed in ("0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"):
            under = ("sh", "-c", f'exec "$@" {closed}', "sh")
            done = self.run_command(under=under)
            # Where it can't say why, its log can.
            self.assertEqual(done, (0, ""), f"{closed}: {self.error_log.read_text()}")
            pid = self.daemon()
            self.assertEqual(ask(self.port, "/", host=STATIC).body, b"here")
            for number in "012":
                self.assertEqual(os.readlink(f"/proc/{pid}/fd/{number}"), "/dev/null")
            self.run_command("-s", "stop")
            until(lambda pid=pid: not alive(pid), "the daemon to end", 10)  # type: ignore[misc]

    def test_refused(self) -> None:
        """What only a start finds is told there and in the error log, and the status is 1."""
        with socket.create_server(("127.0.0.1", self.port)):
            status, said = self.run_command()
        self.assertEqual(status, 1)
        (line,) = said.splitlines()
        told = f"{self.configuration}:5:9: can't listen on 127.0.0.1:{self.port}: Address already"
        self.assertTrue(line.startswith(f"reverseproxy: [emerg] {told}"), line)
        self.assertIn(f": {told}", self.error_log.read_text())
        self.assertFalse(self.pid_file.exists())

    def test_wrong(self) -> None:
        """A wrong configuration is every error on the terminal and in the error log."""
        self.configuration.write_text("error_log e.log;\nnonsense on;\n" + SITE.format(port="x"))
        status, said = self.run_command()
        self.assertEqual((status, len(said.splitlines())), (1, 2))
        self.assertNotIn("Traceback", said)
        self.assertEqual((self.prefix / "e.log").read_text().count(" [emerg] "), 2)


class SignalTests(CommandCase):
    def test_signals(self) -> None:
        """Each name of -s is its signal to the process in the pid file."""
        process = subprocess.Popen(
            [sys.executable, "-c", LISTENER], stdout=subprocess.PIPE, text=True
        )
        output = process.stdout
        if output is None:
            raise TypeError(output)
        with output:
            try:
                self.assertEqual(output.readline(), "ready\n")
                self.pid_file.parent.mkdir()
                self.pid_file.write_text(f"{process.pid}\n")
                for name, told in (
                    ("reload", "SIGHUP"),
                    ("reopen", "SIGUSR1"),
                    ("quit", "SIGQUIT"),
                    ("stop", "SIGTERM"),
                ):
                    self.assertEqual(self.run_command("-s", name), (0, ""))
                    self.assertEqual(output.readline(), f"{told}\n")
            finally:
                process.kill()
                process.wait()
        status, said = self.run_command("-s", "reload")
        line = f"reverseproxy: [alert] kill({process.pid}, 1) failed (3: No such process)\n"
        self.assertEqual((status, said), (1, line))
