"""The demonstration's application: what it was told of a request, and what it got of an upload.

`twisted_resource reverseproxy.demo:application;` mounts it, as it would mount a resource of yours.
It uses nothing of this project: an `IResource`, `twisted.web.template`, and a request's `content`.
"""

from __future__ import annotations

import os

from twisted.python.filepath import FilePath
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from twisted.web.template import Element, Tag, XMLFile, renderElement, renderer

from reverseproxy.demo.upload import Upload, read_upload

_TEMPLATES = FilePath(os.path.dirname(os.path.abspath(__file__))).child("templates")

#: Why a field has the value it has; the configuration sets these three.
_NOTES = {
    b"host": "The name you asked for: proxy_set_header Host $host.",
    b"x-real-ip": "Your address, whatever you sent under this name: $remote_addr.",
    b"x-forwarded-for": "Your address after what you sent: $proxy_add_x_forwarded_for.",
}


def _text(value: bytes) -> str:
    """Bytes of the wire as text that shows every one of them (the template escapes it)."""
    return value.decode("utf-8", "backslashreplace")


class FieldsPage(Element):
    """What the application was told of a request."""

    loader = XMLFile(_TEMPLATES.child("fields.xml"))

    @renderer
    def summary(self, request: IRequest, tag: Tag) -> Tag:
        return tag.fillSlots(
            peer=request.getClientAddress().host,
            line=_text(request.method + b" " + request.uri),
        )

    @renderer
    def fields(self, request: IRequest, tag: Tag) -> list[Tag]:
        pairs = sorted(
            (name.lower() not in _NOTES, name, value)  # what the proxy set comes first
            for name, values in request.requestHeaders.getAllRawHeaders()
            for value in values
        )
        return [
            tag.clone().fillSlots(
                name=_text(name), value=_text(value), note=_NOTES.get(name.lower(), "")
            )
            for _, name, value in pairs
        ]


class UploadPage(Element):
    """What arrived of an upload."""

    loader = XMLFile(_TEMPLATES.child("upload.xml"))

    def __init__(self, upload: Upload) -> None:
        super().__init__()
        self._upload = upload

    @renderer
    def upload(self, _request: IRequest, tag: Tag) -> Tag:
        return tag.fillSlots(
            name=self._upload.name or "(it has no name)",
            size=f"{self._upload.size:,} bytes",
            sha256=self._upload.sha256,
            spooled=f"{self._upload.spooled:,} bytes",
        )


def _page(request: IRequest, element: Element) -> int:
    request.setHeader(b"content-type", b"text/html; charset=utf-8")
    request.setHeader(b"cache-control", b"no-store")
    renderElement(request, element)
    return NOT_DONE_YET


class FieldsResource(Resource):
    """`/`: the fields of any request."""

    def getChild(self, path: bytes, request: IRequest) -> Resource:
        return self if path == b"" else super().getChild(path, request)

    def render_GET(self, request: IRequest) -> int:
        return _page(request, FieldsPage())


class UploadResource(Resource):
    """`/upload`: takes a body, a form's or a bare one, and says what it was."""

    isLeaf = True

    def render_POST(self, request: IRequest) -> int:
        content_type = request.requestHeaders.getRawHeaders(b"content-type", [b""])[-1]
        return _page(request, UploadPage(read_upload(request.content, content_type)))

    render_PUT = render_POST


application = FieldsResource()
application.putChild(b"upload", UploadResource())
