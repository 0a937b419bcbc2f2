"""`upstream_status`."""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.support import Bench, ok, serve


class UpstreamStatusTests(SynchronousTestCase):
    def begin(self, servers: str, check: str = "", more: str = "") -> Bench:
        bench = serve(
            self,
            f"upstream app {{ {servers} }} {more} server {{ listen 80; location /status {{ "
            f"upstream_status; }} location / {{ proxy_pass http://app; {check} }} }}",
        )
        self.bench = bench
        bench.assembly.groups.start()
        self.addCleanup(bench.assembly.groups.stop)
        return bench

    def told(self) -> list[dict[str, Any]]:
        answer = self.bench.client().get(b"/status")
        self.assertEqual(answer.get(b"content-type"), b"application/json")
        self.assertEqual(answer.get(b"cache-control"), b"no-store")
        groups: list[dict[str, Any]] = json.loads(answer.body)["groups"]
        return groups

    def test_groups(self) -> None:
        """Each group is there with its servers, in the order of the configuration."""
        self.begin(
            "server 10.0.0.1 weight=2; server [::1]:81 down; server unix:/x backup;",
            more="upstream other { server 10.0.0.9; }",
        )
        first, second = self.told()
        self.assertEqual((first["name"], second["name"]), ("app", "other"))
        plain = {"backup": False, "active": 0, "fails": 0, "checks": []}
        self.assertEqual(
            first["servers"],
            [
                {
                    **plain,
                    "address": "10.0.0.1:80",
                    "name": "10.0.0.1",
                    "weight": 2,
                    "down": False,
                    "state": "up",
                },
                {
                    **plain,
                    "address": "[::1]:81",
                    "name": "[::1]:81",
                    "weight": 1,
                    "down": True,
                    "state": "down",
                },
                {
                    **plain,
                    "address": "unix:/x",
                    "name": "unix:/x",
                    "weight": 1,
                    "backup": True,
                    "down": False,
                    "state": "up",
                },
            ],
        )

    def test_active(self) -> None:
        """Requests under way are counted, in a group of one too, and failures."""
        bench = self.begin("server 10.0.0.1;")
        bench.client().ask()
        bench.client().ask()
        (server,) = self.told()[0]["servers"]
        self.assertEqual(server["active"], 2)
        bench.upstream().send(ok())
        (server,) = self.told()[0]["servers"]
        self.assertEqual((server["active"], server["state"]), (1, "up"))

    def test_unavailable(self) -> None:
        """A server that failed requests is told from one that did not."""
        bench = self.begin("server 10.0.0.1; server 10.0.0.2;")
        bench.accepting = False
        bench.client().ask()
        bench.upstream().refuse()
        first, second = self.told()[0]["servers"]
        self.assertEqual((first["state"], first["fails"]), ("unavail", 1))
        self.assertEqual((second["state"], second["active"]), ("up", 1))

    def test_checks(self) -> None:
        """What a check said last is there, and since when."""
        bench = self.begin("server 10.0.0.1;", "health_check mandatory uri=/up;")
        (server,) = self.told()[0]["servers"]
        start = "2026-07-02T03:04:05.000+00:00"
        check = {"uri": "/up", "state": "checking", "since": start}
        nothing = {"checked": None, "passed": None, "reason": None}
        self.assertEqual((server["state"], server["checks"]), ("checking", [{**check, **nothing}]))
        bench.advance(1)
        bench.upstream().send(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
        (server,) = self.told()[0]["servers"]
        then = "2026-07-02T03:04:06.000+00:00"
        self.assertEqual(server["state"], "unhealthy")
        self.assertEqual(
            server["checks"],
            [
                {
                    "uri": "/up",
                    "state": "unhealthy",
                    "since": then,
                    "checked": then,
                    "passed": False,
                    "reason": "status 503",
                }
            ],
        )

    def test_methods(self) -> None:
        """HEAD has no body; other methods are 405."""
        client = self.begin("server 10.0.0.1;").client()
        self.assertEqual(client.get(b"/status", method=b"HEAD").status, 200)
        answer = client.get(b"/status", method=b"POST")
        self.assertEqual((answer.status, answer.get(b"allow")), (405, b"GET, HEAD"))
