"""gunzip and gzip_static."""

from __future__ import annotations

import gzip
import os

from tests.content.test_documents import FilesCase
from tests.support import ok

TEXT = b"a text, plain and packed " * 200
PACKED = gzip.compress(TEXT, mtime=0)
GZIP = b"Accept-Encoding: gzip"


class GunzipTests(FilesCase):
    """Decompression for clients that don't take gzip."""

    files = {"t.txt": TEXT, "t.txt.gz": PACKED, "broken.gz": PACKED[:-9], "none.gz": b"x" * 20}

    def proxied(self, sent: bytes, *fields: bytes) -> tuple[bytes, bool, bytes | None]:
        """Body, whether it is whole, and Content-Encoding of an upstream's answer."""
        bench = self.bench(
            "gunzip on; gzip_proxied any; location /p { proxy_pass http://127.0.0.1:8080; }"
        )
        client = bench.client()
        client.ask(b"/p", *fields)
        bench.upstream().send(ok(sent, b"Content-Encoding: gzip", b"Content-Type: text/plain"))
        answer = client.answer()
        return answer.body, answer.complete, answer.get(b"Content-Encoding")

    def test_decompressed(self) -> None:
        """A client without Accept-Encoding gets the plain bytes."""
        self.assertEqual(self.proxied(PACKED), (TEXT, True, None))

    def test_left(self) -> None:
        """A client that takes gzip gets what came."""
        self.assertEqual(self.proxied(PACKED, GZIP), (PACKED, True, b"gzip"))

    def test_members(self) -> None:
        """Several members one after the other are one text."""
        self.assertEqual(self.proxied(PACKED + PACKED), (TEXT + TEXT, True, None))

    def test_broken(self) -> None:
        """What is no gzip, or not the whole of it, leaves the answer visibly incomplete."""
        for sent in (b"no gzip at all", PACKED[:-9]):
            self.assertFalse(self.proxied(sent)[1])

    def test_broken_file(self) -> None:
        """A broken file, too, is cut and logged."""
        bench = self.bench("location / { gzip_static always; gunzip on; }")
        for path in (b"/broken", b"/none"):
            client = bench.client()
            client.ask(path)
            self.assertFalse(client.answer().complete)
            self.assertIn("gunzip", bench.errors()[-1])

    def test_bad(self) -> None:
        """A value that is none is an error."""
        for text in ("gunzip maybe;", "gzip_static sometimes;", "gunzip_buffers 4;"):
            self.assertIn("takes", self.errors(text))


class GzipStaticTests(FilesCase):
    """Files compressed beforehand."""

    files = {"t.txt": TEXT, "t.txt.gz": PACKED, "only.txt.gz": PACKED, "d.txt": TEXT}

    def test_on(self) -> None:
        """The packed file answers for clients that take it, with a type of the plain one."""
        client = self.bench("gzip_static on; gzip_vary on;").client()
        packed = client.get(b"/t.txt", GZIP)
        self.assertEqual(packed.body, PACKED)
        self.assertEqual(packed.get(b"Content-Encoding"), b"gzip")
        self.assertEqual(packed.get(b"Content-Type"), b"text/plain")
        self.assertEqual(packed.get(b"Vary"), b"Accept-Encoding")
        plain = client.get(b"/t.txt")
        self.assertEqual((plain.body, plain.get(b"Vary")), (TEXT, b"Accept-Encoding"))

    def test_ranges(self) -> None:
        """Parts of a packed file can be had, as current nginx gives them."""
        answer = self.bench("gzip_static on;").client().get(b"/t.txt", GZIP, b"Range: bytes=0-9")
        self.assertEqual((answer.status, answer.body), (206, PACKED[:10]))

    def test_always(self) -> None:
        """With always nobody is asked; the plain file need not be there."""
        answer = self.bench("gzip_static always;").client().get(b"/only.txt")
        self.assertEqual(answer.body, PACKED)

    def test_directory(self) -> None:
        """A directory with that name is none of it."""
        bench = self.bench("gzip_static on;")
        os.makedirs(bench.path("www/d.txt.gz"))
        self.assertEqual(bench.client().get(b"/d.txt", GZIP).body, TEXT)
