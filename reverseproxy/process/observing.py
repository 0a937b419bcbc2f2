"""Twisted's own log, and that of mounted applications, into the error log."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from zope.interface import implementer

if TYPE_CHECKING:
    from reverseproxy.logs.errors import ErrorLog

#: Twisted's levels as nginx calls them. What is merely told there is detail here.
_LEVELS = {
    LogLevel.debug: "debug",
    LogLevel.info: "info",
    LogLevel.warn: "warn",
    LogLevel.error: "error",
    LogLevel.critical: "crit",
}


@implementer(ILogObserver)
class Observer:
    """Hears Twisted's log events."""

    def __init__(self, error_log: Callable[[], ErrorLog]) -> None:
        #: gives the log that is in force
        self.error_log = error_log

    def __call__(self, event: LogEvent) -> None:
        """Write an event as a line; a failure at level error and above with its place."""
        level = event.get("log_level", LogLevel.info)
        # `log.err`, which the reactor uses, has it under its old name.
        failure = event.get("log_failure", event.get("failure"))
        if failure is not None and level >= LogLevel.error:
            short = failure.check(MemoryError) is not None
            what = "out of memory, what asked for it is dropped" if short else "unhandled error"
            self.error_log().failure(what, failure)
            return
        text = formatEvent(event)
        if text:
            self.error_log().log(_LEVELS.get(level, "info"), text)
