"""Two independent parsers agree: what we accept, h11 and llhttp accept and read the same way.

The other way round is not asked: they may accept more. Accepted is a message that is complete;
before its end one reader may notice a fault earlier than another. What we accept and they don't,
with the reason, is all of this:

h11
- An empty line before a request line: RFC 9112 §2.2 asks for it to be ignored.

llhttp (through httptools)
- A method outside its fixed list: RFC 9110 §9.1 leaves methods open.
- A minor version over 1: RFC 9110 §2.5 has it read as the highest one known.
- A bare LF as a line end: RFC 9112 §2.2 allows it. What we send on has CRLF, and that it reads.

A target in none of the four forms, which h11 takes and llhttp doesn't, is refused by us in
wire.target, so the tests go through it.
"""

from __future__ import annotations

import re

import h11
import httptools
from hypothesis import given, settings
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.errors import ClientError, UpstreamProtocolError
from reverseproxy.wire.chunked import ChunkedDecoder, ChunkError, CloseDecoder, decoder_for
from reverseproxy.wire.framing import request_framing, response_framing
from reverseproxy.wire.heads import (
    RequestHead,
    _patient_fields,
    _quick_fields,
    head_end,
    parse_request_head,
    parse_response_head,
)
from reverseproxy.wire.target import split_target

from .nearly import chunks, flawed, near_requests, near_responses

BOUNDED = settings(derandomize=True, deadline=None, max_examples=400)

Message = tuple[list[tuple[bytes, bytes]], bytes]


def ours(raw: bytes) -> tuple[RequestHead, bytes] | None:
    """Return the head and the body, or None if we refuse or it is not complete."""
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
    return (head, body) if decoder.done else None


def lowered(fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return fields with names in lower case, and chunked too, as h11 gives them."""
    return [(n.lower(), v.lower() if n.lower() == b"transfer-encoding" else v) for n, v in fields]


def h11_message(
    raw: bytes, role: type[h11.SERVER] | type[h11.CLIENT]
) -> tuple[object, bytes, bool]:
    """Return h11's first event, the body so far and whether it is complete."""
    connection = h11.Connection(role)
    if role is h11.CLIENT:
        connection.send(h11.Request(method="GET", target="/", headers=[("Host", "a")]))
        connection.send(h11.EndOfMessage())
    connection.receive_data(raw)
    head = connection.next_event()
    body = b""
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Data):
            body += bytes(event.data)
        else:
            return head, body, isinstance(event, h11.EndOfMessage)


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


#: What of a legal request llhttp does not read, see above.
LISTED = (b"GET", b"POST", b"HEAD", b"OPTIONS", b"PUT")


def as_llhttp_takes_it(head: RequestHead, raw: bytes) -> bytes | None:
    """Return the message with CRLF for its bare LFs, or None if it is one of the exceptions."""
    version = head.line[-3:]
    if head.method not in LISTED or version not in (b"1.0", b"1.1"):
        return None
    end = head_end(raw)
    return re.sub(rb"\r?\n", b"\r\n", raw[:end]) + raw[end:]


class RequestAgreementTests(SynchronousTestCase):
    @given(near_requests())
    @BOUNDED
    def test_h11(self, raw: bytes) -> None:
        """What we accept of a request, h11 accepts, with the same fields and body."""
        read = ours(raw)
        if read is None:
            return
        head, body = read
        event, their_body, their_done = h11_message(raw.lstrip(b"\r\n"), h11.SERVER)
        assert isinstance(event, h11.Request)
        self.assertEqual((event.method, event.target), (head.method, head.target))
        self.assertEqual(event.http_version, head.line[-3:])
        self.assertEqual(list(event.headers), lowered(head.fields))
        self.assertEqual((their_body, their_done), (body, True))

    @given(near_requests())
    @BOUNDED
    def test_llhttp(self, raw: bytes) -> None:
        """What we accept of a request, llhttp accepts, with the same fields and body."""
        read = ours(raw)
        if read is None:
            return
        head, body = read
        taken = as_llhttp_takes_it(head, raw)
        if taken is None:
            return
        seen = Seen()
        parser = httptools.HttpRequestParser(seen)
        for at in range(len(taken)):
            parser.feed_data(taken[at : at + 1])
            if seen.done:
                break
        self.assertEqual((parser.get_method(), seen.url), (head.method, head.target))
        self.assertEqual((seen.fields, seen.body, seen.done), (head.fields, body, True))

    def test_reached(self) -> None:
        """The examples are worth their time: a good part of them is accepted by us."""
        accepted: list[bool] = []

        @given(near_requests())
        @BOUNDED
        def collect(raw: bytes) -> None:
            accepted.append(ours(raw) is not None)

        collect()
        self.assertGreater(sum(accepted), len(accepted) // 5)
        self.assertLess(sum(accepted), len(accepted))


class ResponseAgreementTests(SynchronousTestCase):
    @given(near_responses())
    @BOUNDED
    def test_both(self, raw: bytes) -> None:
        """What we accept of a response, h11 and llhttp accept, and read the same."""
        end = head_end(raw)
        if end < 0:
            return
        try:
            head = parse_response_head(raw[:end])
            decoder = decoder_for(response_framing(b"GET", head))
            body = b"".join(decoder.feed(raw[end:]))
        except (UpstreamProtocolError, ChunkError):
            return
        if not decoder.done and not isinstance(decoder, CloseDecoder):
            return
        event, their_body, their_done = h11_message(raw, h11.CLIENT)
        assert isinstance(event, (h11.Response, h11.InformationalResponse))
        self.assertEqual((event.status_code, event.reason), (head.status, head.reason))
        self.assertEqual(list(event.headers), lowered(head.fields))
        self.assertEqual((their_body, their_done), (body, decoder.done))
        if head.line[5:8] not in (b"1.0", b"1.1"):
            return
        seen = Seen()
        parser = httptools.HttpResponseParser(seen)
        parser.feed_data(re.sub(rb"\r?\n", b"\r\n", raw[:end]))
        if not seen.done:
            parser.feed_data(raw[end : len(raw) - len(decoder.unused)])
        self.assertEqual(parser.get_status_code(), head.status)
        self.assertEqual((seen.fields, seen.body, seen.done), (head.fields, body, decoder.done))


class OurselvesTests(SynchronousTestCase):
    @given(near_requests())
    @BOUNDED
    def test_readers(self, raw: bytes) -> None:
        """What the quick reader takes, the patient one reads the same."""
        end = head_end(raw)
        start = raw.find(b"\n") + 1
        if end <= start:
            return
        fields = _quick_fields(raw[:end], start)
        if fields is not None:
            self.assertEqual(fields, _patient_fields(raw[:end], start, 1000))

    @given(chunks.flatmap(flawed))
    @BOUNDED
    def test_cuts(self, raw: bytes) -> None:
        """A chunked body fed whole and byte by byte gives the same, a refusal included."""
        results = []
        for step in (1, len(raw) or 1):
            decoder = ChunkedDecoder()
            body = b""
            try:
                for at in range(0, len(raw), step):
                    body += b"".join(decoder.feed(raw[at : at + step]))
            except ChunkError:
                results.append(None)
            else:
                results.append((body, decoder.done, decoder.unused, decoder.trailers))
        self.assertEqual(results[0], results[1])
