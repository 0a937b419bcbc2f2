"""Fuzz: `python -m tests.fuzz SECONDS [TARGET…]`; the time is for all targets together.

FUZZ_SEED repeats a run of mutations, FUZZ_CORPUS names a directory that keeps what atheris found
from one run to the next.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections import deque

from . import mutating
from .targets import TARGETS, seeds

#: libFuzzer's last word of a run.
_DONE = re.compile(r"#(\d+)\s+DONE\s+cov: (\d+) ft: (\d+) corp: (\d+)/")


def guided(name: str, seconds: float) -> int:
    """Fuzz one target with atheris, in a process of its own, which never returns; its status."""
    with tempfile.TemporaryDirectory() as home:
        for folder in ("seeds", "failed"):
            os.mkdir(os.path.join(home, folder))
        for number, seed in enumerate(seeds(name)):
            _write(os.path.join(home, "seeds", str(number)), seed)
        words = ["".join(f"\\x{byte:02x}" for byte in word) for word in mutating.WORDS]
        _write(os.path.join(home, "words"), "".join(f'"{word}"\n' for word in words).encode())
        # What is found goes to the first of the directories.
        new = os.path.join(os.environ.get("FUZZ_CORPUS") or f"{home}/new", name)
        os.makedirs(new, exist_ok=True)
        command = [sys.executable, "-m", "tests.fuzz.guided", name, new, f"{home}/seeds"]
        command += [f"-max_total_time={max(1, int(seconds))}", "-max_len=8192"]
        command += [f"-dict={home}/words", f"-artifact_prefix={home}/failed/"]
        return _watched(name, command, f"{home}/failed")


def _write(path: str, data: bytes) -> None:
    with open(path, "wb") as file:
        file.write(data)


def _watched(name: str, command: list[str], failures: str) -> int:
    """Run libFuzzer; tell how far it came, and what it found."""
    last: deque[str] = deque(maxlen=40)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, errors="replace") as process:
        for line in process.stderr or ():
            last.append(line)
            done = _DONE.match(line)
            if done:
                count, edges, features, kept = done.groups()
                told = f"{edges} edges, {features} features, {kept} kept"
                print(f"{name}: {count} inputs guided by coverage, {told}", flush=True)
    if process.returncode:
        print("".join(last))
    for found in os.listdir(failures):
        with open(os.path.join(failures, found), "rb") as file:
            _failed(name, file.read())
    return process.returncode


def mutate(name: str, seconds: float) -> int:
    """Fuzz one target by mutation; its status."""
    seed = int(os.environ.get("FUZZ_SEED") or time.time())
    count, failed = mutating.run(name, seconds, seed)
    print(f"{name}: {count} inputs, FUZZ_SEED={seed}", flush=True)
    if failed is None:
        return 0
    _failed(name, failed)
    return 1


def _failed(name: str, data: bytes) -> None:
    """Show an input that does not hold, and why."""
    print(f"failed: {data!r}", flush=True)
    try:
        TARGETS[name][0](data)
    except Exception:  # noqa: BLE001 - it is what was found
        traceback.print_exc()


def main(arguments: list[str]) -> int:
    """Fuzz each target for its share of the time; 1 if one of them failed."""
    seconds = float(arguments[0]) if arguments else 60.0
    names = arguments[1:] or list(TARGETS)
    fuzz = guided if importlib.util.find_spec("atheris") else mutate
    statuses = [fuzz(name, seconds / len(names)) for name in names]
    return int(any(statuses))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
