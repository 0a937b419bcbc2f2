"""A new process out of this one, with a reactor of its own.

What a worker needs is there already, and shared until it is written to: the program, and the
configuration. What is only the master's must not reach it: its reactor with its epoll descriptor,
whose registrations are one for both, and its ends of the channels to other workers.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from twisted.internet.epollreactor import EPollReactor
from twisted.internet.main import installReactor

from .polling import steady

#: What belongs to the master lives on in a worker, out of use: nothing may be closed by collection
#: whose number is somebody else's by then.
_kept: list[object] = []

#: Descriptors that the master has for a moment, on their way to a worker: no other keeps them.
passing: set[int] = set()


def passed(number: int) -> None:
    """Close a descriptor that was passed on."""
    passing.discard(number)
    os.close(number)


def fork(reactor: Any, run: Callable[[Any], None]) -> int:
    """Make a process that does `run(its_reactor)` and ends; its number. Raises OSError.

    Signals are blocked in it until `run` lets them in: one that came before it can hear them would
    be lost, or its end.
    """
    # What is there now stays: walking it would copy its pages.
    gc.collect()
    gc.freeze()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            _begin(reactor, run)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        gc.unfreeze()
    return pid


def _begin(reactor: Any, run: Callable[[Any], None]) -> NoReturn:
    """Be the new process, to its end: nothing of it may get into the master's stack."""
    status = 1
    # The master may be at its start, which goes without.
    gc.enable()
    try:
        run(_renewed(reactor))
        status = 0
    except BaseException:  # noqa: BLE001 - whatever it is, this process ends with it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _renewed(old: Any) -> Any:
    """Another reactor in place of the master's, whose descriptors are closed here."""
    _kept.append(old)
    numbers = {old._poller.fileno(), *old._selectables, *passing}
    # A waker is a pipe, and only its reading end is known to the reactor.
    numbers |= {one.o for one in old._selectables.values() if hasattr(one, "o")}
    for number in numbers:
        os.close(number)
    sys.modules.pop("twisted.internet.reactor", None)
    reactor = EPollReactor()
    steady(reactor)
    installReactor(reactor)
    return reactor
