"""autoindex and random_index."""

from __future__ import annotations

import json as standard_json
import os
from xml.etree import ElementTree

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.content import listing
from reverseproxy.content.listing import Entry
from tests.content.test_documents import FilesCase

names = st.binary(min_size=1, max_size=60).filter(
    lambda name: b"/" not in name and b"\0" not in name
)


class ListingTests(SynchronousTestCase):
    """The formats."""

    def line(self, name: bytes, size: int = 0, kind: str = "file", **options: bool) -> bytes:
        """The line of one entry in the HTML."""
        flags = {"exact_size": True, "local_time": False, "utf8": False, **options}
        page = listing.html(b"/", [Entry(name, kind, size, 0)], **flags)
        return page.split(b"\r\n")[4]

    def test_sizes(self) -> None:
        """Rounded sizes are bytes up to 9999, then K, M and G, rounded at the half."""
        for size, shown in {
            0: b"      0",
            9999: b"   9999",
            10000: b"    10K",
            15872: b"    16K",
            (1 << 20) - 1: b"  1024K",
            1 << 20: b"     1M",
            (1 << 30) - 1: b"  1024M",
            3 << 29: b"     2G",
        }.items():
            self.assertTrue(self.line(b"x", size, exact_size=False).endswith(b" " + shown), shown)

    def test_width(self) -> None:
        """A name takes 50 columns whatever its length; bytes of UTF-8 count by character."""
        for name in (b"a", b"b" * 49, b"c" * 50, b"d" * 51, b"e" * 200):
            for kind in ("file", "directory"):
                line = self.line(name, kind=kind)
                text = line.partition(b">")[2].replace(b"</a>", b"").replace(b"&gt;", b">")
                self.assertEqual(text.index(b" 01-Jan-1970 00:00"), 50)
        line = self.line("\u00e9".encode() * 5, utf8=True)
        self.assertEqual(line.partition(b"</a>")[2].index(b" 01-Jan"), 45)

    def test_hostile_names(self) -> None:
        """A name can't end a tag or an attribute."""
        line = self.line(b'"><script>alert(1)</script>&')
        self.assertEqual(line.count(b"<"), 2)
        self.assertIn(b'<a href="%22%3E%3Cscript%3E', line)

    @given(st.lists(names, max_size=5))
    @settings(derandomize=True, deadline=None, max_examples=50)
    def test_json_is_json(self, found: list[bytes]) -> None:
        """Whatever the names are, JSON readers find them again."""
        made = listing.json([Entry(name, "file", 1, 0) for name in found])
        read = standard_json.loads(made.decode("latin-1"))
        self.assertEqual([item["name"].encode("latin-1") for item in read], found)

    def test_xml_is_xml(self) -> None:
        """Names are escaped in XML."""
        made = listing.xml([Entry(b'<a&">', "directory", 0, 0)])
        (only,) = ElementTree.fromstring(made.decode())
        self.assertEqual((only.tag, only.text), ("directory", '<a&">'))


class AutoindexTests(FilesCase):
    """The directives."""

    def test_listing(self) -> None:
        """A directory without an index is listed; one with an index is not."""
        client = self.bench("location / { autoindex on; }").client()
        answer = client.get(b"/")
        self.assertEqual(answer.get(b"Content-Type"), b"text/html")
        self.assertIn(b'<a href="dir/">dir/</a>', answer.body)
        self.assertEqual(client.get(b"/dir/").body, b"<p>dir</p>")

    def test_link_to_nothing(self) -> None:
        """A broken symbolic link is listed as what it is: neither file nor directory."""
        bench = self.bench("location / { autoindex on; autoindex_format json; }")
        os.symlink("nowhere", bench.path("www/secret/broken"))
        body = bench.client().get(b"/secret/").body
        self.assertIn(b'{ "name":"broken", "type":"other"', body)

    def test_callback(self) -> None:
        """A callback that is no name is refused: it would be a script of the client's."""
        client = self.bench("location / { autoindex on; autoindex_format jsonp; }").client()
        self.assertEqual(client.get(b"/?callback=alert(1)//").status, 400)
        self.assertTrue(client.get(b"/?callback=f").body.startswith(b"/* callback */\r\nf(["))

    def test_head(self) -> None:
        """HEAD of a listing has its head alone."""
        answer = self.bench("autoindex on;").client().get(b"/", method=b"HEAD")
        self.assertEqual((answer.status, answer.get(b"Content-Length")), (200, None))

    def test_random_index(self) -> None:
        """One of the directory's files answers; directories and hidden files never do."""
        bench = self.bench("location / { random_index on; }")
        os.makedirs(bench.path("www/secret/.hidden"))
        answer = bench.client().get(b"/secret/")
        self.assertEqual((answer.status, answer.body), (200, b"secret"))
        self.assertEqual(bench.client().get(b"/none/").status, 404)

    def test_bad(self) -> None:
        """What the directives don't take is an error."""
        for text in ("autoindex yes;", "autoindex_format text;", "random_index on;"):
            self.assertIn("nginx.conf:4:", self.errors(text), text)
