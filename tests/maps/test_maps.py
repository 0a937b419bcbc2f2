"""`map`, `geo` and `split_clients`."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError
from reverseproxy.maps.splitting import murmur_hash2
from tests.support import serve

SERVER = 'server { listen 80; return 200 "$found"; }'


class MapTests(SynchronousTestCase):
    """What a declared variable is for a request."""

    def found(self, configuration: str, target: bytes = b"/", fields: bytes = b"") -> bytes:
        """The value of $found."""
        client = serve(self, configuration + SERVER).client()
        client.send(b"GET " + target + b" HTTP/1.1\r\nHost: example.org\r\n" + fields + b"\r\n")
        body: bytes = client.answer().body
        return body

    def refused(self, configuration: str) -> str:
        """Why the configuration is not taken."""
        error = self.assertRaises(ConfigurationError, serve, self, configuration + SERVER)
        return str(error)

    def test_strings(self) -> None:
        """A key is found whatever its case, and what is not found is the default or empty."""
        text = "map $arg_a $found { x one; default other; }"
        self.assertEqual(self.found(text, b"/?a=X"), b"one")
        self.assertEqual(self.found(text, b"/?a=y"), b"other")
        self.assertEqual(self.found("map $arg_a $found { x one; }", b"/?a=y"), b"")

    def test_order(self) -> None:
        """A string wins over a regular expression, the first of these over the next."""
        text = "map $uri $found { ~^/a first; ~b second; /ab exact; }"
        self.assertEqual(self.found(text, b"/ab"), b"exact")
        self.assertEqual(self.found(text, b"/abc"), b"first")
        self.assertEqual(self.found(text, b"/cb"), b"second")

    def test_groups(self) -> None:
        """The groups of a regular expression can be used in the value."""
        text = r"map $uri $found { ~^/(?<what>[a-z]+)/([0-9]+) $what-$2; }"
        self.assertEqual(self.found(text, b"/abc/12"), b"abc-12")

    def test_escapes(self) -> None:
        """A backslash makes a key of what would mean something else."""
        text = r"map $arg_a $found { \default word; \~x tilde; default none; }"
        self.assertEqual(self.found(text, b"/?a=default"), b"word")
        self.assertEqual(self.found(text, b"/?a=~x"), b"tilde")

    def test_volatile(self) -> None:
        """A value is remembered for the request, unless the map is volatile."""
        for word, expected in (("", b"one one"), ("volatile;", b"one two")):
            text = (
                "map $now $seen { " + word + " 1 one; 2 two; }"
                "server { listen 80; set $now 1; set $first $seen; set $now 2;"
                ' return 200 "$first $seen"; }'
            )
            client = serve(self, text).client()
            self.assertEqual(client.get().body, expected)

    def test_refused_maps(self) -> None:
        """Two keys, two defaults and a line without a value are errors where they stand."""
        self.assertIn("stands twice", self.refused("map $uri $found { a 1; A 2; }"))
        self.assertIn("two defaults", self.refused("map $uri $found { default 1; default 2; }"))
        self.assertIn("takes one value", self.refused("map $uri $found { a; }"))
        self.assertIn("unknown variable", self.refused("map $nope $found { a 1; }"))

    def test_networks(self) -> None:
        """The smallest network that has the address gives the value."""
        text = "geo $arg_a $found { default d; 10.0.0.0/8 wide; 10.1.0.0/16 narrow; ::1 six; }"
        for address, value in (
            (b"10.2.0.1", b"wide"),
            (b"10.1.0.1", b"narrow"),
            (b"::ffff:10.1.0.1", b"narrow"),
            (b"::1", b"six"),
            (b"192.0.2.1", b"d"),
            (b"no", b"d"),
        ):
            self.assertEqual(self.found(text, b"/?a=" + address), value)

    def test_ranges(self) -> None:
        """Of ranges that overlap the later one wins where they do."""
        text = "geo $arg_a $found { ranges; default d; 10.0.0.0-10.0.0.9 a; 10.0.0.4-10.0.0.5 b; }"
        for last, value in ((3, b"a"), (4, b"b"), (5, b"b"), (6, b"a"), (10, b"d")):
            self.assertEqual(self.found(text, b"/?a=10.0.0.%d" % last), value)

    def test_proxies(self) -> None:
        """What a trusted proxy says of its client counts; all of them when recursive."""
        text = "geo $found { default d; proxy 192.0.2.0/24; %s 10.0.0.0/8 ten; 192.0.2.0/24 us; }"
        fields = b"X-Forwarded-For: 10.0.0.1, 192.0.2.9\r\n"
        self.assertEqual(self.found(text % "", fields=fields), b"us")
        self.assertEqual(self.found(text % "proxy_recursive;", fields=fields), b"ten")

    def test_refused_geos(self) -> None:
        """What is neither a network nor a range is an error where it stands."""
        self.assertIn("takes networks", self.refused("geo $found { 10.0.0.0/33 a; }"))
        self.assertIn("is no range", self.refused("geo $found { ranges; 10.0.0.1 a; }"))
        self.assertIn("ends before", self.refused("geo $found { ranges; 10.0.0.2-10.0.0.1 a; }"))

    def test_shares(self) -> None:
        """Each share of the clients gets its value, and the same client always the same."""
        text = 'split_clients "$arg_a" $found { 25% a; 25.5% b; * c; }'
        bench = serve(self, text + SERVER)
        counts = dict.fromkeys((b"a", b"b", b"c"), 0)
        for number in range(400):
            client = bench.client()
            counts[client.get(b"/?a=%d" % number).body] += 1
        self.assertTrue(70 < counts[b"a"] < 130 and 70 < counts[b"b"] < 130, counts)

    def test_hash(self) -> None:
        """The hash is MurmurHash2, tails of every length included."""
        self.assertEqual(
            [murmur_hash2(data) for data in (b"", b"a", b"ab", b"abc", b"abcd", b"abcde")],
            [0, 0x92685F5E, 0x1AA14063, 0x13577C9B, 0x26873021, 0x5F09A8DE],
        )

    def test_refused_shares(self) -> None:
        """More than all clients, and a share that is none, are errors."""
        self.assertIn("more than 100%", self.refused("split_clients a $found { 60% a; 50% b; }"))
        self.assertIn("takes shares", self.refused("split_clients a $found { 60 a; }"))
