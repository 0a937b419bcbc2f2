"""What workers tell each other of servers."""

from __future__ import annotations

import json
from math import inf, nan
from typing import Any

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.upstream.groups import Group
from reverseproxy.upstream.health import CHECKING, UNHEALTHY, UP
from reverseproxy.upstream.members import Member
from reverseproxy.upstream.news import CHECKED, FAILED, RECOVERED, TRIED, Opinion, PeerNews

from ..support import Bench, serve
from .test_health import BAD, HealthCase

TWO = "server 10.0.0.1; server 10.0.0.2;"
NEWS = PeerNews("App", b"app:80", b"10.0.0.1:80", FAILED, 12.5, -inf)
OPINION = Opinion(1, "/", UNHEALTHY, 3.5, 2, False, "status 500")


class WrittenTests(SynchronousTestCase):
    def test_there_and_back(self) -> None:
        """News are bytes on the way, in one line, and themselves again."""
        for news in (
            NEWS,
            attrs.evolve(NEWS, what=CHECKED, opinion=OPINION),
            attrs.evolve(NEWS, server="straße\n".encode(), address=b"unix:/\xff"),
        ):
            self.assertEqual(PeerNews.of_bytes(bytes(news)), news)
            self.assertNotIn(b"\n", bytes(news))

    def test_something_else(self) -> None:
        """What is not news is a ValueError that says so."""
        told = json.loads(bytes(attrs.evolve(NEWS, opinion=OPINION)))
        wrong: list[Any] = [
            1,
            [],
            {},
            {**told, "more": 1},
            *({name: told[name] for name in told if name != left} for left in told),
            {**told, "group": 1},
            {**told, "server": None},
            {**told, "what": "nothing"},
            {**told, "when": "1"},
            {**told, "when": nan},
            {**told, "opinion": 1},
            {**told, "opinion": {}},
            *({**told, "opinion": {**told["opinion"], name: None}} for name in told["opinion"]),
            {**told, "opinion": {**told["opinion"], "at": -1}},
            {**told, "opinion": {**told["opinion"], "state": "odd"}},
        ]
        for data in wrong:
            self.assertRaises(ValueError, PeerNews.of_bytes, json.dumps(data).encode())
        for data in (b"", b"{", b"\xff", b"{}" * 2):
            self.assertRaises(ValueError, PeerNews.of_bytes, data)

    @settings(derandomize=True, deadline=None)
    @given(st.binary(max_size=50))
    def test_any_bytes(self, data: bytes) -> None:
        """Whatever is read, it is news or a ValueError."""
        self.assertRaises(ValueError, PeerNews.of_bytes, data)


class WorkersCase(SynchronousTestCase):
    """Two workers with a group "app"; each tells the other."""

    def begin(self, servers: str, http: str = "") -> None:
        text = f"upstream App {{ {servers} }} {http}"
        text += "server { listen 80; location / { proxy_pass http://app; } }"
        self.benches = [serve(self, text) for _ in range(2)]
        self.news: list[PeerNews] = []
        for bench, other in zip(self.benches, reversed(self.benches), strict=True):
            self.connect(bench, other)

    def connect(self, bench: Bench, other: Bench) -> None:
        def send(news: PeerNews) -> None:
            self.news.append(news)
            other.assembly.groups.hear(PeerNews.of_bytes(bytes(news)))

        bench.assembly.groups.listen(send)

    def group(self, worker: int) -> Group:
        (group,) = self.benches[worker].assembly.groups.declared
        return group

    def member(self, worker: int, server: int = 0) -> Member:
        return self.group(worker).rank.everyone[server]

    def attempt(self, worker: int, now: float, fails: str = "") -> str:
        """A request's way in a worker: the servers that it goes to, `fails` of which fail."""
        turn = self.group(worker).take(None)  # type: ignore[arg-type]  # round robin asks for none
        way = ""
        while member := turn.take(now):
            server = member.server.decode()[-1]
            way += server
            turn.free(member, server in fails, now)
            if server not in fails:
                break
        return way

    def told(self) -> list[str]:
        """What was told since the last time."""
        found = [news.what for news in self.news]
        self.news.clear()
        return found


