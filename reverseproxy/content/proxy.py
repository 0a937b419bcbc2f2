"""`proxy_pass`: a request goes to an upstream, as nginx would send it.

Everything that is the same for all requests of a location (which fields are set, which stop here,
how the path is mapped) is decided when the resource is made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.web import proxy
from twisted.web.server import NOT_DONE_YET

from reverseproxy.config import Template
from reverseproxy.upstream.connecting import ProxyClientFactory

from . import mapping
from .answerfields import AnswerFields
from .asking import Asking
from .destination import Destination
from .proxysettings import ProxySettings
from .route import Route
from .securing import securing
from .slash import AddsSlash
from .varying import VaryingProxyResource

if TYPE_CHECKING:
    from reverseproxy.upstream.group import Group
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request

    from .proxysettings import WrittenTarget


class ReverseProxyResource(proxy.ReverseProxyResource, AddsSlash):
    """Everything below a location is answered by a peer of a group."""

    isLeaf = True
    proxyClientFactoryClass = ProxyClientFactory

    def __init__(self, target: WrittenTarget, group: Group, place: Place) -> None:
        uri = None if target.uri is None else target.uri.encode()
        super().__init__(target.host, target.port, uri or b"", place.assembly.reactor)
        secure = securing(place)(target) if target.secure else None
        self.destination = Destination(target, group, secure)
        mapped = mapping.as_received if uri is None else mapping.replacing(place.prefix, uri)
        self.route = Route(place, Asking(place, mapped), AnswerFields(place, target))

    def render(self, request: Request) -> int:
        """Wait for the body (the upstream sees no connection until it is here), then forward."""
        asking = self.route.asking
        if not request.has_body or not asking.sends_body:
            self.route.forward(request, self.destination)
        elif asking.streams and asking.can_stream(request):
            self.route.stream(request, self.destination)
        else:
            request.receive_body(self._forward)
        return NOT_DONE_YET

    def _forward(self, request: Request) -> None:
        self.route.forward(request, self.destination)


def content(place: Place) -> ReverseProxyResource | VaryingProxyResource | None:
    """The resource of a location with `proxy_pass`."""
    target = place[ProxySettings].proxy_pass
    if target is None:
        return None
    if isinstance(target, Template):
        return VaryingProxyResource(target, place)
    if target.uri is not None and not place.prefix:
        place.complain(
            target.word.origin,
            "proxy_pass can't have a URI part where a regular expression or a name is matched",
            f"without it the path is passed on as it came: {target.scheme}://{target.name}",
        )
    group = _group(place, target)
    return None if group is None else ReverseProxyResource(target, group, place)


def _group(place: Place, target: WrittenTarget) -> Group | None:
    """The group that a URL names, or the addresses of its host; None if there is a complaint."""
    groups = place.assembly.groups
    if not groups.declares(target.host):
        return groups.at(target.address, target.word)
    if target.has_port:
        what = f'the upstream "{target.host}" may not have a port here: {target.port}'
        place.complain(target.word.origin, what, "its servers have their own")
    return groups.named(target.host)
