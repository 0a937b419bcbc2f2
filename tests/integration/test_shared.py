"""What is one for all workers: limits, failures and health of servers, the numbers of status."""

from __future__ import annotations

import http.client
import os
import re
import signal
import threading
from collections import Counter
from pathlib import Path

from tests.integration.components import IntegrationCase
from tests.integration.differential import echo
from tests.integration.servers import directory, free_port, start_proxy, until

CONFIGURATION = """\
pid run.pid;
worker_processes 3;
error_log error.log info;
events {{ }}
http {{
    access_log access.log;
    limit_req_zone $server_addr zone=r:1m rate=1r/m;
    limit_conn_zone $server_addr zone=c:1m;
    upstream some {{ server 127.0.0.1:{dead} max_fails=1 fail_timeout=60s; server 127.0.0.1:{up}; }}
    upstream checked {{ server 127.0.0.1:{dead} max_fails=0; server 127.0.0.1:{up}; }}
    server {{
        listen 127.0.0.1:{port};
        add_header X-Pid $pid always;
        location / {{ return 200; }}
        location /limited {{ limit_req zone=r burst=9 nodelay; alias {home}/page; }}
        location /some/ {{ proxy_pass http://some; }}
        location /checked/ {{ proxy_pass http://checked; health_check interval=100ms; }}
        location /status {{ stub_status; }}
    }}
}}
"""


class SharedTests(IntegrationCase):
    def setUp(self) -> None:
        super().setUp()
        self.home: Path = directory("shared")
        (self.home / "page").write_text("here")
        self.port = free_port()
        text = CONFIGURATION.format(
            port=self.port, dead=free_port(), up=echo.start()[0], home=self.home
        )
        path = self.home / "nginx.conf"
        path.write_text(text)
        self.proxy = start_proxy(path, self.home, self.port)
        self.addCleanup(self.proxy.stop)

    def ask(self, path: str) -> tuple[int, str, bytes]:
        """The status of an answer, the worker that gave it, and its body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", path, headers={"Connection": "close"})
        response = connection.getresponse()
        found = response.status, response.getheader("X-Pid") or "", response.read()
        connection.close()
        return found

    def ask_all(self, path: str, times: int) -> Counter[tuple[str, int]]:
        """Ask from several threads at once; how often each worker gave each status."""
        found: Counter[tuple[str, int]] = Counter()

        def ask() -> None:
            for _ in range(times):
                status, worker, _ = self.ask(path)
                found[worker, status] += 1

        threads = [threading.Thread(target=ask) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found

    def errors(self, words: str) -> list[str]:
        """The lines of the error log with these words."""
        return [
            line for line in (self.home / "error.log").read_text().splitlines() if words in line
        ]

    def workers(self) -> set[str]:
        """Who has answered, once all three have."""
        seen: set[str] = set()

        def all_seen() -> bool:
            seen.update(worker for worker, _ in self.ask_all("/", 5))
            return len(seen) == 3

        until(all_seen, "all workers to answer")
        return seen

    def test_limit(self) -> None:
        """Of sixty requests ten get through, whoever of three workers they come to."""
        self.workers()
        found = self.ask_all("/limited", 10)
        let_in = sum(count for (_, status), count in found.items() if status == 200)
        self.assertEqual((let_in, sum(found.values())), (10, 60))
        self.assertGreater(len({worker for worker, _ in found}), 1)

    def test_failures(self) -> None:
        """A server that failed once in one worker is tried by none of them for a while."""
        self.workers()

        def failed() -> list[str]:
            self.assertEqual(self.ask("/some/x")[0], 200)
            return self.errors("connect() failed")

        until(failed, "the dead server to be tried")
        known = len(self.errors("connect() failed"))
        # Another worker may have been trying while the first was telling.
        self.assertLessEqual(known, 2)
        found = self.ask_all("/some/x", 10)
        self.assertEqual({status for _, status in found}, {200})
        self.assertGreater(len({worker for worker, _ in found}), 1)
        self.assertEqual(len(self.errors("connect() failed")), known)

    def test_checks(self) -> None:
        """One worker checks, and all know what it found out; another does when it is gone."""
        self.workers()
        until(lambda: self.errors("is unhealthy"), "the dead server to be checked")
        found = self.ask_all("/checked/x", 10)
        self.assertEqual({status for _, status in found}, {200})
        self.assertEqual(self.errors("no live upstreams"), [])
        (line,) = self.errors("is unhealthy")
        checker = re.search(r"\] (\d+)#", line)
        assert checker is not None
        os.kill(int(checker[1]), signal.SIGKILL)
        until(lambda: self.errors("start worker process")[3:], "another worker")
        self.assertEqual({status for _, status in self.ask_all("/checked/x", 10)}, {200})

    def test_status(self) -> None:
        """The numbers are those of all workers."""
        found = self.ask_all("/", 10)

        def known() -> bool:
            lines = self.ask("/status")[2].decode().splitlines()
            return int(lines[2].split()[2]) >= sum(found.values())

        until(known, "all requests to be counted", 3)
