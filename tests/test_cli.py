"""The command: its options as nginx takes them, and what it does with each."""

from __future__ import annotations

import io
import os
import re
import signal
import sys
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy import __version__, about, cli, features
from reverseproxy.config import rows

GOOD = "http { server { listen 127.0.0.1:8081; } }"


class OptionsTests(SynchronousTestCase):
    def given(self, *arguments: str) -> tuple[str, dict[str, str]]:
        options = cli.Options(arguments)
        return "".join(sorted(options.switches)), options.given

    def refused(self, *arguments: str) -> str:
        return str(self.assertRaises(cli.UsageError, cli.Options, arguments))

    def test_combined(self) -> None:
        """Switches may stand together, the last of them with an option's argument, or apart."""
        self.assertEqual(self.given("-tq"), ("qt", {}))
        self.assertEqual(self.given("-t", "-q"), ("qt", {}))
        for arguments in (("-c", "x"), ("-cx",)):
            self.assertEqual(self.given(*arguments), ("", {"c": "x"}))
        for arguments in (("-tqcx", "-s", "stop"), ("-tqc", "x", "-sstop"), ("-tcx", "-qsstop")):
            self.assertEqual(self.given(*arguments), ("qt", {"c": "x", "s": "stop"}))

    def test_all(self) -> None:
        """Every option of nginx's is known; the last of two holds."""
        arguments = ("-?hvVtTq", "-p", "a", "-e", "b", "-c", "c", "-g", "d;", "-s", "quit", "-cz")
        expected = {"p": "a", "e": "b", "c": "z", "g": "d;", "s": "quit"}
        self.assertEqual(self.given(*arguments), ("?TVhqtv", expected))

    def test_unknown(self) -> None:
        """What is no option is told as nginx tells it."""
        self.assertEqual(self.refused("-x"), 'invalid option: "-x"')
        self.assertEqual(self.refused("-tx"), 'invalid option: "-x"')
        for argument in ("foo", "-", "--", "--help", ""):
            self.assertEqual(self.refused(argument), f'invalid option: "{argument}"')
        self.assertEqual(self.refused("-s", "restart"), 'invalid option: "-s restart"')

    def test_missing(self) -> None:
        """An option without its argument is told as nginx tells it."""
        for letter, what in (
            ("p", "directory name"),
            ("e", "file name"),
            ("c", "file name"),
            ("g", "parameter"),
            ("s", "parameter"),
        ):
            expected = f'option "-{letter}" requires {what}'
            self.assertEqual(self.refused(f"-t{letter}"), expected)
            self.assertEqual(self.refused(f"-{letter}", ""), expected)

    def test_paths(self) -> None:
        """Configuration and error log are relative to the prefix, and the prefix to here."""
        found = cli.given(cli.Options(["-p", "x", "-c", "y", "-e", "z", "-g", "pid a;"]))
        base = os.path.abspath("x")
        self.assertEqual((found.path, found.prefix), (f"{base}/y", base))
        self.assertEqual((found.error_log, found.directives), (f"{base}/z", "pid a;"))
        found = cli.given(cli.Options(["-c", "y", "-e", "stderr"]))
        self.assertEqual((found.path, found.prefix), (os.path.abspath("y"), None))
        self.assertEqual((found.error_log, found.pid), ("stderr", "logs/reverseproxy.pid"))
        found = cli.given(cli.Options(["-p", "/srv"]))
        self.assertEqual((found.path, found.error_log), ("/etc/reverseproxy", None))


class CommandCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.home = os.path.abspath(self.mktemp())
        os.mkdir(self.home)

    def path(self, name: str) -> str:
        return os.path.join(self.home, name)

    def write(self, name: str, text: str) -> None:
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8", newline="") as file:
            file.write(text)

    def tree(self) -> list[Any]:
        return sorted(os.walk(self.home))

    def run_command(self, *arguments: str) -> tuple[int, list[str]]:
        """The status, and the lines on standard error."""
        stderr = io.StringIO()
        self.patch(sys, "stderr", stderr)
        status = cli.main(["-p", self.home, "-c", "reverseproxy.conf", *arguments])
        return status, stderr.getvalue().splitlines()


