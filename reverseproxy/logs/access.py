"""The access log: a format is compiled at load, a request writes one whole line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from reverseproxy.config import (
    HTTP_SERVER_LOCATION,
    HTTP_SERVER_LOCATION_IF,
    Args,
    BadValue,
    Context,
    Diagnostic,
    Level,
    Template,
    Word,
    directive,
    number,
    seconds,
    settings,
    size,
)

from .formats import Line, LogFormat, log_format
from .syslog import SyslogTarget, syslog_target

if TYPE_CHECKING:
    from reverseproxy.web.request import Request

#: Writes a line about a request.
Write = Callable[[bytes, "Request"], None]
#: nginx's size of a buffer where only gzip or flush is asked for.
DEFAULT_BUFFER = 64 * 1024


@attrs.frozen
class Buffering:
    """`buffer=`, `flush=` and `gzip=`: bytes, seconds (0 is never), and a level or None."""

    size: int
    flush: float = 0.0
    gzip: int | None = None


@attrs.frozen
class AccessLogTarget:
    """One `access_log`.

    `path` is None for "off", a template where it has variables; or the log goes to `syslog`.
    `condition` is that of `if=`: no line where it is empty or 0.
    """

    path: str | Template | None = None
    format: Word | None = None
    buffering: Buffering | None = None
    condition: Template | None = None
    syslog: SyslogTarget | None = None


def access_log_target(args: Args) -> AccessLogTarget:
    """`access_log PATH [FORMAT [buffer=SIZE] [gzip[=LEVEL]] [flush=TIME] [if=CONDITION]]`."""
    first, *rest = args.words
    if first.text == "off":
        if rest:
            raise BadValue("access_log off takes nothing more", rest[0])
        return AccessLogTarget()
    options = {"buffer", "gzip", "flush", "if"}
    form = None
    if rest and rest[0].text.partition("=")[0] not in options:
        form = rest.pop(0)
    condition: Template | None = None
    changes: dict[str, Any] = {}
    for word in rest:
        name, equals, text = word.text.partition("=")
        value = attrs.evolve(word, text=text)
        if name == "if" and equals:
            condition = args.template(value)
        elif name == "buffer" and equals:
            changes["size"] = size(value)
        elif name == "flush" and equals:
            changes["flush"] = seconds(value)
        elif name == "gzip":
            changes["gzip"] = number(1, 9)(value) if equals else 1
        else:
            raise BadValue(
                f'access_log does not take "{word.text}"', word, "buffer=, gzip, flush= or if="
            )
    if "flush" in changes and "size" not in changes and "gzip" not in changes:
        raise BadValue("access_log has flush= and no buffer=", first)
    buffering = Buffering(changes.pop("size", DEFAULT_BUFFER), **changes) if changes else None
    if first.text.startswith("syslog:"):
        if buffering is not None:
            raise BadValue("what goes to syslog is not buffered", first)
        return AccessLogTarget(None, form, None, condition, syslog_target(first))
    path: str | Template
    if "$" in first.text:
        if buffering is not None:
            raise BadValue("a log whose path has variables is not buffered", first)
        path = args.template(attrs.evolve(first, text=args.paths.in_prefix(first.text)))
    else:
        path = args.paths.in_prefix(first.text)
    return AccessLogTarget(path, form, buffering, condition)


@attrs.frozen
class OpenLogs:
    """`open_log_file_cache`: how many files stay open, how long unused, and how often checked."""

    limit: int
    inactive: float = 10.0
    min_uses: int = 1
    valid: float = 60.0


def open_log_file_cache(args: Args) -> OpenLogs | None:
    """`open_log_file_cache off | max=N [inactive=TIME] [min_uses=N] [valid=TIME]`."""
    if args.words[0].text == "off":
        return None
    found: dict[str, Any] = {}
    for word in args.words:
        name, _, text = word.text.partition("=")
        value = attrs.evolve(word, text=text)
        if name in ("max", "min_uses"):
            found["limit" if name == "max" else name] = number(1)(value)
        elif name in ("inactive", "valid"):
            found[name] = seconds(value)
        else:
            raise BadValue(f'open_log_file_cache does not take "{word.text}"', word)
    if "limit" not in found:
        raise BadValue("open_log_file_cache needs max=", args.words[0])
    return OpenLogs(**found)


@settings
class AccessLogSettings:
    """The access log (ngx_http_log_module)."""

    log_format: tuple[LogFormat, ...] = directive(
        log_format, None, Context.HTTP, args="2+", many=True, doc="Names a format for access_log."
    )
    access_log: tuple[AccessLogTarget, ...] = directive(
        access_log_target,
        "logs/access.log",
        HTTP_SERVER_LOCATION_IF | Context.LIMIT_EXCEPT,
        args="1+",
        many=True,
        doc='The file that a line for each request goes to, and its format; "off" is none.',
    )

    open_log_file_cache: OpenLogs | None = directive(
        open_log_file_cache,
        "off",
        HTTP_SERVER_LOCATION,
        args="1-4",
        doc="Keeps logs open whose paths have variables.",
        syntax="off | max=N [inactive=time] [min_uses=N] [valid=time]",
    )

    def check(self, level: Level) -> list[Diagnostic]:
        """Every format that is named must be there, once."""
        found = [
            Diagnostic(
                target.format.origin,
                f'there is no log_format "{target.format.text}"',
                "combined is built in; log_format stands in http",
            )
            for target in self.access_log
            if target.format is not None and target.format.text not in formats(level)
        ]
        names: set[str] = set()
        for form in self.log_format:
            if form.name.text in names:
                found.append(
                    Diagnostic(form.name.origin, f'log_format "{form.name.text}" is there twice')
                )
            names.add(form.name.text)
        return found


def formats(level: Level) -> Mapping[str, LogFormat | None]:
    """The formats that may be named in `level`; None stands for the built-in one."""
    return {"combined": None, **{f.name.text: f for f in level[AccessLogSettings].log_format}}


def compose(logs: list[tuple[Line, Write]]) -> Callable[[Request], None]:
    """The function that a location calls for each request that is over."""
    if not logs:
        return lambda _request: None
    if len(logs) == 1:
        line, write = logs[0]
        return lambda request: write(line(request), request)

    def all_of_them(request: Request) -> None:
        for line, write in logs:
            write(line(request), request)

    return all_of_them
