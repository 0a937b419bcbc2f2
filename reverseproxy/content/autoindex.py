"""`autoindex` and `random_index`: what answers for a directory without an index."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from reverseproxy.config import (
    HTTP_SERVER_LOCATION,
    Context,
    directive,
    enum,
    flag,
    one,
    settings,
)
from reverseproxy.errors import ClientError
from reverseproxy.web.response import Response

from . import listing

if TYPE_CHECKING:
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request

#: What nginx takes for a function's name, in `autoindex_format jsonp`.
_CALLBACK = re.compile(rb"[A-Za-z0-9_.]{1,128}")
_TYPES = {
    "html": b"text/html",
    "json": b"application/json",
    "jsonp": b"application/javascript",
    "xml": b"text/xml; charset=utf-8",
}
#: Answers for the directory at a path; raises OSError.
Listing = Callable[["Request", bytes], None]


@settings
class AutoindexSettings:
    """Directories without an index (ngx_http_autoindex_module, ngx_http_random_index_module)."""

    autoindex: bool = directive(
        one(flag), "off", HTTP_SERVER_LOCATION, doc="Lists directories that have no index."
    )
    autoindex_exact_size: bool = directive(
        one(flag), "on", HTTP_SERVER_LOCATION, doc="Shows sizes in bytes; off rounds them."
    )
    autoindex_format: str = directive(
        one(enum("html", "xml", "json", "jsonp")),
        "html",
        HTTP_SERVER_LOCATION,
        doc="What a listing is written in.",
    )
    autoindex_localtime: bool = directive(
        one(flag), "off", HTTP_SERVER_LOCATION, doc="Shows times of this machine's zone, not UTC."
    )
    random_index: bool = directive(
        one(flag),
        "off",
        Context.LOCATION,
        doc="Answers with any of a directory's files, another each time.",
    )


def lister(place: Place) -> Listing | None:
    """What lists the directories of a place with `autoindex on`."""
    settings = place[AutoindexSettings]
    if not settings.autoindex:
        return None
    form = settings.autoindex_format

    def answer(request: Request, path: bytes) -> None:
        callback = _callback(request) if form == "jsonp" else b""
        found = listing.entries(path)
        if request.settled():
            return
        kind = _TYPES["json" if form == "jsonp" and not callback else form]
        response = Response(200, [(b"Content-Type", kind)])
        request.respond(response)
        if form == "html":
            sent = response.get(b"content-type") or b""
            body = listing.html(
                request.document_uri,
                found,
                exact_size=settings.autoindex_exact_size,
                local_time=settings.autoindex_localtime,
                utf8=sent.lower().endswith(b"charset=utf-8"),
            )
        elif form == "xml":
            body = listing.xml(found)
        else:
            body = listing.json(found, callback)
        if request.response is response:
            request.finish(body)

    return answer


def _callback(request: Request) -> bytes:
    for pair in (request.query or b"").split(b"&"):
        key, _, value = pair.partition(b"=")
        if key.lower() == b"callback" and value:
            if not _CALLBACK.fullmatch(value):
                raise ClientError(
                    400, "RP-400-callback", f"client sent no callback name: {value!r}", close=False
                )
            return value
    return b""


def picker(place: Place) -> Callable[[bytes], bytes | None] | None:
    """What picks a file's name in a directory, for a place with `random_index on`."""
    if not place[AutoindexSettings].random_index:
        return None

    def pick(path: bytes) -> bytes | None:
        with os.scandir(path) as directory:
            names = [
                item.name for item in directory if not item.name.startswith(b".") and item.is_file()
            ]
        return random.choice(names) if names else None  # noqa: S311 - nothing depends on it

    return pick
