"""Hosts without an address: the daemon serves all the same, and finds them when they are there."""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.names import dns
from twisted.names.common import ResolverBase
from twisted.names.error import DomainError
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
        self.asked: list[str] = []
        bench = serve(self, text)
        hosts = bench.assembly.groups.names
        hosts.lookup = self.lookup
        hosts.start()
        self.addCleanup(hosts.stop)
        return bench

    def lookup(self, host: str) -> Deferred[names.Found]:
        self.asked.append(host)
        return succeed(names.Found(self.known.get(host, []), ttl=20.0))


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


class Answers(ResolverBase):
    """A name server that knows `app`."""

    def __init__(self, **given: Any) -> None:
        super().__init__()
        self.given = given

    def _lookup(self, name: bytes, _cls: int, kind: int, _timeout: Any) -> Deferred[Any]:
        if bytes(name) != b"app":
            return fail(DomainError(name))
        payload: Any = dns.Record_A("10.0.0.7")
        if kind == dns.AAAA:
            payload = dns.Record_AAAA("2001:db8::7")
        alias = dns.RRHeader(name, dns.CNAME, payload=dns.Record_CNAME(b"other"), ttl=9)
        return succeed(([alias, dns.RRHeader(name, kind, payload=payload, ttl=5)], [], []))


class DomainNameTests(SynchronousTestCase):
    def test_lookup(self) -> None:
        """Both kinds of addresses are asked for; what is not there is no error."""
        self.patch(names.client, "Resolver", Answers)
        domain = names.DomainNames(Clock(), self.mktemp())
        found = self.successResultOf(domain.lookup("app"))
        self.assertEqual((found.addresses, found.ttl), (["10.0.0.7", "2001:db8::7"], 5.0))
        self.assertEqual(self.successResultOf(domain.lookup("no-such-host")).addresses, [])

    def test_own_servers(self) -> None:
        """The servers of a `resolver` are asked, in the time there is, and /etc/hosts is not."""
        made: list[dict[str, Any]] = []

        def noted(**given: Any) -> Answers:
            made.append(given)
            return Answers(**given)

        self.patch(names.client, "Resolver", noted)
        self.patch(names.hosts, "Resolver", None)
        domain = names.DomainNames(Clock(), servers=[("192.0.2.1", 5353)], timeout=6.0)
        self.assertEqual(len(self.successResultOf(domain.lookup("app")).addresses), 2)
        self.assertEqual(made[0]["servers"], [("192.0.2.1", 5353)])
        self.assertEqual(sum(made[0]["timeout"]), 6.0)

    def test_servers(self) -> None:
        """The name servers are resolv.conf's, or this machine."""
        path = self.mktemp()
        self.assertEqual(names._servers(path), [("127.0.0.1", 53)])
        with open(path, "w") as file:
            file.write("search example.org\nnameserver 192.0.2.1 # one\nnameserver\n")
        self.assertEqual(names._servers(path), [("192.0.2.1", 53)])
