"""Two independent parsers, h11 and llhttp: what we accept, they accept and read the same way.

The other way round is not asked: they may accept more. Accepted is a message that is complete;
before its end one reader may notice a fault earlier than another. What we accept and they don't,
with the reason, is all of this:

h11
- An empty line before a request line: RFC 9112 §2.2 asks for it to be ignored.

llhttp (through httptools)
- A method outside its fixed list: RFC 9110 §9.1 leaves methods open.
- A minor version over 1: RFC 9110 §2.5 has it read as the highest one known.
- A bare LF as a line end: RFC 9112 §2.2 allows it. What we send on has CRLF, and that it reads.
- A tab behind `chunked`: RFC 9110 §5.5 takes white space off. What we send on has none.
- The body of a request that asks for another protocol: RFC 9110 §7.8 has the switch behind the
  body, llhttp before it. A WebSocket's handshake with a body is therefore not passed on as one.
- What follows an answer to HEAD, or one of 204 or 304: it isn't told what was asked, so its heads
  only are compared.

A target in none of the four forms, which h11 takes and llhttp doesn't, is refused by us in
wire.target, so the tests go through it.
"""

from __future__ import annotations

import re
from typing import Any

import h11
import httptools

from reverseproxy.errors import ClientError, UpstreamProtocolError
from reverseproxy.wire.chunked import ChunkError, CloseDecoder, decoder_for
from reverseproxy.wire.framing import NO_BODY, request_framing, response_framing
from reverseproxy.wire.heads import (
    RequestHead,
    head_end,
    parse_request_head,
    parse_response_head,
)
from reverseproxy.wire.target import split_target

#: Of legal requests' methods and of versions what llhttp reads, see above.
LISTED = (b"GET", b"POST", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"PATCH", b"TRACE", b"PROPFIND")
VERSIONS = (b"1.0", b"1.1")
#: As large as any head of the tests: how large one may be is no matter of the grammar.
LARGEST = 1 << 20


def ours(raw: bytes) -> tuple[RequestHead, bytes, bytes] | None:
    """Return the head, the body and what follows; None if we refuse or it is not complete."""
    end = head_end(raw)
    if end < 0:
        return None
    try:
        head = parse_request_head(raw[:end])
        split_target(head.method, head.target)
        decoder = decoder_for(request_framing(head))
        body = b"".join(decoder.feed(raw[end:]))
    except (ClientError, ChunkError):
        return None
    return (head, body, decoder.unused) if decoder.done else None


