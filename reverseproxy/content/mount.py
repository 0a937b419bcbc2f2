"""`twisted_resource`: any Twisted resource answers for a location."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import attrs
from twisted.web.resource import IResource, Resource, getChildForRequest
from twisted.web.server import NOT_DONE_YET

from reverseproxy.config import Args, BadValue, Context, Word, directive, settings

from .slash import AddsSlash

if TYPE_CHECKING:
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request


@attrs.frozen
class ResourceName:
    """`package.module:name`, as it was written."""

    module: str
    name: str
    word: Word


def twisted_resource(args: Args) -> ResourceName:
    """`twisted_resource package.module:name`."""
    word = args.words[0]
    module, colon, name = word.text.partition(":")
    parts = [*module.split("."), *name.split(".")]
    if not colon or not all(part.isidentifier() for part in parts):
        raise BadValue(f'twisted_resource takes package.module:name, not "{word.text}"', word)
    return ResourceName(module, name, word)


@settings
class MountSettings:
    """Twisted resources (this daemon's own)."""

    twisted_resource: ResourceName | None = directive(
        twisted_resource,
        None,
        Context.LOCATION | Context.LOCATION_IF,
        inherit=False,
        into_if=True,
        doc="A twisted.web IResource, or a callable that makes one, answers for this location.",
        syntax="package.module:name",
    )


class MountedResource(Resource, AddsSlash):
    """Hands requests to a foreign resource, as `twisted.web.server.Site` would.

    The resource is found below the location: of `/app/a/b` in `location /app/`, `prepath` is
    [b"app"] and `postpath` what follows. The body is complete when the resource is looked up.
    """

    isLeaf = True

    def __init__(self, root: IResource, prefix: bytes) -> None:
        super().__init__()
        self.root = root
        self._depth = prefix.count(b"/") - 1

    def render(self, request: Request) -> int:
        """Wait for the body, then look the resource up."""
        request.receive_body(self._render)
        return NOT_DONE_YET

    def _render(self, request: Request) -> None:
        request.prepare_for_resource()
        for _ in range(min(self._depth, len(request.postpath))):
            request.prepath.append(request.postpath.pop(0))
        request.render(getChildForRequest(self.root, request))


def content(place: Place) -> MountedResource | None:
    """The resource of a location with `twisted_resource`."""
    named = place[MountSettings].twisted_resource
    if named is None:
        return None
    try:
        found: Any = importlib.import_module(named.module)
        for part in named.name.split("."):
            found = getattr(found, part)
        resource = found if IResource.providedBy(found) else found()
    except Exception as error:  # noqa: BLE001 - whatever importing foreign code raises is shown
        place.complain(
            named.word.origin,
            f'"{named.word.text}" can\'t be had: {type(error).__name__}: {error}',
            "is the module on Python's path (PYTHONPATH), and the name in it?",
        )
        return None
    if not IResource.providedBy(resource):
        place.complain(
            named.word.origin,
            f'"{named.word.text}" is {resource!r}, which is no twisted.web IResource',
        )
        return None
    return MountedResource(resource, place.prefix)
