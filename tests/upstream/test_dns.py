"""What the DNS is asked, and what is made of its answers."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.names import dns
from twisted.names.common import ResolverBase
from twisted.names.error import DNSNameError, DNSServerError
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.upstream import dns as asked


class Answers(ResolverBase):
    """A name server that knows `app` and `_http._tcp.app`, and has trouble with `slow`."""

    def __init__(self, **given: Any) -> None:
        super().__init__()
        self.given = given

    def _lookup(self, name: bytes, _cls: int, kind: int, _timeout: Any) -> Deferred[Any]:
        if kind == dns.SRV:
            return self._services(bytes(name))
        if bytes(name) != b"app":
            return fail((DNSServerError if bytes(name) == b"slow" else DNSNameError)(name))
        payload: Any = dns.Record_A("10.0.0.7")
        if kind == dns.AAAA:
            payload = dns.Record_AAAA("2001:db8::7")
        alias = dns.RRHeader(name, dns.CNAME, payload=dns.Record_CNAME(b"other"), ttl=9)
        return succeed(([alias, dns.RRHeader(name, kind, payload=payload, ttl=5)], [], []))

    def _services(self, name: bytes) -> Deferred[Any]:
        if name != b"_http._tcp.app":
            return fail(DNSNameError(name))
        records = [
            dns.Record_SRV(20, 5, 8082, b"app"),
            dns.Record_SRV(10, 0, 8081, b"app"),
            dns.Record_SRV(10, 7, 8083, b"gone"),
            dns.Record_SRV(0, 0, 9, b"."),
        ]
        return succeed(([dns.RRHeader(name, dns.SRV, payload=r, ttl=60) for r in records], [], []))


class DomainNameTests(SynchronousTestCase):
    def test_lookup(self) -> None:
        """Both kinds of addresses are asked for; what is not there is no error."""
        self.patch(asked.client, "Resolver", Answers)
        domain = asked.DomainNames(Clock(), self.mktemp())
        found = self.successResultOf(domain.lookup("app"))
        self.assertEqual((found.addresses, found.ttl), (["10.0.0.7", "2001:db8::7"], 5.0))
        self.assertEqual(self.successResultOf(domain.lookup("no-such-host")).addresses, [])

    def test_hosts(self) -> None:
        """Whom /etc/hosts knows the DNS is not asked about, of neither family, as by the system."""
        asked_for = []

        class Silent(Answers):
            def _lookup(self, name: bytes, *_: Any) -> Deferred[Any]:
                asked_for.append(bytes(name))
                return Deferred()

        self.patch(asked.client, "Resolver", Silent)
        path = self.mktemp()
        with open(path, "w", encoding="ascii") as file:
            file.write("::2 both\n127.0.0.1 localhost one # two\n127.0.0.2 both\n")
        domain = asked.DomainNames(Clock(), self.mktemp(), hosts_file=path)
        for name, addresses in (("One", ["127.0.0.1"]), ("both", ["127.0.0.2", "::2"])):
            found = self.successResultOf(domain.lookup(name))
            self.assertEqual(found.addresses, addresses)
        self.assertEqual(asked_for, [])
        self.assertNoResult(domain.lookup("two"))
        # A resolver of the configuration's is asked about everybody.
        own = asked.DomainNames(Clock(), servers=[("192.0.2.1", 53)], hosts_file=path)
        self.assertNoResult(own.lookup("one"))
        self.assertEqual(set(asked_for), {b"one", b"two"})

    def test_gone(self) -> None:
        """That there is no such name is told apart from a name server's trouble."""
        self.patch(asked.client, "Resolver", Answers)
        domain = asked.DomainNames(Clock(), servers=[("192.0.2.1", 53)])
        for name, gone in (("no-such-host", True), ("slow", False), ("app", False)):
            self.assertEqual(self.successResultOf(domain.lookup(name)).gone, gone, name)
        found = self.successResultOf(domain.services("_x._tcp.app"))
        self.assertEqual((found.addresses, found.gone), ([], True))

    def test_services(self) -> None:
        """The servers of a service come by priority, each address with the port and the weight.

        The shortest time to live holds for all, a weight of 0 is 1, and "." is nobody.
        """
        self.patch(asked.client, "Resolver", Answers)
        domain = asked.DomainNames(Clock(), servers=[("192.0.2.1", 53)])
        found = self.successResultOf(domain.services("_http._tcp.app"))
        self.assertEqual(
            [(one.host, one.port, one.weight, one.priority) for one in found.addresses],
            [
                ("10.0.0.7", 8081, 1, 10),
                ("2001:db8::7", 8081, 1, 10),
                ("10.0.0.7", 8082, 5, 20),
                ("2001:db8::7", 8082, 5, 20),
            ],
        )
        self.assertEqual(found.ttl, 5.0)

    def test_own_servers(self) -> None:
        """The servers of a `resolver` are asked, in the time there is, and /etc/hosts is not."""
        made: list[dict[str, Any]] = []

        def noted(**given: Any) -> Answers:
            made.append(given)
            return Answers(**given)

        self.patch(asked.client, "Resolver", noted)
        self.patch(asked.hosts, "Resolver", None)
        domain = asked.DomainNames(Clock(), servers=[("192.0.2.1", 5353)], timeout=6.0)
        self.assertEqual(len(self.successResultOf(domain.lookup("app")).addresses), 2)
        self.assertEqual(made[0]["servers"], [("192.0.2.1", 5353)])
        self.assertEqual(sum(made[0]["timeout"]), 6.0)

    def test_servers(self) -> None:
        """The name servers are resolv.conf's, or this machine."""
        path = self.mktemp()
        self.assertEqual(asked._servers(path), [("127.0.0.1", 53)])
        with open(path, "w") as file:
            file.write("search example.org\nnameserver 192.0.2.1 # one\nnameserver\n")
        self.assertEqual(asked._servers(path), [("192.0.2.1", 53)])
