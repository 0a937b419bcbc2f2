"""How the path of a request becomes the path at its upstream (nginx's rules for proxy_pass)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reverseproxy.errors import ClientError
from reverseproxy.wire.target import quote_path, quote_unsendable

if TYPE_CHECKING:
    from reverseproxy.web.request import Request

    from .asking import Mapping
    from .destination import Destination


def as_received(request: Request, _destination: Destination) -> bytes:
    """The path as it came; where a redirect inside changed it, as it is now."""
    return _with_query(
        request, request.path if request.unmoved else quote_path(request.document_uri)
    )


def replacing(prefix: bytes, uri: bytes) -> Mapping:
    """The path with `uri` in place of `prefix`, normalised and escaped anew.

    Where the one ends in a slash and the other does not, `/prefix../x` would become `/uri/../x`,
    which is not below `/uri/`: a path that climbs out is refused.
    """
    cut = len(prefix)

    def replaced(request: Request, _destination: Destination) -> bytes:
        return _with_query(request, uri + quote_path(request.document_uri[cut:]))

    if not uri.endswith(b"/") or prefix.endswith(b"/"):
        return replaced

    def bounded(request: Request, destination: Destination) -> bytes:
        if request.document_uri[cut:].partition(b"/")[0] in (b".", b".."):
            what = "the path climbs out of what proxy_pass names"
            raise ClientError(400, "RP-400-path", what, cut, part="decoded path")
        return replaced(request, destination)

    return bounded


def as_named(request: Request, destination: Destination) -> bytes:
    """The URI part of a URL with variables, which stands for the whole; without one as it came."""
    uri = destination.target.uri
    if uri is None:
        return as_received(request, destination)
    path = quote_unsendable(uri.encode("latin-1"))
    return path if path.startswith(b"/") else b"/" + path


def _with_query(request: Request, path: bytes) -> bytes:
    if request.query is None:
        return path
    return b"%b?%b" % (path, quote_unsendable(request.query))
