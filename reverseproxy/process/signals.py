"""Signals, as nginx has them, brought into the reactor's loop."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from twisted.internet.error import ReactorNotRunning


def install(reactor: Any, actions: Mapping[int, Callable[[], None]]) -> None:
    """Let each signal do its action, in the reactor's thread and not in the middle of anything."""

    def heard(number: int, _frame: object) -> None:
        reactor.callFromThread(actions[number])

    for number in actions:
        signal.signal(number, heard)


def stop(reactor: Any) -> None:
    """Stop a reactor, unless it was told so before: until all has ended it still runs."""
    with contextlib.suppress(ReactorNotRunning):
        reactor.stop()


def reset(numbers: Iterable[int]) -> None:
    """Leave signals to the system, as a new process wants them."""
    signal.set_wakeup_fd(-1)
    for number in numbers:
        signal.signal(number, signal.SIG_DFL)
