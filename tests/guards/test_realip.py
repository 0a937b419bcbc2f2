"""The client behind other proxies."""

from __future__ import annotations

import socket
from typing import Any

from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from reverseproxy.config import ConfigurationError
from tests.support import load_text, serve

SEEN = 'return 200 "$remote_addr $remote_port $realip_remote_addr $realip_remote_port";'


class Telling(Resource):
    """Says whom it is asked by."""

    isLeaf = True

    def render(self, request: Any) -> bytes:
        """Answer with the client's address."""
        address = request.getClientAddress()
        return f"{address.host} {address.port}".encode()


class RealIpTests(SynchronousTestCase):
    """Requests of 192.0.2.7:51234, who may be a proxy that is believed."""

    def seen(self, rules: str, *fields: bytes) -> bytes:
        """Both addresses and ports."""
        text = f"server {{ listen 80; {rules} location / {{ {SEEN} }} }}"
        return serve(self, text).client().get(b"/", *fields).body

    def test_believed(self) -> None:
        """A proxy in the list is believed; the connection's own address is still known."""
        seen = self.seen("set_real_ip_from 192.0.2.7;", b"X-Real-IP: 10.1.1.1")
        self.assertEqual(seen, b"10.1.1.1  192.0.2.7 51234")
        seen = self.seen("set_real_ip_from 192.0.2.0/24;", b"X-Real-IP: 10.1.1.1:99")
        self.assertEqual(seen, b"10.1.1.1 99 192.0.2.7 51234")

    def test_not_believed(self) -> None:
        """Anybody else is not; nor is what is no address."""
        own = b"192.0.2.7 51234 192.0.2.7 51234"
        self.assertEqual(self.seen("set_real_ip_from 10.0.0.0/8;", b"X-Real-IP: 10.1.1.1"), own)
        self.assertEqual(self.seen("set_real_ip_from unix:;", b"X-Real-IP: 10.1.1.1"), own)
        for value in (
            b"nobody",
            b"10.1.1",
            b"10.1.1.1:0",
            b"10.1.1.1:66666",
            b"[::1]",
            b"",
            b"\xff",
        ):
            self.assertEqual(self.seen("set_real_ip_from 192.0.2.7;", b"X-Real-IP: " + value), own)

    def test_recursive(self) -> None:
        """The last of a list, or with real_ip_recursive the last that is no proxy of ours."""
        rules = "set_real_ip_from 192.0.2.0/24; real_ip_header X-Forwarded-For;"
        field = b"X-Forwarded-For: 10.1.1.1, 10.2.2.2, 192.0.2.9"
        self.assertEqual(self.seen(rules, field).split()[0], b"192.0.2.9")
        rules += "real_ip_recursive on;"
        self.assertEqual(self.seen(rules, field).split()[0], b"10.2.2.2")

    def test_name(self) -> None:
        """A name is looked up when the configuration is loaded."""
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", 0))]
        self.patch(socket, "getaddrinfo", lambda *_args, **_more: found)
        seen = self.seen("set_real_ip_from balancer.example;", b"X-Real-IP: 10.1.1.1")
        self.assertTrue(seen.startswith(b"10.1.1.1"))

    def test_everything_sees_it(self) -> None:
        """Rules, the access log and the error log see the client, not the proxy."""
        text = "server { listen 80; set_real_ip_from 192.0.2.7; location / { deny 10.0.0.0/8; } }"
        bench = serve(self, text)
        self.assertEqual(bench.client().get(b"/", b"X-Real-IP: 10.1.1.1").status, 403)
        self.assertTrue(bench.lines()[0].startswith("10.1.1.1 "))
        self.assertIn("client: 10.1.1.1,", bench.errors()[-1])

    def test_resources_see_it(self) -> None:
        """So does a Twisted resource, by `getClientAddress`."""
        text = (
            "server { listen 80; set_real_ip_from 192.0.2.7; location / {"
            " twisted_resource tests.guards.test_realip:Telling; } }"
        )
        client = serve(self, text).client()
        self.assertEqual(client.get(b"/", b"X-Real-IP: 10.1.1.1:99").body, b"10.1.1.1 99")
        self.assertEqual(client.get(b"/", b"X-Real-IP: ::1").body, b"::1 0")
        self.assertEqual(client.get(b"/").body, b"192.0.2.7 51234")

    def test_kept_alive(self) -> None:
        """The next request of a connection is its own again."""
        text = f"server {{ listen 80; set_real_ip_from 192.0.2.7; location / {{ {SEEN} }} }}"
        client = serve(self, text).client()
        client.get(b"/", b"X-Real-IP: 10.1.1.1")
        self.assertTrue(client.get().body.startswith(b"192.0.2.7 51234"))

    def test_location(self) -> None:
        """A location's rule acts before access, on whom its server did not find."""
        text = """server { listen 80; set_real_ip_from 192.0.2.7;
            location / { set_real_ip_from 192.0.2.7; real_ip_header X-Client;
                deny 10.0.0.0/8; try_files /none =404; } }"""
        bench = serve(self, text)
        self.assertEqual(bench.client().get(b"/", b"X-Client: 10.1.1.1").status, 403)
        fields = (b"X-Client: 10.1.1.1", b"X-Real-IP: 11.1.1.1")
        self.assertEqual(bench.client().get(b"/", *fields).status, 404)

    def test_bad_values(self) -> None:
        """What names no proxy, and fields that are none, are refused where they stand."""

        def unknown(*_args: object, **_more: object) -> None:
            raise socket.gaierror(-2, "Name or service not known")

        self.patch(socket, "getaddrinfo", unknown)
        for text, words in {
            "set_real_ip_from 10.0.0.0/40;": "a prefix length",
            "set_real_ip_from all;": "an address",
            "set_real_ip_from 1:2;": "an address",
            "set_real_ip_from nobody.example;": "host not found",
            "real_ip_header proxy_protocol;": "not there yet",
            'real_ip_header "a b";': "the name of a field",
            "real_ip_recursive yes;": "on",
        }.items():
            error = self.assertRaises(ConfigurationError, load_text, text, self.mktemp())
            self.assertIn(words, str(error), text)
            self.assertEqual(error.diagnostics[0].origin.line, 4, text)
