"""The configuration as a command line gives it."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError
from reverseproxy.logs.errors import ErrorLogSettings
from reverseproxy.process.loading import Given, configuration, outlined
from reverseproxy.process.settings import MainSettings


class LoadingCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.home = os.path.abspath(self.mktemp())
        os.mkdir(self.home)

    def given(self, text: str, **more: str) -> Given:
        with open(os.path.join(self.home, "nginx.conf"), "w") as file:
            file.write(text)
        return Given(self.home, **more)


class ConfigurationTests(LoadingCase):
    def test_prefix(self) -> None:
        """Without a prefix relative paths start where the configuration is."""
        given = self.given("pid x.pid;")
        self.assertEqual(configuration(given).main[MainSettings].pid, f"{self.home}/x.pid")
        given = self.given("pid x.pid;", prefix="/srv")
        self.assertEqual(configuration(given).main[MainSettings].pid, "/srv/x.pid")

    def test_defaults(self) -> None:
        """The pid file and the error log of the command line stand back behind the file's."""
        path = '/a "quoted" \\ $path;'
        main = configuration(self.given("", pid="run/x.pid", error_log=path)).main
        self.assertEqual(main[MainSettings].pid, f"{self.home}/run/x.pid")
        self.assertEqual([target.path for target in main[ErrorLogSettings].error_log], [path])
        main = configuration(self.given("pid y; error_log z;", pid="x", error_log="/e")).main
        self.assertEqual(main[MainSettings].pid, f"{self.home}/y")
        self.assertEqual(main[ErrorLogSettings].error_log[0].path, f"{self.home}/z")

    def test_no_pid_file(self) -> None:
        """Nobody names a pid file: there is none (twistd has its own)."""
        self.assertIsNone(configuration(self.given("")).main[MainSettings].pid)

    def test_read(self) -> None:
        """What is read goes through the reader that is given."""
        asked = []

        def read(path: str) -> bytes:
            asked.append(path)
            raise PermissionError(13, "Permission denied")

        error = self.assertRaises(ConfigurationError, configuration, self.given(""), read)
        self.assertEqual(str(error), f'can\'t read "{self.home}/nginx.conf": Permission denied')
        self.assertEqual(asked, [f"{self.home}/nginx.conf"])

    def test_warnings(self) -> None:
        """What of the workers' settings doesn't fit together is a warning."""
        given = self.given("", directives="worker_processes 3; worker_cpu_affinity 01 10;")
        (warning,) = configuration(given).warnings
        self.assertEqual(
            str(warning),
            "command line:1:21: worker_cpu_affinity has 2 masks, worker_processes is 3: "
            "the last mask holds on",
        )


class OutlineTests(LoadingCase):
    def test_values(self) -> None:
        """It has what a start must know first, whatever else is wrong."""
        found = outlined(self.given("nonsense; daemon off; pid p; error_log e; http { x", pid="q"))
        self.assertEqual((found.daemon, found.pid), (False, f"{self.home}/p"))
        self.assertEqual((found.error_log, found.named), (f"{self.home}/e", True))

    def test_defaults(self) -> None:
        """What is not said has its default."""
        found = outlined(self.given("", pid="q"))
        self.assertEqual((found.daemon, found.pid), (True, f"{self.home}/q"))
        self.assertEqual((found.error_log, found.named), (f"{self.home}/logs/error.log", False))

    def test_error_log_is_no_file(self) -> None:
        """An error log that is no file is passed over for one that is."""
        text = "error_log stderr; error_log off; error_log memory:1m; error_log syslog:server=a;"
        self.assertIsNone(outlined(self.given(text)).error_log)
        found = outlined(self.given(f"{text} error_log e;"))
        self.assertEqual(found.error_log, f"{self.home}/e")
