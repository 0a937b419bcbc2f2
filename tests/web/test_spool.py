"""Temporary files: where they are, who can read them, and that none is ever left."""

from __future__ import annotations

import errno
import os
import stat
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.errors import SpoolError
from reverseproxy.web import spool as spool_module
from reverseproxy.web.spool import Spool, SpoolDirectory

from ..answers import chunked
from ..support import Bench, ok, proxied, request


def open_files(folder: str) -> list[str]:
    """The files below `folder` that this process has open."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except OSError:
            continue
        if target.startswith(folder):
            found.append(target)
    return found


def files_in(folder: str) -> list[str]:
    """Every file below `folder`."""
    return [os.path.join(at, name) for at, _, names in os.walk(folder) for name in names]


class SpoolTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = os.path.abspath(self.mktemp())

    def spool(self, limit: int, *levels: int) -> Spool:
        spool = Spool(SpoolDirectory(self.folder, levels), limit)
        self.addCleanup(spool.close)
        return spool

    def test_boundary(self) -> None:
        """So many bytes stay in memory; one more, and all are in a file."""
        spool = self.spool(4)
        spool.write(b"ab")
        spool.write(b"cd")
        self.assertEqual((spool.fd, spool.pieces(), spool.size), (-1, [b"ab", b"cd"], 4))
        self.assertFalse(os.path.exists(self.folder))
        spool.write(b"e")
        self.assertEqual((spool.fd >= 0, spool.pieces(), spool.size), (True, [], 5))
        spool.write(b"f")
        self.assertEqual(os.pread(spool.fd, 99, 0), b"abcdef")

    def test_open(self) -> None:
        """However it waits, the body can be read from its start, as often as wanted."""
        for limit in (3, 2):
            spool = self.spool(limit)
            spool.write(b"abc")
            with spool.open() as one, spool.open() as two:
                self.assertEqual((one.read(2), two.read(), one.read()), (b"ab", b"abc", b"c"))

    def test_closed(self) -> None:
        """Closing lets go of the file, and may be said twice."""
        spool = self.spool(0)
        spool.write(b"abc")
        self.assertEqual(len(open_files(self.folder)), 1)
        spool.close()
        spool.close()
        self.assertEqual((open_files(self.folder), spool.fd), ([], -1))

    def test_unlinked(self) -> None:
        """A file has no name from the moment it is open: a killed process leaves nothing."""
        self.spool(0).write(b"abc")
        self.assertEqual(files_in(self.folder), [])

    def test_mode(self) -> None:
        """Files are for this user alone (0600), and their folders too (0700)."""
        spool = self.spool(0, 1)
        spool.write(b"abc")
        self.assertEqual(stat.S_IMODE(os.fstat(spool.fd).st_mode), 0o600)
        for folder in (self.folder, os.path.join(self.folder, os.listdir(self.folder)[0])):
            self.assertEqual(stat.S_IMODE(os.stat(folder).st_mode), 0o700)

    def test_levels(self) -> None:
        """Folders are named after the last digits of the file's name, as nginx has them."""
        names: list[str] = []
        self.patch(spool_module, "os", _Watched(names))
        self.patch(spool_module, "_serial", iter((1234567890, 42)))
        for levels, path in (((1, 2), "0/89/1234567890"), ((2, 1, 3), "42/0/000/0000000042")):
            spool = self.spool(0, *levels)
            spool.write(b"abc")
            self.assertEqual(names[-1], f"{self.folder}/{path}.{os.getpid()}")

    def test_no_link_followed(self) -> None:
        """A file that is there already is not written to, nor what a link names."""
        os.mkdir(self.folder)
        self.patch(spool_module, "_serial", iter((1,)))
        os.symlink(self.mktemp(), os.path.join(self.folder, f"0000000001.{os.getpid()}"))
        self.assertRaises(SpoolError, self.spool(0).write, b"abc")

    def test_no_directory(self) -> None:
        """A directory that can't be made is a SpoolError which names it."""
        with open(self.folder, "w"):
            pass
        error = self.assertRaises(SpoolError, self.spool(0).write, b"abc")
        self.assertIn(f'"{self.folder}" failed: Not a directory', str(error))

    def test_disk_full(self) -> None:
        """A disk that takes no more is a SpoolError which names the directory."""
        spool = self.spool(0)
        self.patch(spool_module, "os", _FullDisk())
        error = self.assertRaises(SpoolError, spool.write, b"abc")
        self.assertIn(f'"{self.folder}" failed: No space left on device', str(error))

    def test_short_writes(self) -> None:
        """What one write(2) leaves, the next takes."""
        spool = self.spool(0)
        self.patch(spool_module, "os", _ShortWrites())
        spool.write(b"0123456789")
        self.assertEqual(os.pread(spool.fd, 99, 0), b"0123456789")


