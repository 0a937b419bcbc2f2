"""All measurements, or those that are named: `python -m bench [proxy_small …] [memory] [tls]`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from bench import connections, memory, startup, tls
from bench.comparing import compare
from bench.peers import PEERS
from bench.workloads import WORKLOADS

#: What is not a comparison of CPU time.
OTHERS: dict[str, Callable[[list[str]], int]] = {
    "connections": connections.main,
    "memory": memory.main,
    "startup": startup.main,
    "tls": tls.main,
}


def main() -> int:
    """Measure what is asked for; 1 if something failed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*WORKLOADS, *OTHERS, []], metavar="NAME")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each run (2)")
    parser.add_argument("--rounds", type=int, default=5, help="in which all take turns (5)")
    parser.add_argument("--peers", nargs="*", default=[], choices=list(PEERS), help="only these")
    parser.add_argument(
        "--write", type=Path, help="where bench.json and bench.svg go (docs, if all is measured)"
    )
    options = parser.parse_args()
    names = options.names or [*WORKLOADS, *OTHERS]
    status = 0
    workloads = [name for name in names if name in WORKLOADS]
    if workloads:
        write = options.write or (None if options.names or options.peers else Path("docs"))
        status = compare(workloads, options.peers, options.rounds, options.seconds, write)
    for name in names:
        if name in OTHERS:
            status |= OTHERS[name]([])
    return status


sys.exit(main())
