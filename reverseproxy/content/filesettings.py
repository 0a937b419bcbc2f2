"""The directives of files (ngx_http_core_module, ngx_http_index_module)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from reverseproxy.config import (
    HTTP_SERVER_LOCATION,
    HTTP_SERVER_LOCATION_IF,
    Args,
    BadValue,
    Context,
    Template,
    directive,
    enum,
    flag,
    number,
    one,
    settings,
    size,
    text,
)

from .documents import Directory, directory

if TYPE_CHECKING:
    from reverseproxy.web.place import Place

Types = Mapping[bytes, bytes]

#: nginx's own, where no `types` stands.
DEFAULT_TYPES: Types = MappingProxyType(
    {b"html": b"text/html", b"gif": b"image/gif", b"jpg": b"image/jpeg"}
)


def types(args: Args) -> Types:
    """`types { TYPE EXTENSION…; … }`."""
    found: dict[bytes, bytes] = {}
    for statement in args.block or ():
        if not statement.args:
            raise BadValue(f'"{statement.name.text}" needs at least one extension', statement.name)
        for word in statement.args:
            found[word.text.lower().encode()] = statement.name.text.encode()
    return found


def index(args: Args) -> tuple[Template, ...]:
    """`index FILE…`."""
    for word in args.words:
        if not word.text:
            raise BadValue("an index file needs a name", word)
        if word.text.startswith("/") and word is not args.words[-1]:
            args.warn("only the last index should be absolute: what follows is never reached", word)
    return tuple(args.template(word) for word in args.words)


def aio(args: Args) -> str:
    """`aio on | off | threads[=POOL]`."""
    word = args.words[0]
    if word.text not in ("on", "off", "threads") and not word.text.startswith("threads="):
        raise BadValue(f'aio takes on, off or threads, not "{word.text}"', word)
    return word.text


def directio(args: Args) -> int | None:
    """`directio SIZE | off`."""
    word = args.words[0]
    return None if word.text == "off" else size(word)


@settings
class StaticSettings:
    """Files (ngx_http_core_module, ngx_http_index_module)."""

    root: Directory = directive(
        directory,
        "html",
        HTTP_SERVER_LOCATION_IF,
        doc="The directory that the request's path is appended to.",
        syntax="path",
    )
    alias: Directory | None = directive(
        directory,
        None,
        Context.LOCATION,
        doc="The directory that stands for the location's own part of the path.",
        syntax="path",
    )
    index: tuple[tuple[Template, ...], ...] = directive(
        index,
        "index.html",
        HTTP_SERVER_LOCATION,
        args="1+",
        many=True,
        doc="The files that stand for a directory; the first that is there.",
        syntax="file ...",
    )
    types: tuple[Types, ...] = directive(
        types,
        None,
        HTTP_SERVER_LOCATION,
        args=0,
        block=True,
        many=True,
        doc="Which extensions have which media type.",
        syntax="{ type extension ...; }",
    )
    default_type: str = directive(
        one(text), "text/plain", HTTP_SERVER_LOCATION, doc="The media type of other files."
    )
    types_hash_max_size: int | None = directive(
        one(size), None, HTTP_SERVER_LOCATION, no_effect=True, doc="Types are in a dictionary."
    )
    types_hash_bucket_size: int | None = directive(
        one(size), None, HTTP_SERVER_LOCATION, no_effect=True, doc="Types are in a dictionary."
    )
    sendfile: bool = directive(
        one(flag), "off", HTTP_SERVER_LOCATION_IF, doc="Sends files from the kernel, uncopied."
    )
    sendfile_max_chunk: int = directive(
        one(size),
        "2m",
        HTTP_SERVER_LOCATION_IF,
        doc="How much of a file one sendfile(2) takes, so that the others get their turn.",
    )
    max_ranges: int | None = directive(
        one(number(0)),
        None,
        HTTP_SERVER_LOCATION,
        doc="How many ranges one request may ask for; 0 is none, no limit by default.",
    )
    aio: str = directive(
        aio,
        "off",
        HTTP_SERVER_LOCATION,
        no_effect=True,
        doc="Files are read by the process that serves them.",
        syntax="on | off | threads[=pool]",
    )
    directio: int | None = directive(
        directio,
        "off",
        HTTP_SERVER_LOCATION,
        no_effect=True,
        doc="Files are read through the kernel's cache.",
        syntax="size | off",
    )
    directio_alignment: int = directive(
        one(size), "512", HTTP_SERVER_LOCATION, no_effect=True, doc="See directio."
    )
    read_ahead: int = directive(
        one(size), "0", HTTP_SERVER_LOCATION, no_effect=True, doc="The kernel decides."
    )
    etag: bool = directive(
        one(flag), "on", HTTP_SERVER_LOCATION, doc="Gives files an ETag of their time and size."
    )
    if_modified_since: str = directive(
        one(enum("off", "exact", "before")),
        "exact",
        HTTP_SERVER_LOCATION,
        doc="How If-Modified-Since is compared: not at all, by equality, or as no later than.",
    )
    log_not_found: bool = directive(
        one(flag), "on", HTTP_SERVER_LOCATION, doc="Logs files that are not there as errors."
    )


def media_types(place: Place) -> Callable[[bytes], bytes]:
    """The function from a path to the media type of what is there."""
    settings = place[StaticSettings]
    return place.once((media_types, settings), lambda: _media_types(settings))


def _media_types(settings: StaticSettings) -> Callable[[bytes], bytes]:
    types: dict[bytes, bytes] = {}
    for block in settings.types or (DEFAULT_TYPES,):
        types.update(block)
    default = settings.default_type.encode()

    def media_type(path: bytes) -> bytes:
        name = path[path.rfind(b"/") + 1 :]
        dot = name.rfind(b".")
        return default if dot < 0 else types.get(name[dot + 1 :].lower(), default)

    return media_type
