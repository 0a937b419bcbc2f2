"""`-s`: the pid file is read, the process is told; or it is said why not, as nginx says it."""

from __future__ import annotations

import os
import signal

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.process.signalling import NotSignalled, NotThere, send


class SendTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = os.path.abspath(self.mktemp())
        self.killed: list[tuple[int, int]] = []
        self.patch(os, "kill", lambda pid, number: self.killed.append((pid, number)))

    def write(self, text: bytes) -> None:
        with open(self.path, "wb") as file:
            file.write(text)

    def test_signals(self) -> None:
        """Each name is a signal to the process in the file."""
        self.write(b"123\n")
        for name in ("stop", "quit", "reload", "reopen"):
            send(name, self.path)
        numbers = (signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1)
        self.assertEqual(self.killed, [(123, number) for number in numbers])

    def test_no_file(self) -> None:
        """A pid file that is not there is told as nginx tells it."""
        error = self.assertRaises(NotSignalled, send, "stop", self.path)
        expected = f'open() "{self.path}" failed (2: No such file or directory)'
        self.assertEqual((str(error), error.level), (expected, "error"))

    def test_no_number(self) -> None:
        """A file without the number of a process is refused: 0 would be our own group."""
        for text, shown in (
            (b"", ""),
            (b"\n", ""),
            (b"abc\n", "abc"),
            (b"0\n", "0"),
            (b"-1\n", "-1"),
            (b"1 2", "1 2"),
            (b"4294967297\n", "4294967297"),
            (b"\x1b[2J\n", "\\x1b[2J"),
            (b"9" * 100, "9" * 21),
        ):
            self.write(text)
            error = self.assertRaises(NotSignalled, send, "stop", self.path)
            self.assertEqual(str(error), f'invalid PID number "{shown}" in "{self.path}"')
        self.assertEqual(self.killed, [])

    def test_no_process(self) -> None:
        """A process that is gone is told as nginx tells it."""

        def kill(pid: int, number: int) -> None:
            raise ProcessLookupError(3, "No such process")

        self.patch(os, "kill", kill)
        self.write(b"123\n")
        error = self.assertRaises(NotThere, send, "reload", self.path)
        expected = "kill(123, 1) failed (3: No such process)"
        self.assertEqual((str(error), error.level), (expected, "alert"))
