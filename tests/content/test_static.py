"""Files: types, conditions, ranges, directories, and whatever else may lie in a tree."""

from __future__ import annotations

import os
import socket
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from ..support import Answer, Bench, request, serve

MTIME = 1_700_000_000  # Tue, 14 Nov 2023 22:13:20 GMT
MODIFIED = b"Tue, 14 Nov 2023 22:13:20 GMT"
#: 400 KiB that no compression makes smaller
LARGE = Random(1).randbytes(400 * 1024)
ETAG = b'"%x-%x"' % (MTIME, 3)


class FilesTestCase(SynchronousTestCase):
    def tree(self, extra: str = "") -> Bench:
        """A server on port 80 with a tree below html/."""
        bench = serve(self, f"server {{ listen 80; server_name example.org; root html; {extra} }}")
        self.bench = bench
        self.write("index.html", b"<p>")
        self.write("a.html", b"abc")
        self.write("large.bin", LARGE)
        self.write("sub/index.html", b"sub")
        self.write("empty/.keep", b"")
        self.write("zero.html", b"")
        return bench

    def write(self, name: str, data: bytes) -> str:
        path = self.bench.path(f"html/{name}")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        os.utime(path, (MTIME, MTIME))
        return path

    def get(self, path: bytes, *fields: bytes, method: bytes = b"GET") -> Answer:
        """The answer over a connection of its own."""
        return self.bench.client().get(path, *fields, method=method)


