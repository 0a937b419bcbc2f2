"""Resources written for Twisted, as somebody might mount them. Each notes what it saw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IPullProducer, IPushProducer
from twisted.python.failure import Failure
from twisted.web.http import CACHED
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

#: what the newest request, or a test, left here
seen: dict[str, Any] = {}


def calling(answer: Callable[[Any], Any]) -> Resource:
    """A leaf whose GET and POST are `answer`."""

    class Leaf(Resource):
        isLeaf = True

        def render_GET(self, request: Any) -> Any:
            seen["request"] = request
            return answer(request)

        render_POST = render_GET

    return Leaf()


def _path(request: Any) -> bytes:
    return repr((request.prepath, request.postpath)).encode()


def _form(request: Any) -> bytes:
    body = request.content.read()
    return repr((sorted(request.args.items()), body)).encode()


def _later(request: Any) -> int:
    seen["gone"] = []
    request.notifyFinish().addBoth(seen["gone"].append)
    return NOT_DONE_YET


def _redirect(request: Any) -> bytes:
    request.redirect(b"/elsewhere")
    return b""


def _headers(request: Any) -> bytes:
    request.setResponseCode(201, b"Made")
    request.setHeader(b"X-One", b"1")
    request.responseHeaders.addRawHeader(b"X-Two", b"2")
    request.responseHeaders.addRawHeader(b"X-Two", b"3")
    request.setHeader(b"Server", b"mine")
    request.setHeader(b"Connection", b"mine")
    request.addCookie(b"a", b"b", path=b"/")
    seen["cookie"] = request.getCookie(b"c")
    return b"made"


def _cached(request: Any) -> bytes:
    request.setLastModified(1_700_000_000)
    if request.setETag(b'"tag"') is CACHED:
        return b""
    return b"fresh"


def _about(request: Any) -> bytes:
    return repr(
        (
            request.method,
            request.uri,
            request.path,
            request.clientproto,
            request.getHeader("x-a"),
            request.getAllHeaders().get(b"x-a"),
            request.requestHeaders.getRawHeaders(b"X-A"),
            request.getClientAddress().host,
            request.getHost().port,
            request.getRequestHostname(),
            request.isSecure(),
            request.getUser(),
            request.getPassword(),
            str(request.URLPath()),
            request.prePathURL(),
        )
    ).encode()


def _session(request: Any) -> bytes:
    session = request.getSession()
    session.visits = getattr(session, "visits", 0) + 1
    return b"%d" % session.visits


def _broken(_request: Any) -> bytes:
    raise ValueError("no luck")


def _broken_later(request: Any) -> Any:
    request.write(b"some")
    raise ValueError("no luck")


def _too_long(request: Any) -> int:
    request.setHeader(b"Content-Length", b"3")
    request.write(b"1234")
    return NOT_DONE_YET


def _too_short(request: Any) -> int:
    request.setHeader(b"Content-Length", b"3")
    request.write(b"12")
    request.finish()
    return NOT_DONE_YET


@implementer(IPushProducer, IPullProducer)
class Source:
    """A producer of either kind that notes what it is told; a pull producer writes when asked."""

    def __init__(self, request: Any, pieces: list[bytes]) -> None:
        self.request = request
        self.pieces = pieces
        self.told: list[str] = []

    def resumeProducing(self) -> None:
        self.told.append("resume")
        if self.pieces:
            self.request.write(self.pieces.pop(0))
            if not self.pieces:
                self.request.unregisterProducer()
                self.request.finish()

    def pauseProducing(self) -> None:
        self.told.append("pause")

    def stopProducing(self) -> None:
        self.told.append("stop")


def _push(request: Any) -> int:
    seen["source"] = source = Source(request, [])
    request.registerProducer(source, True)
    return NOT_DONE_YET


def _pull(request: Any) -> int:
    seen["source"] = source = Source(request, seen.get("pieces") or [b"a" * 1000] * 20)
    request.registerProducer(source, False)
    return NOT_DONE_YET


def _endless(request: Any) -> int:
    request.setHeader(b"Content-Length", b"1500")
    seen["pieces"] = [b"a" * 1000] * 1000
    return _pull(request)


def _note_failure(request: Any) -> int:
    def failed(why: Failure) -> None:
        seen["failed"] = why

    request.notifyFinish().addErrback(failed)
    return NOT_DONE_YET


class Tree(Resource):
    """Children, one of them made when asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.putChild(b"", calling(lambda _request: b"index"))
        self.putChild(b"fixed", calling(_path))

    def getChild(self, path: Any, _request: Any) -> Resource:
        return calling(lambda request: b"made for " + path + b" " + _path(request))


class Plain:
    """No resource at all."""


path = calling(_path)
form = calling(_form)
later = calling(_later)
redirect = calling(_redirect)
headers = calling(_headers)
cached = calling(_cached)
about = calling(_about)
session = calling(_session)
broken = calling(_broken)
broken_later = calling(_broken_later)
too_long = calling(_too_long)
too_short = calling(_too_short)
push = calling(_push)
pull = calling(_pull)
endless = calling(_endless)
note_failure = calling(_note_failure)
tree = Tree()
hello = calling(lambda _request: b"hello")
no_bytes = calling(lambda _request: "text")
bad_length = calling(lambda request: request.setHeader(b"Content-Length", b"x") or b"hello")
