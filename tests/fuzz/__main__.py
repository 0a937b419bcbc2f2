"""Fuzz: `python -m tests.fuzz SECONDS [TARGET…]`; the time is for all targets together."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
import traceback

from . import mutating
from .targets import TARGETS, seeds


def guided(name: str, seconds: float) -> int:
    """Fuzz one target with atheris, in a process of its own, which never returns; its status."""
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds(name)):
            with open(os.path.join(corpus, str(number)), "wb") as file:
                file.write(seed)
        command = [sys.executable, "-m", "tests.fuzz.guided", name, corpus]
        limit = f"-max_total_time={max(1, int(seconds))}"
        return subprocess.run([*command, limit, "-max_len=8192"], check=False).returncode


def mutate(name: str, seconds: float) -> int:
    """Fuzz one target by mutation; its status."""
    seed = int(os.environ.get("FUZZ_SEED") or time.time())
    count, failed = mutating.run(name, seconds, seed)
    print(f"{name}: {count} inputs, FUZZ_SEED={seed}", flush=True)
    if failed is None:
        return 0
    print(f"failed: {failed!r}")
    try:
        TARGETS[name][0](failed)
    except Exception:  # noqa: BLE001 - it is what was found
        traceback.print_exc()
    return 1


def main(arguments: list[str]) -> int:
    """Fuzz each target for its share of the time; 1 if one of them failed."""
    seconds = float(arguments[0]) if arguments else 60.0
    names = arguments[1:] or list(TARGETS)
    fuzz = guided if importlib.util.find_spec("atheris") else mutate
    statuses = [fuzz(name, seconds / len(names)) for name in names]
    return int(any(statuses))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