class FailureTests(WorkersCase):
    def test_failed(self) -> None:
        """A server that failed with one worker is passed over by the other, and comes back."""
        self.begin(TWO)
        self.assertEqual(self.attempt(0, 100.0, "1"), "12")
        self.assertEqual(self.told(), [FAILED])
        self.assertEqual([self.attempt(1, 105.0) for _ in range(3)], ["2"] * 3)
        for name in ("fails", "accessed", "checked", "effective"):
            here, there = (getattr(self.member(worker), name) for worker in (0, 1))
            self.assertEqual(here, there, name)
        self.assertIn("1", "".join(self.attempt(1, 111.0) for _ in range(2)))

    def test_one_trial(self) -> None:
        """When it may come back one request goes there, whichever worker has it."""
        self.begin(TWO)
        self.attempt(0, 100.0, "1")
        self.told()
        ways = "".join(self.attempt(n % 2, 111.0, "1") for n in range(8))
        self.assertEqual(ways.count("1"), 1)
        self.assertEqual(self.told(), [TRIED, FAILED])

    def test_recovered(self) -> None:
        """A server that answers again is back in both workers."""
        self.begin("server 10.0.0.1 max_fails=2 slow_start=5s; server 10.0.0.2;")
        for _ in range(2):
            while "1" not in self.attempt(0, 100.0, "1"):
                pass
        self.assertEqual(self.told(), [FAILED, FAILED])
        while "1" not in self.attempt(1, 111.0):
            pass
        self.assertEqual(self.told(), [TRIED, RECOVERED])
        for worker in range(2):
            member = self.member(worker)
            self.assertEqual((member.fails, member.back), (0, 111.0))
            self.assertTrue(member.ready(111.0))

    def test_both_fail(self) -> None:
        """Failures with all workers are counted together, towards max_fails."""
        self.begin("server 10.0.0.1 max_fails=2; server 10.0.0.2;")
        for worker in range(2):
            while "1" not in self.attempt(worker, 100.0, "1"):
                pass
        self.assertEqual([self.member(worker).fails for worker in range(2)], [2, 2])
        self.assertFalse(self.member(0).ready(101.0))
        self.assertFalse(self.member(1).ready(101.0))

    def test_failed_since(self) -> None:
        """That it was well before it failed here changes nothing."""
        self.begin(TWO)
        member = self.member(0)
        member.fails, member.accessed, member.checked = 1, 105.0, 105.0
        news = PeerNews("app", b"10.0.0.1", member.peer.address, RECOVERED, 106.0, 104.0)
        self.benches[0].assembly.groups.hear(attrs.evolve(news, server=member.server))
        self.assertEqual(member.fails, 1)
        self.benches[0].assembly.groups.hear(
            attrs.evolve(news, server=member.server, checked=105.5)
        )
        self.assertEqual(member.fails, 0)

    def test_late_news(self) -> None:
        """News that come late set no time back."""
        self.begin(TWO)
        member = self.member(0)
        member.accessed = member.checked = 105.0
        for what in (FAILED, TRIED):
            news = PeerNews("app", member.server, member.peer.address, what, 104.0, 104.0)
            self.benches[0].assembly.groups.hear(news)
        self.assertEqual((member.accessed, member.checked, member.fails), (105.0, 105.0, 1))

    def test_not_repeated(self) -> None:
        """What was heard is not told again; and who succeeds tells nothing."""
        self.begin(TWO)
        for now in range(100, 200, 5):
            self.attempt(now % 2, float(now))
        self.assertEqual(self.told(), [])
        self.attempt(0, 200.0, "12")
        self.assertEqual(self.told(), [FAILED, FAILED])

    def test_unknown(self) -> None:
        """News of who is not in this configuration are no matter."""
        self.begin(TWO)
        member = self.member(0)
        news = PeerNews("app", member.server, member.peer.address, FAILED, 1.0, 1.0)
        for unknown in (
            attrs.evolve(news, group="other"),
            attrs.evolve(news, server=b"other"),
            attrs.evolve(news, address=b"10.0.0.9:80"),
            attrs.evolve(news, what=CHECKED, opinion=OPINION),
            attrs.evolve(news, what=CHECKED),
        ):
            self.benches[0].assembly.groups.hear(unknown)
        self.assertEqual((member.fails, member.barred), (0, 0))
        self.benches[0].assembly.groups.hear(news)
        self.assertEqual(member.fails, 1)

    def test_backup_and_named_again(self) -> None:
        """Servers behind others are heard of, too; and those that have come since."""
        self.begin("server 10.0.0.1; server 10.0.0.2 backup;")
        self.assertEqual(self.attempt(0, 100.0, "12"), "12")
        self.assertEqual([self.member(1, server).fails for server in range(2)], [1, 1])
        for worker in range(2):
            self.group(worker).become(self.group(worker).rank)
        self.told()
        self.attempt(0, 120.0, "12")
        self.assertEqual(self.told(), [TRIED, FAILED, TRIED, FAILED])

    def test_a_host(self) -> None:
        """The addresses of a host that a proxy_pass names are a group as well."""
        text = "server { listen 80; location / { proxy_pass http://localhost:81; } }"
        self.benches = [serve(self, text) for _ in range(2)]
        self.news = []
        self.connect(*self.benches)
        here, there = (
            next(iter(bench.assembly.groups._unnamed.values())) for bench in self.benches
        )
        member = here.rank.members[0]
        member.begin(1.0)
        member.end(True, 1.0)
        self.assertEqual(self.told(), [FAILED])
        self.assertEqual(there.rank.members[0].fails, 1)


