"""Errors that nobody handled, into the error log."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.logger import ILogObserver, LogEvent, LogLevel
from zope.interface import implementer

if TYPE_CHECKING:
    from reverseproxy.logs.errors import ErrorLog


@implementer(ILogObserver)
class Observer:
    """Hears Twisted's log events."""

    def __init__(self, error_log: Callable[[], ErrorLog]) -> None:
        #: gives the log that is in force
        self.error_log = error_log

    def __call__(self, event: LogEvent) -> None:
        """Log a failure at level error and above; Twisted's other events say nothing new."""
        failure = event.get("log_failure")
        if failure is not None and event.get("log_level", LogLevel.info) >= LogLevel.error:
            self.error_log().failure("unhandled error", failure)
