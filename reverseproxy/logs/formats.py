"""`log_format`: a format becomes a function that makes a request's line, once, at load."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from reverseproxy.config import Args, BadValue, Template, Word
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
    names = [part.name for part in parts if isinstance(part, Variable)]
    getters = [variables.getter(name) for name in names]
    absent = b"-" if escape == "default" else b""
    if escape == "none":
        return lambda request: shape % tuple([get(request) or b"" for get in getters])
    unsafe, escaped = (_UNSAFE, _escaped) if escape == "default" else (_JSON_UNSAFE, _json_escaped)
    own = [name in _SAFE for name in names]

    def line(request: Request) -> bytes:
        values = [
            absent if (value := get(request)) is None else value  # one loop for most of all lines
            for get in getters
        ]
        if unsafe.search(b"".join(values)):
            values = [
                value if ours else unsafe.sub(escaped, value)
                for value, ours in zip(values, own, strict=True)
            ]
        return shape % tuple(values)

    return line
