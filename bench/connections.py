"""Many connections: what an idle worker and each connection weigh, who waits how long for whom.

Memory is the worker's; an idle one's is told as its share (Pss), for it shares the program's pages
with the master that it was forked from, and as all that is mapped (Rss).
"""

from __future__ import annotations

import argparse
import resource
import socket
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence

from bench.drivers import wrk
from bench.peers import OURS, PEERS, Running, backends, installed
from bench.processes import cpu_seconds, memory, share, tree
from tests.integration.components import program
from tests.integration.servers import directory

IDLE_WORKER = 40.0  # MiB
IDLE_CONNECTION, WEBSOCKET = 7.0, 12.0  # KiB
LATENCY = 3.0  # the 99th percentile beside the median
KEPT_RATE = 0.9  # of what it is without the idle ones

_GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
_UPGRADE = (
    b"GET /bulk/socket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def opened(running: Running, count: int, request: bytes, status: bytes) -> list[socket.socket]:
    """Connections that have had an answer each, and stay."""
    connections = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", running.port), timeout=20)
        connection.sendall(request)
        if not connection.recv(65536).startswith(b"HTTP/1.1 " + status):
            raise AssertionError(f"not {status!r}")
        connections.append(connection)
    return connections


def _closed(connections: list[socket.socket]) -> None:
    for connection in connections:
        connection.close()
    time.sleep(1.5)  # a sweep later they are gone


def weight(running: Running, count: int, request: bytes, status: bytes) -> float:
    """KiB for each of so many connections."""
    worker = tree(running.pid)[-1]
    _closed(opened(running, 100, request, status))
    before = memory(worker, "RssAnon")
    connections = opened(running, count, request, status)
    time.sleep(1.5)
    grown = memory(worker, "RssAnon") - before
    _closed(connections)
    return grown / count / 1024


def rate(running: Running, connections: int, seconds: float) -> float:
    """Requests per second of CPU; by the clock it would be the rate of whoever else runs here."""
    before = cpu_seconds(running.pid)
    load = wrk("/", connections)(running, seconds)
    if load.failed:
        raise AssertionError(f"{load.failed} requests failed")
    return load.units / (cpu_seconds(running.pid) - before)


def with_idle(running: Running, idle: int, seconds: float) -> float:
    """What of the rate over 500 connections is left beside so many idle ones."""
    ratios = []
    for _ in range(3):
        alone = rate(running, 500, seconds)
        connections = opened(running, idle, _GET, b"200")
        ratios.append(rate(running, 500, seconds) / alone)
        _closed(connections)
    return statistics.median(ratios)


def latency(running: Running, seconds: float) -> tuple[float, float, float]:
    """Requests per second at the peak; median and 99th percentile in ms at 60 % of that."""
    peak = wrk("/", 32)(running, seconds).units / seconds
    log = directory("bench-latency") / "log"
    command = [program("h2load") or "h2load", "--h1", "-c32", f"-D{int(seconds) or 1}"]
    command += [f"--rps={0.6 * peak / 32:.1f}", f"--log-file={log}"]
    url = f"http://localhost:{running.port}/"
    subprocess.run([*command, url], capture_output=True, check=True, timeout=120)
    times = sorted(int(line.split()[2]) / 1000 for line in log.read_text().splitlines())
    return peak, times[len(times) // 2], times[len(times) * 99 // 100]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 1 if something is more than it may be."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each load (3)")
    parser.add_argument("--idle", type=int, default=10_000, help="idle connections (10,000)")
    options = parser.parse_args(argv)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    behind = backends()
    peers = [name for name in (OURS, "nginx, article") if name in installed()]
    over = False
    print(f"{'connections':44}{''.join(f'{name:>18}' for name in peers)}")

    def row(title: str, figures: dict[str, float], limit: float, most: bool = True) -> None:
        nonlocal over
        told = "".join(f"{figures[name]:18,.2f}" for name in peers)
        wrong = figures[OURS] > limit if most else figures[OURS] < limit
        over |= wrong
        print(f"{title:44}{told}   {'!' if wrong else ''}({limit:g})", flush=True)

    def fresh(measure: Callable[[Running], float], only: str = "") -> dict[str, float]:
        """A figure of each, when it has done nothing else yet."""
        figures = {}
        for name in peers:
            if only and name != only:
                figures[name] = float("nan")
                continue
            one = PEERS[name][0](behind)
            _closed(opened(one, 100, _GET, b"200"))
            figures[name] = measure(one)
            one.server.stop()
        return figures

    row("idle worker, MiB of its own (Pss)", fresh(_share), IDLE_WORKER)
    row("idle worker, MiB mapped (Rss)", fresh(_mapped), IDLE_WORKER)
    row(
        "idle keep-alive connection, KiB",
        fresh(lambda one: weight(one, 5000, _GET, b"200")),
        IDLE_CONNECTION,
    )
    row("WebSocket, KiB", fresh(lambda one: weight(one, 1500, _UPGRADE, b"101"), OURS), WEBSOCKET)
    running = {name: PEERS[name][0](behind) for name in peers}
    each = running.items()
    try:
        found = {name: latency(one, options.seconds) for name, one in each}
        for name, (peak, median, slowest) in found.items():
            print(f"  {name}: {0.6 * peak:,.0f}/s, median {median:.2f} ms, 99 % {slowest:.2f} ms")
        row("99th percentile / median", {n: s / m for n, (_, m, s) in found.items()}, LATENCY)
        left = {name: with_idle(one, options.idle, options.seconds) for name, one in each}
        row(f"rate of 500 beside {options.idle:,} idle", left, KEPT_RATE, most=False)
    finally:
        for one in running.values():
            one.server.stop()
        behind.stop()
    return int(over)


def _share(running: Running) -> float:
    return share(tree(running.pid)[-1]) / 2**20


def _mapped(running: Running) -> float:
    return memory(tree(running.pid)[-1], "VmRSS") / 2**20
