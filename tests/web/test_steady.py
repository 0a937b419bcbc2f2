"""What is made once for the requests of a connection is what each of them would have made."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.web.steady import is_steady, kept, steady
from reverseproxy.web.variables import _FAMILIES, _GETTERS

from ..support import Bench, ok, request, serve

FORMAT = (
    "log_format f '$remote_addr $host $http_x|$http_cookie|$cookie_a $request_uri "
    "$http_referer $server_name'; access_log logs/access.log f; "
)


def site(test: SynchronousTestCase, settings: str = "", server: str = "") -> Bench:
    """A server that passes everything on, and says of each request whose it was."""
    return serve(
        test,
        FORMAT + "server { listen 80; server_name example.org b.example.org; "
        f"{server} location / {{ proxy_pass http://127.0.0.1:8080; "
        "proxy_set_header X-Real-IP $remote_addr; proxy_set_header Host $host; "
        f"proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; {settings} }} }}",
    )


class PassedOnTests(SynchronousTestCase):
    """Two requests of one connection."""

    def ask(self, bench: Bench, *raw: bytes) -> list[dict[bytes, bytes]]:
        """What the upstream saw of each request."""
        client = bench.client()
        seen = []
        for one in raw:
            client.send(one)
            line, *fields = bench.upstream().take().rstrip().split(b"\r\n")
            seen.append({name: value for name, _, value in (f.partition(b": ") for f in fields)})
            seen[-1][b"target"] = line.split()[1]
            bench.upstream().send(ok())
            client.take()
        return seen

    def test_fields(self) -> None:
        """Each passes on its own fields, whether they are the same again or have changed."""
        bench = site(self)
        requests = [
            request(b"/1", b"X: a", b"Cookie: a=1"),
            request(b"/2", b"X: a", b"Cookie: a=1"),
            request(b"/3", b"X: b", b"Cookie: a=2"),
            request(b"/4"),
            request(b"/5", b"X: b", b"Cookie: a=2"),
        ]
        seen = self.ask(bench, *requests)
        self.assertEqual([one[b"target"] for one in seen], [b"/1", b"/2", b"/3", b"/4", b"/5"])
        self.assertEqual([one.get(b"X") for one in seen], [b"a", b"a", b"b", None, b"b"])
        self.assertEqual(
            [line.split(" ", 1)[1] for line in bench.lines()],
            [
                "example.org a|a=1|1 /1 - example.org",
                "example.org a|a=1|1 /2 - example.org",
                "example.org b|a=2|2 /3 - example.org",
                "example.org -|-|- /4 - example.org",
                "example.org b|a=2|2 /5 - example.org",
            ],
        )

    def test_target(self) -> None:
        """A host in the target wins over Host for its own request, and for no other."""
        bench = site(self)
        plain = request(b"/")
        seen = self.ask(bench, plain, request(b"http://b.example.org/"), plain)
        hosts = [one[b"Host"] for one in seen]
        self.assertEqual(hosts, [b"example.org", b"b.example.org", b"example.org"])

    def test_dropped(self) -> None:
        """A field whose name is not taken stops each time, and each time it is told."""
        bench = site(self, server="error_log logs/error.log info;")
        seen = self.ask(bench, *[request(b"/", b"x_y: a")] * 3)
        self.assertEqual([b"x_y" in one for one in seen], [False] * 3)
        told = [line for line in bench.lines("logs/error.log") if "invalid header fields" in line]
        self.assertEqual(len(told), 3)

    def test_client(self) -> None:
        """The client's address is the one that each request tells, where a proxy is in front."""
        bench = site(self, server="set_real_ip_from 0.0.0.0/0; real_ip_header X-Forwarded-For;")
        one, two = (request(b"/", b"X-Forwarded-For: " + a) for a in (b"192.0.2.1", b"192.0.2.2"))
        seen = self.ask(bench, one, one, two, one)
        expected = [b"192.0.2.1", b"192.0.2.1", b"192.0.2.2", b"192.0.2.1"]
        self.assertEqual([found[b"X-Real-IP"] for found in seen], expected)
        self.assertEqual([line.split()[0].encode() for line in bench.lines()], expected)

    def test_changing(self) -> None:
        """A field that is set to what each request has of its own is each one's own."""
        bench = site(self, "set $a $arg_a; proxy_set_header X-URI $uri-$a;")
        seen = self.ask(bench, *[request(path) for path in (b"/1?a=1", b"/1?a=2", b"/2")])
        self.assertEqual([one[b"X-URI"] for one in seen], [b"/1-1", b"/1-2", b"/2-"])

    def test_locations(self) -> None:
        """Each location passes on what it is told to, of the same fields."""
        bench = serve(
            self,
            "server { listen 80; location /a { proxy_pass http://127.0.0.1:8080; "
            "proxy_set_header X a; } location /b { proxy_pass http://127.0.0.1:8080; "
            "proxy_set_header Y b; } }",
        )
        seen = self.ask(bench, *[request(path, b"X: own") for path in (b"/a", b"/b", b"/a")])
        self.assertEqual([one[b"X"] for one in seen], [b"a", b"own", b"a"])
        self.assertEqual([one.get(b"Y") for one in seen], [None, b"b", None])

    def test_answers(self) -> None:
        """Answers with the same fields over one connection keep their own status and body.

        What is added to one is not added to the next.
        """
        bench = site(self, "add_header Z z always;")
        client = bench.client()
        for status, body in ((b"200 OK", b"one"), (b"404 Lost", b"two"), (b"200 OK", b"six")):
            client.ask()
            bench.upstream().send(ok(body, b"X: y").replace(b"200 OK", status))
            answer = client.answer()
            self.assertEqual((b"%d" % answer.status, answer.body), (status[:3], body))
            fields = [pair for pair in answer.fields if pair[0] in (b"X", b"Z")]
            self.assertEqual(fields, [(b"X", b"y"), (b"Z", b"z")])
        self.assertEqual(bench.idle(), 1)


