"""The replacement of a `rewrite`: a path and arguments, with what was captured escaped.

The path ends at the "?" that is written in the replacement; one that comes out of a variable is
part of the path. What $1 to $9 bring into arguments, or into a redirect, was decoded once, so it is
encoded again where the request had anything encoded: no byte of it can begin another argument.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from reverseproxy.config import Template, Variable

if TYPE_CHECKING:
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request

#: ngx_escape_uri(): what is encoded in an argument.
_IN_ARGUMENTS = re.compile(rb"[\x00-\x20\x22\x23%&+;<>?\\^`{|}\x7f-\xff]")
_CODED = re.compile(rb"%([0-9A-Fa-f]{2})")

Piece = Callable[["Request"], bytes | None]


def replacement(
    place: Place, template: Template, redirect: bool
) -> Callable[[Request], tuple[bytes, bytes | None]]:
    """The template as a function of the request: the path, and the arguments if it names any."""
    path, args = _halves(template)
    render_path = _joined(place, path, redirect)
    render_args = None if args is None else _joined(place, args, True)

    def render(request: Request) -> tuple[bytes, bytes | None]:
        found = render_path(request)
        if redirect:
            found = _readable(found)
        return found, None if render_args is None else render_args(request)

    return render


def _halves(
    template: Template,
) -> tuple[Sequence[str | Variable], Sequence[str | Variable] | None]:
    for place, part in enumerate(template.parts):
        if isinstance(part, str) and "?" in part:
            before, _, after = part.partition("?")
            return (*template.parts[:place], before), (after, *template.parts[place + 1 :])
    return template.parts, None


def _joined(
    place: Place, parts: Sequence[str | Variable], quoted: bool
) -> Callable[[Request], bytes]:
    pieces = [_piece(place, part, quoted) for part in parts]
    return lambda request: b"".join([piece(request) or b"" for piece in pieces])


def _piece(place: Place, part: str | Variable, quoted: bool) -> Piece:
    if isinstance(part, str):
        text = part.encode()
        return lambda _request: text
    getter = place.assembly.variables.getter(part.name)
    if not quoted or not part.name.isdigit():
        return getter

    def captured(request: Request) -> bytes | None:
        value = getter(request)
        if value and (b"%" in request.path or b"+" in request.path):
            value = _IN_ARGUMENTS.sub(lambda match: b"%%%02X" % match[0][0], value)
        return value

    return captured


def _readable(target: bytes) -> bytes:
    """A redirect's path with those bytes decoded which a path may have as they are.

    Only up to the first "?", which ends the path even where it was encoded, as in nginx.
    """
    path, mark, rest = target.partition(b"?")
    at = 0
    done = b""
    for match in _CODED.finditer(path):
        byte = int(match[1], 16)
        if 0x25 < byte < 0x7F:
            done += path[at : match.start()] + bytes((byte,))
            at = match.end()
            if byte == 0x3F:
                break
    return done + path[at:] + mark + rest
