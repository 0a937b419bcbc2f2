"""`proxy_pass` with variables: each request says where it goes.

The URL is read when the content is asked for, the host looked up when the body is here; a host that
no group has is asked for at the `resolver`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET

from reverseproxy.errors import Refusal, UpstreamError
from reverseproxy.upstream.resolving import ResolverSettings

from . import mapping
from .answerfields import AnswerFields
from .asking import Asking
from .destination import Destination
from .route import Route
from .securing import Secure, Securing, securing, unsecured
from .slash import AddsSlash
from .target import BadURL, Target, read_target

if TYPE_CHECKING:
    from collections.abc import Callable

    from twisted.python.failure import Failure

    from reverseproxy.config import Template
    from reverseproxy.upstream.group import Group
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request


class VaryingProxyResource(Resource, AddsSlash):
    """Every request is answered by a peer of the group that it names."""

    isLeaf = True

    def __init__(self, url: Template, place: Place) -> None:
        super().__init__()
        self.route = Route(place, Asking(place, mapping.as_named), AnswerFields(place, None))
        self._url = place.compile(url)
        plain = isinstance(url.parts[0], str) and url.parts[0].startswith("http:")
        self._secure: Securing = unsecured if plain else securing(place)
        asked = place[ResolverSettings]
        self._find = place.assembly.groups.on_demand.finder(asked.resolver, asked.resolver_timeout)

    def render(self, request: Request) -> int:
        """Read the URL, wait for the body, then find out who that is."""
        request.proxied_to = self._target(request)
        asking = self.route.asking
        if asking.streams and asking.can_stream(request):
            self._begin(request, self.route.stream)
        elif asking.sends_body:
            request.receive_body(self._forward)
        else:
            self._forward(request)
        return NOT_DONE_YET

    def _target(self, request: Request) -> Target:
        try:
            return read_target(self._url(request).decode("latin-1"))
        except BadURL as error:
            raise Refusal(500, "RP-500-proxy-pass", str(error)) from None

    def _forward(self, request: Request) -> None:
        self._begin(request, self.route.forward)

    def _begin(self, request: Request, then: Callable[[Request, Destination], None]) -> None:
        target = request.proxied_to or self._target(request)
        found = self._find(target.address, target.has_port)
        if isinstance(found, Deferred):
            Waiting(request, target, found, self._secure(target), then)
        else:
            then(request, Destination(target, found, self._secure(target)))


class Waiting:
    """A request that goes on when its host is found, unless the client leaves first."""

    def __init__(
        self,
        request: Request,
        target: Target,
        found: Deferred[Group],
        secure: Secure | None,
        then: Callable[[Request, Destination], None],
    ) -> None:
        self._request = request
        self._target = target
        self._secure = secure
        self._then = then
        self._gone = False
        request.watcher = self
        found.addCallbacks(self._found, self._missing)

    def client_gone(self) -> None:
        """The client left."""
        self._gone = True

    def _found(self, group: Group) -> None:
        if not self._gone:
            self._request.watcher = None
            destination = Destination(self._target, group, self._secure)
            self._request.resume(lambda request: self._then(request, destination))

    def _missing(self, why: Failure) -> None:
        error = why.value
        if not isinstance(error, UpstreamError):
            why.raiseException()
        elif not self._gone:
            self._request.watcher = None
            self._request.fail(error)