class SweepTests(SynchronousTestCase):
    def test_left_overs(self) -> None:
        """At start, files of dead processes go; those of living ones, and others, stay."""
        folder = self.mktemp()
        os.makedirs(os.path.join(folder, "1/23"))
        dead = _dead_process()
        for name in (
            f"0000000001.{dead}",
            f"1/23/0000000231.{dead}",
            f"0000000002.{os.getppid()}",
            f"0000000003.{dead}.bak",
            "notes.txt",
            f"00000001.{dead}",
        ):
            with open(os.path.join(folder, name), "w"):
                pass
        self.assertEqual(SpoolDirectory(folder, (1, 2)).sweep(), 2)
        self.assertEqual(
            sorted(files_in(folder)),
            sorted(
                os.path.join(folder, name)
                for name in (
                    f"0000000002.{os.getppid()}",
                    f"0000000003.{dead}.bak",
                    "notes.txt",
                    f"00000001.{dead}",
                )
            ),
        )

    def test_own_number(self) -> None:
        """A file of a process that had our number is dead: at start we have none."""
        folder = self.mktemp()
        os.mkdir(folder)
        with open(os.path.join(folder, f"0000000001.{os.getpid()}"), "w"):
            pass
        self.assertEqual(SpoolDirectory(folder).sweep(), 1)

    def test_nothing(self) -> None:
        """A directory that is not there has no left-overs."""
        self.assertEqual(SpoolDirectory(self.mktemp()).sweep(), 0)


class BodyTests(SynchronousTestCase):
    """Bodies of requests: the file is gone with the request, however that ends."""

    def begin(self, extra: str = "client_body_buffer_size 1k;") -> Bench:
        self.bench = proxied(self, extra)
        self.folder = self.bench.path("client_body_temp")
        return self.bench

    def assert_open(self, count: int) -> None:
        self.assertEqual(len(open_files(self.folder)), count)
        self.assertEqual(files_in(self.folder), [])

    def test_used(self) -> None:
        """A body over client_body_buffer_size is in a file until its request is over."""
        client = self.begin().client()
        for body, count in ((b"x" * 1024, 0), (b"x" * 1025, 1)):
            client.send(request(method=b"PUT", body=body))
            self.assert_open(count)
            self.bench.upstream().send(ok())
            self.assert_open(0)
        coded = request(b"/", b"Transfer-Encoding: chunked", method=b"PUT")
        client.send(coded + chunked(*[b"x" * 100] * 11))
        self.assert_open(1)
        self.bench.upstream().send(ok())
        self.assert_open(0)

    def test_ends(self) -> None:
        """The file goes when the client leaves, is too slow, or the upstream fails."""
        message = request(method=b"PUT", body=b"x" * 5000)
        client = self.begin().client()
        client.send(message[:-1])
        self.assert_open(1)
        client.reset()
        self.assert_open(0)
        client = self.begin("client_body_buffer_size 1k; client_body_timeout 1s;").client()
        client.send(message[:-1])
        self.bench.advance(2)
        self.assert_open(0)
        client = self.begin().client()
        client.send(message)
        self.assert_open(1)
        self.bench.upstream().close()
        self.assert_open(0)
        self.assertEqual(client.answer().status, 502)

    def test_too_long(self) -> None:
        """The file goes when chunks turn out to be too many, or broken."""
        for rest in (b"fff\r\n" + b"x" * 4095, b"zz\r\n"):
            client = self.begin("client_body_buffer_size 1k; client_max_body_size 2k;").client()
            client.send(request(b"/", b"Transfer-Encoding: chunked", method=b"PUT"))
            client.send(b"7d0\r\n" + b"x" * 2000 + b"\r\n")
            self.assert_open(1)
            client.send(rest)
            self.assertIn(client.answer().status, (400, 413))
            self.assert_open(0)

    def test_disk_full(self) -> None:
        """A disk that takes no more is 500, and a line that names the directory."""
        client = self.begin().client()
        self.patch(spool_module, "os", _FullDisk())
        client.send(request(method=b"PUT", body=b"x" * 5000))
        answer = client.answer()
        self.assertEqual((answer.status, answer.get(b"Connection")), (500, b"close"))
        self.assertNotIn(self.folder.encode(), answer.body)
        (line,) = self.bench.errors()
        self.assertIn("[crit]", line)
        self.assertIn(f'spooling to "{self.folder}" failed: No space left on device', line)
        self.assertEqual(self.bench.upstreams, [])
        self.assert_open(0)

    def test_in_the_middle(self) -> None:
        """A disk that fails in the middle of a body ends it there; the rest is read away."""
        client = self.begin().client()
        client.send(request(method=b"PUT", body=b"x" * 50_000)[:20_000])
        self.patch(spool_module, "os", _FullDisk())
        client.send(b"x" * 10_000)
        self.assertEqual((client.answer().status, client.ended), (500, "shut"))
        self.assert_open(0)


class _Os:
    """The `os` of a machine with a peculiarity."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)


class _FullDisk(_Os):
    def write(self, *_args: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class _ShortWrites(_Os):
    def write(self, fd: int, data: memoryview) -> int:
        return os.write(fd, data[:3])


class _Watched(_Os):
    def __init__(self, names: list[str]) -> None:
        self.names = names

    def open(self, path: str, *args: Any) -> int:
        self.names.append(path)
        return os.open(path, *args)


def _dead_process() -> int:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid
