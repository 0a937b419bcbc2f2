"""`server_tokens`: what stands in the Server field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reverseproxy import __version__
from reverseproxy.web.response import Response
from reverseproxy.web.settings import ClientSettings
from reverseproxy.wire.fields import safe_field_value

if TYPE_CHECKING:
    from reverseproxy.web.locations import HeaderFilter
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request

_WITH_VERSION = f"reverseproxy/{__version__}"
_WORDS = {"on": _WITH_VERSION, "build": _WITH_VERSION, "off": "reverseproxy"}


def server_line(place: Place) -> bytes:
    """The whole line, b"" where there is none or each request has its own."""
    tokens = place[ClientSettings].server_tokens
    text = _WORDS.get(tokens.text, tokens.constant)
    if text and not safe_field_value(text.encode()):
        place.complain(tokens.origin, "a field's value can't hold control characters")
    return b"Server: %b\r\n" % text.encode() if text else b""


def header_filter(place: Place) -> HeaderFilter | None:
    """The filter of a level whose `server_tokens` has variables in it."""
    tokens = place[ClientSettings].server_tokens
    if tokens.constant is not None:
        return None
    render = place.compile(tokens)

    def server(request: Request, response: Response) -> None:
        value = render(request)
        if value and safe_field_value(value):
            response.fields.append((b"Server", value))

    return server
