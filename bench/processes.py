"""What /proc says of a server and all processes it started."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """A process and its descendants."""
    found = [pid]
    for parent in found:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text()
        found.extend(int(child) for child in children.split())
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of the tree so far."""
    ticks = 0
    for each in tree(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(") ")[2].split()
        ticks += int(fields[11]) + int(fields[12])  # utime and stime, the 14th and 15th of stat
    return ticks / _TICKS


def _status(pid: int, name: str) -> int:
    """A size of /proc/PID/status, in bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


def memory(pid: int, name: str) -> int:
    """VmRSS, VmHWM or RssAnon of the tree, in bytes."""
    return sum(_status(each, name) for each in tree(pid))


def share(pid: int) -> int:
    """The memory of one process, of what it shares with others its part, in bytes (Pss)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise LookupError("Pss")


def forget_peak(pid: int) -> None:
    """Let VmHWM start again at what is in memory now (proc(5), clear_refs)."""
    for each in tree(pid):
        Path(f"/proc/{each}/clear_refs").write_text("5")
