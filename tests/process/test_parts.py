"""The smaller parts of the daemon: the pid file, rights, inherited sockets, systemd, sources."""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.process import HANDED_OVER, inheriting, rights, sources
from reverseproxy.process.holders import holder
from reverseproxy.process.inheriting import inherited, passed
from reverseproxy.process.pidfile import PidFile
from reverseproxy.process.sources import Sources
from reverseproxy.process.systemd import Notifier
from reverseproxy.web.listen import Address

from ..support import load_text


class SocketCase(SynchronousTestCase):
    def setUp(self) -> None:
        # Short: the path of a unix socket has 107 bytes.
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def bound(self, name: str, kind: int) -> socket.socket:
        """A unix socket with a name."""
        sock = socket.socket(socket.AF_UNIX, kind)
        self.addCleanup(sock.close)
        sock.bind(os.path.join(self.folder, name))
        return sock


class InheritingTests(SocketCase):
    def test_upgrade(self) -> None:
        """What an older program passes is found by its address, and told of no further."""
        sock = self.bound("a", socket.SOCK_STREAM)
        address = Address("unix:", 0, os.path.join(self.folder, "a"))
        environ = {HANDED_OVER: passed({address: sock}), "HOME": "/"}
        number = os.dup(sock.fileno())
        os.set_inheritable(number, True)
        environ[HANDED_OVER] = f"{number};nonsense;"
        found = inherited(environ)
        self.assertEqual((list(found), environ), ([address], {"HOME": "/"}))
        self.assertFalse(os.get_inheritable(number))
        found[address].close()

    def test_systemd(self) -> None:
        """What systemd passes is found as well, named or not."""
        sock = self.bound("a", socket.SOCK_STREAM)
        address = Address("unix:", 0, os.path.join(self.folder, "a"))

        class Passed:
            """Descriptors begin with 3, which is trial's own here."""

            @staticmethod
            def fromEnvironment(environ: dict[str, str]) -> Any:
                self.assertEqual(environ.get("LISTEN_FDNAMES"), "unknown")
                return Passed

            @staticmethod
            def inheritedDescriptors() -> list[int]:
                return [os.dup(sock.fileno())]

        self.patch(inheriting, "ListenFDs", Passed)
        environ = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
        found = inherited(environ)
        self.assertEqual((list(found), environ), ([address], {}))
        found[address].close()

    def test_nothing(self) -> None:
        """Nothing is inherited as a rule; what systemd means for another process is not ours."""
        self.assertEqual(inherited({}), {})
        self.assertEqual(inherited({"LISTEN_PID": "1", "LISTEN_FDS": "3"}), {})

    def test_address(self) -> None:
        """An address is the same after a way through text."""
        for address in (
            Address("127.0.0.1", 80),
            Address("::1", 8080),
            Address("unix:", 0, "/run/a:b"),
        ):
            self.assertEqual(Address.parse(str(address)), address)


