"""disable_symlinks and open_file_cache."""

from __future__ import annotations

import errno
import os

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.content.filecache import CacheSize, FileCache, FileCacheSettings
from reverseproxy.content.files import OpenFile
from reverseproxy.content.symlinks import open_strictly
from tests.content.test_documents import FilesCase


class SymlinkTests(FilesCase):
    """disable_symlinks."""

    def test_links(self) -> None:
        """A link to a file is refused with on, and followed where it is its owner's or allowed."""
        bench = self.bench(
            "location / { disable_symlinks on; } location /f/ { alias www/; "
            "disable_symlinks on from=$document_root; } location /o/ { alias www/; "
            "disable_symlinks if_not_owner; } location /off/ { alias www/; }"
        )
        os.symlink("a.txt", bench.path("www/link"))
        client = bench.client()
        self.assertEqual(client.get(b"/link").status, 403)
        self.assertEqual(client.get(b"/f/link").status, 403)
        self.assertEqual(client.get(b"/o/link").body, b"a\n")
        self.assertEqual(client.get(b"/off/link").body, b"a\n")
        self.assertEqual(client.get(b"/a.txt").body, b"a\n")

    def test_of_another_owner(self) -> None:
        """With if_not_owner a link to what somebody else owns is refused."""
        bench = self.bench("location / { disable_symlinks if_not_owner; }")
        os.symlink("/proc/1/status" if os.getuid() else "a.txt", bench.path("www/link"))
        if not os.getuid():
            os.lchown(bench.path("www/link"), 12345, 12345)
        self.assertEqual(bench.client().get(b"/link").status, 403)

    def test_start(self) -> None:
        """Links above from= are followed; a start that is no whole name does not count."""
        bench = self.bench("")
        www = bench.path("www").encode()
        os.symlink("www", www[:-3] + b"linked")
        path = www[:-3] + b"linked/a.txt"
        os.close(open_strictly(path, www[:-3] + b"linked", False))
        error = self.assertRaises(OSError, open_strictly, path, www[:-3] + b"lin", False)
        self.assertEqual(error.errno, errno.ENOTDIR)

    def test_no_descriptor_is_left(self) -> None:
        """Whatever happens on the way, nothing stays open."""
        bench = self.bench("location / { disable_symlinks if_not_owner; }")
        client = bench.client()
        before = len(os.listdir("/proc/self/fd"))
        for path in (b"/a.txt", b"/none", b"/none/x/y", b"/dir/", b"/a.txt/x"):
            client.get(path)
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)

    def test_bad(self) -> None:
        """What the directive doesn't take is an error."""
        for text in ("maybe", "off from=/x", "from=/x", "on off"):
            self.assertIn("disable_symlinks takes", self.errors(f"disable_symlinks {text};"), text)


class FileCacheTests(FilesCase):
    """open_file_cache in a server."""

    def test_believed(self) -> None:
        """For open_file_cache_valid the file is served as it was, then as it is."""
        bench = self.bench("open_file_cache max=10; open_file_cache_valid 10s;")
        client = bench.client()
        self.assertEqual(client.get(b"/a.txt").body, b"a\n")
        with open(bench.path("www/a.txt"), "wb") as file:
            file.write(b"longer")
        bench.advance(5)
        self.assertEqual(client.get(b"/a.txt").body, b"a\n")
        bench.advance(6)
        self.assertEqual(client.get(b"/a.txt").body, b"longer")

    def test_errors(self) -> None:
        """That a file is missing is remembered only with open_file_cache_errors."""
        for extra, status in (("", 200), ("open_file_cache_errors on;", 404)):
            bench = self.bench(f"open_file_cache max=10; {extra}")
            client = bench.client()
            self.assertEqual(client.get(b"/new.txt").status, 404)
            with open(bench.path("www/new.txt"), "wb") as file:
                file.write(b"new")
            self.assertEqual(client.get(b"/new.txt").status, status)

    def test_ranges(self) -> None:
        """Parts of a kept file are right."""
        client = self.bench("open_file_cache max=10;").client()
        client.get(b"/secret/x.txt")
        answer = client.get(b"/secret/x.txt", b"Range: bytes=1-2")
        self.assertEqual((answer.status, answer.body), (206, b"ec"))

    def test_bad(self) -> None:
        """What the directives don't take is an error."""
        for text in (
            "open_file_cache on;",
            "open_file_cache inactive=5s;",
            "open_file_cache max=0;",
            "open_file_cache_valid soon;",
            "open_file_cache_min_uses 0;",
            "open_file_cache_errors 1;",
        ):
            self.assertIn("nginx.conf:4:", self.errors(text), text)


class CacheTests(SynchronousTestCase):
    """The cache by itself."""

    def setUp(self) -> None:
        self.opened = 0
        self.path = self.mktemp()
        with open(self.path, "wb") as file:
            file.write(b"x")

    def really(self) -> OpenFile:
        """Count, and open."""
        self.opened += 1
        return OpenFile(self.path.encode())

    def settings(self, valid: float = 60, uses: int = 1) -> FileCacheSettings:
        """Settings of the directives."""
        return FileCacheSettings(
            open_file_cache=None,
            open_file_cache_valid=valid,
            open_file_cache_min_uses=uses,
            open_file_cache_errors=False,
        )

    def test_bounded(self) -> None:
        """No more than max entries; the one that was not used for longest goes."""
        cache = FileCache(CacheSize(2, 60))
        for key in "abac":
            cache.open(key, 0, self.settings(), self.really)
        self.assertEqual((len(cache), self.opened), (2, 3))
        cache.open("a", 0, self.settings(), self.really)
        self.assertEqual(self.opened, 3)
        cache.open("b", 0, self.settings(), self.really)
        self.assertEqual(self.opened, 4)

    def test_inactive(self) -> None:
        """What was not used for `inactive` goes with the next request for anything."""
        cache = FileCache(CacheSize(10, 5))
        cache.open("a", 0, self.settings(), self.really)
        cache.open("b", 6, self.settings(), self.really)
        self.assertEqual(len(cache), 1)

    def test_min_uses(self) -> None:
        """A file is kept from its second use on, if that is asked for."""
        cache = FileCache(CacheSize(10, 60))
        settings = self.settings(uses=2)
        first, second, third = (cache.open("a", 0, settings, self.really) for _ in range(3))
        self.assertIsNot(first, second)
        self.assertIs(second, third)

    def test_unchanged(self) -> None:
        """A file that is still the same when it is looked at again stays."""
        cache = FileCache(CacheSize(10, 600))
        first = cache.open("a", 0, self.settings(), self.really)
        again = cache.open("a", 61, self.settings(), self.really)
        self.assertIs(first, again)
        self.assertEqual(self.opened, 2)
