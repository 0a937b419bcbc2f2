"""What a worker is given by the system: processors, priority, limits, environment, directory."""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs

from reverseproxy.config import (
    Args,
    BadValue,
    Context,
    Diagnostic,
    Level,
    Word,
    directive,
    expected,
    number,
    one,
    prefix_path,
    seconds,
    settings,
    shown_as,
    size,
)
from reverseproxy.process.settings import MainSettings

#: Processors that a mask of sched_setaffinity(2) can name.
MOST_PROCESSORS = 1024


@attrs.frozen
class Affinity:
    """Processors for workers: `masks` are sets of their numbers, which count from 0.

    With `auto` each worker has one processor, of the only mask or, where there is none, of all.
    """

    masks: tuple[frozenset[int], ...]
    auto: bool = False

    def of(self, worker: int, available: frozenset[int]) -> frozenset[int]:
        """The processors of a worker, whose numbers count from 0; none: leave it as it is."""
        if self.auto:
            among = sorted(self.masks[0] if self.masks else available)
            return frozenset(among[worker % len(among) :][:1]) if among else frozenset()
        return self.masks[min(worker, len(self.masks) - 1)]


@shown_as("auto [mask] | mask …")
def affinity(args: Args) -> Affinity:
    """`worker_cpu_affinity MASK …` or `worker_cpu_affinity auto [MASK]`."""
    first, *rest = args.words
    if first.text != "auto":
        return Affinity(tuple(map(_mask, args.words)))
    if len(rest) > 1:
        raise BadValue("auto takes one mask at most", rest[1])
    masks = tuple(map(_mask, rest))
    if masks and not masks[0]:
        raise BadValue(f'"{rest[0].text}" names no processor', rest[0])
    return Affinity(masks, auto=True)


def _mask(word: Word) -> frozenset[int]:
    """A mask such as 0101: the last digit is processor 0; spaces may group digits."""
    if re.fullmatch("[01 ]*", word.text) is None:
        raise expected('a mask such as 0101, or "auto" first', word)
    digits = word.text.replace(" ", "")
    if len(digits) > MOST_PROCESSORS:
        raise BadValue(f"a mask has at most {MOST_PROCESSORS} digits", word)
    return frozenset(place for place, digit in enumerate(reversed(digits)) if digit == "1")


@shown_as("number")
def priority(word: Word) -> int:
    """A nice value: -5 is more than its share of the processor, 5 less."""
    if re.fullmatch("[+-]?[0-9]{1,9}", word.text) is None:
        raise expected("a number such as -5, 0 or 10", word)
    return int(word.text)


@shown_as("time")
def limit(word: Word) -> float | None:
    """Seconds, or None for 0: no limit."""
    return seconds(word) or None


@attrs.frozen
class Inherited:
    """A variable of the environment; without a value, the one that it has at start."""

    name: str
    value: str | None = None


@shown_as("name[=value]")
def variable(word: Word) -> Inherited:
    """`env NAME` or `env NAME=VALUE`."""
    name, equals, value = word.text.partition("=")
    if not name or "\0" in word.text:
        raise expected("NAME or NAME=VALUE", word)
    return Inherited(name, value if equals else None)


def environment(env: tuple[Inherited, ...], now: Mapping[str, str]) -> dict[str, str]:
    """The environment that `env` leaves of the present one: TZ, and what it names."""
    kept = {name: now[name] for name in ("TZ",) if name in now}
    for entry in env:
        if entry.value is not None:
            kept[entry.name] = entry.value
        elif entry.name in now:
            kept[entry.name] = now[entry.name]
    return kept


@settings
class WorkerSettings:
    """Workers (ngx_core_module)."""

    worker_cpu_affinity: Affinity | None = directive(
        affinity,
        None,
        Context.MAIN,
        args="1+",
        doc="The processors of each worker: a mask each, or with auto one processor each.",
    )
    worker_priority: int = directive(
        one(priority), "0", Context.MAIN, doc="The nice value of workers."
    )
    worker_rlimit_nofile: int | None = directive(
        one(number()),
        None,
        Context.MAIN,
        doc="How many descriptors a worker may have open (RLIMIT_NOFILE).",
    )
    worker_rlimit_core: int | None = directive(
        one(size), None, Context.MAIN, doc="How large a core dump may be (RLIMIT_CORE)."
    )
    worker_shutdown_timeout: float | None = directive(
        one(limit),
        None,
        Context.MAIN,
        doc="How long a worker that is told to finish may go on; 0 is for ever.",
    )
    working_directory: str | None = directive(
        prefix_path, None, Context.MAIN, doc="The directory that workers run in."
    )
    env: tuple[Inherited, ...] = directive(
        one(variable),
        None,
        Context.MAIN,
        many=True,
        doc="A variable of the environment that workers keep, or are given; where one is named all "
        "others but TZ are removed.",
    )


def warnings(main: Level) -> list[Diagnostic]:
    """What of the workers' settings doesn't fit together, as nginx has it."""
    masks, count = main[WorkerSettings].worker_cpu_affinity, main[MainSettings].worker_processes
    if masks is None or masks.auto or len(masks.masks) in (1, count):
        return []
    what = (
        f"worker_cpu_affinity has {len(masks.masks)} masks, worker_processes is {count or 'auto'}"
    )
    return [Diagnostic(main.origin_of("worker_cpu_affinity"), f"{what}: the last mask holds on")]
