"""Starting and stopping: what is checked before the daemon runs, and what it leaves behind."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy import service
from reverseproxy.process import loaded, preparing
from reverseproxy.process.daemon import Daemon

from ..fakes import FakeReactor, FakeSocket

PLAIN = "master_process off; http { server { listen 127.0.0.1:8081; } }"


class StartTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.prefix = os.path.abspath(self.mktemp())
        os.mkdir(self.prefix)
        self.reactor = FakeReactor()
        self.bound: list[FakeSocket] = []
        self.patch(preparing, "bind", self.bind)
        self.patch(loaded, "to_stderr", lambda line: self.stderr.write(line.decode()))

    def bind(self, listen: Any) -> FakeSocket:
        address = listen.address
        self.bound.append(FakeSocket((address.host, address.port), ("", 0)))
        return self.bound[-1]

    def path(self, name: str) -> str:
        return os.path.join(self.prefix, name)

    def write(self, name: str, text: str = "") -> str:
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w") as file:
            file.write(text)
        return self.path(name)

    def make(self, text: str | None = PLAIN, *options: str) -> Daemon:
        """What `twistd reverseproxy -c DIRECTORY` makes."""
        if text is not None:
            self.write("reverseproxy.conf", text)
        self.stderr = io.StringIO()
        self.patch(sys, "stderr", self.stderr)
        parsed = service.Options()
        parsed.parseOptions(["-c", self.prefix, *options])
        daemon = service.makeService(parsed, self.reactor)
        if not isinstance(daemon, Daemon):
            raise TypeError(daemon)
        self.addCleanup(lambda: daemon.assembly.log_files.close())
        return daemon

    def refused(self, text: str | None, *options: str) -> list[str]:
        """The lines on standard error of a configuration that is refused."""
        caught = self.assertRaises(SystemExit, self.make, text, *options)
        self.assertEqual(caught.code, 1)
        lines = self.stderr.getvalue().splitlines()
        for line in lines:
            self.assertTrue(line.startswith("reverseproxy: [emerg] "), line)
        self.assertTrue(all(socket.closed for socket in self.bound))
        return lines

    def log(self) -> str:
        with open(self.path("logs/error.log")) as file:
            return file.read()


class ClockTests(StartTestCase):
    def test_steady(self) -> None:
        """The reactor's timers go by monotonic time before the first of them is set."""
        seen: list[tuple[object, int]] = []
        self.patch(
            service.polling, "steady", lambda one: seen.append((one, len(one.getDelayedCalls())))
        )
        self.make()
        self.assertEqual(seen, [(self.reactor, 0)])


class RefusedTests(StartTestCase):
    def test_no_configuration(self) -> None:
        """A path that is not there, or a directory without a configuration, says so."""
        (line,) = self.refused(None)
        self.assertIn(f'no reverseproxy.conf or nginx.conf in the directory "{self.prefix}"', line)
        (line,) = self.refused(None, "-c", "/nowhere/at/all")
        self.assertIn('no configuration at "/nowhere/at/all"', line)

    def test_every_error(self) -> None:
        """All that is wrong is told at once, each with its place."""
        lines = self.refused("http { server { lissten 80; root; } nosuch 1; }\nuser nosuchuser;")
        self.assertEqual(len(lines), 4)
        for line, place in zip(lines, ("1:17", "1:29", "1:37", "2:6"), strict=True):
            self.assertIn(f"reverseproxy.conf:{place}: ", line)
        self.assertIn('there is no user "nosuchuser"', lines[-1])

    def test_no_group(self) -> None:
        """A group that is not there is an error."""
        (line,) = self.refused("user root nosuchgroup; " + PLAIN)
        self.assertIn('there is no group "nosuchgroup"', line)

    def test_port_in_use(self) -> None:
        """A port that is taken is an error with its place, and how to find out by whom."""

        def bind(listen: Any) -> FakeSocket:
            if listen.address.port == 8081:
                return self.bind(listen)
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))

        self.patch(preparing, "bind", bind)
        (line,) = self.refused("http { server { listen 127.0.0.1:8081; listen 127.0.0.1:8082; } }")
        self.assertIn("reverseproxy.conf:1:", line)
        self.assertIn("can't listen on 127.0.0.1:8082: Address already in use", line)
        self.assertIn("ss -ltnp", line)
        self.assertEqual(len(self.bound), 1)

    def test_log_directory(self) -> None:
        """The directory of a log that is named must be there; the line says how to make it."""
        (line,) = self.refused("http { access_log nowhere/a.log; server { listen 8081; } }")
        self.assertIn("reverseproxy.conf:1:", line)
        self.assertIn(f"mkdir -p {self.path('nowhere')}", line)

    def test_default_log_directory(self) -> None:
        """That of the default is made; where that can't be, it is an error like any other."""
        self.make()
        self.assertTrue(os.path.isdir(self.path("logs")))
        self.setUp()
        self.write("logs", "a file")
        lines = self.refused(PLAIN)
        self.assertEqual(len(lines), 2)
        self.assertTrue(all("can't be opened: Not a directory" in line for line in lines))

    def test_spool_directory(self) -> None:
        """A directory for temporary files that can't be made is an error."""
        self.write("proxy_temp", "a file")
        (line,) = self.refused(PLAIN)
        self.assertIn(f'"{self.path("proxy_temp")}" can\'t be made or read', line)
        self.assertIn("proxy_temp_path", line)

    def test_pid_directory(self) -> None:
        """The directory of the pid file must be there."""
        (line,) = self.refused(f"pid {self.path('run/x.pid')}; {PLAIN}")
        self.assertIn(f"mkdir -p {self.path('run')}", line)

    def test_nothing_left(self) -> None:
        """A configuration that is refused leaves no descriptor open."""
        before = len(os.listdir("/proc/self/fd"))
        self.refused("http { access_log nowhere/a.log; server { listen 8081; } }")
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)