class CheckedTests(HealthCase):
    """One worker checks, another only hears."""

    def other(self, check: str, servers: str = TWO) -> Bench:
        """The worker that hears of `self.bench`."""
        bench = serve(
            self,
            f"upstream app {{ {servers} }} server {{ listen 80; server_name site; "
            f"location / {{ proxy_pass http://app; {check} }} }}",
        )
        bench.assembly.groups.start(checks=False)
        self.addCleanup(bench.assembly.groups.stop)
        self.bench.assembly.groups.listen(
            lambda news: bench.assembly.groups.hear(PeerNews.of_bytes(bytes(news)))
        )
        return bench

    def same(self, other: Bench, server: int = 0) -> str:
        """The state of a server, which must be the same in both workers, its checks' too."""
        members = []
        for bench in (self.bench, other):
            (group,) = bench.assembly.groups.declared
            members.append(group.rank.everyone[server])
        here, there = (
            [attrs.asdict(health) for health in member.health] + [member.barred, member.back]
            for member in members
        )
        self.assertEqual(here, there)
        return members[1].state(self.bench.reactor.seconds())

    def test_heard(self) -> None:
        """What a check finds holds in both workers: unhealthy after its fails, and well again."""
        check = "health_check interval=1s fails=3;"
        self.begin(check)
        other = self.other(check)
        self.says["10.0.0.1"] = BAD
        states = []
        for _ in range(4):
            self.wait(1)
            states.append((self.same(other), self.same(other, 1)))
        self.assertEqual(states[0], (UP, UP))
        self.assertEqual(states[-1], (UNHEALTHY, UP))
        self.says.clear()
        self.wait(2)
        self.assertEqual(self.same(other), UP)

    def test_only_one_asks(self) -> None:
        """Where checks are not started nobody is asked."""
        check = "health_check interval=1s;"
        self.begin(check)
        other = self.other(check)
        other.advance(10)
        other.reactor.settle()
        self.assertEqual(other.upstreams, [])
        self.assertNotEqual(self.wait(2), [])

    def test_mandatory(self) -> None:
        """A server that waits for its first check waits in both."""
        check = "health_check interval=1s mandatory;"
        self.begin(check)
        other = self.other(check)
        self.assertEqual(self.same(other), CHECKING)
        self.wait(2)
        self.assertEqual(self.same(other), UP)

    def test_came_later(self) -> None:
        """Who hears only the last of several results knows what they came to."""
        check = "health_check interval=1s fails=3;"
        self.begin(check, "server 10.0.0.1;")
        self.says["10.0.0.1"] = BAD
        self.wait(4)
        other = self.other(check, "server 10.0.0.1;")
        self.wait(1)
        self.assertEqual(self.same(other), UNHEALTHY)

    def test_another_check(self) -> None:
        """The result of a check that this configuration has not is no matter, nor is an older."""
        check = "health_check interval=1s uri=/a;"
        self.begin(check, "server 10.0.0.1;")
        other = self.other("health_check interval=1s uri=/b;", "server 10.0.0.1;")
        self.says["10.0.0.1"] = BAD
        self.wait(2)
        self.assertEqual(self.state(), UNHEALTHY)
        (group,) = other.assembly.groups.declared
        (member,) = group.rank.members
        self.assertEqual(member.state(0.0), UP)
        opinion = attrs.evolve(OPINION, at=0, uri="/b")
        news = PeerNews("app", member.server, member.peer.address, CHECKED, 9.0, 0.0, opinion)
        other.assembly.groups.hear(news)
        self.assertEqual(member.state(0.0), UNHEALTHY)
        older = attrs.evolve(news, when=8.0, opinion=attrs.evolve(opinion, state=UP))
        other.assembly.groups.hear(older)
        self.assertEqual(member.state(0.0), UNHEALTHY)
        other.assembly.groups.hear(attrs.evolve(older, when=10.0))
        self.assertEqual((member.state(0.0), member.back), (UP, 10.0))
