"""Which of a group's servers is asked, seen from outside, and beside nginx."""

from __future__ import annotations

import re
import socket

from tests.integration import backends
from tests.integration.components import UNDER_TEST, IntegrationCase
from tests.integration.servers import directory, free_port, start_proxy

CONFIGURATION = """\
worker_processes 1;
error_log error.log info;
pid run.pid;
events {{}}
http {{
    access_log off;
    keepalive_requests 20000;
    client_body_temp_path body;
    proxy_temp_path proxy;
    {servers}
}}
"""
GROUP = """\
    upstream g{port} {{ {choice} }}
    server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://g{port}; }} }}
"""
REQUESTS = 10_000
#: How many of them are on their way at once, over one connection.
AHEAD = 100
WHO = re.compile(rb"\r\nX-Backend: ([0-9]+)\r\n")


def asked(port: int, targets: list[str], ahead: int = 1) -> list[int]:
    """Send requests on one connection, so many ahead of the answers; who answered each of them."""
    found: list[int] = []
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        for start in range(0, len(targets), ahead):
            part = targets[start : start + ahead]
            head = "GET {} HTTP/1.1\r\nHost: a\r\n\r\n"
            connection.sendall("".join(map(head.format, part)).encode())
            received = b""
            while received.count(b"\r\n\r\n") < len(part):
                piece = connection.recv(65_536)
                if not piece:
                    raise ConnectionError(f"closed after {received[-300:]!r}")
                received += piece
            if received.count(b"HTTP/1.1 200 ") != len(part):
                raise AssertionError(f"not all were answered with 200: {received!r}")
            found += map(int, WHO.findall(received))
    return found


class ChoosingTests(IntegrationCase):
    needs = ("the proxy", "nginx")

    def begin(self, choices: list[str], which: str = UNDER_TEST) -> list[int]:
        """Serve groups that consist of `choices`; the port of each."""
        home = directory("choosing")
        ports = [free_port() for _ in choices]
        path = home / "nginx.conf"
        path.write_text(
            CONFIGURATION.format(
                servers="".join(
                    GROUP.format(port=port, choice=choice)
                    for port, choice in zip(ports, choices, strict=True)
                )
            )
        )
        self.addCleanup(start_proxy(path, home, ports[-1], which=which).stop)
        return ports

    def servers(self, count: int) -> list[int]:
        """Ports of servers that say who they are."""
        ports = [free_port() for _ in range(count)]
        self.addCleanup(backends.swift(directory("swift"), ports).kill)
        return ports

    def test_consistent(self) -> None:
        """Of 10,000 keys at most 22 % move when one of five servers goes: only those it had."""
        peers = self.servers(5)
        # The circle depends on the ports, which are others each time: with 160 points for each
        # server one of them may have 25 % of it. With ten times as many all have nearly a fifth.
        rows = [f"server 127.0.0.1:{peer} weight=10;" for peer in peers]
        hashed = "hash $arg_k consistent; "
        five, four = self.begin([hashed + "".join(rows), hashed + "".join(rows[:2] + rows[3:])])
        targets = [f"/?k={number}" for number in range(REQUESTS)]
        before, after = asked(five, targets, AHEAD), asked(four, targets, AHEAD)
        self.assertEqual((len(before), len(after)), (REQUESTS, REQUESTS))
        moved = sum(old != new for old, new in zip(before, after, strict=True))
        print(f"{moved} of {REQUESTS} moved, {moved / REQUESTS:.1%}")
        self.assertLessEqual(moved, REQUESTS * 0.22)
        self.assertEqual(moved, before.count(peers[2]))
        self.assertEqual(set(after), set(peers) - {peers[2]})

    def test_weights(self) -> None:
        """Weights of 5, 1 and 1 give nginx's order, request by request."""
        a, b, c = peers = self.servers(3)
        choice = f"server 127.0.0.1:{a} weight=5; server 127.0.0.1:{b}; server 127.0.0.1:{c};"
        orders = {}
        for which in (UNDER_TEST, "nginx"):
            (port,) = self.begin([choice], which)
            orders[which] = "".join("abc"[peers.index(who)] for who in asked(port, ["/"] * 21))
        print(orders)
        self.assertEqual(set(orders.values()), {"aabacaa" * 3})
