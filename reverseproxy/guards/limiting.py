"""What `limit_req` and `limit_conn` share: keys, refusals, dry runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET

from reverseproxy.errors import Refusal

from .passing import render

if TYPE_CHECKING:
    from reverseproxy.web.request import Request


class Limiting(Resource):
    """A guard that refuses what is too much, or only says so (`…_dry_run`)."""

    isLeaf = True
    #: a longer key is not counted, in bytes
    longest: int

    def __init__(
        self, inner: IResource, kind: str, *, status: int, dry_run: bool, level: str
    ) -> None:
        super().__init__()
        self.inner = inner
        self.kind = kind
        self.status = status
        self.dry_run = dry_run
        self.level = level

    def key(self, request: Request, zone: str, key_of: Callable[[Request], bytes]) -> bytes:
        """What is counted under; empty for what is not counted."""
        key = key_of(request)
        if len(key) > self.longest:
            what = f'the key of zone "{zone}" is over {self.longest} bytes: not counted'
            request.location.error_log.error(what, request=request)
            return b""
        return key

    @property
    def rejected(self) -> bytes:
        """The status for the variable of a request that is too much."""
        return b"REJECTED_DRY_RUN" if self.dry_run else b"REJECTED"

    def refuse(self, request: Request, told: str) -> int:
        """Refuse with the status that is configured, hang up for 444, or go on in a dry run."""
        if not self.dry_run and self.status != 444:
            raise Refusal(self.status, f"RP-{self.status}-{self.kind}", told, self.level)
        request.location.error_log.log(self.level, told, request=request)
        if self.dry_run:
            return render(self.inner, request)
        request.hang_up()
        return NOT_DONE_YET
