"""The command starts: where errors go, when it goes to the background, and that it serves."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

from reverseproxy import about
from reverseproxy.process import background, loading, preparing, starting
from reverseproxy.process.pidfile import PidFile

from ..fakes import FakeReactor, FakeSocket
from ..test_cli import GOOD, CommandCase


class Reactor(FakeReactor):
    """One that runs until it has nothing to do, that is at once."""

    def __init__(self) -> None:
        super().__init__()
        self.triggers: list[tuple[str, str, Callable[[], Any]]] = []
        self.ran = ""

    def addSystemEventTrigger(self, when: str, event: str, call: Callable[[], Any]) -> None:
        self.triggers.append((when, event, call))

    def run(self) -> None:
        self.ran = "with readers" if self.readers else "without"
        for _, _, call in self.triggers:
            call()
        self.settle()


class StartTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.order: list[str] = []
        self.patch(background, "detach", self.detach)
        self.patch(starting, "serve", self.serve)
        self.problem: Exception | None = None

    def detach(self) -> Callable[[], None]:
        self.order.append("detached")
        return lambda: self.order.append("serves")

    def serve(self, given: loading.Given, serves: Callable[[], None] | None) -> None:
        self.order.append("served")
        self.existed = os.path.exists(self.path("logs/error.log"))
        loading.configuration(given)
        if serves is not None:
            serves()

    def test_background(self) -> None:
        """It goes to the background first; the error log is there from the start."""
        self.write("reverseproxy.conf", GOOD)
        self.assertEqual(self.run_command(), (0, []))
        self.assertEqual(self.order, ["detached", "served", "serves"])
        self.assertTrue(self.existed)

    def test_foreground(self) -> None:
        """With `daemon off`, in the file or the command line, it stays."""
        self.write("reverseproxy.conf", GOOD)
        self.run_command("-g", "daemon off;")
        self.write("reverseproxy.conf", f"daemon off; {GOOD}")
        self.run_command()
        self.assertEqual(self.order, ["served", "served"])

    def test_wrong(self) -> None:
        """Errors are on the terminal and in the error log, and the status is 1."""
        self.write("reverseproxy.conf", f"error_log e.log;\nnonsense; {GOOD}")
        status, (line,) = self.run_command()
        self.assertEqual(status, 1)
        told = line.removeprefix("reverseproxy: [emerg] ")
        self.assertTrue(told.startswith(f"{self.path('reverseproxy.conf')}:2:1: "), told)
        with open(self.path("e.log")) as file:
            self.assertRegex(file.read(), rf"\[emerg\] \d+#\d+: {re.escape(told)}\n$")
        self.assertFalse(os.path.exists(self.path("logs")))

    def test_no_configuration(self) -> None:
        """Without a configuration there is no error log but one that is named."""
        status, lines = self.run_command()
        self.assertEqual((status, len(lines)), (1, 1))
        self.assertEqual(os.listdir(self.home), [])
        self.run_command("-e", "e.log")
        with open(self.path("e.log")) as file:
            self.assertIn("no configuration at", file.read())

    def test_no_error_log(self) -> None:
        """An error log that can't be opened leaves the terminal."""
        self.write("reverseproxy.conf", f"error_log nowhere/e.log; nonsense; {GOOD}")
        status, lines = self.run_command()
        self.assertEqual((status, len(lines)), (1, 1))


class ServeTests(CommandCase):
    def serve(self, text: str = GOOD) -> Reactor:
        self.write("reverseproxy.conf", "master_process off; " + text)
        reactor = Reactor()
        self.patch(preparing, "bind", lambda _listen: FakeSocket(("127.0.0.1", 8081), ("", 0)))
        given = loading.Given(self.home, pid=about.PID_FILE)
        self.pid = ""

        def serves() -> None:
            with open(self.path(about.PID_FILE)) as file:
                self.pid = file.read()

        from twisted import logger

        class Beginner:
            """Trial has begun logging already."""

            @staticmethod
            def beginLoggingTo(observers: list[Any], **_: Any) -> None:
                self.observers = observers

        self.patch(logger, "globalLogBeginner", Beginner)
        self.let_go = 0

        def let_go() -> None:
            self.let_go += 1

        self.patch(background, "let_go", let_go)
        starting.serve(given, serves, reactor)
        return reactor

    def test_serves(self) -> None:
        """It says so when the pid file is written, runs, and stops with the reactor."""
        reactor = self.serve()
        self.assertEqual((self.pid, self.let_go), (f"{os.getpid()}\n", 1))
        self.assertEqual(reactor.ran, "with readers")
        self.assertEqual([trigger[:2] for trigger in reactor.triggers], [("before", "shutdown")])
        self.assertFalse(os.path.exists(self.path(about.PID_FILE)))
        self.assertEqual((reactor.readers, self.observers), ({}, []))

    def test_no_pid_file(self) -> None:
        """A pid file that can't be written after all is an error like any other."""

        def write(file: PidFile) -> None:
            raise IsADirectoryError(21, "Is a directory", file.path)

        self.patch(PidFile, "write", write)
        error = self.assertRaises(starting.ConfigurationError, self.serve)
        self.assertIn("reverseproxy.pid: Is a directory", str(error))