def lowered(fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return fields with names in lower case, and chunked too, as h11 gives them."""
    return [(n.lower(), v.lower() if n.lower() == b"transfer-encoding" else v) for n, v in fields]


def h11_message(
    raw: bytes, role: type[h11.SERVER] | type[h11.CLIENT], method: bytes = b"GET"
) -> tuple[Any, bytes, bool, bytes]:
    """Return h11's first event, the body so far, whether it is complete, and what follows it.

    Raises h11.RemoteProtocolError where h11 refuses it.
    """
    connection = h11.Connection(role, max_incomplete_event_size=LARGEST)
    if role is h11.CLIENT:
        # As if it were asked to switch: whether it was is judged elsewhere.
        asked = [("Host", "a"), ("Upgrade", "x"), ("Connection", "Upgrade")]
        connection.send(h11.Request(method=method, target="/", headers=asked))
        connection.send(h11.EndOfMessage())
    connection.receive_data(raw)
    head = connection.next_event()
    body = b""
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Data):
            body += bytes(event.data)
        else:
            done = isinstance(event, h11.EndOfMessage)
            return head, body, done, connection.trailing_data[0]


class Seen:
    """What llhttp reads of one message."""

    def __init__(self) -> None:
        self.url = b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.headed = self.done = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.headed:  # later ones are trailers
            self.fields.append((name, value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        self.headed = True

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.done = True


_CODING = re.compile(rb"(\nTransfer-Encoding:[^\r]*?)[ \t]*\r", re.IGNORECASE)


def _as_llhttp_takes_it(raw: bytes) -> bytes:
    """The message with CRLF for the bare LFs of its head, and no white space behind a coding."""
    end = head_end(raw)
    return _CODING.sub(rb"\1\r", re.sub(rb"\r?\n", b"\r\n", raw[:end])) + raw[end:]


def agree_on_request(raw: bytes) -> bytes | None:
    """Hold that h11 and llhttp read a request that we accept as we do; what follows it.

    None where we refuse it, or it is not complete.
    """
    read = ours(raw)
    if read is None:
        return None
    head, body, unused = read
    event, their_body, their_done, their_rest = h11_message(raw.lstrip(b"\r\n"), h11.SERVER)
    assert isinstance(event, h11.Request), event
    assert (event.method, event.target) == (head.method, head.target), (event, head)
    assert event.http_version == head.line[-3:]
    assert list(event.headers) == lowered(head.fields), (event, head)
    assert (their_body, their_done, their_rest) == (body, True, unused), (event, head)
    if head.method in LISTED and head.line[-3:] in VERSIONS:
        _agree_with_llhttp(_as_llhttp_takes_it(raw), head, body, unused)
    return unused


def _agree_with_llhttp(raw: bytes, head: RequestHead, body: bytes, unused: bytes) -> None:
    seen = Seen()
    body_sent = raw[head_end(raw) : len(raw) - len(unused)]
    parser = httptools.HttpRequestParser(seen)
    at = 0
    try:
        while at < len(raw) and not seen.done:
            at += 1
            parser.feed_data(raw[at - 1 : at])
    except httptools.HttpParserUpgrade:
        # It takes what follows for another protocol's, the body as well.
        unused, body = body_sent + unused, b""
    assert (parser.get_method(), seen.url) == (head.method, head.target), (seen.url, head)
    assert (seen.fields, seen.body, seen.done) == (head.fields, body, True), (vars(seen), head)
    assert raw[at:] == unused, (raw[at:], unused)


def agree_on_response(raw: bytes, method: bytes = b"GET") -> bytes | None:
    """Hold that h11 and llhttp read an answer that we accept as we do; what follows it.

    None where we refuse it, or it is not complete.
    """
    end = head_end(raw)
    if end < 0:
        return None
    try:
        head = parse_response_head(raw[:end])
        framing = response_framing(method, head)
        decoder = decoder_for(framing)
        body = b"".join(decoder.feed(raw[end:]))
    except (UpstreamProtocolError, ChunkError):
        return None
    until_close = isinstance(decoder, CloseDecoder)
    if not decoder.done and not until_close:
        return None
    interim = head.status < 200
    event, their_body, their_done, their_rest = h11_message(
        raw[:end] if interim else raw, h11.CLIENT, method
    )
    assert isinstance(event, (h11.Response, h11.InformationalResponse)), event
    assert (event.status_code, event.reason) == (head.status, head.reason), (event, head)
    assert list(event.headers) == lowered(head.fields), (event, head)
    if not interim:
        assert (their_body, their_done) == (body, decoder.done), (event, head)
        assert until_close or their_rest == decoder.unused, (their_rest, decoder.unused)
    if head.line[5:8] in VERSIONS:
        seen = Seen()
        parser = httptools.HttpResponseParser(seen)
        try:
            parser.feed_data(_as_llhttp_takes_it(raw[:end]))
            if framing != NO_BODY and not seen.done:
                parser.feed_data(raw[end : len(raw) - len(decoder.unused)])
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            # Behind a 101 nothing is HTTP's any more.
            if head.status != 101:
                raise
        assert parser.get_status_code() == head.status
        assert (seen.fields, seen.body) == (head.fields, body), (vars(seen), head)
        assert framing == NO_BODY or seen.done == decoder.done, (vars(seen), head)
    return decoder.unused