class SystemdTests(SocketCase):
    def begin(self, **environ: str) -> None:
        """Listen as systemd does."""
        self.socket = self.bound("notify", socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.clock = Clock()
        path = os.path.join(self.folder, "notify")
        self.notifier = Notifier(self.clock, {"NOTIFY_SOCKET": path, **environ})

    def heard(self) -> list[str]:
        """The lines of all that was said."""
        lines = []
        while True:
            try:
                lines += self.socket.recv(4096).decode().split("\n")
            except BlockingIOError:
                return lines

    def test_life(self) -> None:
        """Start, reload and end are told, and the status again and again between them."""
        self.begin()
        self.notifier.ready(lambda: "2 workers")
        self.assertEqual(self.heard(), ["READY=1", f"MAINPID={os.getpid()}", "STATUS=2 workers"])
        self.clock.advance(10)
        self.assertEqual(self.heard(), ["STATUS=2 workers"])
        self.notifier.reloading()
        first, second = self.heard()
        self.assertEqual((first, second[:15]), ("RELOADING=1", "MONOTONIC_USEC="))
        self.notifier.ready(lambda: "3 workers")
        self.assertEqual(self.heard(), ["READY=1", f"MAINPID={os.getpid()}", "STATUS=3 workers"])
        self.notifier.stopping()
        self.clock.advance(100)
        self.assertEqual(self.heard(), ["STOPPING=1"])

    def test_successor(self) -> None:
        """Who leaves the sockets to a newer program names it, and does not stop the service."""
        self.begin()
        self.notifier.ready(str)
        self.heard()
        self.notifier.stopping(4321)
        self.assertEqual(self.heard(), ["MAINPID=4321"])

    def test_watchdog(self) -> None:
        """Where signs of life are expected there are twice as many."""
        self.begin(WATCHDOG_USEC="3000000", WATCHDOG_PID=str(os.getpid()))
        self.notifier.ready(str)
        self.heard()
        self.clock.pump([0.5] * 6)
        self.assertEqual(self.heard(), ["WATCHDOG=1", "STATUS="] * 2)

    def test_nobody(self) -> None:
        """Without systemd nothing is said, and no timer runs; it may also go away."""
        clock = Clock()
        notifier = Notifier(clock, {})
        notifier.ready(str)
        notifier.stopping()
        self.assertEqual(clock.getDelayedCalls(), [])
        self.begin()
        os.unlink(os.path.join(self.folder, "notify"))
        self.notifier.ready(str)
        self.notifier.reloading()
        self.assertEqual(self.heard(), [])


class HolderTests(SynchronousTestCase):
    def proc(self) -> str:
        """What a machine says on which an apache2 listens on port 80, and somebody else on 81."""
        root = self.mktemp()
        for folder in ("net", "7/fd", "40/fd", "self"):
            os.makedirs(os.path.join(root, folder))
        row = "0: %s 0000:0000 %s 0:0 0:0 0 0 0 %d 1\n"
        with open(f"{root}/net/tcp", "w") as file:
            file.write("sl local rem st tx tr ret uid to inode\n")
            file.write(row % ("0100007F:0050", "01", 111))
            file.write(row % ("00000000:0051", "0A", 222))
        with open(f"{root}/net/tcp6", "w") as file:
            file.write("header\n" + row % ("0" * 32 + ":0050", "0A", 333))
        os.symlink("socket:[333]", f"{root}/40/fd/4")
        os.symlink("socket:[111]", f"{root}/7/fd/3")
        with open(f"{root}/40/comm", "w") as file:
            file.write("apache2\n")
        return root

    def test_found(self) -> None:
        """The program that listens is named; one that may not be looked at, or isn't there, not."""
        root = self.proc()
        self.assertEqual(holder(80, root), "apache2, process 40")
        self.assertIsNone(holder(81, root))
        self.assertIsNone(holder(82, root))
        self.assertIsNone(holder(80, os.path.join(root, "none")))


class PidFileTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.said: list[str] = []

    def log(self, level: str, message: str) -> None:
        self.said.append(f"[{level}] {message}")

    def test_life(self) -> None:
        """A number and a line end; it moves, steps aside and back, and goes."""
        first, second = self.mktemp(), self.mktemp()
        log: Any = self
        file = PidFile(first)
        file.write()
        with open(first) as written:
            self.assertEqual(written.read(), f"{os.getpid()}\n")
        file.move(second, log)
        self.assertEqual((os.path.exists(first), os.path.exists(second)), (False, True))
        file.step_aside()
        self.assertTrue(os.path.exists(f"{second}.oldbin"))
        file.step_back()
        self.assertTrue(os.path.exists(second))
        file.remove(log)
        self.assertFalse(os.path.exists(second))
        file.remove(log)
        self.assertEqual(self.said, [f'[alert] "{second}" stays: No such file or directory'])

    def test_none(self) -> None:
        """Without a path there is none, whatever happens."""
        log: Any = self
        file = PidFile(None)
        file.write()
        file.step_aside()
        file.step_back()
        file.move("/nowhere/x.pid", log)
        self.assertIn('"/nowhere/x.pid" can\'t be written', self.said[0])


class RightsTests(SynchronousTestCase):
    def become(self, text: str, uid: int) -> list[tuple[Any, ...]]:
        """What a process of `uid` does to become who serves."""
        done: list[tuple[Any, ...]] = []
        self.patch(os, "geteuid", lambda: uid)
        for name in ("initgroups", "setgid", "setuid"):
            self.patch(os, name, lambda *given, name=name: done.append((name, *given)))
        rights.give_up(load_text(f"{text} events {{}} http {{}}", "/").main)
        return done

    def test_order(self) -> None:
        """Groups go first, then the group, and the user last."""
        self.assertEqual(
            self.become("user daemon;", 0),
            [("initgroups", "daemon", 1), ("setgid", 1), ("setuid", 1)],
        )

    def test_nobody(self) -> None:
        """Root that names nobody becomes nobody."""
        (groups, _, user) = self.become("", 0)
        self.assertEqual((groups[1], user), ("nobody", ("setuid", 65534)))

    def test_not_root(self) -> None:
        """Who is not root stays who he is."""
        self.assertEqual(self.become("user daemon;", 1000), [])


class SourcesTests(SynchronousTestCase):
    def test_once(self) -> None:
        """What was read once is the same ever after, here and where it is unpacked."""
        folder = self.mktemp()
        os.mkdir(folder)
        path = os.path.join(folder, "a.conf")
        with open(path, "w") as file:
            file.write("one")
        asked: list[str] = []

        def ask(host: str) -> tuple[list[str], str]:
            asked.append(host)
            return ["192.0.2.1"], ""

        self.patch(sources, "ask_system", ask)
        first = Sources()
        answers = self.answers(first, folder)
        os.unlink(path)
        self.assertEqual(self.answers(first, folder), answers)
        self.assertEqual(self.answers(Sources.unpack(first.pack()), folder), answers)
        self.assertEqual(asked, ["app.test"])
        self.assertEqual(answers[0], b"one")
        self.assertEqual(answers[-1], 2)

    @staticmethod
    def answers(asked: Sources, folder: str) -> list[Any]:
        """What there is to be known, with the number of the error for a file that isn't there."""
        try:
            asked.read(os.path.join(folder, "none"))
        except OSError as error:
            number = error.errno
        return [
            asked.read(os.path.join(folder, "a.conf")),
            asked.glob(os.path.join(folder, "*.conf")),
            asked.addresses("app.test"),
            number,
        ]
