"""proxy_store and proxy_store_access."""

from __future__ import annotations

import errno
import os
import time
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError
from reverseproxy.content import store as store_module

from ..answers import chunked
from ..support import Bench, Client, Upstream, ok, request, serve

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class StoreCase(SynchronousTestCase):
    def setUp(self) -> None:
        umask = os.umask(0o027)
        self.addCleanup(os.umask, umask)

    def bench_of(self, extra: str = "proxy_store kept$uri;", more: str = "") -> Bench:
        """A server whose only location stores."""
        self.bench = serve(
            self,
            "server { listen 80; location / { proxy_pass http://127.0.0.1:8080; "
            f"{extra} }} location @in {{ return 200 inside; }} {more} }}",
        )
        return self.bench

    def ask(self, *sent: bytes, path: bytes = b"/a/b", method: bytes = b"GET") -> Client:
        """A client asks, and the upstream sends."""
        client = self.bench.client()
        client.ask(path, method=method)
        self.bench.upstream().send(*sent)
        return client

    def kept(self, name: str = "kept/a/b") -> bytes | None:
        """What is in a file, None where there is none."""
        try:
            with open(self.bench.path(name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return None

    def temporary(self) -> list[str]:
        """The temporary files that have a name."""
        folder = self.bench.path("proxy_temp")
        return os.listdir(folder) if os.path.isdir(folder) else []

    def assert_not_kept(self) -> None:
        """Nothing is kept, in part or as a whole."""
        self.assertEqual((self.kept(), self.temporary()), (None, []))


class StoreTests(StoreCase):
    def test_whole(self) -> None:
        """A complete answer is a file, however it comes and is framed."""
        for sent in (
            (ok(b"abcdef"),),
            (HEAD, b"abc", b"def"),
            (CHUNKED, b"3\r\nabc\r\n", chunked(b"de", b"f")),
            (CHUNKED + chunked(b"abcdef"),),
        ):
            self.bench_of()
            client = self.ask(*sent)
            self.assertEqual(client.answer().body, b"abcdef")
            self.assertEqual((self.kept(), self.temporary()), (b"abcdef", []))
            self.assertEqual(self.bench.idle(), 1)

    def test_until_close(self) -> None:
        """An answer that ends with its connection is complete if that closed in good order."""
        self.bench_of()
        self.ask(b"HTTP/1.1 200 OK\r\n\r\nabc", b"def")
        self.assertEqual(self.kept(), None)
        self.bench.upstream().close()
        self.assertEqual(self.kept(), b"abcdef")

    def test_empty(self) -> None:
        """An empty answer is an empty file; the answer to HEAD is none."""
        self.bench_of()
        self.ask(ok(b""), method=b"HEAD")
        self.assert_not_kept()
        self.ask(ok(b""))
        self.assertEqual(self.kept(), b"")

    def test_on(self) -> None:
        """With `on` the file is that of root or alias, which serves it from then on."""
        self.bench_of(
            "proxy_store on; root files;",
            "location /al/ { alias files/other/; proxy_store on; "
            "proxy_pass http://127.0.0.1:8080; } location = /a/b { root files; }",
        )
        self.ask(ok(b"1"), path=b"/x/../a/c")
        self.ask(ok(b"2"), path=b"/al/%2e%2e/al/d%20e")
        self.ask(ok(b"3"), path=b"/a/%62/")
        names = ("files/a/c", "files/other/d e")
        self.assertEqual([self.kept(name) for name in names], [b"1", b"2"])

    def test_served(self) -> None:
        """What was fetched once because it was missing is a file the next time."""
        self.bench_of(
            "", "location /f/ { root files; error_page 404 = @fetch; } location @fetch { "
            "root files; proxy_store on; proxy_pass http://127.0.0.1:8080; }",
        )  # fmt: skip
        client = self.ask(ok(b"abc", b"Last-Modified: Sun, 09 Sep 2001 01:46:40 GMT"), path=b"/f/x")
        self.assertEqual(client.answer().body, b"abc")
        answer = client.get(b"/f/x")
        self.assertEqual(answer.body, b"abc")
        self.assertEqual(answer.get(b"Last-Modified"), b"Sun, 09 Sep 2001 01:46:40 GMT")
        self.assertEqual(len(self.bench.upstreams), 1)

    def test_replaced(self) -> None:
        """A new answer takes the place of the old file at once."""
        self.bench_of()
        self.ask(ok(b"old"))
        with open(self.bench.path("kept/a/b"), "rb") as old:
            self.ask(HEAD, b"new")
            self.assertEqual(self.kept(), b"old")
            self.bench.upstream().send(b"est")
            self.assertEqual((self.kept(), old.read()), (b"newest", b"old"))

    def test_date(self) -> None:
        """Last-Modified is the time of the file's last change, where it is a date."""
        self.bench_of()
        self.ask(ok(b"x", b"Last-Modified: Sun, 09 Sep 2001 01:46:40 GMT"))
        path = self.bench.path("kept/a/b")
        self.assertEqual(os.stat(path).st_mtime, 1_000_000_000)
        self.ask(ok(b"x", b"Last-Modified: lately"))
        self.assertLess(abs(os.stat(path).st_mtime - time.time()), 60)

    def test_access(self) -> None:
        """The file has the mode that was asked for, new directories what follows, no umask."""
        for access, file, folder in (
            ("", 0o600, 0o700),
            ("proxy_store_access user:rw group:rw all:r;", 0o664, 0o775),
            ("proxy_store_access group:r;", 0o640, 0o750),
            ("proxy_store_access user:r;", 0o400, 0o500),
        ):
            self.bench_of("proxy_store kept$uri;" + access)
            self.ask(ok(b"x"), path=b"/a")
            modes = [os.stat(self.bench.path(n)).st_mode & 0o777 for n in ("kept/a", "kept")]
            self.assertEqual(modes, [file, folder], access)

    def test_not_kept(self) -> None:
        """What is no 200, is not buffered or is answered elsewhere is no file."""
        for extra, sent in (
            ("", b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno"),
            ("", b"HTTP/1.1 206 P\r\nContent-Range: bytes 0-1/4\r\nContent-Length: 2\r\n\r\nno"),
            ("", ok(b"no", b"X-Accel-Buffering: no")),
            ("", ok(b"no", b"X-Accel-Redirect: @in")),
            ("proxy_buffering off;", ok(b"no")),
            ("proxy_buffering off;", CHUNKED + chunked(b"no")),
            ("proxy_store off;", ok(b"no")),
        ):
            store = "" if "proxy_store" in extra else "proxy_store kept$uri;"
            self.bench_of(store + extra)
            client = self.ask(sent)
            self.assertTrue(client.answer().complete)
            self.assert_not_kept()

    def test_cut(self) -> None:
        """Half an answer is no file."""
        for sent in (HEAD + b"abc", CHUNKED + b"3\r\nabc\r\n", b"HTTP/1.1 200 OK\r\n\r\nabc"):
            self.bench_of()
            self.ask(sent)
            self.assertEqual(len(self.temporary()), 1)
            self.bench.upstream().reset()
            self.assert_not_kept()

    def test_range(self) -> None:
        """Of an answer of which the client gets a part all is kept."""
        self.bench_of("proxy_store kept$uri; proxy_force_ranges on;")
        client = self.bench.client()
        for sent in ((ok(b"abcdef"),), (HEAD, b"abc", b"def")):
            client.ask(b"/a/b", b"Range: bytes=1-2")
            self.bench.upstream().send(*sent)
            self.assertEqual((client.answer().body, self.kept()), (b"bc", b"abcdef"))
            os.unlink(self.bench.path("kept/a/b"))

    def test_body(self) -> None:
        """The answer to a body, and to one that is passed on as it comes, is kept as well."""
        for extra in ("", "proxy_request_buffering off;"):
            self.bench_of("proxy_store kept$uri;" + extra)
            client = self.bench.client()
            client.send(request(b"/a/b", method=b"POST", body=b"body"))
            self.bench.upstream().send(HEAD, b"abcdef")
            self.assertEqual((client.answer().body, self.kept()), (b"abcdef", b"abcdef"))

    def test_upgrade(self) -> None:
        """The answer to a request to switch protocols is kept where it is a plain one."""
        self.bench_of()
        client = self.bench.client()
        client.ask(b"/a/b", b"Upgrade: websocket", b"Connection: upgrade")
        self.bench.upstream().send(HEAD, b"abcdef")
        self.assertEqual((client.answer().body, self.kept()), (b"abcdef", b"abcdef"))


class UnheardTests(StoreCase):
    """The client leaves."""

    def leave(self, *sent: bytes, extra: str = "") -> Upstream:
        """A client leaves when its upstream has `sent` something."""
        self.bench_of("proxy_store kept$uri;" + extra)
        client = self.ask(*sent)
        client.reset()
        return self.bench.upstream()

    def test_goes_on(self) -> None:
        """The upstream goes on for the file, whether the answer has begun or not."""
        for sent, rest in (
            ((), (ok(b"abcdef"),)),
            ((), (HEAD, b"abc", b"def")),
            ((HEAD, b"abc"), (b"de", b"f")),
            ((CHUNKED,), (chunked(b"abcdef"),)),
        ):
            upstream = self.leave(*sent)
            self.assertEqual(upstream.ended, "")
            self.assertNotIn("is closed too", self.bench.errors()[0])
            upstream.send(*rest)
            self.assertEqual((self.kept(), self.temporary()), (b"abcdef", []))
            self.assertEqual(self.bench.idle(), 1)

    def test_nothing_to_keep(self) -> None:
        """For an answer that is not kept the upstream does not go on."""
        upstream = self.leave(b"HTTP/1.1 404 No\r\nContent-Length: 9\r\n\r\nno")
        self.assertEqual(upstream.ended, "reset")
        self.assertIn("is closed too", self.bench.errors()[0])

    def test_later(self) -> None:
        """What comes afterwards and is not to be kept is not."""
        for sent in (
            b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno",
            ok(b"no", b"X-Accel-Redirect: @in"),
            ok(b"no", b"X-Accel-Buffering: no"),
        ):
            self.leave().send(sent)
            self.assert_not_kept()

    def test_cut(self) -> None:
        """Half an answer is no file for nobody either."""
        self.leave(HEAD, b"abc").reset()
        self.assert_not_kept()
        upstream = self.leave()
        upstream.send(HEAD, b"abc")
        self.assertEqual(len(self.temporary()), 1)
        upstream.reset()
        self.assert_not_kept()

    def test_slow_client(self) -> None:
        """A client that does not read keeps the file from nobody, whatever waits for it."""
        self.bench_of("proxy_store kept$uri; proxy_max_temp_file_size 100k; send_timeout 900s;")
        client = self.bench.client()
        client.stop_reading(1000)
        client.ask(b"/a/b")
        body = b"x" * 1_000_000
        self.bench.upstream().send(ok(body))
        self.assertEqual(self.kept(), body)
        client.read_on()
        self.assertEqual(client.answer().body, body)


class TroubleTests(StoreCase):
    """What can't be stored is passed on all the same."""

    def assert_answered(self, *sent: bytes, path: bytes = b"/a/b", says: str) -> None:
        client = self.ask(*sent, path=path)
        self.assertEqual(client.answer().body, b"abcdef")
        (line,) = self.bench.errors()
        self.assertIn(says, line)
        self.assertEqual(self.temporary(), [])

    def test_no_file(self) -> None:
        """A path that is a directory's, empty, or leads out of where it began is refused."""
        self.bench_of()
        self.assert_answered(ok(b"abcdef"), path=b"/a/", says="is no file's name")
        self.bench_of("proxy_store $arg_p;")
        self.assert_answered(ok(b"abcdef"), path=b"/?p=", says="is no file's name")
        for path in (b"/?p=../x", b"/?p=a/../../x", b"/?p=x/.."):
            self.bench_of("proxy_store kept/$arg_p;")
            self.assert_answered(HEAD, b"abcdef", path=path, says="leaves its directory")
            self.assertFalse(os.path.exists(self.bench.path("x")))

    def test_in_the_way(self) -> None:
        """A directory where the file should be, or a file where a directory should be."""
        self.bench_of()
        os.makedirs(self.bench.path("kept/a/b/c"))
        self.assert_answered(ok(b"abcdef"), says="[crit]")
        self.bench_of()
        os.makedirs(self.bench.path("kept"))
        with open(self.bench.path("kept/a"), "wb"):
            pass
        self.assert_answered(HEAD, b"abcdef", says='/kept/a/b" failed: Not a directory')

    def test_disk(self) -> None:
        """A disk that takes nothing, whether it is asked for a file, a write or a name."""
        for name, says in (
            ("write", "No space left"),
            ("fchmod", "No space left"),
            ("rename", "No space left"),
        ):
            self.bench_of()
            self.patch(store_module, "os", _Broken(name))
            self.assert_answered(HEAD, b"abc", b"def", says=says)
            self.patch(store_module, "os", os)
            self.assert_not_kept()
        self.bench_of()
        with open(self.bench.path("proxy_temp"), "wb"):
            pass
        client = self.ask(HEAD, b"abcdef")
        self.assertEqual((client.answer().body, self.kept()), (b"abcdef", None))
        self.assertIn('/kept/a/b" failed: ', self.bench.errors()[0])

    def test_other_device(self) -> None:
        """To another device the file is copied, and takes its place there as a whole."""
        self.bench_of("proxy_store kept$uri; proxy_store_access all:r;")
        os.makedirs(self.bench.path("kept/a"))
        self.patch(store_module, "os", _Broken("rename", errno.EXDEV, times=1))
        date = b"Last-Modified: Sun, 09 Sep 2001 01:46:40 GMT"
        self.ask(ok(b"abcdef", date))
        self.assertEqual((self.kept(), self.temporary()), (b"abcdef", []))
        self.assertEqual(os.listdir(self.bench.path("kept/a")), ["b"])
        status = os.stat(self.bench.path("kept/a/b"))
        self.assertEqual((status.st_mode & 0o777, status.st_mtime), (0o604, 1_000_000_000))

    def test_other_device_breaks(self) -> None:
        """A copy that fails leaves nothing behind."""
        self.bench_of()
        os.makedirs(self.bench.path("kept/a"))
        self.patch(store_module, "os", _Broken("rename", errno.EXDEV))
        self.assert_answered(ok(b"abcdef"), says="[crit]")
        self.assertEqual(os.listdir(self.bench.path("kept/a")), [])

    def test_bad(self) -> None:
        """Rights that are none are errors."""
        for access in ("user", "user:w", "other:r", "user:rw group:"):
            extra = f"proxy_store on; proxy_store_access {access};"
            error = self.assertRaises(ConfigurationError, self.bench_of, extra)
            self.assertIn("proxy_store_access takes", str(error))


class _Broken:
    """An `os` in which one function fails, so many `times`."""

    def __init__(self, name: str, number: int = errno.ENOSPC, times: int = 1_000_000) -> None:
        self._name = name
        self._number = number
        self._times = times

    def __getattr__(self, name: str) -> Any:
        if name == self._name:
            self._times -= 1
            if self._times >= 0:
                return self._fail
        return getattr(os, name)

    def _fail(self, *_args: Any) -> None:
        raise OSError(self._number, os.strerror(self._number))
