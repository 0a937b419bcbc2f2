"""Who listens on a port already: for the line that says why a socket can't be bound."""

from __future__ import annotations

import os

#: The state of a socket that listens, in /proc/net/tcp (proc(5)).
_LISTENS = "0A"


def holder(port: int, proc: str = "/proc") -> str | None:
    """The program that listens on a TCP port, as "name, process number".

    None where there is none, or it is somebody else's and only root may look.
    """
    sockets = {f"socket:[{inode}]" for inode in _inodes(port, proc)}
    if not sockets:
        return None
    for pid in sorted(filter(str.isdigit, os.listdir(proc)), key=int):
        if _has(f"{proc}/{pid}/fd", sockets):
            return f"{_name(f'{proc}/{pid}/comm')}, process {pid}"
    return None


def _inodes(port: int, proc: str) -> set[str]:
    found = set()
    for table in ("tcp", "tcp6"):
        try:
            with open(f"{proc}/net/{table}") as file:
                rows = [line.split() for line in file][1:]
        except OSError:
            # A machine without IPv6, or without /proc.
            continue
        for row in rows:
            if row[3] == _LISTENS and int(row[1].rpartition(":")[2], 16) == port:
                found.add(row[9])
    return found


def _has(folder: str, sockets: set[str]) -> bool:
    """Whether a process has one of these; not where it may not be looked at, or has just ended."""
    try:
        return any(os.readlink(f"{folder}/{number}") in sockets for number in os.listdir(folder))
    except OSError:
        return False


def _name(path: str) -> str:
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return "a program"
