"""Hosts without an address: the daemon serves all the same, and finds them when they are there."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError
from reverseproxy.upstream import names

from ..support import Bench, ok, serve


def nothing(host: str, _port: Any, **_: Any) -> list[Any]:
    """What the system says of hosts: numbers are themselves, names are not known."""
    if host[0].isdigit():
        return [(socket.AF_INET, 0, 0, "", (host, 0))]
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


class MissingHosts(SynchronousTestCase):
    def begin(self, text: str) -> Bench:
        """A bench that knows no names, and asks `self.known` for them."""
        self.patch(names.socket, "getaddrinfo", nothing)
        self.known: dict[str, list[str]] = {}
        self.gone: set[str] = set()
        self.asked: list[str] = []
        bench = serve(self, text)
        hosts = bench.assembly.groups.names
        hosts.lookup = self.lookup
        hosts.start()
        self.addCleanup(hosts.stop)
        return bench

    def lookup(self, host: str) -> Deferred[names.Found[str]]:
        self.asked.append(host)
        gone = host in self.gone
        return succeed(names.Found(self.known.get(host, []), ttl=20.0, gone=gone))


class MissingHostTests(MissingHosts):
    def test_proxy_pass(self) -> None:
        """A host that is not found is a warning and 502, until it is found."""
        bench = self.begin("server { listen 80; location / { proxy_pass http://app:81; } }")
        (warning,) = bench.assembly.warnings
        self.assertIn('host not found in upstream "app": Name or service', warning.message)
        client = bench.client()
        answer = client.get()
        self.assertEqual((answer.status, bench.upstreams), (502, []))
        self.assertIn(b"RP-502-no-live-upstream", answer.body)
        bench.advance(2 * names.PAUSE + 1)
        self.assertEqual(self.asked, ["app", "app"])
        self.known["app"] = ["10.0.0.7", "10.0.0.8"]
        bench.advance(names.PAUSE)
        for end in ("7", "8"):
            client.ask()
            self.assertEqual(bench.upstream().host, f"10.0.0.{end}")
            self.assertEqual(bench.upstream().port, 81)
            bench.upstream().send(ok())
            self.assertEqual(client.answer().status, 200)
        self.assertIn('the host "app" is found in upstream now: 10.0.0.7', bench.errors()[-1])
        bench.advance(3 * names.PAUSE)
        self.assertEqual(len(self.asked), 3)

    def test_group(self) -> None:
        """A group does without the server that is not found; it joins the others later."""
        bench = self.begin(
            "upstream g { server app weight=9; server 10.0.0.1; hash $uri consistent; "
            "keepalive 0; } server { listen 80; location / { proxy_pass http://g; } }"
        )
        client = bench.client()
        client.ask()
        self.assertEqual(bench.upstream().host, "10.0.0.1")
        bench.upstream().send(ok())
        self.known["app"] = ["10.0.0.7"]
        bench.advance(names.PAUSE + 1)
        for number in range(5):
            client.take()
            client.ask(b"/%d" % number)
            bench.upstream().send(ok())
        self.assertIn("10.0.0.7", [upstream.host for upstream in bench.upstreams])

    def test_stopped(self) -> None:
        """A daemon that stops asks no more."""
        bench = self.begin("server { listen 80; location / { proxy_pass http://app; } }")
        bench.assembly.groups.names.stop()
        bench.advance(3 * names.PAUSE)
        self.assertEqual(self.asked, [])

    def test_nothing_missing(self) -> None:
        """Where nothing is missing there is no timer."""
        bench = self.begin("server { listen 80; location / { proxy_pass http://10.0.0.1; } }")
        before = len(bench.reactor.getDelayedCalls())
        bench.assembly.groups.names.start()
        self.assertEqual(len(bench.reactor.getDelayedCalls()), before)


class ResolveTests(MissingHosts):
    """`server NAME resolve`: asked again as its time to live is over."""

    def begin(self, text: str) -> Bench:
        self.patch(names, "DomainNames", lambda *_given, **_named: self)
        return super().begin(text)

    def group(self, resolver: str = "resolver 192.0.2.53;") -> Bench:
        return self.begin(
            f"{resolver} upstream g {{ server app:81 resolve; server 10.0.0.1 backup; }} "
            "server { listen 80; location / { proxy_pass http://g; } }"
        )

    def who(self, bench: Bench, count: int) -> set[str]:
        """Who answers so many requests."""
        found = set()
        client = bench.client()
        for _ in range(count):
            for upstream in bench.upstreams:
                if upstream.socket:
                    upstream.take()
            client.ask()
            for upstream in bench.upstreams:
                if upstream.received:
                    found.add(upstream.host)
                    upstream.send(ok())
            self.assertEqual(client.answer().status, 200)
        return found

    def test_follows(self) -> None:
        """Addresses that come are used, those that go are not, and their connections are closed."""
        bench = self.group()
        self.assertEqual(self.who(bench, 2), {"10.0.0.1"})
        self.known["app"] = ["10.0.0.7", "10.0.0.8"]
        bench.advance(names.PAUSE + 1)
        self.assertEqual(self.who(bench, 4), {"10.0.0.7", "10.0.0.8"})
        self.known["app"] = ["10.0.0.8", "10.0.0.9"]
        bench.advance(21)
        gone = [u for u in bench.upstreams if u.host == "10.0.0.7"]
        self.assertEqual([u.ended for u in gone], ["reset"])
        self.assertEqual(self.who(bench, 4), {"10.0.0.8", "10.0.0.9"})

    def test_in_use(self) -> None:
        """A connection to an address that has gone ends its answer, and is not kept."""
        self.known = {"app": ["10.0.0.7"]}
        bench = self.group()
        self.known["app"] = ["10.0.0.7"]
        bench.advance(names.PAUSE + 1)
        client = bench.client()
        client.ask()
        self.known["app"] = ["10.0.0.9"]
        bench.advance(21)
        bench.upstream().send(ok(b"bye"))
        self.assertEqual(client.answer().body, b"bye")
        self.assertEqual(bench.upstream().ended, "reset")

    def test_silence(self) -> None:
        """A name server that says nothing takes nobody away."""
        bench = self.group()
        self.known["app"] = ["10.0.0.7"]
        bench.advance(names.PAUSE + 1)
        self.known.clear()
        bench.advance(60)
        self.assertEqual(self.who(bench, 2), {"10.0.0.7"})

    def test_gone(self) -> None:
        """The word that there is no such name takes everybody away, as in nginx."""
        bench = self.group()
        self.known["app"] = ["10.0.0.7"]
        bench.advance(names.PAUSE + 1)
        self.known.clear()
        self.gone.add("app")
        bench.advance(21)
        self.assertEqual(self.who(bench, 2), {"10.0.0.1"})

    def test_valid(self) -> None:
        """It is asked as often as the time to live wants, or `valid` instead."""
        for resolver, count in (("resolver 192.0.2.53;", 3), ("resolver ::1 valid=5s;", 10)):
            bench = self.group(resolver)
            self.known["app"] = ["10.0.0.7"]
            bench.advance(49)
            self.assertEqual(len(self.asked), count, resolver)

    def test_families(self) -> None:
        """A family that is off is not used."""
        bench = self.group("resolver 192.0.2.53 ipv6=off;")
        self.known["app"] = ["10.0.0.7", "2001:db8::7"]
        bench.advance(names.PAUSE + 1)
        self.assertEqual(self.who(bench, 3), {"10.0.0.7"})

    def test_no_resolver(self) -> None:
        """`resolve` without a resolver is an error."""
        with self.assertRaises(ConfigurationError) as caught:
            self.group("")
        (error,) = caught.exception.diagnostics
        self.assertIn('no resolver is defined to resolve "app"', error.message)


class ServiceTests(MissingHosts):
    """`server NAME service=http resolve`: what SRV records say."""

    services_known: list[names.ServiceAddress]

    def services(self, name: str) -> Deferred[names.Found[names.ServiceAddress]]:
        self.asked.append(name)
        return succeed(names.Found(self.services_known, ttl=20.0))

    def begin(self, text: str) -> Bench:
        self.patch(names, "DomainNames", lambda *_given, **_named: self)
        return super().begin(text)

    def group(self, server: str = "app service=http resolve", extra: str = "") -> Bench:
        return self.begin(
            f"resolver 192.0.2.53; upstream g {{ server {server}; {extra} keepalive 0; }} "
            "server { listen 80; location / { proxy_pass http://g; } }"
        )

    def places(self, bench: Bench, count: int) -> list[str]:
        """Where so many requests go."""
        found = []
        for _ in range(count):
            client = bench.client()
            client.ask()
            found.append(f"{bench.upstream().host}:{bench.upstream().port}")
            bench.upstream().send(ok())
        return found

    def test_service(self) -> None:
        """Port and weight are the records'; those of higher priority numbers are backups."""
        self.services_known = [
            names.ServiceAddress("10.0.0.1", 8001, 2, 10, "a"),
            names.ServiceAddress("10.0.0.2", 8002, 1, 10, "b"),
            names.ServiceAddress("10.0.0.3", 8003, 1, 20, "c"),
        ]
        bench = self.group()
        bench.advance(1)
        self.assertEqual(self.asked, ["_http._tcp.app"])
        places = self.places(bench, 6)
        self.assertEqual(sorted(set(places)), ["10.0.0.1:8001", "10.0.0.2:8002"])
        self.assertEqual(places.count("10.0.0.1:8001"), 4)
        bench.accepting = False
        client = bench.client()
        client.ask()
        bench.upstream().refuse()
        bench.upstream().refuse()
        self.assertEqual(bench.upstream().host, "10.0.0.3")

    def test_changes(self) -> None:
        """Weights that change hold from then on, and connections to who stays are kept."""
        self.services_known = [names.ServiceAddress("10.0.0.1", 8001, 1, 10, "a")]
        bench = self.group("app service=web.tcp resolve")
        bench.advance(1)
        self.assertEqual(self.asked, ["web.tcp.app"])
        self.services_known = [
            names.ServiceAddress("10.0.0.1", 8001, 3, 10, "a"),
            names.ServiceAddress("10.0.0.2", 8002, 1, 10, "b"),
        ]
        bench.advance(21)
        self.assertEqual(self.places(bench, 4).count("10.0.0.1:8001"), 3)

    def test_backup(self) -> None:
        """Of a service that is `backup` those with the lowest priority are, the others nothing."""
        self.services_known = [
            names.ServiceAddress("10.0.0.1", 8001, 1, 10, "a"),
            names.ServiceAddress("10.0.0.2", 8002, 1, 20, "b"),
        ]
        bench = self.group("app service=http resolve backup", "server 10.0.0.9:80;")
        bench.advance(1)
        bench.accepting = False
        client = bench.client()
        client.ask()
        bench.upstream().refuse()
        bench.upstream().refuse()
        self.assertEqual([u.host for u in bench.upstreams], ["10.0.0.9", "10.0.0.1"])
        self.assertEqual(client.answer().status, 502)

    def test_mistakes(self) -> None:
        """A service without `resolve`, with a port or without a name is refused."""
        for server, message in (
            ("app service=http", 'server with "service" needs "resolve" too'),
            ("app:80 service=http resolve", 'server with "service" may not have a port'),
            ("app service= resolve", "no name of a service"),
        ):
            with self.assertRaises(ConfigurationError) as caught:
                self.group(server)
            (error,) = caught.exception.diagnostics
            self.assertTrue(error.message.startswith(message), error.message)


class AllAddressesTests(SynchronousTestCase):
    def test_all(self) -> None:
        """A host with several addresses uses them all in turn, those of IPv4 first."""

        def several(_host: str, _port: Any, **_: Any) -> list[Any]:
            return [
                (socket.AF_INET6, 0, 0, "", ("2001:db8::1", 0, 0, 0)),
                (socket.AF_INET, 0, 0, "", ("10.0.0.1", 0)),
                (socket.AF_INET, 0, 0, "", ("10.0.0.1", 0)),
            ]

        self.patch(names.socket, "getaddrinfo", several)
        bench = serve(self, "server { listen 80; location / { proxy_pass http://two; } }")
        for _ in range(2):
            client = bench.client()
            client.ask()
        self.assertEqual([u.host for u in bench.upstreams], ["10.0.0.1", "2001:db8::1"])
