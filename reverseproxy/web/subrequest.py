"""A request that is made for another one, inside: its answer is read by who made it.

It goes the way of any request (the server's rewrite, a location, guards, content), with the head of
its parent and GET, without a body. Nothing of it reaches the client, and it has no line in the
access log unless `log_subrequest` says so. The variables that `set` gives values to are its
parent's (ngx_http_subrequest).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from twisted.internet.error import ConnectionAborted
from twisted.python.failure import Failure

from reverseproxy.wire.heads import RequestHead

from .flow import FlowChannel
from .request import Request

if TYPE_CHECKING:
    from .response import Response
    from .segments import FileSegment


class Nowhere:
    """Stands for the transport of a client: takes everything, keeps nothing."""

    def __init__(self, transport: Any) -> None:
        self.getPeer = transport.getPeer
        self.getHost = transport.getHost

    def write(self, data: bytes) -> None:
        """Take it."""

    def writeSequence(self, pieces: Iterable[bytes]) -> None:
        """Take them."""


class Subchannel(FlowChannel):
    """Stands for the connection of a client; what is asked of it is its parent's."""

    persistent = True

    def __init__(self, outer: Any) -> None:
        super().__init__()
        self.transport = Nowhere(outer.transport)
        self.request = None
        self.site = outer.site
        self.peer = outer.peer
        self.number = outer.number
        self.served = outer.served
        self.settings = outer.settings

    def high_water(self, size: int) -> None:
        """Nothing waits here."""

    def _advance(self) -> None:
        """Nothing waits here."""


class Subrequest(Request):
    """`begin` it; `then(subrequest)` is called when its answer is complete.

    `code` and `response` are the answer's, `body` its pieces, unless they are not `wanted`.
    """

    def __init__(
        self,
        asker: Request,
        uri: bytes,
        query: bytes | None,
        then: Callable[[Subrequest], None],
        *,
        wanted: bool = False,
    ) -> None:
        whole = asker.head
        head = RequestHead(
            b"GET",
            whole.target,
            whole.version,
            whole.fields,
            whole.named,
            whole.repeated,
            whole.line,
        )
        super().__init__(Subchannel(asker.channel), head)  # type: ignore[arg-type]  # stands for one
        self.parent = asker.parent or asker
        self.peer, self.peer_port = asker.peer, asker.peer_port
        self.path = asker.path
        self.scheme = asker.scheme
        self.document_uri, self.query = uri, query
        self.unmoved = False
        self.internal = True
        self.vhost = asker.vhost
        self.location = asker.vhost.location
        self.body: list[bytes] = []
        self._wanted = wanted
        self._asker = asker
        self._answered = then

    def begin(self) -> None:
        """Let a location answer; if the client leaves, nobody needs to."""
        self._asker.watcher = self
        self.resume(lambda _request: self._choose())

    def _choose(self) -> None:
        if self._rewritten_by_server():
            self.enter(self.vhost.locate(self.document_uri, self))

    def client_gone(self) -> None:
        """The client left."""
        self.connectionLost(Failure(ConnectionAborted()))

    # --- what is the parent's ---

    @property
    def variables(self) -> Mapping[str, bytes]:  # type: ignore[override]
        """What `set` gave to variables, here or there."""
        return self._asker.variables

    def assign(self, name: str, value: bytes) -> None:
        """Give a variable of both a value."""
        self._asker.assign(name, value)

    # --- the answer ---

    def respond(self, response: Response) -> None:
        """Keep the head; no filter changes what no client sees."""
        if self._disconnected:
            return
        if self.status_override:
            response.status = self.status_override
        self.startedWriting = 1
        self.response = response
        self.code = response.status

    def write(self, data: bytes) -> None:
        """Take a piece of the body."""
        if not self.startedWriting:
            self.respond(self._foreign_response())
        if self._wanted:
            self.body.append(data)

    @property
    def sends_files(self) -> bool:
        """Never from the kernel."""
        return False

    def send_file(self, segment: FileSegment) -> None:
        """See `sends_files`."""
        raise NotImplementedError

    def flush(self) -> None:
        """Nothing is held back."""

    def finish(self, data: bytes = b"") -> None:
        """The answer is complete."""
        if self._disconnected:
            return
        if self.finished:
            raise RuntimeError("Request.finish called twice.")
        self.write(data)
        self.finished = 1
        self.drained()

    def drained(self) -> None:
        """Tell who asked."""
        self._close()
        self._asker.watcher = None
        for deferred in self._taken_notifications():
            deferred.callback(None)
        self._asker.resume(lambda _asker: self._answered(self))

    def abandon(self) -> None:
        """The answer broke off: its head is what there is."""
        watcher = self.watcher
        self.finished = 1
        self._disconnected = True
        if watcher is not None:
            watcher.client_gone()
        self.drained()

    def _close(self) -> None:
        """Log, where that is wanted, and let go of what there is."""
        self.watcher = None
        if self.location.client.log_subrequest:
            self.location.log(self)
        content = self.__dict__.pop("content", None)
        if content is not None:
            content.close()