class RunningTests(StartTestCase):
    def start(self, text: str = PLAIN) -> Daemon:
        daemon = self.make(text)
        daemon.startService()
        return daemon

    def stop(self, daemon: Daemon) -> None:
        done: list[Any] = []
        daemon.stopService().addBoth(done.append)
        self.reactor.settle()
        self.assertEqual(len(done), 1)

    def test_addresses(self) -> None:
        """Every address is listened on while the service runs, and no longer."""
        daemon = self.start(
            "master_process off; http { server { listen 127.0.0.1:8081; listen 8082; } }"
        )
        self.assertEqual(len(self.reactor.readers), 2)
        self.assertEqual([socket.getsockname()[1] for socket in self.bound], [8081, 8082])
        self.stop(daemon)
        self.assertEqual(self.reactor.readers, {})
        self.assertTrue(all(socket.closed for socket in self.bound))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_log(self) -> None:
        """Start and end are in the error log at level notice."""
        daemon = self.start("error_log logs/error.log notice; " + PLAIN)
        self.assertIn(" [notice] ", self.log())
        self.assertIn("serves 1 addresses", self.log())
        self.stop(daemon)
        self.assertIn("stopped", self.log().splitlines()[-1])

    def test_pid_file(self) -> None:
        """The pid file has the process's number while it runs."""
        daemon = self.start(f"pid {self.path('x.pid')}; {PLAIN}")
        with open(self.path("x.pid")) as file:
            self.assertEqual(file.read(), f"{os.getpid()}\n")
        self.stop(daemon)
        self.assertFalse(os.path.exists(self.path("x.pid")))

    def test_pid_file_gone(self) -> None:
        """A pid file that somebody removed is an alert, and no obstacle."""
        daemon = self.start(f"pid {self.path('x.pid')}; {PLAIN}")
        os.unlink(self.path("x.pid"))
        self.stop(daemon)
        self.assertIn("[alert]", self.log())

    def test_left_overs(self) -> None:
        """Temporary files of a killed process are swept at start, and the log says so."""
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)
        for name in (f"client_body_temp/0000000001.{pid}", f"proxy_temp/0000000002.{pid}"):
            self.write(name)
        self.write("proxy_temp/notes")
        self.start("error_log logs/error.log notice; " + PLAIN)
        self.assertEqual(os.listdir(self.path("client_body_temp")), [])
        self.assertEqual(os.listdir(self.path("proxy_temp")), ["notes"])
        self.assertEqual(self.log().count("1 left-over temporary files removed from"), 2)

    def test_warnings(self) -> None:
        """What is odd is told on the terminal and in the log, and does not stop it."""
        self.start(
            "master_process off; error_log logs/error.log warn; error_log off;"
            "http { server { listen 8081; server_name a; } server { listen 8081; server_name a; } }"
        )
        for text in (self.stderr.getvalue(), self.log()):
            self.assertIn('conflicting server name "a" on 0.0.0.0:8081, ignored', text)
            self.assertIn("no errors are logged here", text)
            self.assertIn("[warn]", text)

    def test_unhandled(self) -> None:
        """An error that nobody handled is in the error log as well."""
        daemon = self.start()
        failure = Failure(KeyError("lost"))
        Logger().failure("oops", failure)
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)
        self.assertIn("unhandled error: KeyError: 'lost'", self.log())
        self.stop(daemon)
        size = len(self.log())
        Logger().failure("later", failure)
        self.assertEqual(len(self.log()), size)
        self.flushLoggedErrors(KeyError)

    def test_prefix(self) -> None:
        """Relative paths start at the prefix, which is the configuration's directory or named."""
        self.write("elsewhere/logs/x")
        daemon = self.make(PLAIN, "-p", self.path("elsewhere"))
        paths = {os.path.dirname(file.path) for file in daemon.assembly.log_files}
        self.assertEqual(paths, {self.path("elsewhere/logs")})

    def test_names(self) -> None:
        """reverseproxy.conf is taken before nginx.conf, which is taken if it is alone."""
        self.write("nginx.conf", "master_process off; http { server { listen 127.0.0.1:8082; } }")
        self.make(None)
        self.assertEqual(self.bound[-1].getsockname()[1], 8082)
        self.make()
        self.assertEqual(self.bound[-1].getsockname()[1], 8081)
