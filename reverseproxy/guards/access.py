"""`satisfy`: addresses, passwords and the word of another location, all of them or any.

Each is a check: a function of the request and of its `Turn`, made when the configuration is loaded.
It returns PASS, a `Refusal`, None for "no opinion", or WAIT when it will tell the turn later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET

from reverseproxy.config import HTTP_SERVER_LOCATION, directive, enum, one, seconds, settings
from reverseproxy.errors import Refusal
from reverseproxy.web.waiting import Wait

from . import addresses, authrequest, basic
from .passing import render
from .verdicts import PASS, WAIT, Check, Verdict

if TYPE_CHECKING:
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request


@settings
class AccessSettings:
    """Access (ngx_http_core_module)."""

    satisfy: str = directive(
        one(enum("all", "any")),
        "all",
        HTTP_SERVER_LOCATION,
        doc="Whether all of allow/deny, auth_basic and auth_request must let a request in, or any.",
    )
    auth_delay: float = directive(
        one(seconds),
        "0s",
        HTTP_SERVER_LOCATION,
        doc="How long a 401 is held back, against those who try passwords.",
    )


class Access(Resource):
    """Lets a request through when its checks do."""

    isLeaf = True

    def __init__(self, place: Place, checks: list[Check], inner: IResource) -> None:
        super().__init__()
        self.inner = inner
        self.checks = checks
        self.any = place[AccessSettings].satisfy == "any"
        self.delay = place[AccessSettings].auth_delay

    def render(self, request: Request) -> int:
        """Begin to ask; a subrequest is let in as its parent was."""
        if request.parent is not None:
            return render(self.inner, request)
        Turn(self, request).go()
        return NOT_DONE_YET


class Turn:
    """One request on its way through the checks (ngx_http_core_access_phase)."""

    __slots__ = ("_access", "_asked", "_refusal", "_request")

    def __init__(self, access: Access, request: Request) -> None:
        self._access = access
        self._request = request
        self._asked = 0
        self._refusal: Refusal | None = None

    def go(self) -> None:
        """Ask the checks that were not asked yet. Raises Refusal."""
        checks = self._access.checks
        while self._asked < len(checks):
            check = checks[self._asked]
            self._asked += 1
            verdict = check(self._request, self)
            if verdict is WAIT or self._settles(verdict):
                return
        self._end()

    def decided(self, verdict: Verdict) -> None:
        """Take the verdict of a check that said WAIT."""
        self._request.resume(lambda _request: self._goes_on(verdict))

    def _goes_on(self, verdict: Verdict) -> None:
        if not self._settles(verdict):
            self.go()

    def _settles(self, verdict: Verdict) -> bool:
        """Whether nobody else needs to be asked."""
        if verdict is PASS and self._access.any:
            render(self._access.inner, self._request)
            return True
        if not isinstance(verdict, Refusal):
            return False
        if not self._access.any or verdict.status not in (401, 403):
            self._refuse(verdict)
            return True
        # The way in by a password is shown, if there is one.
        if self._refusal is None or self._refusal.status != 401:
            self._refusal = verdict
        return False

    def _end(self) -> None:
        if self._refusal is not None:
            self._refuse(self._refusal)
        else:
            render(self._access.inner, self._request)

    def _refuse(self, refusal: Refusal) -> None:
        delay = self._access.delay
        if refusal.status != 401 or not delay:
            raise refusal
        request = self._request
        request.location.error_log.info("delaying unauthorized request", request=request)

        def raise_it(_request: Request) -> None:
            raise refusal

        Wait(request, delay, raise_it)


def guard(place: Place, inner: IResource) -> IResource | None:
    """The guard of a place where anything is checked."""
    made = [addresses.check(place), basic.check(place), authrequest.check(place)]
    checks = [check for check in made if check is not None]
    return Access(place, checks, inner) if checks else None