class StaticTests(FilesTestCase):
    def test_file(self) -> None:
        """A file comes with its type, length, time, tag, and the offer of ranges."""
        self.tree()
        answer = self.get(b"/a.html")
        self.assertEqual((answer.status, answer.body), (200, b"abc"))
        self.assertEqual(
            answer.fields[2:],
            [
                (b"Content-Type", b"text/html"),
                (b"Last-Modified", MODIFIED),
                (b"ETag", ETAG),
                (b"Accept-Ranges", b"bytes"),
                (b"Content-Length", b"3"),
                (b"Connection", b"keep-alive"),
            ],
        )

    def test_head(self) -> None:
        """HEAD says the same and sends nothing, whatever the size."""
        for extra in ("", "sendfile on;"):
            self.tree(extra)
            for path in (b"/a.html", b"/large.bin", b"/zero.html"):
                plain, head = self.get(path), self.get(path, method=b"HEAD")
                self.assertEqual((head.fields, head.body), (plain.fields, b""))

    def test_sizes(self) -> None:
        """Whatever way a file leaves by, all of it arrives, and the log knows how much."""
        for extra in ("", "sendfile on;", "sendfile on; tcp_nopush on;"):
            bench = self.tree(extra)
            for size in (0, 1, 32 * 1024, 32 * 1024 + 1, 64 * 1024, 1_000_000):
                data = (LARGE * 3)[:size]
                self.write("file", data)
                client = bench.client()
                client.send(request(b"/file") * 2)
                self.assertEqual([a.body for a in client.answers()], [data, data], (extra, size))
                self.assertIn(f'" 200 {size} ', bench.lines()[-1])

    def test_types(self) -> None:
        """The extension decides, in any case; without one it is default_type."""
        self.tree("types { text/css css; image/svg+xml svg svgz; } default_type a/b;")
        for name, kind in (
            ("x.css", b"text/css"),
            ("x.min.CSS", b"text/css"),
            ("x.svgz", b"image/svg+xml"),
            ("css", b"a/b"),
            ("x.html", b"a/b"),
            (".css", b"text/css"),
            ("d.css/x", b"a/b"),
        ):
            self.write(name, b"x")
            self.assertEqual(self.get(b"/" + name.encode()).get(b"Content-Type"), kind, name)

    def test_conditions(self) -> None:
        """Conditions in the order of RFC 9110 section 13.2.2: tags before times."""
        self.tree()
        for fields, status in (
            ((b"If-None-Match: " + ETAG,), 304),
            ((b"If-None-Match: W/" + ETAG,), 304),
            ((b"If-None-Match: *",), 304),
            ((b'If-None-Match: "x", ' + ETAG,), 304),
            ((b'If-None-Match: "x"',), 200),
            ((b"If-Modified-Since: " + MODIFIED,), 304),
            ((b"If-Modified-Since: yesterday",), 200),
            ((b'If-None-Match: "x"', b"If-Modified-Since: " + MODIFIED), 200),
            ((b"If-Match: " + ETAG,), 200),
            ((b'If-Match: "x"',), 412),
            ((b"If-Unmodified-Since: Tue, 14 Nov 2023 22:13:19 GMT",), 412),
            ((b"If-Unmodified-Since: " + MODIFIED,), 200),
        ):
            self.assertEqual(self.get(b"/a.html", *fields).status, status, fields)
        answer = self.get(b"/a.html", b"If-None-Match: *")
        self.assertEqual(answer.get(b"ETag"), ETAG)
        self.assertEqual(answer.get(b"Content-Type"), None)

    def test_range(self) -> None:
        """One range is 206 with its place; one that is outside is 416 with the size."""
        for extra in ("", "sendfile on;"):
            self.tree(extra)
            for path, data in ((b"/a.html", b"abc"), (b"/large.bin", LARGE)):
                for wanted, start, stop in (
                    (b"0-0", 0, 1),
                    (b"1-", 1, len(data)),
                    (b"-1", len(data) - 1, len(data)),
                    (b"1-9999999", 1, len(data)),
                ):
                    answer = self.get(path, b"Range: bytes=" + wanted)
                    self.assertEqual((answer.status, answer.body), (206, data[start:stop]))
                    self.assertEqual(
                        answer.get(b"Content-Range"),
                        b"bytes %d-%d/%d" % (start, stop - 1, len(data)),
                    )
        answer = self.get(b"/a.html", b"Range: bytes=3-")
        self.assertEqual((answer.status, answer.get(b"Content-Range")), (416, b"bytes */3"))
        self.assertEqual(self.get(b"/a.html", b"Range: lines=1-2").status, 200)

    def test_if_range(self) -> None:
        """A range of what has changed meanwhile is the whole."""
        self.tree()
        for value, status in (
            (ETAG, 206),
            (b"W/" + ETAG, 200),
            (b'"x"', 200),
            (MODIFIED, 206),
            (b"Tue, 14 Nov 2023 22:13:21 GMT", 200),
        ):
            answer = self.get(b"/a.html", b"Range: bytes=0-0", b"If-Range: " + value)
            self.assertEqual(answer.status, status, value)

    def test_ranges(self) -> None:
        """Several ranges come in parts, each with its place; the whole has its length."""
        for extra in ("", "sendfile on;"):
            self.tree(extra)
            for path, size in ((b"/a.html", 3), (b"/large.bin", len(LARGE))):
                data = b"abc" if size == 3 else LARGE
                answer = self.get(path, b"Range: bytes=0-0, 2-2")
                self.assertEqual((answer.status, answer.complete), (206, True))
                kind, _, boundary = (answer.get(b"Content-Type") or b"").partition(b"; boundary=")
                self.assertEqual(kind, b"multipart/byteranges")
                before, *parts, after = answer.body.split(b"\r\n--" + boundary)
                self.assertEqual((before, after), (b"", b"--\r\n"))
                for part, at in zip(parts, (0, 2), strict=True):
                    head, _, body = part.partition(b"\r\n\r\n")
                    self.assertIn(b"Content-Range: bytes %d-%d/%d" % (at, at, size), head)
                    self.assertIn(b"Content-Type: text/", head)
                    self.assertEqual(body, data[at : at + 1])

    def test_max_ranges(self) -> None:
        """More ranges than max_ranges are the whole; with 0 none are offered."""
        self.tree("max_ranges 1;")
        self.assertEqual(self.get(b"/a.html", b"Range: bytes=0-0").status, 206)
        self.assertEqual(self.get(b"/a.html", b"Range: bytes=0-0,2-2").status, 200)
        self.tree("max_ranges 0;")
        answer = self.get(b"/a.html", b"Range: bytes=0-0")
        self.assertEqual((answer.status, answer.get(b"Accept-Ranges")), (200, None))

    def test_index(self) -> None:
        """A directory is its index, found by an internal redirect; the log keeps the request."""
        bench = self.tree("location = /sub/index.html { return 200 inside:$args; }")
        self.assertEqual(self.get(b"/").body, b"<p>")
        self.assertEqual(self.get(b"/sub/?q").body, b"inside:q")
        self.assertIn('"GET /sub/?q HTTP/1.1" 200', bench.lines()[-1])

    def test_index_order(self) -> None:
        """The first index that is there is taken."""
        self.tree("index none.html a.html index.html;")
        self.assertEqual(self.get(b"/").body, b"abc")
        self.assertEqual(self.get(b"/sub/").body, b"sub")

    def test_slash(self) -> None:
        """A directory without its slash is 301 to it, the arguments with it, escaped."""
        self.tree()
        self.write("a b%/x", b"")
        for asked, expected in (
            (b"/sub", b"http://example.org/sub/"),
            (b"/sub?a=%20b", b"http://example.org/sub/?a=%20b"),
            (b"/a%20b%25", b"http://example.org/a%20b%25/"),
            (b"/./sub", b"http://example.org/sub/"),
        ):
            answer = self.get(asked)
            self.assertEqual((answer.status, answer.get(b"Location")), (301, expected))

    def test_refusals(self) -> None:
        """What is not there is 404, what has no index 403, another method 405; each is told of."""
        bench = self.tree()
        for path, method, status, why in (
            (b"/none", b"GET", 404, "(2: No such file or directory)"),
            (b"/a.html/x", b"GET", 404, "(20: Not a directory)"),
            (b"/a.html/", b"GET", 404, ""),
            (b"/none/", b"GET", 404, "(2: No such file or directory)"),
            (b"/" + b"x" * 300, b"GET", 404, "(36: File name too long)"),
            (b"/empty/", b"GET", 403, "directory index of"),
            (b"/a.html", b"POST", 405, '"POST" was asked of a file'),
            (b"/a.html", b"DELETE", 405, ""),
        ):
            answer = self.get(path, method=method)
            self.assertEqual(answer.status, status, path)
            self.assertIn(why, bench.errors()[-1])
            level = " [info] " if status == 405 else " [error] "
            self.assertIn(level, bench.errors()[-1])
        self.assertEqual(self.get(b"/", method=b"PUT").get(b"Allow"), b"GET, HEAD")

    def test_no_rights(self) -> None:
        """A file that may not be read is 403, a circle of links too."""
        self.tree()
        os.symlink("circle", self.bench.path("html/circle"))
        self.assertEqual(self.get(b"/circle").status, 403)
        if os.geteuid():
            os.chmod(self.bench.path("html/a.html"), 0)
            self.assertEqual(self.get(b"/a.html").status, 403)

    def test_special_files(self) -> None:
        """A fifo does not stop the daemon, and a device or a socket is not served."""
        self.tree()
        os.mkfifo(self.bench.path("html/fifo"))
        os.symlink("/dev/zero", self.bench.path("html/zero"))
        place = os.getcwd()
        os.chdir(self.bench.path("html"))  # the path of a socket may have 107 bytes
        self.addCleanup(os.chdir, place)
        listening = socket.socket(socket.AF_UNIX)
        self.addCleanup(listening.close)
        listening.bind("socket")
        for name, status in ((b"/fifo", 404), (b"/zero", 404), (b"/socket", 404)):
            self.assertEqual(self.get(name).status, status, name)

    def test_outside(self) -> None:
        """No spelling of a path leads out of the root."""
        bench = self.tree()
        with open(bench.path("secret"), "wb") as file:
            file.write(b"secret")
        for path, status in (
            (b"/../secret", 400),
            (b"/%2e%2e/secret", 400),
            (b"/..%2fsecret", 400),
            (b"/sub/../../secret", 400),
            (b"/sub/%2e%2e/%2e%2e/secret", 400),
            (b"//../secret", 400),
            (b"/%252e%252e/secret", 404),
            (b"/..%5csecret", 404),
            (b"/a.html%00.png", 400),
            (b"/.../secret", 404),
        ):
            answer = self.get(path)
            self.assertEqual(answer.status, status, path)
            self.assertNotIn(b"secret\n", answer.body)

    def test_spellings(self) -> None:
        """Spellings of one path are one file."""
        self.tree()
        for path in (
            b"/sub/index.html",
            b"//sub///index.html",
            b"/%73ub/index.html",
            b"/sub/./index.html",
            b"/x/../sub/index.html",
            b"/sub%2findex.html",
        ):
            self.assertEqual(self.get(path).body, b"sub", path)

    def test_bytes_in_names(self) -> None:
        """Names are bytes: whatever a file is called, it can be asked for."""
        self.tree()
        name = "\u00e4 \udcff+%"
        self.write(name, b"odd")
        self.assertEqual(self.get(b"/%c3%a4%20%ff+%25").body, b"odd")
