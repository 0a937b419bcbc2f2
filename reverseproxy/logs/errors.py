"""The error log: levels, and lines in nginx's format."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from math import inf
from typing import TYPE_CHECKING, Any

import attrs

from reverseproxy.config import (
    HTTP_SERVER_LOCATION,
    Args,
    BadValue,
    Context,
    directive,
    settings,
    size,
)

from .syslog import SyslogTarget, syslog_target

if TYPE_CHECKING:
    from twisted.python.failure import Failure

#: Writes a line of a level.
ErrorWrite = Callable[[bytes, str], None]
LEVELS = ("debug", "info", "notice", "warn", "error", "crit", "alert", "emerg")
#: A complaint about the log itself is repeated at most this often, in seconds.
COMPLAINT_PAUSE = 60.0
#: How many complaints are told apart, and so told, in that time.
COMPLAINTS = 100
#: What ends a line, or speaks to the terminal that shows it.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@attrs.frozen
class ErrorLogTarget:
    """One `error_log`.

    `path` is a file's, "off", "stderr" or a memory's name, whose `memory` is its size in bytes; or
    the log goes to `syslog`.
    """

    path: str
    level: str
    memory: int = 0
    syslog: SyslogTarget | None = None


def error_log_target(args: Args) -> ErrorLogTarget:
    """`error_log FILE | stderr | syslog:… | memory:SIZE [LEVEL]`."""
    path = args.words[0]
    level = args.words[1].text if len(args.words) > 1 else "error"
    if level not in LEVELS:
        raise BadValue(
            f'error_log takes a level from {", ".join(LEVELS)}, not "{level}"', args.words[1]
        )
    kind, _, rest = path.text.partition(":")
    if path.text == "off":
        args.warn('no errors are logged here; nginx would write a file named "off"', path)
        return ErrorLogTarget("off", level)
    if path.text == "stderr":
        return ErrorLogTarget("stderr", level)
    if kind == "syslog":
        return ErrorLogTarget("", level, syslog=syslog_target(path))
    if kind == "memory":
        return ErrorLogTarget(path.text, level, memory=size(attrs.evolve(path, text=rest)))
    return ErrorLogTarget(args.paths.in_prefix(path.text), level)


@settings
class ErrorLogSettings:
    """Error logs (ngx_core_module)."""

    error_log: tuple[ErrorLogTarget, ...] = directive(
        error_log_target,
        "logs/error.log error",
        Context.MAIN | HTTP_SERVER_LOCATION,
        args="1-2",
        many=True,
        doc="The file that errors go to, from the level on that is named (error if none is).",
    )


class ErrorLog:
    """Where a place of the configuration (http, a server, a location) sends its errors."""

    def __init__(
        self,
        targets: tuple[tuple[ErrorWrite, str], ...],
        clock: Callable[[], float] = time.time,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` is the time of day that lines tell, `seconds` is monotonic."""
        self._targets = [(write, LEVELS.index(level)) for write, level in targets]
        self._lowest = min((level for _, level in self._targets), default=len(LEVELS))
        self._clock = clock
        self._seconds = seconds
        self._complained: dict[str, float] = {}

    def log(self, level: str, message: str, *, request: Any = None, channel: Any = None) -> None:
        """Write a line if somebody wants `level`; what is known of the request is appended."""
        rank = LEVELS.index(level)
        if rank < self._lowest:
            return
        line = self._line(level, message, request, channel or getattr(request, "channel", None))
        for write, lowest in self._targets:
            if rank >= lowest:
                write(line, level)

    def _line(self, level: str, message: str, request: Any, channel: Any) -> bytes:
        now = time.strftime("%Y/%m/%d %H:%M:%S", time.localtime(self._clock()))
        parts = [f"{now} [{level}] {os.getpid()}#{threading.get_native_id()}: "]
        if channel is not None:
            parts.append(f"*{channel.number} ")
        parts.append(message)
        if channel is not None:
            peer = channel.peer if request is None else request.peer
            parts.append(f", client: {peer.decode()}")
        if request is not None:
            parts.append(f", server: {request.vhost.name.decode()}")
            parts.append(f', request: "{_text(request.head.line)}"')
            if request.parent is not None:
                parts.append(f', subrequest: "{_text(request.document_uri)}"')
            if request.upstream_tries:
                parts.append(f', upstream: "{request.upstream_tries[-1].url}"')
            host = request.head.named.get(b"host")
            if host:
                parts.append(f', host: "{_text(host)}"')
        # One error, one line: whatever came from outside can't begin another.
        line = _UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], "".join(parts))
        return line.encode("utf-8", "replace") + b"\n"

    def failure(self, message: str, failure: Failure, *, request: Any = None) -> None:
        """Tell of a Python error: what, where, and the traceback at level debug."""
        frames = failure.frames
        where = f" at {frames[-1][1]}:{frames[-1][2]}" if frames else ""
        self.log(
            "crit",
            f"{message}: {type(failure.value).__name__}: {failure.getErrorMessage()}{where}",
            request=request,
        )
        self.log("debug", failure.getTraceback(), request=request)

    def complain(self, message: str) -> None:
        """Tell of trouble of the machine's, such as a log's disk, once a minute."""
        now, told = self._seconds(), self._complained
        if now - told.get(message, -inf) < COMPLAINT_PAUSE:
            return
        if len(told) >= COMPLAINTS:
            # A path may be made of what a client sends: no number of them fills the memory.
            told = {old: when for old, when in told.items() if now - when < COMPLAINT_PAUSE}
            self._complained = told
            if len(told) >= COMPLAINTS:
                return
        told[message] = now
        self.log("alert", message)

    def info(self, message: str, *, request: Any = None, channel: Any = None) -> None:
        """Write a line at level info."""
        self.log("info", message, request=request, channel=channel)

    def error(self, message: str, *, request: Any = None, channel: Any = None) -> None:
        """Write a line at level error."""
        self.log("error", message, request=request, channel=channel)


_QUOTED = frozenset(b'"\\')


def _text(value: bytes) -> str:
    """Bytes from outside as they may stand in a line: what is not printable ASCII is escaped."""
    if value.isascii() and value.decode().isprintable() and not _QUOTED.intersection(value):
        return value.decode()
    return "".join(
        chr(byte) if 0x20 <= byte < 0x7F and byte not in b'"\\' else f"\\x{byte:02X}"
        for byte in value
    )
