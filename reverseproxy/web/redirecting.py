"""Where a request goes next: locations chosen anew, error pages, redirects, short answers.

nginx's rules: a request changes its location ten times at most, whatever the reason (`rewrite`,
`try_files`, `index`, `error_page`, an upstream's word); an error's page may be another location;
a relative `Location` is made absolute.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from reverseproxy.errors import ClientError, Refusal
from reverseproxy.guards import rewriting
from reverseproxy.wire.conditional import precondition
from reverseproxy.wire.hosts import parse_host
from reverseproxy.wire.target import (
    has_dots,
    normalise_path,
    quote_path,
    quote_unsendable,
)

from .answer import AnsweringRequest
from .errorpage import SHOWN_AS, error_response
from .errorpages import ErrorPageSettings
from .response import Fields, Response

if TYPE_CHECKING:
    from .errorpages import Detour
    from .locations import Location
    from .request import Request

#: How often a request may change its location.
REDIRECTS = 10
#: What HTML could mistake in a URL.
_QUOTES = re.compile(rb"[\"'<>]")


def _not_followed(why: str) -> Refusal:
    detail = f"upstream sent an X-Accel-Redirect that can't be followed: {why}"
    return Refusal(404, "RP-404-accel-redirect", detail)


class RedirectingRequest(AnsweringRequest):
    """The part of `Request` that goes from one location to another."""

    # Values that most requests never change stay on the class.
    #: the path decoded and normalised, nginx's $uri: what a location is chosen by
    document_uri = b""
    #: whether that is still the path which was received
    unmoved = True
    #: whether the request was sent to its location from inside
    internal = False
    #: whether a rewrite asks for a location to be chosen anew
    uri_changed = False
    #: the location of an `if` that was true
    branch: Location | None = None
    #: the groups of the last regular expression that matched, nginx's $1 to $9
    captures: tuple[bytes | None, ...] = ()
    #: what `set` and named groups gave to variables; a request that has some gets its own
    variables: Mapping[str, bytes] = MappingProxyType({})
    #: values that were looked up for this request (`map`, `geo`), once there are some
    remembered: dict[str, bytes] | None = None
    has_body = False
    #: "http", or "https" over TLS
    scheme = b"http"
    #: whether a `rewrite … break` left the URI in a location that it does not belong to
    misplaced = False
    #: whether the URI is what `try_files` found below an alias
    below_alias = False
    _redirects = 0
    _detoured = False

    def enter(self, location: Location) -> None:
        """Hand the request to `location`."""
        raise NotImplementedError

    def resume(self, then: Callable[[Request], object]) -> None:
        """Do `then`; what it raises is answered."""
        raise NotImplementedError

    def assign(self, name: str, value: bytes) -> None:
        """Give a variable a value (`set`, named groups)."""
        self.variables = {**self.variables, name: value}

    def captured(self, match: re.Match[bytes], names: tuple[str, ...]) -> None:
        """Keep the groups of a match: $1 to $9, and the named ones."""
        self.captures = match.groups()
        for name in names:
            self.assign(name, match[name] or b"")

    # --- inside ---

    def internal_redirect(self, uri: bytes, query: bytes | None = None) -> None:
        """Choose a location anew for `uri` (decoded), as nginx's internal redirects do."""
        self._count(uri)
        self.document_uri = uri
        self.query = query
        self.unmoved = False
        self.internal = True
        self.location = self.vhost.location
        if self._rewritten_by_server():
            self.enter(self.vhost.locate(self.document_uri, self))  # type: ignore[arg-type]  # it is one

    def relocate(self) -> None:
        """Choose a location anew after `rewrite`."""
        self.uri_changed = False
        self._count(self.document_uri)
        self.enter(self.vhost.locate(self.document_uri, self))  # type: ignore[arg-type]  # as above

    def _rewritten_by_server(self) -> bool:
        """Run the server's own rewrite directives; False when they answered."""
        program = self.vhost.program
        if program and rewriting.run(program, self) is rewriting.DONE:  # type: ignore[arg-type]  # as above
            return False
        self.uri_changed = False
        return True

    def detour(self, target: bytes) -> None:
        """Go to `@name`, or to a URI with arguments (`try_files`, `error_page`)."""
        if target.startswith(b"@"):
            self._count(target)
            location = self.vhost.named.get(target)
            if location is None:
                raise Refusal(500, "RP-500-location", f"there is no location {target.decode()}")
            self.internal = True
            self.enter(location)
            return
        uri, mark, query = target.partition(b"?")
        self.internal_redirect(uri, query if mark else None)

    def sent_inside(self, target: bytes) -> None:
        """Go where an upstream says (X-Accel-Redirect): a URI, encoded, or @name.

        What it says may hold what a client said: a path that climbs is not followed, for it would
        lead from one `internal` location to another.
        """
        if self.head.method != b"HEAD":
            self.head.method = self.method = b"GET"
        self.has_body = False
        if target.startswith(b"@"):
            self.detour(target)
            return
        uri, mark, query = target.partition(b"?")
        if has_dots(uri):
            raise _not_followed('".." in the path')
        try:
            uri = normalise_path(uri, merge_slashes=False)
        except ClientError as error:
            raise _not_followed(error.detail) from error
        self.internal_redirect(uri, query if mark else None)

    def _count(self, target: bytes) -> None:
        self._redirects += 1
        self.misplaced = self.below_alias = False
        if self._redirects > REDIRECTS:
            raise ClientError(
                500,
                "RP-500-cycle",
                f"rewrite or internal redirection cycle: {REDIRECTS} times, and now to {target!r}",
            )

    # --- outside ---

    def absolute(self, target: bytes) -> bytes:
        """A URL on this server for a path (as it stands in a request target)."""
        value = self.head.named.get(b"host")
        settings = self.location.client
        if value and not settings.server_name_in_redirect:
            host = parse_host(value)[0]
        else:
            host = self.vhost.name or str(getattr(self.host, "host", "")).encode()
        port = getattr(self.host, "port", 80)
        scheme = self.scheme
        if settings.port_in_redirect and port != (443 if scheme == b"https" else 80):
            host = b"%b:%d" % (host, port)
        return b"%b://%b%b" % (scheme, host, target)

    def redirect_to(self, status: int, target: bytes) -> None:
        """Answer with a redirect; as any status from 300 on, it may have an `error_page`."""
        self.answer(status, fields=[(b"Location", quote_unsendable(target))])

    def _absolute(self, fields: Fields) -> Fields:
        """The fields of an answer, a Location on this server made absolute."""
        if not self.location.client.absolute_redirect:
            return fields
        return [
            (name, self.absolute(value))
            if name == b"Location" and value.startswith(b"/")
            else (name, value)
            for name, value in fields
        ]

    def _is_msie(self) -> bool:
        agent = self.head.named.get(b"user-agent", b"")
        return b"MSIE " in agent and b"Opera" not in agent

    def _refresh(self, target: bytes) -> None:
        """A page that takes MSIE to `target`, which has no byte that HTML could mistake."""
        target = _QUOTES.sub(lambda match: b"%%%02X" % match[0][0], target)
        page = (
            b'<html><head><meta http-equiv="Refresh" content="0; URL=%b"></head>'
            b"<body></body></html>\r\n" % target
        )
        self.respond(Response(200, [(b"Content-Type", b"text/html")], len(page)))
        self.finish(page)

    def add_slash(self) -> None:
        """Redirect to the same path with a slash behind it."""
        target = quote_path(self.document_uri) + b"/"
        if self.query is not None:
            target += b"?" + self.query
        self.redirect_to(301, target)

    def answer(
        self, status: int, cause: str = "", fields: Iterable[tuple[bytes, bytes]] = ()
    ) -> None:
        """Answer a status: with its `error_page` if there is one, else with the house's page."""
        detour = self.location.detours.get(status)
        if detour is None or self._detoured or self._redirects > REDIRECTS:
            # This error is the answer, whatever an error page before it was for.
            self.status_override = 0
            self._show(status, cause, fields)
            return
        self._detoured = not self._recursive()
        self.carried = tuple(self._absolute(list(fields)))
        # What is left of the body is for nobody any more.
        self.has_body = False
        given = detour.status
        self.status_override = SHOWN_AS.get(status, status) if given is None else given
        self.resume(lambda _request: self._take(detour))

    def _recursive(self) -> bool:
        return self.location.level[ErrorPageSettings].recursive_error_pages

    def _take(self, detour: Detour) -> None:
        """Go to a page: a path, a named location, or else a URL that the client is sent to."""
        target = detour.uri(self)  # type: ignore[arg-type]  # as above
        if target.startswith(b"/"):
            if self.head.method != b"HEAD":
                self.head.method = self.method = b"GET"
            self.detour(target)
        elif target.startswith(b"@"):
            self.detour(target)
        else:
            wanted, self.status_override = self.status_override, 0
            redirect = wanted if wanted in (301, 302, 303, 307, 308) else 302
            self._show(redirect, "", [(b"Location", quote_unsendable(target))])

    def _show(self, status: int, cause: str, fields: Iterable[tuple[bytes, bytes]]) -> None:
        fields = list(fields)
        if status in (301, 302) and self.location.client.msie_refresh and self._is_msie():
            for name, value in fields:
                if name == b"Location":
                    self._refresh(value)
                    return
        response, body = error_response(self.head, status, cause, self._absolute(fields))
        self.respond(response)
        self.finish(body)

    def settled(self) -> bool:
        """Whether a condition answers for a 200 without tag and date (RFC 9110 section 13.2.2)."""
        if self.status_override not in (0, 200):
            return False
        status = precondition(self.method, self.head, b"", None)
        if status == 412:
            self.answer(412, "RP-412-precondition")
        elif status == 304:
            self.respond(Response(304, []))
            self.finish()
        return status != 200

    def answer_text(self, status: int, body: bytes) -> None:
        """Answer with a text (`return CODE TEXT`), of the media type that the path has here."""
        if status == 200 and self.settled():
            return
        fields = [(b"Content-Type", self.location.media_type(self.document_uri))]
        self.respond(Response(status, [] if status == 204 else fields, len(body)))
        self.finish(body)
