"""The directives that say how an upstream is asked (ngx_http_proxy_module)."""

from __future__ import annotations

from reverseproxy.config import (
    HTTP_SERVER_LOCATION,
    BadValue,
    Template,
    Word,
    directive,
    flag,
    one,
    settings,
    shown_as,
    size,
    template,
)


@shown_as("1.0 | 1.1")
def http_version(word: Word) -> bytes:
    """`1.0` or `1.1`."""
    if word.text not in ("1.0", "1.1"):
        more = " (HTTP/2 to upstreams is not there yet)" if word.text == "2" else ""
        raise BadValue(f'proxy_http_version takes 1.0 or 1.1, not "{word.text}"{more}', word)
    return word.text.encode()


@settings
class AskingSettings:
    """How upstreams are asked (ngx_http_proxy_module)."""

    proxy_request_buffering: bool = directive(
        one(flag),
        "on",
        HTTP_SERVER_LOCATION,
        doc="Waits for the whole body of a request before it goes to the upstream.",
    )
    proxy_http_version: bytes = directive(
        one(http_version),
        "1.1",
        HTTP_SERVER_LOCATION,
        doc="The version of HTTP that upstreams are spoken to in; 1.0 keeps no connection.",
    )
    proxy_method: Template | None = directive(
        template,
        None,
        HTTP_SERVER_LOCATION,
        doc="The method of the request to the upstream, in place of the client's.",
    )
    proxy_set_body: Template | None = directive(
        template,
        None,
        HTTP_SERVER_LOCATION,
        doc="The body of the request to the upstream, in place of the client's.",
    )
    proxy_pass_request_headers: bool = directive(
        one(flag),
        "on",
        HTTP_SERVER_LOCATION,
        doc="Sends the fields of a request to the upstream.",
    )
    proxy_socket_keepalive: bool = directive(
        one(flag),
        "off",
        HTTP_SERVER_LOCATION,
        doc="Lets the kernel find out about upstreams that are gone (SO_KEEPALIVE).",
    )
    proxy_send_lowat: int = directive(
        one(size),
        "0",
        HTTP_SERVER_LOCATION,
        doc="Without effect, as in nginx on Linux.",
        no_effect=True,
    )
