"""The client behind other proxies (ngx_http_realip_module).

A server's rule acts before anything else is decided; a location's own one acts before limits and
access, on requests whose client was not found before. `request.peer` is the client from then on.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.web.resource import IResource, Resource

from reverseproxy.config import (
    HTTP_SERVER_LOCATION,
    Args,
    BadValue,
    Level,
    directive,
    expected,
    flag,
    one,
    settings,
)
from reverseproxy.wire.grammar import is_token

from .networks import UNIX, Network, network, packed
from .passing import render

if TYPE_CHECKING:
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request

Finder = Callable[["Request"], None]


def proxies(args: Args) -> tuple[Network, ...]:
    """`set_real_ip_from ADDRESS | CIDR | unix: | NAME`: a name is looked up at load."""
    word = args.words[0]
    if word.text == "unix:":
        return (UNIX,)
    found = network(word, args)
    if found is not None:
        return (found,)
    if "/" in word.text or ":" in word.text or word.text == "all":
        raise expected("an address, a CIDR such as 192.0.2.0/24, unix: or a host's name", word)
    try:
        entries = socket.getaddrinfo(word.text, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise BadValue(
            f'host not found in set_real_ip_from "{word.text}": {error.strerror or error}', word
        ) from error
    addresses = {packed(str(entry[4][0]).encode()) for entry in entries}
    return tuple(
        Network(len(address), int.from_bytes(address), (1 << 8 * len(address)) - 1)
        for address in sorted(addresses)
    )


def header(args: Args) -> bytes:
    """`real_ip_header FIELD`: the field's name in lower case."""
    word = args.words[0]
    if word.text == "proxy_protocol":
        raise BadValue("real_ip_header proxy_protocol is not there yet", word)
    if not is_token(word.text.encode()):
        raise expected("the name of a field, such as X-Forwarded-For", word)
    return word.text.lower().encode()


@settings
class RealIpSettings:
    """The client behind other proxies (ngx_http_realip_module)."""

    set_real_ip_from: tuple[tuple[Network, ...], ...] = directive(
        proxies,
        None,
        HTTP_SERVER_LOCATION,
        many=True,
        doc="A proxy that is believed when it says whom a request is from.",
        syntax="address | CIDR | unix: | name",
    )
    real_ip_header: bytes = directive(
        header,
        "X-Real-IP",
        HTTP_SERVER_LOCATION,
        doc="The field in which they say it.",
        syntax="field | X-Real-IP | X-Forwarded-For",
    )
    real_ip_recursive: bool = directive(
        one(flag),
        "off",
        HTTP_SERVER_LOCATION,
        doc="Goes on through the field, from its end, while an address is that of such a proxy.",
    )


def _address(text: bytes) -> tuple[bytes, bytes] | None:
    """The address and the port in `192.0.2.1:80`, `[2001:db8::1]:80`, or an address alone."""
    port, colon = b"", b""
    if text.startswith(b"["):
        text, colon, port = text[1:].partition(b"]:")
        if not colon:
            return None
    elif text.count(b":") == 1:
        text, colon, port = text.partition(b":")
    if colon and not (port.isdigit() and len(port) < 6 and 0 < int(port) < 65536):
        return None
    family = socket.AF_INET6 if b":" in text else socket.AF_INET
    try:
        # Written anew: whatever way it came, the log and the rules see one spelling.
        value = socket.inet_pton(family, text.decode("ascii"))
    except (OSError, ValueError):
        return None
    return socket.inet_ntop(family, value).encode(), port


def finder(place: Place) -> Finder | None:
    """The function that finds a request's client, None where nobody is believed."""
    rules = place[RealIpSettings]
    believed = tuple(one for several in rules.set_real_ip_from for one in several)
    if not believed:
        return None
    field, recursive = rules.real_ip_header, rules.real_ip_recursive
    # X-Forwarded-For is a list, whether in one field or in several; others are looked at once.
    whole = field == b"x-forwarded-for"

    def trusted(address: bytes) -> bool:
        value = packed(address)
        return any(proxy.holds(value) for proxy in believed)

    def find(request: Request) -> None:
        values = request.head.get_all(field)
        if not values or not trusted(request.peer):
            return
        if not whole:
            values = values[:1]
        entries = [
            entry
            for value in reversed(values)
            for entry in reversed(value.replace(b",", b" ").split(b" "))
            if entry
        ]
        found: tuple[bytes, bytes] | None = None
        for entry in entries if recursive else entries[:1]:
            if found is not None and not trusted(found[0]):
                break
            address = _address(entry)
            if address is None:
                break
            found = address
        if found is not None:
            request.peer, request.peer_port = found

    return find


class RealIp(Resource):
    """Finds the client where the server's rule did not."""

    isLeaf = True

    def __init__(self, find: Finder, inner: IResource) -> None:
        super().__init__()
        self.find = find
        self.inner = inner

    def render(self, request: Request) -> int:
        """Look, and go on."""
        if request.peer is request.channel.peer:
            self.find(request)
        return render(self.inner, request)


def guard(place: Place, inner: IResource) -> IResource | None:
    """The guard of a location whose rule is another than its server's."""
    server: Level | None = place.level
    while server is not None and server.kind != "server":
        server = server.parent
    if server is None or server[RealIpSettings] == place[RealIpSettings]:
        return None
    find = finder(place)
    return None if find is None else RealIp(find, inner)
