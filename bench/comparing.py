"""CPU time beside other proxies: the same load on each in turn, round after round.

What else the machine does changes from one moment to the next, and hits whoever is measured then;
so a ratio is taken between two runs of the same round, and the median of the rounds is shown.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path

import attrs

from bench.chart import chart
from bench.drivers import fetched
from bench.peers import OURS, PEERS, Backends, Running, backends, installed
from bench.processes import cpu_seconds
from bench.workloads import WORKLOADS, Workload


@attrs.define
class Row:
    """One workload's figures: seconds of CPU per unit, for each who took part, by round."""

    workload: Workload
    costs: dict[str, list[float]]
    failed: dict[str, int]

    def cost(self, name: str) -> float:
        """The median, in the workload's unit (µs or ms)."""
        return statistics.median(self.costs[name]) * self.workload.scale

    def ratio(self, peer: str) -> float:
        """How much we cost beside `peer`: the median of the rounds' ratios."""
        pairs = zip(self.costs[OURS], self.costs[peer], strict=True)
        return statistics.median(ours / max(theirs, 1e-9) for ours, theirs in pairs)


def measure(workload: Workload, running: dict[str, Running], rounds: int, seconds: float) -> Row:
    """All rounds of one workload."""
    names = [name for name in workload.names if name in running]
    row = Row(workload, {name: [] for name in names}, dict.fromkeys(names, 0))
    for name in names:
        workload.drive(running[name], min(1.0, seconds))  # pools, caches, specialised bytecode
    for turn in range(rounds):
        # Nobody is always the first.
        for name in (*names[turn % len(names) :], *names[: turn % len(names)]):
            before = cpu_seconds(running[name].pid)
            load = workload.drive(running[name], seconds)
            used = cpu_seconds(running[name].pid) - before
            row.costs[name].append(used / max(load.units, 1e-9))
            row.failed[name] += load.failed
    return row


def _cell(row: Row, name: str) -> str:
    if name not in row.costs:
        return ""
    ratio, limit = row.ratio(name), row.workload.limits[name]
    return f"{ratio:.2f}{' ' if ratio <= limit else '!'}({limit:.2f})"


def line(row: Row) -> str:
    """A row of the table: our cost, and the ratio to each peer with the one aimed at."""
    unit = "µs" if row.workload.unit == "request" else "ms"
    cells = "".join(f"{_cell(row, name):>18}" for name in PEERS if name != OURS)
    failures = [f"{name}: {count} FAILED" for name, count in row.failed.items() if count]
    return f"{row.workload.title:34}{row.cost(OURS):9.1f} {unit}{cells}  {'; '.join(failures)}"


def gzip_sizes(running: dict[str, Running]) -> str:
    """How large the compressed page is from each."""
    sizes = {
        name: len(fetched(each, "/page.html", "Accept-Encoding: gzip"))
        for name, each in running.items()
        if name in WORKLOADS["gzip"].names
    }
    return "the page gzipped, bytes: " + ", ".join(f"{n} {size}" for n, size in sizes.items())


def as_json(rows: dict[str, Row]) -> str:
    """The figures, for other programs."""
    table = {
        key: {
            "title": row.workload.title,
            "unit": f"CPU seconds per {row.workload.unit}",
            "cost": {name: statistics.median(costs) for name, costs in row.costs.items()},
            "ratio": {name: row.ratio(name) for name in row.costs if name != OURS},
            "limit": row.workload.limits,
        }
        for key, row in rows.items()
    }
    return json.dumps(table, indent=1) + "\n"


def compare(
    names: Sequence[str], only: Sequence[str], rounds: int, seconds: float, write: Path | None
) -> int:
    """Measure and print; 1 if a request failed with us."""
    peers = [name for name in installed() if not only or name in only or name == OURS]
    behind: Backends = backends()
    running = {name: PEERS[name][0](behind) for name in peers}
    print(f"CPU of {OURS} for each, and its ratio to each peer's (the one aimed at); ! is over it")
    print(f"{'':34}{'':12}{''.join(f'{name:>18}' for name in PEERS if name != OURS)}", flush=True)
    rows: dict[str, Row] = {}
    try:
        for key in names:
            rows[key] = measure(WORKLOADS[key], running, rounds, seconds)
            print(line(rows[key]), flush=True)
        if "gzip" in names:
            print(gzip_sizes(running))
    finally:
        for each in running.values():
            each.server.stop()
        behind.stop()
    if write is not None:
        write.mkdir(parents=True, exist_ok=True)
        (write / "bench.json").write_text(as_json(rows))
        (write / "bench.svg").write_text(chart(rows))
    return int(any(row.failed[OURS] for row in rows.values()))
