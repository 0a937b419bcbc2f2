"""A daemon is replaced by a newer one, or ends: in order, and within its time."""

from __future__ import annotations

import os
import signal
import socket
import time

from tests.integration.daemons import DaemonCase, children, descriptors
from tests.integration.servers import alive, answers, until
from tests.integration.steady import Steady
from tests.integration.websocket import open_websocket

LIMIT = 2.0


class UpgradeTests(DaemonCase):
    def upgrade(self) -> tuple[int, int]:
        """SIGUSR2; the old master and the new one, side by side."""
        old = self.master
        self.assertEqual(self.pid(), old)
        os.kill(old, signal.SIGUSR2)
        until(lambda: self.pid("run.pid.oldbin") == old, "the old pid file")
        until(lambda: self.pid() not in (0, old), "the new pid file")
        new = self.pid()
        self.addCleanup(self.end, new)
        until(lambda: len(children(new)) == self.workers, "the new workers")
        return old, new

    @staticmethod
    def end(pid: int) -> None:
        """Leave none behind, whatever a test found."""
        for one in (pid, *(children(pid) if alive(pid) else ())):
            if alive(one):
                os.kill(one, signal.SIGKILL)

    def test_upgrade(self) -> None:
        """Old and new serve side by side; the old one is told to quit, and no request fails."""
        load, before = self.begin()
        olds = set(children(self.master))
        old, new = self.upgrade()
        load.move()
        news = set(children(new))
        os.kill(old, signal.SIGQUIT)
        until(lambda: not alive(old), "the old master to end")
        self.assertFalse(any(map(alive, olds)))
        self.assertFalse((self.home / "run.pid.oldbin").exists())
        self.assertEqual(self.pid(), new)
        load.move()
        served = len(load.answers)
        load.more(200)
        self.finish(load)
        self.assertEqual({one.worker for one in load.answers[served:]} - news, set())
        self.unix_answers()
        self.clean()
        self.assertEqual(before.keys(), {old, *olds})
        held, self.master = {new if pid == old else pid: it for pid, it in before.items()}, new
        self.same(held, "an upgrade")

    def unix_answers(self) -> None:
        """The unix socket is served."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect(f"{self.home}/a.sock")
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            self.assertIn(b" 200 ", client.recv(1000))

    def test_back(self) -> None:
        """Back again: the old one, told to drain, starts its workers anew, whatever the file says.

        The new one is told to quit, the old one is the daemon again, and no request fails.
        """
        load, before = self.begin()
        old, new = self.upgrade()
        os.kill(old, signal.SIGWINCH)
        # The new master is a child of the old one.
        until(lambda: children(old) == [new], "the old workers to end")
        load.move()
        load.more(64)
        self.path.write_text("nonsense on;")
        os.kill(old, signal.SIGHUP)
        self.wait_for_workers(self.workers + 1)
        os.kill(new, signal.SIGQUIT)
        until(lambda: not alive(new), "the new master to end")
        self.back(load, before)
        self.finish(load)

    def test_back_at_once(self) -> None:
        """The new one is terminated: only what its workers had in hand fails."""
        load, before = self.begin()
        _old, new = self.upgrade()
        load.move()
        news = set(children(new))
        os.kill(new, signal.SIGTERM)
        until(lambda: not alive(new), "the new master to end")
        self.back(load, before)
        load.end()
        print(f"{len(load.failed)} of {len(load.answers)} failed")
        self.assertLessEqual({one.worker for one in load.failed}, news)

    def begin(self) -> tuple[Steady, dict[int, tuple[int, int]]]:
        """A daemon on two sockets, under load, and what it held before that."""
        self.configure(http=f"server {{ listen unix:{self.home}/a.sock; return 200 x; }}")
        self.start()
        before = self.warm()
        return self.load(), before

    def back(self, load: Steady, before: dict[int, tuple[int, int]]) -> None:
        """The old one is the daemon again."""
        until(lambda: self.pid() == self.master, "the pid file to be back")
        self.assertFalse((self.home / "run.pid.oldbin").exists())
        load.move()
        served = len(load.answers)
        load.more(200)
        workers = set(children(self.master))
        self.assertEqual({one.worker for one in load.answers[served:]} - workers, set())
        self.unix_answers()
        load.end()
        self.same(before, "an upgrade and back")

    def test_again(self) -> None:
        """A newer program that can't start leaves everything as it was; the next one can."""
        self.configure()
        self.start()
        load = self.load()
        text = self.path.read_text()
        self.path.write_text("nonsense on;")
        self.told("exited with code 1", lambda: self.signal(signal.SIGUSR2))
        until(lambda: self.pid() == self.master, "the pid file to be back")
        self.path.write_text(text)
        old, _new = self.upgrade()
        os.kill(old, signal.SIGQUIT)
        until(lambda: not alive(old), "the old master to end")
        load.more(200)
        self.finish(load)


class QuitTests(DaemonCase):
    def test_idle(self) -> None:
        """1,000 connections that nobody ends are gone after worker_shutdown_timeout."""
        self.configure(main=f"worker_shutdown_timeout {LIMIT:g}s;")
        self.start()
        workers = children(self.master)
        kinds = {"silent": 400, "after an answer": 400, "WebSocket": 200}
        held = {kind: [self.connected(kind) for _ in range(count)] for kind, count in kinds.items()}
        everybody = [one for group in held.values() for one in group]

        def let_in() -> bool:
            sockets = (descriptors(pid).count("socket") for pid in workers)
            return sum(sockets) > len(everybody) + kinds["WebSocket"]

        until(let_in, "all to be let in")
        began = time.monotonic()
        self.signal(signal.SIGQUIT)
        until(lambda: not answers(self.port), "the port to be closed")
        for kind, group in held.items():
            for one in group:
                self.gone(one)
            print(f"{len(group)} connections, {kind}: gone after {time.monotonic() - began:.2f} s")
        took = time.monotonic() - began
        self.server.process.wait(5)
        until(lambda: not any(map(alive, workers)), "the workers to end")
        print(f"the processes: gone after {time.monotonic() - began:.2f} s")
        self.assertGreater(took, LIMIT - 0.2)
        self.assertLess(time.monotonic() - began, LIMIT + 1.5)
        self.assertFalse((self.home / "run.pid").exists())
        self.clean()

    def connected(self, kind: str) -> socket.socket:
        """A connection that has done something, and does no more."""
        one = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        self.addCleanup(one.close)
        if kind == "WebSocket":
            open_websocket(one)
        elif kind == "after an answer":
            one.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            self.assertIn(b" 200 OK\r\n", one.recv(1000))
        return one

    def gone(self, one: socket.socket) -> None:
        """It is closed, and nothing came before."""
        try:
            self.assertEqual(one.recv(1000), b"")
        except ConnectionResetError:
            return
