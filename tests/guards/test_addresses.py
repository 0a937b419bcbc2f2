"""`allow` and `deny`."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError
from reverseproxy.guards.networks import packed
from tests.support import load_text, serve


class AddressTests(SynchronousTestCase):
    """Requests from 192.0.2.7 (the bench's client) and from elsewhere."""

    def status(self, rules: str, peer: str = "192.0.2.7") -> int:
        bench = serve(self, f"server {{ listen 80; location / {{ {rules} return 200 in; }} }}")
        # `return` comes before access, so the content must be something else.
        return bench.client(peer=(peer, 1)).get().status

    def decided(self, rules: str, peer: str = "192.0.2.7") -> int:
        """204 where the request came in, 403 where it did not."""
        text = f"server {{ listen 80; location / {{ {rules} try_files /nothing =404; }} }}"
        return serve(self, text).client(peer=(peer, 1)).get().status

    def test_deny_all(self) -> None:
        """`deny all` refuses everybody with 403."""
        self.assertEqual(self.decided("deny all;"), 403)

    def test_first_match_decides(self) -> None:
        """The first rule that matches decides, in the order written."""
        rules = "deny 192.0.2.7; allow 192.0.2.0/24; deny all;"
        self.assertEqual(self.decided(rules), 403)
        self.assertEqual(self.decided(rules, "192.0.2.8"), 404)
        self.assertEqual(self.decided(rules, "198.51.100.1"), 403)

    def test_no_match_lets_in(self) -> None:
        """Whom no rule names comes in."""
        self.assertEqual(self.decided("deny 10.0.0.0/8;"), 404)

    def test_ipv6(self) -> None:
        """IPv6 networks hold IPv6 addresses, and no IPv4 ones."""
        rules = "allow 2001:db8::/32; deny all;"
        self.assertEqual(self.decided(rules, "2001:db8::7"), 404)
        self.assertEqual(self.decided(rules, "2001:db9::7"), 403)
        self.assertEqual(self.decided(rules), 403)

    def test_mapped(self) -> None:
        """An IPv4 client of a socket for both families is an IPv4 client."""
        self.assertEqual(self.decided("allow 192.0.2.0/24; deny all;", "::ffff:192.0.2.7"), 404)

    def test_unix(self) -> None:
        """`unix:` is clients of unix sockets, and nobody else."""
        self.assertEqual(self.decided("deny unix:;"), 404)
        self.assertEqual(packed(b"unix:"), b"")

    def test_return_comes_first(self) -> None:
        """The rewrite phase is before access, as in nginx: `return` answers whoever asks."""
        self.assertEqual(self.status("deny all;"), 200)

    def test_inheritance(self) -> None:
        """A level with an `allow` of its own inherits no `deny`: both inherit as one."""
        text = """
        deny all;
        server { listen 80;
            location /own { allow 192.0.2.7; try_files /nothing =404; }
            location /inherited { try_files /nothing =404; }
        }"""
        bench = serve(self, text)
        self.assertEqual(bench.client().get(b"/own").status, 404)
        self.assertEqual(bench.client().get(b"/inherited").status, 403)

    def test_error_line(self) -> None:
        """The error log names the rule that decided."""
        bench = serve(self, "server { listen 80;\nlocation / {\ndeny all; } }")
        bench.client().get()
        (line,) = [line for line in bench.errors() if "[error]" in line]
        self.assertIn("access forbidden by rule (", line)
        self.assertIn("nginx.conf:6)", line)

    def test_bad_values(self) -> None:
        """What is neither address nor network is refused, located."""
        for value in ("300.1.1.1", "10.0.0.0/33", "example.org", "::1/129", "10.0.0/8"):
            with self.assertRaises(ConfigurationError) as caught:
                load_text(f"deny {value};", self.mktemp())
            (diagnostic,) = caught.exception.diagnostics
            self.assertEqual((diagnostic.origin.line, diagnostic.origin.column), (4, 6), value)

    def test_meaningless_bits(self) -> None:
        """Bits below the prefix are warned of, and mean nothing."""
        configuration = load_text("deny 192.0.2.7/24;", self.mktemp())
        self.assertIn("meaningless", str(configuration.warnings[0]))
        self.assertEqual(self.decided("deny 192.0.2.99/24;"), 403)


class SatisfyTests(SynchronousTestCase):
    """`satisfy` needs more than one kind of check: see the tests of passwords."""

    def test_bad_value(self) -> None:
        """Only all and any are satisfying."""
        self.assertRaises(ConfigurationError, load_text, "satisfy some;", self.mktemp())
