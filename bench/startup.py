"""A start with many servers: how long it takes, what it weighs, what choosing among them costs.

A process of its own for each size loads the configuration and puts its sites together, as the
daemon does before it listens, and asks for the last server's last location.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
import timeit
from collections.abc import Sequence
from pathlib import Path

from twisted.internet.task import Clock

from bench.processes import memory
from reverseproxy import features
from reverseproxy.config import load
from reverseproxy.web import variables
from reverseproxy.web.assembly import Assembly
from tests.integration.servers import directory

SECONDS, MEMORY = 1.0, 60
_LOCATION = (
    "location /l{at}/ {{ proxy_pass http://127.0.0.1:8080; proxy_set_header Host $host; "
    "proxy_set_header X-Real-IP $remote_addr; }}"
)


def text(servers: int, locations: int) -> str:
    """A configuration of so many servers with so many locations each."""
    inside = " ".join(_LOCATION.format(at=at) for at in range(locations))
    made = (f"server {{ listen 80; server_name s{at}.example; {inside} }}" for at in range(servers))
    return "error_log stderr; events { } http { access_log off;\n" + "\n".join(made) + "}\n"


def measure(servers: int, locations: int) -> None:
    """In a process of its own: print seconds of CPU, MiB, and µs for a choice."""
    path = directory("bench-startup") / "reverseproxy.conf"
    path.write_text(text(servers, locations))
    before, began = _resident(), time.process_time()
    configuration = load(
        str(path), prefix=str(path.parent), classes=features.SETTINGS, variables=variables.known
    )
    assembly = Assembly(configuration, Clock())
    took, grown = time.process_time() - began, _resident() - before
    (site,) = assembly.sites.values()
    host, uri = f"s{servers - 1}.example".encode(), f"/l{locations - 1}/page".encode()
    request: object = None

    def choose() -> None:
        site.vhosts.choose(host).locate(uri, request)  # type: ignore[arg-type]  # prefixes only

    cost = min(timeit.repeat(choose, number=20_000, repeat=7)) / 20_000 * 1e6
    print(f"{took:.3f} {grown / 2**20:.1f} {cost:.3f}")


def _resident() -> int:
    return memory(int(Path("/proc/self").resolve().name), "VmRSS")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 1 if it takes longer or more than it may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of which the best counts (3)")
    options = parser.parse_args(argv)
    print(f"{'start-up':36} {'CPU s':>8} {'MiB':>8} {'choice, µs':>11}")
    failed = False
    for servers, locations in ((1, 10), (10, 10), (1000, 10)):
        command = [sys.executable, "-c", _CHILD.format(servers=servers, locations=locations)]
        runs = [_figures(command) for _ in range(options.rounds)]
        took, grown, cost = (min(each) for each in zip(*runs, strict=True))
        name = f"{servers:,} servers of {locations} locations"
        print(f"{name:36} {took:8.2f} {grown:8.1f} {cost:11.2f}", flush=True)
        failed = took > SECONDS or grown > MEMORY
    return int(failed)


_CHILD = "from bench import startup; startup.measure({servers}, {locations})"


def _figures(command: list[str]) -> tuple[float, float, float]:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    took, grown, cost = map(float, done.stdout.split())
    return took, grown, cost
