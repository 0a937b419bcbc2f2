"""What a start would find wrong, told without touching anything."""

from __future__ import annotations

import os

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.process import checking, preparing
from reverseproxy.process.loading import Given, configuration
from reverseproxy.web.assembly import Assembly

from ..fakes import FakeSocket
from .test_start import PLAIN


class CheckTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.home = os.path.abspath(self.mktemp())
        os.mkdir(self.home)
        self.patch(preparing, "bind", lambda _listen: FakeSocket(("", 81), ("", 0)))

    def write(self, name: str, text: str = "") -> None:
        with open(os.path.join(self.home, name), "w") as file:
            file.write(text)

    def tree(self) -> list[tuple[str, list[str], list[str]]]:
        return sorted(os.walk(self.home))

    def told(self, text: str, **given: str) -> list[str]:
        """What the check says; a start must say the same, and only that may touch anything."""
        self.write("nginx.conf", text)
        loaded = configuration(Given(self.home, **given))
        assembly = Assembly(loaded, Clock())
        before = self.tree()
        told = [str(error) for error in checking.could_not_open(loaded, assembly)]
        self.assertEqual(self.tree(), before)
        try:
            preparing.prepare(loaded, assembly)
        except preparing.ConfigurationError as error:
            self.assertEqual(sorted(map(str, error.diagnostics)), sorted(told))
        else:
            self.assertEqual(told, [])
            assembly.log_files.close()
        return told

    def test_nothing(self) -> None:
        """Nothing has to be there: what a start makes could be made."""
        self.assertEqual(self.told(PLAIN, pid="run/x.pid"), [])

    def test_everything(self) -> None:
        """What is there already is as good."""
        self.told(PLAIN, pid="run/x.pid")
        self.assertEqual(self.told(PLAIN, pid="run/x.pid"), [])

    def test_log(self) -> None:
        """The directory of a log that is named must be there, and be one."""
        (line,) = self.told("http { access_log nowhere/a.log; server { listen 81; } }")
        self.assertIn("can't be opened: No such file or directory (make the directory", line)
        self.write("file")
        (line,) = self.told("http { access_log file/a.log; server { listen 81; } }")
        self.assertIn("can't be opened: Not a directory", line)
        (line,) = self.told("http { access_log logs; server { listen 81; } }")
        self.assertIn("logs\" can't be opened: Is a directory", line)

    def test_default_log(self) -> None:
        """A file in the place of the default's directory is in the way of both logs."""
        self.write("logs")
        self.assertEqual(len(self.told(PLAIN)), 2)

    def test_default_pid(self) -> None:
        """A file in the place of the pid file's directory is in the way."""
        self.write("run")
        (line,) = self.told(PLAIN, pid="run/x.pid")
        self.assertIn("x.pid\" can't be written: Not a directory", line)

    def test_pid(self) -> None:
        """The directory of a pid file that is named must be there."""
        (line,) = self.told(f"pid run/x.pid; {PLAIN}")
        self.assertIn("there is no directory", line)

    def test_temporary_files(self) -> None:
        """A file in the place of a directory of temporary files is in the way."""
        self.write("proxy_temp")
        (line,) = self.told(PLAIN)
        self.assertIn("can't be made or read", line)
        text = "http { client_body_temp_path nginx.conf/x; server { listen 81; } }"
        (line, _) = self.told(text)
        self.assertIn("nginx.conf:1:8: ", line)

    def test_rights(self) -> None:
        """What this user may not write in is told; what this user may write need not be root's."""
        self.patch(os, "access", lambda path, _mode: "/logs" not in path)
        os.mkdir(os.path.join(self.home, "logs"))
        self.write("logs/error.log")
        self.write("nginx.conf", PLAIN)
        loaded = configuration(Given(self.home, pid="logs/x.pid"))
        told = checking.could_not_open(loaded, Assembly(loaded, Clock()))
        self.assertEqual(
            [str(line).partition(" (")[0] for line in told],
            [
                f'"{self.home}/logs/x.pid" can\'t be written',
                f'"{self.home}/logs/error.log" can\'t be opened: Permission denied',
                f'"{self.home}/logs/access.log" can\'t be opened: Permission denied',
            ],
        )
