"""A broken upstream is 502 or a cut that the client can see, and never another's answer."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from ..support import Client, Upstream, ok, request
from . import upstreams
from .holding import PASS, HostileUpstream, read
from .naming import add_tests
from .upstreams import Case

GROUP = (
    "upstream two { server 127.0.0.1:8080 max_fails=0; server 127.0.0.1:8081 max_fails=0; }"
    + PASS % ("two", "proxy_next_upstream error timeout invalid_header;")
)
#: What is wrong with an answer as a whole, and at no byte of it.
UNPLACED = re.compile("too big header|interim answers|switched protocols")
#: How the same upstream is met: the configuration, and the client's version.
VARIANTS = {
    "buffered": (PASS % ("127.0.0.1:8080", ""), b"1.1"),
    "unbuffered": (PASS % ("127.0.0.1:8080", "proxy_buffering off;"), b"1.1"),
    "asked by HTTP/1.0": (PASS % ("127.0.0.1:8080", ""), b"1.0"),
    "without keep-alive": (PASS % ("127.0.0.1:8080", "proxy_http_version 1.0;"), b"1.1"),
    "told to close": (PASS % ("127.0.0.1:8080", "proxy_set_header Connection close;"), b"1.1"),
    "one of two": (GROUP, b"1.1"),
}


class UpstreamTests(HostileUpstream):
    """One test a case; they are added below."""

    def case(self, case: Case) -> None:
        """Try a case in every variant."""
        for variant, (text, version) in VARIANTS.items():
            try:
                self._attempt(case, variant, text, version)
            except Exception as error:
                error.add_note(variant)
                raise

    def _attempt(self, case: Case, variant: str, text: str, version: bytes) -> None:
        bench = self.begin(text)
        client = bench.client()
        client.send(request(b"/first", method=case.method, version=version))
        upstream = bench.upstream()
        self._break(case, upstream)
        if case.outcome == "504" or case.name.startswith("silence"):
            bench.advance(61, step=1)
        second = bench.upstreams[1:]
        outcome = case.outcome
        if variant == "one of two" and outcome in ("502", "504"):
            # The other server is asked, once, and what it says is the answer.
            (other,) = second
            self.assertEqual(other.target, b"/first")
            other.send(ok(b"other"))
            other.take()
            outcome = "other"
        else:
            self.assertEqual(second, [])
        self._seen(case, outcome, client)
        kept = case.kept and variant not in ("without keep-alive", "told to close")
        self.assertEqual(bool(upstream.ended), not kept, upstream.ended)
        upstream.take()
        self.hold(bench, client, [] if kept else [upstream])
        for line in bench.errors():
            self.assertNotRegex(line, r" \[(?:crit|alert|emerg)\] ")
            if "(RP-502-protocol)" in line and not UNPLACED.search(line):
                self.assertRegex(
                    line, r" at byte [0-9]+ of the answer's (?:head|body) \(RP-502-protocol\)"
                )
                self.assertRegex(line, r', upstream: "http://127\.0\.0\.1:808[01]/?')

    def _break(self, case: Case, upstream: Upstream) -> None:
        for piece in case.sent:
            upstream.send(piece)
        if case.end == "close":
            upstream.close()
        elif case.end == "reset":
            upstream.reset()

    def _seen(self, case: Case, outcome: str, client: Client) -> None:
        """The client has exactly one answer: the right one, or one that is visibly cut."""
        (reply,) = read(client, case.method)
        if outcome == "cut":
            self.assertEqual((reply.status, reply.complete), (200, False))
            self.assertIn(client.ended, ("closed", "reset"))
            self.assertTrue((b"hello" * 9).startswith(reply.body) or reply.body[:1] == b"x")
            return
        self.assertTrue(reply.complete)
        self.assertEqual(reply.all(b"x-injected"), [])
        if outcome == "whole":
            self.assertEqual((reply.status, reply.body), (case.status, case.body))
        elif outcome == "other":
            self.assertEqual((reply.status, reply.body), (200, b"other"))
        else:
            self.assertEqual(reply.status, int(outcome))


CASES = add_tests(UpstreamTests, upstreams.cases(), lambda case: case.outcome)


class CountTests(SynchronousTestCase):
    """How much is tried."""

    def test_count(self) -> None:
        """There are 1,500 broken upstreams and more, each in six variants."""
        print(f"{len(CASES)} upstreams in {len(VARIANTS)} variants")
        self.assertGreater(len(CASES), 1500)


class EarlyTests(HostileUpstream):
    """An answer that is there before the request is."""

    def early(self, more: str, piece: int, room: float) -> None:
        """An answer to an upload of which the upstream has a part: it is told, and dropped."""
        bench = self.begin(PASS % ("127.0.0.1:8080", more))
        client = bench.client()
        upload = request(b"/first", method=b"PUT", body=b"x" * 300_000)
        client.send(upload[:piece])
        upstream = bench.upstream()
        upstream.stop_reading(room)
        client.send(upload[piece:])
        upstream.send(ok(b"early"))
        reply = read(client, b"PUT")[0]
        self.assertEqual((reply.status, reply.body, reply.complete), (200, b"early", True))
        self.assertTrue(upstream.ended)
        self.assertEqual(bench.idle(), 0)
        upstream.take()
        self.hold(bench, client, [upstream])

    def test_streamed(self) -> None:
        """While the client is still sending, and while the upstream takes no more."""
        self.early("proxy_request_buffering off;", 5000, 3000)
        self.early("proxy_request_buffering off; proxy_buffering off;", 5000, 3000)

    def test_with_the_connection(self) -> None:
        """What comes with the connection itself is an answer to a request that is not whole."""
        bench = self.begin(PASS % ("127.0.0.1:8080", ""))
        client = bench.client()
        bench.upstream_room = 1000
        client.send(request(b"/first", method=b"PUT", body=b"x" * 300_000))
        upstream = bench.upstream()
        self.assertLess(len(upstream.received), 300_000)
        upstream.send(ok(b"early") + ok(b"poison"))
        reply = read(client, b"PUT")[0]
        self.assertEqual((reply.body, reply.complete), (b"early", True))
        self.assertTrue(upstream.ended)
        upstream.take()
        self.hold(bench, client, [upstream])
