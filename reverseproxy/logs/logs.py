"""The logs of a configuration: every target made once, however often it is named."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from reverseproxy.config import Level, Template

from .access import (
    AccessLogSettings,
    AccessLogTarget,
    Buffering,
    OpenLogs,
    Write,
    compose,
    formats,
)
from .buffered import BufferedLogFile, MemoryLog
from .errors import ErrorLog, ErrorLogSettings, ErrorLogTarget, ErrorWrite
from .files import LogFile, LogFiles
from .formats import Line, compile_format
from .syslog import SEVERITIES, Syslog, SyslogTarget
from .varying import VaryingLog

if TYPE_CHECKING:
    from reverseproxy.web.assembly import Assembly
    from reverseproxy.web.request import Request


class Logs:
    """Makes error logs and access logs, and shares what they write to."""

    def __init__(
        self, assembly: Assembly, stderr: Callable[[bytes], None], previous: Logs | None = None
    ) -> None:
        """What the configuration before this one wrote to as well stays open."""
        self._assembly = assembly
        self._stderr = stderr
        self._before = previous
        self.files: LogFiles = LogFiles(None if previous is None else previous.files)
        self.files.complain = self.complain
        #: logs kept in memory, by the name that was written
        self.memory: dict[str, MemoryLog] = {}
        self._syslogs: dict[SyslogTarget, Syslog] = {}
        self._errors: dict[tuple[ErrorLogTarget, ...], ErrorLog] = {}
        #: logs whose paths have variables, by what was written
        self.varying: dict[tuple[str, OpenLogs | None], VaryingLog] = {}

    def complain(self, why: str) -> None:
        """Tell of trouble with a log, on the others."""
        self._assembly.error_log.complain(why)

    # --- errors ---

    def errors(self, level: Level) -> ErrorLog:
        """The error log of a level; places with the same targets share one."""
        targets = level[ErrorLogSettings].error_log
        if targets not in self._errors:
            writers = [(self._error_writer(t, level), t.level) for t in targets if t.path != "off"]
            self._errors[targets] = ErrorLog(
                tuple(writers), self._assembly.dates.clock, self._assembly.seconds
            )
        return self._errors[targets]

    def _error_writer(self, target: ErrorLogTarget, level: Level) -> ErrorWrite:
        if target.syslog is not None:
            syslog = self._syslog(target.syslog)
            return lambda line, name: syslog.write(line, SEVERITIES.index(name))
        if target.path == "stderr":
            return lambda line, _name: self._stderr(line)
        if target.memory:
            memory = self._memory(target.path, target.memory)
            return lambda line, _name: memory.write(line)
        file = self.files.at(target.path)
        self.files.origins.setdefault(target.path, level.origin_of("error_log"))
        return lambda line, _name: file.write_at_once(line)

    def _memory(self, name: str, size: int) -> MemoryLog:
        before = None if self._before is None else self._before.memory.get(name)
        if before is None or before.size != size:
            before = MemoryLog(size)
        return self.memory.setdefault(name, before)

    def _syslog(self, target: SyslogTarget) -> Syslog:
        if target not in self._syslogs:
            before = None if self._before is None else self._before._syslogs.get(target)
            clock = self._assembly.dates.clock
            self._syslogs[target] = before or Syslog(target, clock, self.complain)
        return self._syslogs[target]

    # --- accesses ---

    def accesses(self, level: Level) -> Callable[[Any], None]:
        """The function that writes the lines of a request that is over."""
        settings = level[AccessLogSettings]
        logs: list[tuple[Line, Write]] = []
        known = formats(level)
        for target in settings.access_log:
            if target.path is None and target.syslog is None:
                return compose([])
            name = target.format.text if target.format is not None else "combined"
            line = compile_format(known[name], self._assembly.variables)
            logs.append((line, self._conditional(target, self._access_writer(target, level))))
        return compose(logs)

    def _access_writer(self, target: AccessLogTarget, level: Level) -> Write:
        if target.syslog is not None:
            syslog = self._syslog(target.syslog)
            return lambda line, _request: syslog.write(line)
        if isinstance(target.path, Template):
            return self._varying(target.path, level[AccessLogSettings].open_log_file_cache)
        path = target.path or ""
        origin = level.origin_of("access_log")
        known = self.files.known(path)
        if target.buffering is not None and known is None:
            self.files.add(self._buffered(path, target.buffering))
        elif known is not None and getattr(known, "buffering", None) != target.buffering:
            self._assembly.complain(
                origin or level.origin, f'"{path}" is there already with another buffer'
            )
        self.files.origins.setdefault(path, origin)
        opened = self.files.at(path)
        return opened.write

    def _buffered(self, path: str, buffering: Buffering) -> BufferedLogFile:
        before = self.files.before(path)
        if isinstance(before, BufferedLogFile) and before.buffering == buffering:
            return before
        file = BufferedLogFile(path, buffering, self._assembly.seconds, self.complain)
        self._assembly.sweep.add(file)
        return file

    def _varying(self, path: Template, cache: OpenLogs | None) -> Write:
        key = (path.text, cache)
        if key not in self.varying:
            render = self._assembly.variables.compile(path)
            log = VaryingLog(render, cache, self._assembly.seconds, self.complain)
            self.varying[key] = log
            self._assembly.sweep.add(log)
        return self.varying[key].write

    def _conditional(self, target: AccessLogTarget, write: Write) -> Write:
        if target.condition is None:
            return write
        holds = self._assembly.variables.compile(target.condition)

        def write_if(line: bytes, request: Request) -> None:
            if holds(request) not in (b"", b"0"):
                write(line, request)

        return write_if

    def succeed(self) -> None:
        """The configuration before this one is gone, but for requests that are under way."""
        before, self._before = self._before, None
        if before is None:
            return
        before.retire(self.files.succeed())
        for log in (*self.files, *self._syslogs.values()):
            log.complain = self.complain

    def discard(self) -> None:
        """Never be written to: close what the configuration before has not."""
        for log in (*self.files.close_new(), *self.varying.values()):
            self._assembly.sweep.discard(log)

    def retire(self, files: Iterable[LogFile]) -> None:
        """Hold nothing back that is written to `files`, nor open what was opened for a while."""
        for file in files:
            if isinstance(file, BufferedLogFile):
                file.retire()
                self._assembly.sweep.discard(file)
        for log in self.varying.values():
            log.retire()
            self._assembly.sweep.discard(log)

    def reopen(self) -> None:
        """Open every file anew, after a rotation."""
        self.files.reopen()
        self.reopen_varying()

    def reopen_varying(self) -> None:
        """Open the files that requests name anew, as they are needed."""
        for log in self.varying.values():
            log.close()

    def close(self) -> None:
        """Write what waits, and close everything."""
        for log in self.varying.values():
            log.close()
        for syslog in self._syslogs.values():
            syslog.close()
        self.files.close()
