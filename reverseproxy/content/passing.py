"""What an upstream's answer says about itself, and what of it goes on (ngx_http_upstream_module).

Fields such as X-Accel-Buffering ask this daemon for something, unless `proxy_ignore_headers` names
them; whether a field goes on to the client is decided apart from that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reverseproxy.filters import limitrate
from reverseproxy.wire.fields import HOP_BY_HOP, passed_on, serialise

from .passingsettings import PassingSettings

if TYPE_CHECKING:
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request
    from reverseproxy.wire.heads import ResponseHead

#: Fields of an answer that nginx doesn't pass on unless `proxy_pass_header` says so.
_HIDDEN = frozenset(
    b"date server x-pad x-accel-expires x-accel-redirect x-accel-limit-rate x-accel-buffering "
    b"x-accel-charset".split()
)
#: Fields by which an answer asks for something before it is passed on.
_ASKING = frozenset((b"x-accel-redirect", b"x-accel-limit-rate", b"x-accel-charset"))
#: What `proxy_pass_header` can't pass: the framing is decided anew for each hop.
_FRAMING = frozenset((b"content-length",))


class Passing:
    """What a location does with the answers of its upstreams."""

    def __init__(self, place: Place) -> None:
        settings = place[PassingSettings]
        passed = frozenset(settings.proxy_pass_header)
        #: names of fields that stop here, in lower case
        self.hidden = ((_HIDDEN | frozenset(settings.proxy_hide_header)) - passed) | _FRAMING
        self._ignored = settings.proxy_ignore_headers or frozenset()
        self._buffering = settings.proxy_buffering
        self._intercepts = settings.proxy_intercept_errors
        self.passes_trailers = settings.proxy_pass_trailers
        self._hints = tuple(map(place.compile, settings.early_hints or ()))
        #: fields that are otherwise this daemon's own
        self.passes_own = passed & {b"date", b"server"}
        self._limits_rate = b"x-accel-limit-rate" not in self._ignored
        self._names_charset = b"x-accel-charset" not in self._ignored
        #: how fast an answer to a request is read, None where that is never limited
        self.rate_of = limitrate.size_of(place, settings.proxy_limit_rate)
        self.forces_ranges = settings.proxy_force_ranges
        if self.forces_ranges:
            # What the upstream says of ranges is not heeded, so it does not go on either.
            self.hidden |= {b"accept-ranges"}
        #: the same, and those that mean only one hop
        self.stopped = self.hidden | HOP_BY_HOP

    def asks(self, head: ResponseHead) -> bool:
        """Whether the head may ask for something: if not, `heed` and `redirects` have no say."""
        return not head.named.keys().isdisjoint(_ASKING)

    def redirects(self, head: ResponseHead) -> bool:
        """Whether another location is to answer (X-Accel-Redirect)."""
        return b"x-accel-redirect" in head.named and b"x-accel-redirect" not in self._ignored

    def buffers(self, head: ResponseHead) -> bool:
        """Whether the upstream may be faster than the client.

        An event stream is never behind by more than what the client did not read.
        """
        wanted = head.named.get(b"x-accel-buffering")
        if wanted is not None and b"x-accel-buffering" not in self._ignored:
            wanted = wanted.lower()
            if wanted in (b"yes", b"no"):
                return wanted == b"yes"
        if not self._buffering:
            return False
        return not head.named.get(b"content-type", b"").startswith(b"text/event-stream")

    def intercepts(self, request: Request, head: ResponseHead) -> bool:
        """Whether an `error_page` answers instead of the upstream."""
        return self._intercepts and head.status in request.location.detours

    def heed(self, request: Request, head: ResponseHead) -> None:
        """Do what the head asks for, whoever answers in the end."""
        if self._limits_rate and b"x-accel-limit-rate" in head.named:
            value = head.named[b"x-accel-limit-rate"]
            if value.isdigit() and len(value) < 19:
                request.own_filters += (limitrate.fixed(int(value)),)
        if self._names_charset and b"x-accel-charset" in head.named:
            request.charset = head.named[b"x-accel-charset"]

    def hint(self, request: Request, head: ResponseHead) -> None:
        """Pass on 103 (RFC 8297) to a client that knows interim answers."""
        if request.head.version != b"1.1" or request.startedWriting:
            return
        if all(render(request) in (b"", b"0") for render in self._hints):
            return
        fields = passed_on(head, self.stopped)
        request.channel.transport.write(serialise(b"HTTP/1.1 103 Early Hints", fields))

    def trail(self, request: Request, trailers: list[tuple[bytes, bytes]]) -> None:
        """Send `trailers`, which may still grow, behind the answer's last chunk."""
        before = request.trailers

        def lines(request: Request) -> bytes:
            passed = [b"%b: %b\r\n" % pair for pair in trailers if self._may_trail(pair[0])]
            return b"".join(passed) + (b"" if before is None else before(request))

        request.trailers = lines

    def _may_trail(self, name: bytes) -> bool:
        return name.lower() not in self.stopped

    def unbuffered(self, request: Request) -> None:
        """Let each piece leave at once, however small (nginx, too, sets TCP_NODELAY for this)."""
        transport = request.channel.transport
        if request.location.client.tcp_nodelay and hasattr(transport, "socket"):
            transport.setTcpNoDelay(True)
