"""What is fuzzed. A target takes bytes, and raises where something does not hold."""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable

from reverseproxy import features
from reverseproxy.config import ConfigurationError, load
from reverseproxy.errors import ClientError, UpstreamProtocolError
from reverseproxy.web import variables
from reverseproxy.wire.chunked import ChunkedDecoder, ChunkError, Decoder, decoder_for
from reverseproxy.wire.fields import safe_field_value, serialise
from reverseproxy.wire.framing import locate, request_framing, response_framing
from reverseproxy.wire.heads import head_end, parse_request_head, parse_response_head
from reverseproxy.wire.target import normalise_path, quote_path, split_target

from ..hostile import clients, injection, upstreams

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
#: What reading a body gives: the body, whether it is whole, what follows, the trailers.
Read = tuple[bytes, bool, bytes, list[tuple[bytes, bytes]]]


def read_body(decoder: Decoder, pieces: Iterable[bytes]) -> Read | int:
    """Feed a decoder; where it refused, the place."""
    body = b""
    try:
        for piece in pieces:
            body += b"".join(decoder.feed(piece))
    except ChunkError as error:
        return error.offset
    return body, decoder.done, decoder.unused, decoder.trailers


def _alike(framing: int, data: bytes) -> None:
    """A body is read alike, whole and byte by byte."""
    whole = read_body(decoder_for(framing), (data,))
    single = read_body(decoder_for(framing), (data[at : at + 1] for at in range(len(data))))
    assert whole == single, (whole, single)


def request(data: bytes) -> None:
    """A request's head is refused, or it is the same when it is written out and read again."""
    end = head_end(data)
    if end < 0:
        return
    try:
        head = parse_request_head(data[:end])
        framing = request_framing(head)
        target = split_target(head.method, head.target)
    except ClientError as error:
        assert error.status in (400, 501, 505), error
        locate(data[:end], error)
        assert error.offset is not None, error
        assert 0 <= error.offset <= end, error
        return
    assert all(safe_field_value(value) for _, value in head.fields)
    line = b"%b %b HTTP/%b" % (head.method, head.target, head.version)
    again = parse_request_head(serialise(line, head.fields))
    assert again.fields == head.fields
    assert request_framing(again) == framing
    if target.form in ("origin", "absolute"):
        _path(target.path)
    _alike(framing, data[end : end + 4096])


def _path(raw: bytes) -> None:
    try:
        path = normalise_path(raw)
    except ClientError as error:
        assert error.status == 400, error
        assert error.offset is not None, error
        assert 0 <= error.offset <= len(raw), error
        return
    segments = path.split(b"/")
    assert path.startswith(b"/"), path
    assert b".." not in segments, path
    assert b"." not in segments, path
    assert b"\0" not in path, path
    # Escaped again it names the same, and can stand in a request line.
    quoted = quote_path(path)
    assert normalise_path(quoted) == path, path
    assert not quoted.translate(None, bytes(range(0x21, 0x7F))), quoted


def response(data: bytes) -> None:
    """An answer's head is refused, or it is the same when it is written out and read again."""
    end = head_end(data)
    if end < 0:
        return
    try:
        head = parse_response_head(data[:end])
        framing = response_framing(b"GET", head)
    except UpstreamProtocolError as error:
        locate(data[:end], error)
        assert error.offset is not None, error
        assert 0 <= error.offset <= end, error
        return
    line = b"HTTP/%b %d %b" % (head.version, head.status, head.reason)
    again = parse_response_head(serialise(line, head.fields))
    assert (again.fields, again.status) == (head.fields, head.status)
    _alike(framing, data[end : end + 4096])


def chunks(data: bytes) -> None:
    """A chunked body is read alike wherever it is cut."""
    data = data[:4096]
    whole = read_body(ChunkedDecoder(), (data,))
    for step in (1, 2, 3, 7):
        pieces = (data[at : at + step] for at in range(0, len(data), step))
        found = read_body(ChunkedDecoder(), pieces)
        assert found == whole, (step, found, whole)


def configuration(data: bytes) -> None:
    """A configuration is loaded, or refused with a place and a reason for each error."""
    try:
        load(
            "/nowhere/fuzz.conf",
            prefix="/nowhere",
            classes=features.SETTINGS,
            variables=variables.known,
            read=lambda _path: data,
        )
    except ConfigurationError as error:
        assert error.diagnostics
        assert all(diagnostic.message for diagnostic in error.diagnostics)


def _configurations() -> list[bytes]:
    found = []
    for path in sorted(glob.glob(f"{HERE}/**/*.conf", recursive=True)):
        with open(path, "rb") as file:
            found.append(file.read())
    return found


def _requests() -> list[bytes]:
    table = [b"".join(case.sent) for case in clients.cases()]
    return [*table, *(case.sent for case in injection.cases())]


def _answers() -> list[bytes]:
    return [b"".join(case.sent) for case in upstreams.cases()]


def _bodies() -> list[bytes]:
    return [sent.partition(b"\r\n\r\n")[2] for sent in [*_requests(), *_answers()]]


Target = Callable[[bytes], None]
#: Each target with what makes its seeds.
TARGETS: dict[str, tuple[Target, Callable[[], list[bytes]]]] = {
    "request": (request, _requests),
    "response": (response, _answers),
    "chunks": (chunks, _bodies),
    "configuration": (configuration, _configurations),
}


def seeds(name: str) -> list[bytes]:
    """The seeds of a target, each once, none of them long."""
    return [seed for seed in dict.fromkeys(TARGETS[name][1]()) if len(seed) <= 8192]
