"""`charset`: names the character set of an answer, and converts it (ngx_http_charset_module).

An upstream may name another with X-Accel-Charset, of those that the configuration knows; then
neither the media type nor `override_charset` matters.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from reverseproxy.web.response import Response, chained

from .charsetsettings import CharsetSettings
from .recoding import recodings

if TYPE_CHECKING:
    from reverseproxy.config import Level, Template
    from reverseproxy.web.locations import HeaderFilter
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request

#: A media type with the character set that its sender named.
_NAMED = re.compile(rb'(.*?)[ \t]*;[ \t]*charset=[ \t]*"?([^"; ]*)"?.*', re.IGNORECASE | re.DOTALL)
#: Statuses of redirects, which nginx leaves as they are.
_UNTOUCHED = frozenset({301, 302})
#: A name that can stand in Content-Type.
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z:()-]+")


@lru_cache(maxsize=1)
def _known(main: Level) -> frozenset[str]:
    """The character sets that a configuration names anywhere, in lower case."""
    found: set[str | None] = set()
    for level in main.all():
        for setting in level.own:
            if setting.name in ("charset", "source_charset"):
                found.add(setting.value.constant)
            elif setting.name == "charset_map":
                found |= {setting.value.source, setting.value.target}
    return frozenset(name.lower() for name in found if name and name != "off")


@lru_cache(maxsize=1)
def _passes(main: Level) -> bool:
    """Whether a configuration has an upstream that could name one."""
    return any(setting.name == "proxy_pass" for level in main.all() for setting in level.own)


def header_filter(place: Place) -> HeaderFilter | None:
    """The filter of a level with a `charset`, or where an upstream may give one.

    That may be any level: X-Accel-Redirect goes everywhere, and X-Accel-Charset with it.
    """
    settings = place[CharsetSettings]
    main = place.level.main
    known = _known(main)
    if settings.charset.text == "off" and not (known and _passes(main)):
        return None
    maps = recodings(settings.charset_map)
    wanted = place.compile(settings.charset)
    source = settings.source_charset
    given = None if source is None or source.text == "off" else place.compile(source)
    _check(place, settings.charset, source, set(maps))
    applies = _applies(settings)

    def charset(request: Request, response: Response) -> None:
        content_type = response.get(b"content-type")
        if content_type is None:
            return
        named = _NAMED.fullmatch(content_type)
        if request.charset:
            name = _of_upstream(request, known)
        else:
            name = wanted(request) if applies(content_type, named is not None) else b""
        if not _NAME.fullmatch(name):
            return
        if named is not None:
            kind, have = named[1], named[2]
        else:
            kind, have = content_type, b"" if given is None else given(request)
        if have and have.lower() != name.lower() and not _recode(request, response, have, name):
            return
        if response.status not in _UNTOUCHED:
            _set_type(response, b"%b; charset=%b" % (kind, name))

    def _recode(request: Request, response: Response, have: bytes, name: bytes) -> bool:
        if response.get(b"content-encoding"):
            return False
        recoding = maps.get((have.lower().decode("latin-1"), name.lower().decode("latin-1")))
        if recoding is None:
            request.location.error_log.error(
                f"no charset_map between {have!r} and {name!r}", request=request
            )
            return False
        make, length_stays = recoding
        request.transform = chained(request.transform, make())
        if not length_stays:
            response.length = None
        return True

    return charset


def _applies(settings: CharsetSettings) -> Callable[[bytes, bool], bool]:
    """Whether `charset` is about a media type, which may name a character set already."""
    if settings.charset.text == "off":
        return lambda _type, _named: False
    any_type, types = b"*" in settings.charset_types, settings.charset_types

    def applies(content_type: bytes, named: bool) -> bool:
        if named:
            return settings.override_charset
        return any_type or content_type.lower() in types

    return applies


def _of_upstream(request: Request, known: frozenset[str]) -> bytes:
    """The upstream's character set; nothing where it is none that can be meant."""
    if request.charset.lower().decode("latin-1") in known:
        return request.charset
    what = f"the upstream's X-Accel-Charset is not in the configuration: {request.charset!r}"
    request.location.error_log.error(what, request=request)
    return b""


def _set_type(response: Response, value: bytes) -> None:
    response.fields = [
        (name, value if name.lower() == b"content-type" else old) for name, old in response.fields
    ]


def _check(
    place: Place, charset: Template, source: Template | None, known: set[tuple[str, str]]
) -> None:
    """Between two constant character sets there must be a map."""
    if source is None or source.constant in (None, "off") or charset.constant in (None, "off"):
        return
    pair = (source.text.lower(), charset.text.lower())
    if pair[0] != pair[1] and pair not in known:
        place.complain(
            source.origin,
            f'there is no "charset_map" between "{source.text}" and "{charset.text}"',
        )
