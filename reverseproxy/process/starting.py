"""What the command does with a configuration: serve it, or say whether it could be served."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from reverseproxy.config import Configuration, ConfigurationError, Diagnostic
from reverseproxy.config.load import no_collection, read_file
from reverseproxy.config.parser import Read

from . import HANDED_OVER, background
from .loading import Given, Outline, configuration, outlined
from .telling import record, tell


@attrs.frozen
class Checked:
    """A configuration that could be served, and what is odd about it."""

    configuration: Configuration
    warnings: tuple[Diagnostic, ...]


def check(given: Given, read: Read = read_file) -> Checked:
    """Do all that a start does short of opening anything. Raises ConfigurationError."""
    # These import Twisted: `-s stop` and whoever waits for the background do without.
    with _unwarned():
        from twisted.internet.task import Clock

        from reverseproxy.process.checking import could_not_open
        from reverseproxy.web.assembly import Assembly

    with no_collection():
        loaded = configuration(given, read)
        assembly = Assembly(loaded, Clock())
    errors = could_not_open(loaded, assembly)
    if errors:
        raise ConfigurationError(errors)
    return Checked(loaded, (*loaded.warnings, *assembly.warnings))


def start(given: Given) -> int:
    """Serve, in the background unless the configuration says otherwise; the exit status."""
    try:
        known = outlined(given)
    except ConfigurationError:
        # Reading all of it will say what is wrong, and more.
        known = Outline(daemon=False, pid=None, error_log=given.error_log, named=True)
    _create(known)
    # Who is started by an older master (SIGUSR2) stays its child, which it looks after.
    detaches = known.daemon and HANDED_OVER not in os.environ
    serves = background.detach() if detaches else None
    try:
        serve(given, serves)
    except ConfigurationError as error:
        tell("emerg", error.diagnostics)
        if known.error_log is not None:
            # Where it can't be opened, the terminal has it.
            with contextlib.suppress(OSError):
                record(known.error_log, error.diagnostics)
        return 1
    return 0


@contextlib.contextmanager
def _unwarned() -> Iterator[None]:
    """Import without what Python's warnings say of libraries: it is for who works on these."""
    with warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter("ignore")
        yield


def _create(known: Outline) -> None:
    """Let the error log be there from the start, as nginx does; why not is told at the end."""
    if known.error_log is None:
        return
    with contextlib.suppress(OSError):
        if not known.named:
            os.makedirs(os.path.dirname(known.error_log), exist_ok=True)
        record(known.error_log, ())


def serve(given: Given, serves: Callable[[], None] | None, reactor: Any = None) -> None:
    """Serve until the reactor stops; `serves` is called when the sockets listen.

    Raises ConfigurationError.
    """
    with no_collection():
        reactor = _started(given, reactor, lets_go=serves is not None)
    if serves is not None:
        serves()
    reactor.run()


def _started(given: Given, reactor: Any, *, lets_go: bool) -> Any:
    """Let the reactor have all that serves; the reactor."""
    with _unwarned():
        if reactor is None:
            from twisted.internet import reactor
        from twisted.logger import globalLogBeginner

        from reverseproxy.service import build

    # Nothing on the terminal: the daemon is an observer, and its error log has what matters.
    globalLogBeginner.beginLoggingTo([], discardBuffer=True, redirectStandardIO=False)
    daemon = build(given, reactor)
    reactor.addSystemEventTrigger("before", "shutdown", daemon.stopService)
    if lets_go:
        background.let_go()
    try:
        daemon.startService()
    except OSError as error:  # the pid file
        what = f"can't start: {error.filename}: {error.strerror}"
        raise ConfigurationError([Diagnostic(None, what)]) from error
    return reactor
