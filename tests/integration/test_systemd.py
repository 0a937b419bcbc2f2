"""What systemd does with a service: it passes sockets, and hears how the daemon is."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

from tests.integration.client import STATIC, ask
from tests.integration.components import IntegrationCase
from tests.integration.servers import Server, directory, free_port, proxy_environ, until

CONFIGURATION = """\
daemon off;
pid run.pid;
error_log error.log notice;
events {{ }}
http {{
    access_log off;
    server {{ listen 127.0.0.1:{port}; return 200 "here"; }}
}}
"""


class SystemdTests(IntegrationCase):
    needs = ("the proxy", "systemd")

    def setUp(self) -> None:
        """A configuration, and what systemd starts it with: a socket on which it is told of."""
        super().setUp()
        self.home: Path = directory("systemd")
        self.port = free_port()
        (self.home / "nginx.conf").write_text(CONFIGURATION.format(port=self.port))
        self.heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.heard.close)
        self.heard.bind(str(self.home / "notify"))
        self.heard.settimeout(20)
        self.environ = {**proxy_environ(), "NOTIFY_SOCKET": str(self.home / "notify")}
        module = [sys.executable, "-m", "reverseproxy"]
        self.command = [*module, "-p", str(self.home), "-c", "nginx.conf"]

    def test_activated(self) -> None:
        """A socket that systemd holds is taken; start, reload and end are told."""
        home, port, heard = self.home, self.port, self.heard
        passed = [f"--setenv={name}={value}" for name, value in self.environ.items()]
        # It runs the command when somebody connects: that is the server's own waiting.
        server = Server(
            ["systemd-socket-activate", f"--listen=127.0.0.1:{port}", *passed, *self.command],
            port,
            home,
        )
        self.addCleanup(server.stop)
        self.assertEqual(ask(port, "/", host=STATIC).body, b"here")
        told = f"READY=1\nMAINPID={server.process.pid}\nSTATUS=serving 0 connections, 1 workers"
        self.assertEqual(heard.recv(4096), told.encode(), server.said())
        log = home / "error.log"
        os.kill(server.process.pid, signal.SIGHUP)
        self.assertTrue(heard.recv(4096).startswith(b"RELOADING=1\nMONOTONIC_USEC="))
        self.assertTrue(heard.recv(4096).startswith(b"READY=1\n"))
        until(lambda: "reconfigured" in log.read_text(), "the reload")
        self.assertEqual(ask(port, "/", host=STATIC).body, b"here")
        os.kill(server.process.pid, signal.SIGQUIT)
        while heard.recv(4096) != b"STOPPING=1":
            pass
        self.assertEqual(server.process.wait(10), 0, server.said())
        self.assertNotIn("[emerg]", log.read_text())
        self.assertNotIn("[alert]", log.read_text())

    def test_upgraded(self) -> None:
        """The old program names the new one when it ends; the service does not end with it."""
        home, port, heard = self.home, self.port, self.heard
        server = Server(self.command, port, home, environ=self.environ)
        self.addCleanup(server.stop)
        old, pid_file = server.process.pid, home / "run.pid"
        os.kill(old, signal.SIGUSR2)
        until(
            lambda: pid_file.exists() and pid_file.read_text().strip() not in ("", str(old)),
            "the new program",
        )
        new = int(pid_file.read_text())
        self.addCleanup(os.kill, new, signal.SIGTERM)
        os.kill(old, signal.SIGQUIT)
        self.assertEqual(server.process.wait(10), 0, server.said())
        told = []
        while not told or told[-1] != f"MAINPID={new}":
            told.append(heard.recv(4096).decode())
        self.assertNotIn("STOPPING=1", told)
        self.assertEqual(ask(port, "/", host=STATIC).body, b"here")
