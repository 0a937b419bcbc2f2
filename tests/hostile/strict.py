"""Strict readers of what reaches an upstream and of what reaches a client.

h11 reads both, and reads nothing of this project. Where h11 is lenient (white space around chunk
extensions, obs-fold, a bare LF) a pattern of the whole head is stricter than it.
"""

from __future__ import annotations

import re

import attrs
import h11

from ..support import Bench, Upstream

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_FIELDS = rb"(?:" + _TOKEN + rb":[\t -~\x80-\xff]*\r\n)*\r\n"
_REQUEST = re.compile(_TOKEN + rb" [!-~]+ HTTP/1\.[01]\r\n" + _FIELDS)
_ANSWER = re.compile(rb"HTTP/1\.1 [1-9][0-9][0-9] [\t -~\x80-\xff]*\r\n" + _FIELDS)

Field = tuple[bytes, bytes]


@attrs.frozen
class Received:
    """One whole request that an upstream was sent; `serial` is the number it was answered with."""

    method: bytes
    target: bytes
    body: bytes
    fields: tuple[Field, ...]
    serial: int = 0

    def all(self, name: bytes) -> list[bytes]:
        """Every value of a field."""
        return [value for key, value in self.fields if key == name.lower()]


class RequestReader:
    """One connection to an upstream; `feed` raises what a strict server would refuse."""

    def __init__(self) -> None:
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
        self._raw = b""
        self._begun: h11.Request | None = None
        self._body = b""

    def feed(self, data: bytes) -> list[Received]:
        """Take bytes; the requests that they complete."""
        self._raw += data
        self._h11.receive_data(data)
        found = []
        while True:
            event = self._h11.next_event()
            if isinstance(event, h11.Request):
                self._judge(event)
                self._begun, self._body = event, b""
            elif isinstance(event, h11.Data):
                self._body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage) and self._begun is not None:
                begun, self._begun = self._begun, None
                fields = tuple(begun.headers)
                found.append(Received(begun.method, begun.target, self._body, fields))
                self._next()
                if self._h11.our_state is not h11.IDLE:
                    return found
            else:
                return found

    def _judge(self, request: h11.Request) -> None:
        if _REQUEST.match(self._raw) is None:
            raise AssertionError(f"not a strict head: {self._raw!r}")
        names = [name for name, _ in request.headers]
        framing = names.count(b"content-length") + names.count(b"transfer-encoding")
        if names.count(b"host") != 1 or framing > 1:
            raise AssertionError(f"two readings: {self._raw!r}")

    def _next(self) -> None:
        """Answer in h11's eyes, so that it reads the next request."""
        rest = self._h11.trailing_data[0]
        self._raw = rest
        self._h11.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
        self._h11.send(h11.EndOfMessage())
        if self._h11.our_state is h11.DONE:
            self._h11.start_next_cycle()
        elif rest:
            raise AssertionError(f"bytes behind the last request: {rest!r}")


@attrs.frozen
class Reply:
    """One answer that a client has read: `complete` if it is whole."""

    status: int
    fields: tuple[Field, ...]
    body: bytes
    complete: bool

    def all(self, name: bytes) -> list[bytes]:
        """Every value of a field."""
        return [value for key, value in self.fields if key == name.lower()]


def read_replies(data: bytes, methods: list[bytes], ended: str) -> list[Reply]:
    """What a client that asked with `methods` reads, GET where the list ends.

    `ended` is how the connection ended, as `Line.ended` says it. Raises for what no strict client
    takes, bytes behind the last answer among it.
    """
    found: list[Reply] = []
    asked = iter(methods)
    while data:
        reply, data = _read_reply(data, next(asked, b"GET"), ended)
        found.append(reply)
        if not reply.complete and data:
            raise AssertionError(f"bytes behind a cut: {data!r}")
    return found


def _read_reply(data: bytes, method: bytes, ended: str) -> tuple[Reply, bytes]:
    reader = h11.Connection(h11.CLIENT)
    reader.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    reader.send(h11.EndOfMessage())
    if _ANSWER.match(data) is None:
        raise AssertionError(f"not a strict head: {data!r}")
    reader.receive_data(data)
    head, body, complete = None, b"", False
    while True:
        if ended == "closed" and reader.trailing_data == (b"", False) and head is not None:
            reader.receive_data(b"")
        try:
            event = reader.next_event()
        except h11.RemoteProtocolError:
            # The end of the connection came before that of the body.
            if head is None or ended != "closed":
                raise
            break
        if isinstance(event, h11.Response):
            head = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            complete = True
            break
        elif event in (h11.NEED_DATA, h11.PAUSED) or isinstance(event, h11.ConnectionClosed):
            break
    if head is None:
        raise AssertionError(f"no answer: {data!r}")
    reply = Reply(head.status_code, tuple(head.headers), body, complete)
    return reply, reader.trailing_data[0]


class Recorder:
    """The upstreams of a bench: each whole request is kept and answered with its number."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self.requests: list[Received] = []
        self._serial = 0
        self._readers: dict[Upstream, RequestReader] = {}

    def serve(self) -> None:
        """Read and answer until nothing comes any more."""
        moved = True
        while moved:
            moved = False
            for upstream in tuple(self._bench.upstreams):
                if upstream.state == "connected" and upstream.received:
                    moved = True
                    self._read(upstream)

    def _read(self, upstream: Upstream) -> None:
        reader = self._readers.setdefault(upstream, RequestReader())
        for request in reader.feed(upstream.take()):
            self._serial += 1
            self.requests.append(attrs.evolve(request, serial=self._serial))
            number = b"%d" % self._serial
            body = b"" if request.method == b"HEAD" else number
            upstream.send(
                b"HTTP/1.1 200 OK\r\nX-Serial: %b\r\nContent-Length: %d\r\n\r\n%b"
                % (number, len(number), body)
            )
