"""The directives that say how an upstream's answer is passed on (ngx_http_proxy_module)."""

from __future__ import annotations

from reverseproxy.config import (
    HTTP_SERVER_LOCATION,
    Args,
    BadValue,
    Template,
    directive,
    flag,
    one,
    settings,
    shown_as,
)
from reverseproxy.filters.limitrate import size_template

#: What `proxy_ignore_headers` takes, in lower case, as a field's name is looked up.
IGNORABLE = frozenset(
    b"x-accel-redirect x-accel-expires x-accel-limit-rate x-accel-buffering x-accel-charset "
    b"expires cache-control set-cookie vary".split()
)


@shown_as("field …")
def ignored_fields(args: Args) -> frozenset[bytes]:
    """`proxy_ignore_headers FIELD …`: names in lower case."""
    found = set()
    for word in args.words:
        name = word.text.lower().encode()
        if name not in IGNORABLE:
            raise BadValue(
                f'proxy_ignore_headers does not take "{word.text}"; it takes '
                "X-Accel-Redirect, X-Accel-Expires, X-Accel-Limit-Rate, X-Accel-Buffering, "
                "X-Accel-Charset, Expires, Cache-Control, Set-Cookie and Vary",
                word,
            )
        found.add(name)
    return frozenset(found)


@shown_as("field")
def field_name(args: Args) -> bytes:
    """The name of a field, in lower case."""
    return args.words[0].text.lower().encode()


@shown_as("text …")
def conditions(args: Args) -> tuple[Template, ...]:
    """Texts with variables in them."""
    return tuple(args.template(word) for word in args.words)


@settings
class PassingSettings:
    """How answers of upstreams are passed on (ngx_http_proxy_module)."""

    proxy_buffering: bool = directive(
        one(flag),
        "on",
        HTTP_SERVER_LOCATION,
        doc="Reads an answer as fast as the upstream sends; off, as fast as the client reads.",
    )
    proxy_hide_header: tuple[bytes, ...] = directive(
        field_name,
        None,
        HTTP_SERVER_LOCATION,
        many=True,
        doc="Does not pass on a field of an answer.",
    )
    proxy_pass_header: tuple[bytes, ...] = directive(
        field_name,
        None,
        HTTP_SERVER_LOCATION,
        many=True,
        doc="Passes on a field that is otherwise not, such as Date, Server or X-Accel-Expires.",
    )
    proxy_ignore_headers: frozenset[bytes] = directive(
        ignored_fields,
        None,
        HTTP_SERVER_LOCATION,
        args="1+",
        doc="Does not do what these fields of an answer ask for.",
    )
    proxy_limit_rate: Template = directive(
        size_template,
        "0",
        HTTP_SERVER_LOCATION,
        doc="The rate at which an answer is read, in bytes a second, where it is buffered; 0 is "
        "no limit.",
        syntax="rate",
    )
    proxy_force_ranges: bool = directive(
        one(flag),
        "off",
        HTTP_SERVER_LOCATION,
        doc="Answers a request for a range, whatever Accept-Ranges the upstream sends.",
    )
    proxy_pass_trailers: bool = directive(
        one(flag),
        "off",
        HTTP_SERVER_LOCATION,
        doc="Passes on the fields that follow an answer's last chunk.",
    )
    early_hints: tuple[Template, ...] | None = directive(
        conditions,
        None,
        HTTP_SERVER_LOCATION,
        args="1+",
        doc="Passes on 103 (Early Hints) where one of the texts is neither empty nor 0.",
    )
    proxy_intercept_errors: bool = directive(
        one(flag),
        "off",
        HTTP_SERVER_LOCATION,
        doc="Answers a status of 300 and more with its error_page, where it has one.",
    )
