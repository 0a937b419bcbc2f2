"""The directives of header fields (ngx_http_headers_module)."""

from __future__ import annotations

import re

import attrs

from reverseproxy.config import (
    HTTP_SERVER_LOCATION,
    HTTP_SERVER_LOCATION_IF,
    Args,
    BadValue,
    Level,
    Template,
    directive,
    enum,
    one,
    settings,
)
from reverseproxy.wire.fields import safe_field_value

from .expiry import Expires, expires

#: RFC 9110 section 5.6.2.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: Fields that say where a message ends: a second one would let others read it differently.
_FRAMING = frozenset({"content-length", "transfer-encoding"})
#: RFC 9110 section 6.5.1: what a trailer can't say any more.
_NOT_IN_TRAILERS = _FRAMING | {"trailer", "content-encoding", "content-type", "content-range"}


@attrs.frozen
class AddedField:
    """One `add_header` or `add_trailer`: `always` adds it to errors, too."""

    name: str
    value: Template
    always: bool = False


def added_field(args: Args) -> AddedField:
    """`add_header NAME VALUE [always]`, and `add_trailer` likewise."""
    name, value = args.words[:2]
    refused = _NOT_IN_TRAILERS if args.name.text == "add_trailer" else _FRAMING
    if not _TOKEN.fullmatch(name.text):
        raise BadValue(f'"{name.text}" is no field name', name)
    if name.text.lower() in refused:
        raise BadValue(
            f"{args.name.text} can't add {name.text}: it says how the message is read", name
        )
    if len(args.words) > 2 and args.words[2].text != "always":
        raise BadValue(
            f'{args.name.text} takes "always" as its third argument, not "{args.words[2].text}"',
            args.words[2],
        )
    template = args.template(value)
    constant = template.constant
    if constant is not None and not safe_field_value(constant.encode()):
        raise BadValue("a field's value can't hold control characters", value)
    return AddedField(name.text, template, len(args.words) > 2)


@settings
class HeaderSettings:
    """Header fields (ngx_http_headers_module)."""

    add_header: tuple[AddedField, ...] = directive(
        added_field,
        None,
        HTTP_SERVER_LOCATION_IF,
        args="2-3",
        many=True,
        doc="Adds a field to answers with a status of success or redirection; always: to all.",
        syntax="name value [always]",
    )
    add_header_inherit: str = directive(
        one(enum("on", "off", "merge")),
        "on",
        HTTP_SERVER_LOCATION,
        doc="Whether add_header is inherited: where there is none (on), never, or in addition.",
    )
    add_trailer: tuple[AddedField, ...] = directive(
        added_field,
        None,
        HTTP_SERVER_LOCATION_IF,
        args="2-3",
        many=True,
        doc="Adds a field behind the answer's body, which is sent in chunks for it.",
        syntax="name value [always]",
    )
    add_trailer_inherit: str = directive(
        one(enum("on", "off", "merge")),
        "on",
        HTTP_SERVER_LOCATION,
        doc="Whether add_trailer is inherited: where there is none (on), never, or in addition.",
    )
    expires: Expires = directive(
        expires,
        "off",
        HTTP_SERVER_LOCATION_IF,
        args="1-2",
        doc="Sets Expires and Cache-Control: how long the answer may be kept.",
        syntax="[modified] time | epoch | max | off",
    )


def added(level: Level, name: str) -> tuple[AddedField, ...]:
    """The `add_header`s or `add_trailer`s in force, by the rule of `add_…_inherit`."""
    settings = level[HeaderSettings]
    if not getattr(settings, name):
        # Neither here nor further out, or it would have been inherited.
        return ()
    rule: str = getattr(settings, f"{name}_inherit")
    own = tuple(setting.value for setting in level.own if setting.name == name)
    if level.parent is None or rule == "off" or (own and rule == "on"):
        return own
    return own + added(level.parent, name)
