"""The directives that say how an upstream is asked (ngx_http_proxy_module)."""

from __future__ import annotations

import ipaddress
import re

from reverseproxy.config import (
    HTTP_SERVER_LOCATION,
    Args,
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


#: An address, with a port or without: 192.0.2.1:8080, [2001:db8::1].
_ADDRESS = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::([0-9]{1,5}))?")


def own_address(text: str) -> tuple[str, int] | None:
    """The host and the port (0: any) of a numeric address; None for anything else."""
    found = _ADDRESS.fullmatch(text)
    if found is None:
        return None
    try:
        host = str(ipaddress.ip_address(found[1] or found[2]))
    except ValueError:
        return None
    port = int(found[3] or 0)
    return (host, port) if port < 65536 else None


@shown_as("address | off")
def proxy_bind(args: Args) -> Template | None:
    """`proxy_bind ADDRESS`, which may have variables, or `off`."""
    word = args.words[0]
    if len(args.words) > 1:
        second = args.words[1]
        if second.text == "transparent":
            raise BadValue("proxy_bind … transparent is not supported: it takes root", second)
        raise BadValue(f'proxy_bind takes an address or off, not "{second.text}" too', second)
    if word.text == "off":
        return None
    if "$" not in word.text and own_address(word.text) is None:
        raise BadValue(f'proxy_bind takes a numeric address or off, not "{word.text}"', word)
    return args.template(word)


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
    proxy_bind: Template | None = directive(
        proxy_bind,
        "off",
        HTTP_SERVER_LOCATION,
        args="1-2",
        doc="The address of this machine from which upstreams are connected to.",
    )
    proxy_ignore_client_abort: bool = directive(
        one(flag),
        "off",
        HTTP_SERVER_LOCATION,
        doc="Lets an upstream that has the whole request finish it when the client leaves.",
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
