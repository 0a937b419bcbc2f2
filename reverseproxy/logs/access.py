"""The access log: a format is compiled at load, a request writes one whole line."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import attrs

from reverseproxy.config import (
    HTTP_SERVER_LOCATION,
    Args,
    BadValue,
    Context,
    Diagnostic,
    Level,
    Template,
    Word,
    directive,
    settings,
)
from reverseproxy.config.template import Variable

if TYPE_CHECKING:
    from reverseproxy.web.request import Request
    from reverseproxy.web.variables import Variables

Line = Callable[["Request"], bytes]

COMBINED = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
    '"$http_referer" "$http_user_agent"'
)


@attrs.frozen
class LogFormat:
    """One `log_format`: its name and its text; `escape` is "default", "json" or "none"."""

    name: Word
    template: Template
    escape: str = "default"


def log_format(args: Args) -> LogFormat:
    """`log_format NAME [escape=default|json|none] TEXT…`: the texts are one."""
    name, *words = args.words
    escape = "default"
    if words[0].text.startswith("escape=") and not words[0].quoted:
        escape = words[0].text.removeprefix("escape=")
        if escape not in ("default", "json", "none"):
            raise BadValue(f'escape is default, json or none, not "{escape}"', words[0])
        words = words[1:]
    if not words:
        raise BadValue("log_format needs a text after the name", name)
    if name.text == "combined":
        raise BadValue('the format "combined" is built in and can\'t be changed', name)
    parts: list[str | Variable] = []
    for word in words:
        # Each word by itself, so that an unknown variable is located where it stands.
        parts.extend(args.template(word).parts)
    text = "".join(word.text for word in words)
    return LogFormat(name, Template(tuple(parts), words[0].origin, text), escape)


@attrs.frozen
class AccessLogTarget:
    """One `access_log`: a path (None for "off") and the name of a format."""

    path: str | None
    format: Word | None = None


def access_log_target(args: Args) -> AccessLogTarget:
    """`access_log FILE [FORMAT]` or `access_log off`."""
    path, *rest = args.words
    if path.text == "off":
        if rest:
            raise BadValue("access_log off takes nothing more", rest[0])
        return AccessLogTarget(None)
    if path.text.startswith("syslog:"):
        raise BadValue("access_log to syslog is not there yet", path)
    if "$" in path.text:
        raise BadValue("variables in the path of access_log are not there yet", path)
    for word in rest[1:] if rest and "=" not in rest[0].text else rest:
        raise BadValue(f'access_log does not take "{word.text}" yet', word)
    return AccessLogTarget(args.paths.in_prefix(path.text), rest[0] if rest else None)


@settings
class AccessLogSettings:
    """The access log (ngx_http_log_module)."""

    log_format: tuple[LogFormat, ...] = directive(
        log_format, None, Context.HTTP, args="2+", many=True, doc="Names a format for access_log."
    )
    access_log: tuple[AccessLogTarget, ...] = directive(
        access_log_target,
        "logs/access.log",
        HTTP_SERVER_LOCATION,
        args="1+",
        many=True,
        doc='The file that a line for each request goes to, and its format; "off" is none.',
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


#: ngx_http_log_module's escape=default: a quote, a backslash, controls and 8-bit bytes as \xXX.
_UNSAFE = re.compile(rb'[\x00-\x1f"\\\x7f-\xff]')
_JSON_UNSAFE = re.compile(rb'[\x00-\x1f"\\]')
_JSON_SHORT = {b"\n": b"\\n", b"\r": b"\\r", b"\t": b"\\t", b"\b": b"\\b", b"\f": b"\\f"}


def _escaped(match: re.Match[bytes]) -> bytes:
    return b"\\x%02X" % match[0][0]


def _json_escaped(match: re.Match[bytes]) -> bytes:
    byte = match[0]
    if byte in b'"\\':
        return b"\\" + byte
    return _JSON_SHORT.get(byte) or b"\\u%04X" % byte[0]


#: Variables whose values this program makes: nothing in them needs escaping.
_SAFE = frozenset(
    (
        "body_bytes_sent",
        "bytes_sent",
        "connection",
        "connection_requests",
        "msec",
        "pid",
        "remote_addr",
        "remote_port",
        "request_method",
        "request_time",
        "scheme",
        "server_addr",
        "server_port",
        "status",
        "time_local",
    )
)


def compile_format(form: LogFormat | None, variables: Variables) -> Line:
    """The function that makes a request's line, line end included."""
    if form is None:
        origin_free = re.split(r"\$([a-z_]+)", COMBINED)
        parts: list[str | Variable] = [
            Variable(text) if index % 2 else text for index, text in enumerate(origin_free) if text
        ]
        escape = "default"
    else:
        parts, escape = list(form.template.parts), form.escape
    shape = (
        "".join(
            part.replace("%", "%%") if isinstance(part, str) else "%b" for part in parts
        ).encode()
        + b"\n"
    )
    getters = [_value(part.name, escape, variables) for part in parts if isinstance(part, Variable)]
    return lambda request: shape % tuple([value(request) for value in getters])


def _value(name: str, escape: str, variables: Variables) -> Line:
    getter = variables.getter(name)
    absent = b"-" if escape == "default" else b""
    if name in _SAFE or escape == "none":

        def plain(request: Request) -> bytes:
            value = getter(request)
            return absent if value is None else value

        return plain
    unsafe, escaped = (_UNSAFE, _escaped) if escape == "default" else (_JSON_UNSAFE, _json_escaped)

    def value_of(request: Request) -> bytes:
        value = getter(request)
        if value is None:
            return absent
        return unsafe.sub(escaped, value) if unsafe.search(value) else value

    return value_of


def compose(logs: list[tuple[Line, Callable[[bytes], None]]]) -> Callable[[Request], None]:
    """The function that a location calls for each request that is over."""
    if not logs:
        return lambda _request: None
    if len(logs) == 1:
        line, write = logs[0]
        return lambda request: write(line(request))

    def all_of_them(request: Request) -> None:
        for line, write in logs:
            write(line(request))

    return all_of_them
