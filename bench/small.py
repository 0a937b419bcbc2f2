"""Small proxied requests: requests per second, and CPU time of the proxy for each.

The subjects take turns for several rounds, so that what else the machine does hits all of them;
what is shown are medians. The CPU time is the proxy's alone (its whole process tree), so it counts
even where the load generator is the one that has no time left.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
from collections.abc import Sequence

import attrs

from bench import fronts
from bench.processes import cpu_seconds
from tests.integration.components import program
from tests.integration.servers import Server

SUBJECTS = {
    "reverseproxy": fronts.reverseproxy,
    "stock twisted.web.proxy": fronts.stock,
    "nginx, as in the article": fronts.nginx,
    "nginx with keepalive": fronts.nginx_keepalive,
}


@attrs.frozen
class Run:
    """One run of one subject."""

    requests: int
    rate: float  # requests per second
    cpu: float  # seconds per request
    failed: int


def run(server: Server, seconds: int, connections: int) -> Run:
    """Load a server with wrk for some seconds."""
    before = cpu_seconds(server.process.pid)
    command = [program("wrk") or "wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    url = f"http://127.0.0.1:{server.port}/"
    done = subprocess.run([*command, url], capture_output=True, text=True, check=True)
    cpu = cpu_seconds(server.process.pid) - before
    requests = int(_figure(r"(\d+) requests in", done.stdout))
    failed = int(_figure(r"Non-2xx or 3xx responses: (\d+)", done.stdout))
    for kind in re.findall(r"Socket errors: (.*)", done.stdout):
        failed += sum(int(number) for number in re.findall(r"\d+", kind))
    rate = _figure(r"Requests/sec:\s+([\d.]+)", done.stdout)
    return Run(requests, rate, cpu / max(requests, 1), failed)


def _figure(pattern: str, text: str) -> float:
    match = re.search(pattern, text)
    return float(match[1]) if match else 0.0


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 1 if a subject failed requests."""
    parser = argparse.ArgumentParser(description="Small proxied requests, side by side.")
    parser.add_argument("--seconds", type=int, default=3, help="of each run (3)")
    parser.add_argument("--rounds", type=int, default=3, help="in which all take turns (3)")
    parser.add_argument("--connections", type=int, default=16, help="of wrk (16)")
    parser.add_argument("--size", type=int, default=200, help="of the answer in bytes (200)")
    parser.add_argument("--only", nargs="*", choices=list(SUBJECTS), help="these subjects")
    options = parser.parse_args(argv)
    for needed in ("wrk", "nginx"):
        if program(needed) is None:
            print(f"{needed} is not installed, and this measurement can't do without")
            return 1

    backend = fronts.small_backend(options.size)
    servers = {name: SUBJECTS[name](backend.port) for name in options.only or SUBJECTS}
    for server in servers.values():
        run(server, 1, options.connections)  # caches, pools, the interpreter's specialising
    runs: dict[str, list[Run]] = {name: [] for name in servers}
    for _ in range(options.rounds):
        for name, server in servers.items():
            runs[name].append(run(server, options.seconds, options.connections))
    for server in (*servers.values(), backend):
        server.stop()
    return report(runs)


def report(runs: dict[str, list[Run]]) -> int:
    """Print the table; the ratio is to the first row's CPU time."""
    reference = None
    print(f"{'small proxied requests':26} {'requests/s':>11} {'CPU µs each':>12} {'ratio':>6}")
    for name, each in runs.items():
        cpu = statistics.median(one.cpu for one in each) * 1e6
        rate = statistics.median(one.rate for one in each)
        reference = reference or cpu
        failed = sum(one.failed for one in each)
        note = f"  {failed} FAILED of {sum(one.requests for one in each)}" if failed else ""
        print(f"{name:26} {rate:11,.0f} {cpu:12.1f} {cpu / (reference or 1):6.2f}{note}")
    return int(any(one.failed for each in runs.values() for one in each))


if __name__ == "__main__":
    raise SystemExit(main())