class KeptTests(SynchronousTestCase):
    """What a connection keeps of a head while it idles."""

    def kept(self, *fields: bytes) -> tuple[bool, bool]:
        """Whether the client's connection, and the upstream's, keep the heads they read."""
        bench = site(self, "proxy_buffer_size 8k;")
        client = bench.client()
        client.send(request(b"/", *fields))
        upstream = bench.upstream()
        upstream.send(ok(b"hi", *fields))
        client.take()
        return client.channel._before is not None, upstream.transport.protocol._before is not None

    def test_short(self) -> None:
        """A head of usual length is kept, to compare the next with."""
        self.assertEqual(self.kept(b"A: " + b"a" * 2000), (True, True))

    def test_long(self) -> None:
        """A long one is not: many connections may idle."""
        self.assertEqual(self.kept(b"A: " + b"a" * 4100), (False, False))


class MarkedTests(SynchronousTestCase):
    """The variables that are marked `steady`."""

    def test_each(self) -> None:
        """None depends on anything but the connection and the fields."""
        bench = serve(
            self,
            "server { listen 80; set $a $uri; location / { proxy_pass http://127.0.0.1:8080; }"
            " location /b { root .; limit_rate 1k; proxy_pass http://127.0.0.1:8081/x; } }",
        )
        fields = (b"X-A: b", b"Cookie: a=b", b"Content-Type: text/plain", b"Content-Length: 0")
        names = [name for name, getter in _GETTERS.items() if is_steady(getter)]
        getters = [_GETTERS[name] for name in names]
        for family, make in _FAMILIES.items():
            for name in ("x_a", "a"):
                if is_steady(make(name)):
                    names.append(family + name)
                    getters.append(make(name))
        self.assertGreater(len(names), 10)
        values = []
        client = bench.client()
        for raw in (
            request(b"/?a=b", *fields),
            request(b"/b/c%20d", *fields, method=b"POST"),
            request(b"/c?a=c", *fields, method=b"PUT"),
        ):
            client.send(raw)
            found = client.channel.request
            values.append({name: get(found) for name, get in zip(names, getters, strict=True)})
            bench.upstream().send(ok())
            client.take()
            bench.advance(2)
        self.assertEqual(values[0], values[1])
        self.assertEqual(values[0], values[2])

    def test_kept(self) -> None:
        """What is kept is made once for the same fields, and again for others."""
        calls: list[bytes] = []

        def make(request: object) -> bytes:
            calls.append(b"")
            return b"%d" % len(calls)

        get = kept(make)
        self.assertTrue(is_steady(get))
        self.assertFalse(is_steady(make))
        self.assertIs(steady(make), make)
        bench = serve(self, "server { listen 80; return 200; }")
        client = bench.client()
        seen = []
        channel = client.channel
        original = channel.requestFactory

        class Noting(original):  # type: ignore[misc, valid-type]  # known at run time
            def begin(self) -> None:
                seen.append(get(self))
                super().begin()

        channel.requestFactory = Noting
        for raw in (request(b"/1"), request(b"/2"), request(b"/3", b"A: b"), request(b"/4")):
            client.send(raw)
        self.assertEqual(seen, [b"1", b"1", b"2", b"3"])
