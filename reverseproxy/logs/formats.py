"""`log_format`: a format becomes a function that makes a request's line, once, at load."""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import itemgetter
from typing import TYPE_CHECKING

import attrs

from reverseproxy.config import Args, BadValue, Template, Word
from reverseproxy.config.template import Variable
from reverseproxy.web.steady import is_steady, kept

if TYPE_CHECKING:
    from reverseproxy.web.getters import Getter
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
_NOTHING = re.compile(rb"(?!)")
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


#: For each `escape`: what an absent value is, what is to be escaped, and what it becomes.
_ESCAPES: dict[str, tuple[bytes, re.Pattern[bytes], Callable[[re.Match[bytes]], bytes]]] = {
    "default": (b"-", _UNSAFE, _escaped),
    "json": (b"", _JSON_UNSAFE, _json_escaped),
    "none": (b"", _NOTHING, _escaped),
}


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
    pieces: list[bytes | Slot] = []
    run: list[bytes | Slot] = []
    for part in (*parts, "\n"):
        if isinstance(part, str):
            run.append(part.encode())
            continue
        slot = Slot(variables.getter(part.name), escape != "none" and part.name not in _SAFE)
        if is_steady(slot.getter):
            run.append(slot)
        else:
            pieces += _run(run, escape)
            pieces.append(slot)
            run = []
    return _line([*pieces, *_run(run, escape)], escape)


@attrs.frozen
class Slot:
    """The place of a variable in a line; whether its value may have what is to be escaped."""

    getter: Getter
    escapes: bool = True


def _run(run: list[bytes | Slot], escape: str) -> list[bytes | Slot]:
    """What stands between two variables that change: one piece if there is much to it."""
    if sum(isinstance(piece, Slot) for piece in run) < 2:
        return run
    return [Slot(kept(_line(run, escape)), escapes=False)]


def _line(pieces: list[bytes | Slot], escape: str) -> Line:
    """The function that puts pieces together for a request."""
    absent, unsafe, escaped = _ESCAPES[escape]
    shape = b"".join(
        piece.replace(b"%", b"%%") if isinstance(piece, bytes) else b"%b" for piece in pieces
    )
    slots = [piece for piece in pieces if isinstance(piece, Slot)]
    getters = [slot.getter for slot in slots]
    tested = [index for index, slot in enumerate(slots) if slot.escapes]
    # One search for all: the first is there twice, as of a single one there would be no tuple.
    pick = itemgetter(tested[0], *tested) if tested else None

    def line(request: Request) -> bytes:
        values = [
            absent if (value := get(request)) is None else value  # one loop for most of all lines
            for get in getters
        ]
        if pick is not None and unsafe.search(b"".join(pick(values))):
            for index in tested:
                values[index] = unsafe.sub(escaped, values[index])
        return shape % tuple(values)

    return line
