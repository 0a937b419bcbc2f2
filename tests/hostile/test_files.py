"""Odd files are 403 or 404, or a cut that the client can see; never a hang."""

from __future__ import annotations

import errno
import os
import signal
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.content import files, opening
from reverseproxy.tls import sealing
from reverseproxy.upstream import overflow

from ..content.test_static import LARGE, FilesTestCase
from ..support import ok, proxied
from ..tls.test_serving import ONE, secure
from ..tlsclient import TLSClient
from .holding import descriptors
from .naming import add_tests
from .odd import AUTHORIZATION, KINDS, USES, Odd, cases


class OddFileTests(FilesTestCase):
    """One test for each kind of file in each place; they are added below."""

    def setUp(self) -> None:
        def late(_number: int, _frame: object) -> None:
            raise AssertionError("hung")

        self.addCleanup(signal.signal, signal.SIGALRM, signal.signal(signal.SIGALRM, late))
        self.addCleanup(signal.alarm, 0)
        signal.alarm(20)

    def case(self, case: Odd) -> None:
        """It is refused at once, the next is served, and nothing is held."""
        directives, name, target = USES[case.use]
        self.tree(directives)
        path = self.bench.path(f"html/{name}")
        if os.path.exists(path):
            os.remove(path)
        KINDS[case.kind](path)
        before = descriptors()
        client = self.bench.client()
        client.ask(target, AUTHORIZATION)
        for upstream in self.bench.upstreams:
            upstream.send(ok(b"", b"X-Accel-Redirect: /odd"))
        answer = client.answer()
        self.assertEqual(answer.status, case.status, self.bench.errors())
        self.assertTrue(answer.complete)
        self.assertNotIn(b"\0", answer.body)
        os.remove(path) if not os.path.isdir(path) or os.path.islink(path) else os.rmdir(path)
        good = self.bench.client().get(b"/large.bin", AUTHORIZATION)
        self.assertIn(good.status, (200, 403))  # 403 where users are in a file that is gone
        client.close()
        self.bench.advance(80, step=1)
        kept = sum(map(len, self.bench.assembly.file_caches.values()))
        self.assertLessEqual(descriptors(), before + kept)


CASES = add_tests(OddFileTests, cases(), lambda case: f"answered {case.status}")


class _Failing:
    """An `os` of whose reads those fail that are behind `good` others."""

    def __init__(self, good: int = 0) -> None:
        self.good = good

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def pread(self, fd: int, size: int, offset: int) -> bytes:
        self.good -= 1
        if self.good < 0:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return os.pread(fd, size, offset)


class FailingFileTests(FilesTestCase):
    def test_unreadable(self) -> None:
        """A file that may not be read is 403, also where it is only one of several."""

        class Refused(files.OpenFile):
            def __init__(self, path: bytes, fd: int = -1) -> None:
                if path.endswith((b"/a.html", b"/sub/index.html")):
                    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
                super().__init__(path, fd)

        self.patch(opening, "OpenFile", Refused)
        self.tree("location = /t { error_page 404 /a.html; return 404; }")
        for target in (b"/a.html", b"/sub/", b"/t"):
            self.assertEqual(self.get(target).status, 403, target)
            self.assertIn("Permission denied", self.bench.errors()[-1])

    def test_read_fails(self) -> None:
        """A disk that fails in the middle of a file is a cut, told of, and not a hang."""
        for extra in ("", "gzip on; gzip_types *;"):
            self.tree(extra)
            before = descriptors()
            patcher = self.patch(files, "os", _Failing(2))
            client = self.bench.client()
            client.ask(b"/large.bin", b"Accept-Encoding: gzip")
            self.bench.advance(1)
            patcher.restore()
            self.assertFalse(client.answers()[0].complete, extra)
            self.assertIn(client.ended, ("closed", "reset"), extra)
            (line,) = self.bench.errors()
            self.assertIn("reading a file failed (5: Input/output error): connection cut", line)
            self.assertEqual(self.get(b"/large.bin").body, LARGE)
            self.bench.advance(80, step=1)
            self.assertEqual(descriptors(), before)

    def test_small_read_fails(self) -> None:
        """So it is for a file that is read at once."""
        self.tree()
        patcher = self.patch(files, "os", _Failing())
        client = self.bench.client()
        client.ask(b"/a.html")
        patcher.restore()
        self.assertIn(client.ended, ("closed", "reset"))
        self.assertNotIn(b"\r\n\r\nabc", client.received)
        self.assertEqual(len(self.flushLoggedErrors()), 0)
        self.assertIn("Input/output error", self.bench.errors()[0])

    def test_replaced(self) -> None:
        """A file that is replaced while it is sent is sent as it was; the next has the new one."""
        for extra in ("", "sendfile on;"):
            self.tree(extra)
            client = self.bench.client()
            client.stop_reading(1000)
            client.ask(b"/large.bin")
            path = self.bench.path("html/large.bin")
            with open(path + ".new", "wb") as file:
                file.write(b"new")
            os.rename(path + ".new", path)
            client.read_on()
            self.assertEqual(client.answer().body, LARGE)
            self.assertEqual(self.get(b"/large.bin").body, b"new")

    def test_vanishing(self) -> None:
        """What goes while a directory is listed is not listed."""
        self.tree("autoindex on;")
        scandir = os.scandir

        class Scanned:
            def __init__(self, path: bytes) -> None:
                self._found = list(scandir(path))
                os.remove(os.path.join(path, b"zero.html"))

            def __enter__(self) -> list[os.DirEntry[bytes]]:
                return self._found

            def __exit__(self, *_what: object) -> None:
                pass

        os.remove(self.bench.path("html/index.html"))
        self.patch(os, "scandir", Scanned)
        answer = self.get(b"/")
        self.assertEqual(answer.status, 200)
        self.assertIn(b"a.html", answer.body)
        self.assertNotIn(b"zero.html", answer.body)


class FailingTemporaryFileTests(SynchronousTestCase):
    def test_read_fails(self) -> None:
        """An answer that waits in a file which can't be read again is cut, and told of."""
        bench = proxied(self)
        before = descriptors()
        client = bench.client()
        client.stop_reading(1000)
        client.ask()
        upstream = bench.upstream()
        upstream.send(ok(b"x" * 500_000))
        self.patch(overflow, "os", _Failing())
        client.read_on()
        self.assertFalse(client.answers()[0].complete)
        self.assertIn(client.ended, ("closed", "reset"))
        (line,) = bench.errors()
        self.assertIn(f'"{bench.path("proxy_temp")}" failed: Input/output error', line)
        client.close()
        bench.advance(80, step=1)
        self.assertEqual(descriptors(), before)


class FailingSecureTests(SynchronousTestCase):
    def test_cut(self) -> None:
        """Over TLS a file that shrinks while it is sent, or can't be read on, is a cut as well."""
        for fails in (False, True):
            bench = secure(self, f"server {{ listen 443 ssl; {ONE} root .; sendfile on; }}")
            with open(bench.path("file"), "wb") as file:
                file.write(LARGE)
            client = TLSClient(bench)
            client.line.stop_reading(777)
            client.send(b"GET /file HTTP/1.1\r\nHost: a\r\n\r\n")
            if fails:
                self.patch(sealing, "os", _Failing())
            else:
                os.truncate(bench.path("file"), 1000)
            client.line.read_on()
            client.pump()
            self.assertIn(client.line.ended, ("closed", "reset"))
            self.assertEqual(client.over, "")
            self.assertLess(len(client.plain), len(LARGE))
            (line,) = bench.errors()
            self.assertIn("a file shrank while it was sent, or can't be read: cut", line)
