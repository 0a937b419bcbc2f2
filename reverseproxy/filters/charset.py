"""`charset`: names the character set of an answer, and converts it (ngx_http_charset_module)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reverseproxy.web.response import Response, chained

from .charsetsettings import CharsetSettings
from .recoding import recodings

if TYPE_CHECKING:
    from reverseproxy.config import Template
    from reverseproxy.web.locations import HeaderFilter
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request

#: A media type with the character set that its sender named.
_NAMED = re.compile(rb'(.*?)[ \t]*;[ \t]*charset=[ \t]*"?([^"; ]*)"?.*', re.IGNORECASE | re.DOTALL)
#: Statuses of redirects, which nginx leaves as they are.
_UNTOUCHED = frozenset({301, 302})
#: A name that can stand in Content-Type.
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z:()-]+")


def header_filter(place: Place) -> HeaderFilter | None:
    """The filter of a level with a `charset`."""
    settings = place[CharsetSettings]
    if settings.charset.text == "off":
        return None
    maps = recodings(settings.charset_map)
    any_type = b"*" in settings.charset_types
    types = settings.charset_types
    wanted = place.compile(settings.charset)
    source = settings.source_charset
    given = None if source is None or source.text == "off" else place.compile(source)
    _check(place, settings.charset, source, set(maps))

    def charset(request: Request, response: Response) -> None:
        content_type = response.get(b"content-type")
        if content_type is None:
            return
        named = _NAMED.fullmatch(content_type)
        if named is not None:
            if not settings.override_charset:
                return
            kind, have = named[1], named[2]
        else:
            if not any_type and content_type.lower() not in types:
                return
            kind, have = content_type, b"" if given is None else given(request)
        name = wanted(request)
        if not _NAME.fullmatch(name):
            return
        if have and have.lower() != name.lower():
            if response.get(b"content-encoding"):
                return
            recoding = maps.get((have.lower().decode("latin-1"), name.lower().decode("latin-1")))
            if recoding is None:
                request.location.error_log.error(
                    f"no charset_map between {have!r} and {name!r}", request=request
                )
                return
            make, length_stays = recoding
            request.transform = chained(request.transform, make())
            if not length_stays:
                response.length = None
        elif named is not None and have:
            kind = named[1]
        if response.status not in _UNTOUCHED:
            _set_type(response, b"%b; charset=%b" % (kind, name))

    return charset


def _set_type(response: Response, value: bytes) -> None:
    response.fields = [
        (name, value if name.lower() == b"content-type" else old) for name, old in response.fields
    ]


def _check(
    place: Place, charset: Template, source: Template | None, known: set[tuple[str, str]]
) -> None:
    """Between two constant character sets there must be a map."""
    if source is None or source.constant in (None, "off") or charset.constant is None:
        return
    pair = (source.text.lower(), charset.text.lower())
    if pair[0] != pair[1] and pair not in known:
        place.complain(
            source.origin,
            f'there is no "charset_map" between "{source.text}" and "{charset.text}"',
        )
