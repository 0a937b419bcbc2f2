"""The hostile tables, each case on real sockets: held by this daemon, and compared with nginx.

Where the two differ, a row of `differences` says why; a row that no case needs is an error.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from hypothesis import given, settings
from hypothesis.strategies import SearchStrategy

from tests.hostile import clients, directing, injection, upstreams
from tests.hostile.holding import make_files
from tests.hostile.test_streams import streams
from tests.integration.components import IntegrationCase, program
from tests.integration.differences import CLIENTS, DIRECTING, UPSTREAMS
from tests.integration.hostile import (
    READ_TIMEOUT,
    Answered,
    Recording,
    clients_answered,
    upstreams_answered,
)
from tests.integration.servers import Server, directory, free_port, start_proxy
from tests.wire.nearly import near_responses

BOTH = ("nginx", "reverseproxy")
#: Behind it is the upstream that is broken.
BEHIND = """server {{ listen 127.0.0.1:{port}; location / {{
    proxy_pass http://127.0.0.1:{upstream}; proxy_http_version 1.1; proxy_read_timeout {timeout};
    proxy_set_header Connection close; }} }}"""


class ServedCase(IntegrationCase):
    """A daemon on real sockets."""

    maxDiff = None

    def start(self, which: str, http: str, port: int) -> None:
        """Serve what stands in `http`, and answer on `port`."""
        home = directory(which)
        make_files(str(home))
        path = home / "nginx.conf"
        path.write_text(
            f"worker_processes 1; daemon off; error_log {home}/error.log info; pid {home}/pid;\n"
            + ("user root;\n" if not os.geteuid() else "")
            + "events { worker_connections 4096; }\n"
            + f"http {{\naccess_log off;\n{http}\n}}\n"
        )
        if which == "nginx":
            argv = [program("nginx") or "nginx", "-p", f"{home}/", "-c", str(path)]
            server = Server(argv, port, home)
        else:
            server = start_proxy(path, home, port, which=which)
        self.addCleanup(server.stop)


class HostileTests(ServedCase):
    needs = ("the proxy", "nginx")

    def explained(
        self,
        names: Sequence[str],
        theirs: Sequence[Answered],
        ours: Sequence[Answered],
        reasons: Mapping[str, str],
    ) -> None:
        """Each difference has a reason, and each reason a difference."""
        found: Counter[str] = Counter()
        unexplained = []
        for name, their, our in zip(names, theirs, ours, strict=True):
            if their == our:
                continue
            row = next((row for row in reasons if re.search(row, name)), None)
            if row is None:
                unexplained.append((name, their, our))
            else:
                found[row] += 1
        print(f"{len(names)} cases, {len(names) - sum(found.values())} answered as nginx does")
        for row, count in found.most_common():
            print(f"  {count}: {reasons[row]}")
        self.assertEqual(unexplained, [])
        self.assertEqual([row for row in reasons if not found[row]], [])

    def test_clients(self) -> None:
        """Each hostile client is answered as its table says, and as nginx, or with a reason."""
        table = list(clients.cases())
        rows = [(case.name, case.server, case.sent, case.methods) for case in table]
        rows += [(case.name, case.server, (case.sent,), ()) for case in injection.cases()]
        found, upstream = {}, free_port()
        for which in BOTH:
            ports, parts = {}, [injection.MAPS]
            for server in dict.fromkeys(row[1] for row in rows):
                port = ports[server] = free_port()
                text = server.replace("127.0.0.1:8080", f"127.0.0.1:{upstream}")
                parts.append(f"server {{ listen 127.0.0.1:{port}; server_name a; {text} }}")
            self.start(which, "\n".join(parts), port)
            asked = [(ports[server], sent, methods) for _, server, sent, methods in rows]
            found[which] = clients_answered(upstream, asked)
        wrong = [
            (case.name, answered)
            for case, answered in zip(table, found["reverseproxy"], strict=False)
            if (answered.statuses, answered.ended) != (case.statuses, case.closed)
        ]
        self.assertEqual(wrong, [])
        self.explained([row[0] for row in rows], *found.values(), CLIENTS)

    def test_upstreams(self) -> None:
        """Each broken upstream is what its table says, and as to nginx, or with a reason."""
        table = list(upstreams.cases())
        found = {}
        for which in BOTH:
            upstream, port = free_port(), free_port()
            text = BEHIND.format(port=port, upstream=upstream, timeout=READ_TIMEOUT)
            self.start(which, text, port)
            found[which] = upstreams_answered(upstream, port, table)
        wrong = []
        for case, answered in zip(table, found["reverseproxy"], strict=True):
            status = {"whole": case.status, "cut": "cut"}.get(case.outcome) or int(case.outcome)
            body = case.body if case.outcome == "whole" and case.status < 300 else b""
            if answered != Answered(((status, body),), True):
                wrong.append((case.name, answered))
        self.assertEqual(wrong, [])
        self.explained([case.name for case in table], *found.values(), UPSTREAMS)

    def test_directing(self) -> None:
        """What an upstream directs is followed as by nginx, or with a reason."""
        table = list(directing.cases())
        cases = [upstreams.Case(case.name, (case.sent,)) for case in table]
        found = {}
        for which in BOTH:
            upstream, onward, port = free_port(), free_port(), free_port()
            text = directing.SERVER.replace(":8080", f":{upstream}").replace(":8081", f":{onward}")
            self.start(which, f"server {{ listen 127.0.0.1:{port}; server_name a; {text} }}", port)
            found[which] = upstreams_answered(upstream, port, cases, onward)
        self.explained([case.name for case in table], *found.values(), DIRECTING)


def generated(strategy: SearchStrategy[bytes]) -> list[bytes]:
    """The examples of a strategy, the same ones each time."""
    found: list[bytes] = []

    @given(strategy)
    @settings(derandomize=True, deadline=None, max_examples=400, database=None)
    def keep(raw: bytes) -> None:
        found.append(raw)

    keep()
    return found


class GeneratedTests(ServedCase):
    """What nobody thought of, over real sockets, with an upstream that records."""

    def test_clients(self) -> None:
        """What reaches the upstream is one whole request for each answer that it gives a client."""
        examples = generated(streams())
        for server in (clients.PROXY, clients.STREAMING):
            upstream, port, recording = free_port(), free_port(), Recording()
            text = server.replace("127.0.0.1:8080", f"127.0.0.1:{upstream}")
            self.start(
                "reverseproxy", f"server {{ listen 127.0.0.1:{port}; server_name a; {text} }}", port
            )
            asked = [(port, (raw,), ()) for raw in examples]
            found = clients_answered(upstream, asked, recording)
            self.assertEqual(recording.wrong, [])
            told = [int(said) for one in found for status, said in one.replies if status == 200]
            self.assertEqual(sorted(told), list(range(1, recording.count + 1)))
            odd = {status for one in found for status in one.statuses} & {"cut", "unreadable"}
            self.assertEqual(odd, set())
            print(f"{len(examples)} streams, {recording.count} requests went on")
            self.assertGreater(recording.count, len(examples) // 5)

    def test_upstreams(self) -> None:
        """What reaches a client is one answer, or a cut that it can see."""
        examples = generated(near_responses())
        cases = [upstreams.Case(str(at), (raw,), end="close") for at, raw in enumerate(examples)]
        upstream, port = free_port(), free_port()
        text = BEHIND.format(port=port, upstream=upstream, timeout=READ_TIMEOUT)
        self.start("reverseproxy", text, port)
        found = upstreams_answered(upstream, port, cases)
        self.assertEqual([one for one in found if len(one.replies) != 1 or not one.ended], [])
        statuses = Counter(one.statuses[0] for one in found)
        print(f"{len(examples)} answers: {dict(statuses)}")
        self.assertNotIn("unreadable", statuses)
        self.assertGreater(statuses[502], len(examples) // 5)
        self.assertGreater(statuses[200], len(examples) // 20)
