"""Which server answers a Host: nginx's order, the default, and what is in conflict."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError
from reverseproxy.web import vhosts

from ..support import Bench, serve


def server(name: str, label: str, listen: str = "80") -> str:
    """A server that answers with its label."""
    names = f"server_name {name};" if name else ""
    return f"server {{ listen {listen}; {names} location / {{ return 200 {label}; }} }}"


class ChoiceTests(SynchronousTestCase):
    def ask(self, bench: Bench, host: str, port: int = 80) -> str:
        client = bench.client(port)
        client.send(b"GET / HTTP/1.1\r\nHost: " + host.encode() + b"\r\n\r\n")
        return client.answer().body.decode()

    def test_order(self) -> None:
        """Exact, then the longest leading asterisk, then trailing, then expressions, default."""
        bench = serve(
            self,
            server("default.org", "default")
            + server("~^www\\d+\\.", "digits")
            + server("~example", "regex")
            + server("www.example.*", "trailing-long")
            + server("www.*", "trailing")
            + server("*.example.org", "leading")
            + server("*.sub.example.org", "leading-long")
            + server("www.example.org", "exact")
            + server(".dotted.net", "dotted"),
        )
        for host, expected in (
            ("www.example.org", "exact"),
            ("WWW.Example.ORG:8080", "exact"),
            ("www.example.org.", "exact"),
            ("a.example.org", "leading"),
            ("a.b.example.org", "leading"),
            ("a.sub.example.org", "leading-long"),
            ("sub.example.org", "leading"),
            ("example.org", "regex"),
            ("www.example.com", "trailing-long"),
            ("www.example.co.uk", "trailing-long"),
            ("www.other.com", "trailing"),
            ("www12.x", "digits"),
            ("dotted.net", "dotted"),
            ("a.b.dotted.net", "dotted"),
            ("adotted.net", "default"),
            ("default.org", "default"),
            ("unknown", "default"),
            ("127.0.0.1", "default"),
            ("[::1]:80", "default"),
        ):
            for _ in range(2):  # the second time it is remembered
                self.assertEqual(self.ask(bench, host), expected, host)

    def test_regexes_in_order(self) -> None:
        """The first expression that matches wins, whatever the case."""
        bench = serve(self, server("x", "x") + server("~^a", "first") + server("~^ab", "second"))
        self.assertEqual(self.ask(bench, "ABC"), "first")

    def test_default(self) -> None:
        """The default is the one that says so, else the first, of its address."""
        text = (
            server("a", "a", "80")
            + server("b", "b", "80 default_server")
            + server("c", "c", "81")
            + server("d", "d", "81")
        )
        bench = serve(self, text)
        for host, port, expected in (
            ("x", 80, "b"),
            ("a", 80, "a"),
            ("c", 80, "b"),
            ("x", 81, "c"),
            ("d", 81, "d"),
            ("b", 81, "c"),
        ):
            self.assertEqual(self.ask(bench, host, port), expected, (host, port))

    def test_no_host(self) -> None:
        """A request without a Host is for the server with the empty name, else for the default."""
        for text, expected in (
            (server("a", "a") + server('""', "empty"), b"empty"),
            (server("a", "a") + server("", "nameless"), b"nameless"),
            (server("a", "a") + server("b", "b"), b"a"),
        ):
            client = serve(self, text).client()
            client.send(b"GET / HTTP/1.0\r\n\r\n")
            self.assertEqual(client.answer().body, expected)

    def test_many_names(self) -> None:
        """A server may have names of every kind."""
        bench = serve(self, server("x", "x") + server("a *.b c.* ~^d", "all"))
        for host in ("a", "1.b", "c.1", "dd"):
            self.assertEqual(self.ask(bench, host), "all")

    def test_idn(self) -> None:
        """A name that is not ASCII is found by its encoded form."""
        bench = serve(self, server("x", "x") + server("b\u00fccher.example", "books"))
        self.assertEqual(self.ask(bench, "xn--bcher-kva.example"), "books")

    def test_remembered(self) -> None:
        """No more than so many spellings of Host are remembered."""
        self.patch(vhosts, "REMEMBERED", 3)
        bench = serve(self, server("a", "a") + server("*.b", "b"))
        for number in range(10):
            self.assertEqual(self.ask(bench, f"{number}.b"), "b")
        (site,) = bench.assembly.sites.values()
        self.assertLessEqual(len(site.vhosts._remembered), 3)

    def test_server_settings(self) -> None:
        """What is asked for before a location is known comes from the chosen server."""
        bench = serve(
            self,
            "server { listen 80; server_name a; client_max_body_size 1;"
            " location / { return 200; } }"
            "server { listen 80; server_name b; location / { return 200 b; } }",
        )
        client = bench.client()
        client.send(b"PUT / HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n\r\nab")
        self.assertEqual(client.answer().status, 200)
        client.send(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab")
        self.assertEqual(client.answer().status, 413)


class ConflictTests(SynchronousTestCase):
    def test_names(self) -> None:
        """A name that is taken is a warning with its place; the first server keeps it."""
        text = server("a *.w", "first") + server("b a", "second") + server("*.w", "third")
        bench = serve(self, text)
        for warning, name in zip(bench.assembly.warnings, ("a", "*.w"), strict=True):
            self.assertIsNotNone(warning.origin)
            self.assertEqual(
                warning.message, f'conflicting server name "{name}" on 0.0.0.0:80, ignored'
            )
        client = bench.client()
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(client.answer().body, b"first")

    def test_other_address(self) -> None:
        """The same name on another address is no conflict."""
        bench = serve(self, server("a", "a", "80") + server("a", "b", "81"))
        self.assertEqual(bench.assembly.warnings, [])

    def test_errors(self) -> None:
        """Two defaults of an address, or an address twice, are errors with their place."""
        for text, why in (
            (
                server("a", "a", "80 default_server") + server("b", "b", "80 default_server"),
                "duplicate default_server for 0.0.0.0:80",
            ),
            ("server { listen 80; listen 80; }", "listened on twice"),
            ("server { listen 80; listen *:80; }", "listened on twice"),
            (server("~(", "x"), ""),
        ):
            with self.assertRaises(ConfigurationError) as caught:
                serve(self, text)
            found = caught.exception.diagnostics[0]
            self.assertIn(why, found.message)
            self.assertIsNotNone(found.origin)