class AboutTests(CommandCase):
    def test_version(self) -> None:
        """-v is one line, nginx's but for the name."""
        expected = f"reverseproxy version: reverseproxy/{__version__}"
        self.assertEqual(self.run_command("-v"), (0, [expected]))

    def test_build(self) -> None:
        """-V tells what it runs on, and what is there, in nginx's spelling."""
        status, (first, python, tls, sni, arguments) = self.run_command("-V")
        self.assertEqual((status, first), (0, about.version().strip()))
        self.assertRegex(python, r"^running on Python 3\.\d+\.\d+, Twisted \d+\.\d+\.\d")
        self.assertRegex(tls, r"^built with OpenSSL \d+\.\d+\.\d")
        self.assertTrue(arguments.startswith("configure arguments: --conf-path=/etc/reverseproxy "))
        self.assertIn(" --with-http_realip_module", arguments)
        self.assertIn(" --with-http_ssl_module", arguments)
        self.assertEqual(sni, "TLS SNI support enabled")

    def test_modules(self) -> None:
        """The modules named are those of the directives, of which nginx has to be configured."""
        named = " ".join(str(cls.__doc__) for cls in features.SETTINGS)
        there = set(re.findall(r"ngx_(http_\w+_module)", named))
        self.assertEqual(set(about.MODULES) - there, set())
        optional = {
            "http_addition_module",
            "http_auth_request_module",
            "http_gunzip_module",
            "http_gzip_static_module",
            "http_random_index_module",
            "http_realip_module",
            "http_secure_link_module",
            "http_slice_module",
            "http_ssl_module",
            "http_stub_status_module",
            "http_sub_module",
            "http_v2_module",
        }
        self.assertEqual(there & optional, set(about.MODULES))

    def test_paths(self) -> None:
        """The paths named are the defaults of the directives."""
        defaults = {row.name: row.default for cls in features.SETTINGS for row in rows(cls)}
        for name, directive in (
            ("error-log-path", "error_log"),
            ("http-log-path", "access_log"),
            ("http-client-body-temp-path", "client_body_temp_path"),
            ("http-proxy-temp-path", "proxy_temp_path"),
        ):
            self.assertEqual(str(defaults[directive]).split()[0], about.PATHS[name])

    def test_help(self) -> None:
        """-h and -? list every option."""
        for option in ("-h", "-?"):
            status, lines = self.run_command(option)
            self.assertEqual(status, 0)
            text = "\n".join(lines)
            for letter in "?hvVtTqspecg":
                self.assertRegex(text, rf"(?m)^  .*-{re.escape(letter)}\b|^  -\?")

    def test_and_test(self) -> None:
        """-v doesn't keep -t from testing."""
        self.write("reverseproxy.conf", GOOD)
        status, lines = self.run_command("-vt")
        self.assertEqual((status, len(lines)), (0, 3))

    def test_installed(self) -> None:
        """A version is that of the first package on the path, whoever installed it."""
        for name in (
            "a/Some-1.2.0.dist-info",
            "b/some-2.0-py3.11.egg-info",
            "b/some_more-3.egg-info",
        ):
            os.makedirs(self.path(name))
        self.patch(sys, "path", [self.path("none"), self.path("b"), *sys.path])
        self.assertEqual(about.installed("some"), "2.0")
        self.patch(sys, "path", [self.path("a"), *sys.path])
        self.assertEqual(about.installed("some"), "1.2.0")
        self.assertEqual(about.installed("nothing-like-it"), "of unknown version")

    def test_bad_option(self) -> None:
        """An option that is none is one line and status 1."""
        self.assertEqual(self.run_command("-x"), (1, ['reverseproxy: invalid option: "-x"']))


class TestTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.file = self.path("reverseproxy.conf")
        self.good = [
            f"reverseproxy: the configuration file {self.file} syntax is ok",
            f"reverseproxy: configuration file {self.file} test is successful",
        ]
        self.failed = f"reverseproxy: configuration file {self.file} test failed"

    def test_good(self) -> None:
        """A good configuration is two lines and status 0, and nothing is touched."""
        self.write("reverseproxy.conf", GOOD)
        before = self.tree()
        self.assertEqual(self.run_command("-t"), (0, self.good))
        self.assertEqual(self.run_command("-tq"), (0, []))
        self.assertEqual(self.tree(), before)

    def test_bad(self) -> None:
        """All errors are told, each with its place, with -q too; nothing is touched."""
        self.write("reverseproxy.conf", "nonsense 1;\nhttp { server { listen x:y; } }\nuser no1;")
        before = self.tree()
        for options in (["-t"], ["-tq"], ["-T"]):
            status, lines = self.run_command(*options)
            self.assertEqual((status, lines.pop()), (1, self.failed))
            places = [line.partition(": [emerg] ")[2].partition(": ")[0] for line in lines]
            self.assertEqual(places, [f"{self.file}:{at}" for at in ("1:1", "2:24", "3:6")])
        self.assertEqual(self.tree(), before)

    def test_assembled(self) -> None:
        """What only shows when the pieces are put together is told as well."""
        self.write("reverseproxy.conf", "http { server { location /a { } location /a { } } }")
        status, lines = self.run_command("-t")
        self.assertEqual((status, len(lines)), (1, 2))
        self.assertIn("is there twice", lines[0])

    def test_warnings(self) -> None:
        """Warnings are told, with -q too, and it is still successful."""
        self.write("reverseproxy.conf", f"load_module x.so; {GOOD}")
        for option, rest in (("-t", self.good), ("-tq", [])):
            status, (warning, *lines) = self.run_command(option)
            self.assertEqual((status, lines), (0, rest))
            self.assertTrue(warning.startswith(f"reverseproxy: [warn] {self.file}:1:13: "))

    def test_not_there(self) -> None:
        """A configuration that is not there is an error with the path that was meant."""
        status, lines = self.run_command("-t")
        self.assertEqual((status, len(lines)), (1, 2))
        self.assertIn(f'no configuration at "{self.file}"', lines[0])
        self.assertEqual(lines[1], self.failed)

    def test_directives(self) -> None:
        """-g adds to the configuration, and what is wrong there is told."""
        self.write("reverseproxy.conf", GOOD)
        self.assertEqual(self.run_command("-tg", "pid x; worker_processes 2;"), (0, self.good))
        status, lines = self.run_command("-tg", "pid x; nonsense;")
        self.assertEqual((status, len(lines)), (1, 2))
        self.assertIn("[emerg] command line:1:8: ", lines[0])

    def test_dump(self) -> None:
        """-T writes each file once, as it is, in reading order."""
        files = {
            "reverseproxy.conf": f"# caf\u00e9\r\ninclude b.conf; include a.conf; {GOOD}",
            "b.conf": "pid x;\n",
            "a.conf": "",
        }
        for name, text in files.items():
            self.write(name, text)
        dumped: list[dict[str, bytes]] = []
        self.patch(cli, "_dump", dumped.append)
        self.assertEqual(self.run_command("-T"), (0, self.good))
        (found,) = dumped
        expected = [(self.path(name), text.encode()) for name, text in files.items()]
        self.assertEqual(list(found.items()), expected)

    def test_before_signal(self) -> None:
        """-t with -s tests, and tells nobody anything."""
        self.write("reverseproxy.conf", GOOD)
        self.assertEqual(self.run_command("-t", "-s", "stop"), (0, self.good))


class SignalTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.killed: list[tuple[int, int]] = []
        self.patch(os, "kill", lambda pid, number: self.killed.append((pid, number)))
        self.write("logs/reverseproxy.pid", "123\n")

    def test_default(self) -> None:
        """Without a pid directive it is the command's own file."""
        self.write("reverseproxy.conf", GOOD)
        self.assertEqual(self.run_command("-s", "reload"), (0, []))
        self.assertEqual(self.run_command("-s", "quit"), (0, []))
        self.assertEqual(self.killed, [(123, signal.SIGHUP), (123, signal.SIGQUIT)])

    def test_named(self) -> None:
        """The file is that of the pid directive, wherever it stands."""
        self.write("reverseproxy.conf", f"include p.conf; {GOOD}")
        self.write("p.conf", "pid x.pid;")
        self.write("x.pid", "77\n")
        self.run_command("-s", "stop")
        self.assertEqual(self.killed, [(77, signal.SIGTERM)])
        self.write("reverseproxy.conf", GOOD)
        self.run_command("-s", "reopen", "-g", "pid x.pid;")
        self.assertEqual(self.killed[1:], [(77, signal.SIGUSR1)])

    def test_wrong_configuration(self) -> None:
        """A wrong configuration is not reloaded; but what serves can be stopped."""
        self.write("reverseproxy.conf", f"nonsense; {GOOD}")
        status, (line,) = self.run_command("-s", "reload")
        self.assertEqual(status, 1)
        self.assertIn("[emerg] ", line)
        self.assertEqual(self.killed, [])
        for name in ("stop", "quit", "reopen"):
            self.assertEqual(self.run_command("-s", name), (0, []))
        self.assertEqual(len(self.killed), 3)

    def test_wrong_pid(self) -> None:
        """Where the pid directive itself is wrong, it is told, and nobody is."""
        self.write("reverseproxy.conf", f"pid a b; {GOOD}")
        status, (line,) = self.run_command("-s", "stop")
        self.assertEqual(status, 1)
        self.assertIn('"pid" takes 1 argument, not 2', line)
        self.assertEqual(self.killed, [])

    def test_not_told(self) -> None:
        """Who can't be told is a line in nginx's words, and status 1."""
        self.write("reverseproxy.conf", GOOD)
        self.write("logs/reverseproxy.pid", "")
        file = self.path("logs/reverseproxy.pid")
        expected = f'reverseproxy: [error] invalid PID number "" in "{file}"'
        self.assertEqual(self.run_command("-s", "stop"), (1, [expected]))
