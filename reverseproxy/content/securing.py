"""`proxy_ssl_…` in a location: with which settings, and as whom, its upstreams are asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from reverseproxy.errors import Refusal
from reverseproxy.tls.upstream import Secured
from reverseproxy.tls.upstreamsettings import ProxySSLSettings
from reverseproxy.tls.verification import is_name

if TYPE_CHECKING:
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request

    from .target import Target

#: The TLS of a request's connection.
Secure = Callable[["Request"], Secured]
#: The same for a target; None where it has no TLS.
Securing = Callable[["Target"], Secure | None]


def securing(place: Place) -> Securing:
    """How targets are secured in a place. Errors are told to the place."""
    context = place.assembly.upstream_contexts.at(place)
    template = place[ProxySSLSettings].proxy_ssl_name
    name_of = None if template is None else place.compile(template)

    def secure(target: Target) -> Secure | None:
        if context is None or not target.secure:
            return None
        if template is None or name_of is None:
            always = Secured(context, target.host_name)
            return lambda _request: always
        if not template.names:
            fixed = Secured(context, bare(template.text))
            return lambda _request: fixed
        return lambda request: Secured(context, checked(name_of(request)))

    return secure


def unsecured(_target: Target) -> None:
    """No target here has TLS."""


def checked(value: bytes) -> str:
    """The name that variables give. Raises Refusal."""
    name = bare(value.decode("latin-1"))
    if name and not is_name(name):
        raise Refusal(500, "RP-500-proxy-ssl-name", f"proxy_ssl_name gives no name: {value!r}")
    return name


def bare(name: str) -> str:
    """A name without its port, an address without its brackets, as nginx has it."""
    if name.startswith("["):
        return name[1:].partition("]")[0]
    # More than one colon is an address.
    return name if name.count(":") > 1 else name.partition(":")[0]
