"""What the work on a head costs: microseconds for each, median and best of several rounds.

Run from the top of the checkout: python -m bench.wire
"""

from __future__ import annotations

import statistics
import sys
import timeit
from collections.abc import Callable

from reverseproxy.wire.chunked import ChunkedDecoder
from reverseproxy.wire.fields import hop_by_hop, serialise
from reverseproxy.wire.framing import keeps_alive, request_framing
from reverseproxy.wire.heads import head_end, parse_request_head, parse_response_head
from reverseproxy.wire.hosts import parse_host
from reverseproxy.wire.negotiation import accepts_gzip
from reverseproxy.wire.target import normalise_path, split_target
from tests.wire.samples import BROWSER

RESPONSE = (
    b"HTTP/1.1 200 OK\r\n"
    b"Server: gunicorn\r\n"
    b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    b"Connection: keep-alive\r\n"
    b"Content-Type: text/html; charset=utf-8\r\n"
    b"Content-Length: 1024\r\n"
    b"Vary: Accept-Encoding\r\n"
    b"Set-Cookie: session=0123456789abcdef0123456789abcdef; Path=/; HttpOnly; SameSite=Lax\r\n"
    b"\r\n"
)

ROUNDS = 15
CALLS = 10_000


def report(name: str, call: Callable[[], object]) -> None:
    """Time a call and print a line."""
    rounds = [1e6 * seconds / CALLS for seconds in timeit.repeat(call, number=CALLS, repeat=ROUNDS)]
    print(f"{name:34} {statistics.median(rounds):7.2f} {min(rounds):7.2f}")


def main() -> None:
    """Measure all, on a browser's head and an application's answer."""
    head = parse_request_head(BROWSER)
    bare = BROWSER.replace(b"\r\n", b"\n")
    path = b"/static/css/main.css"
    chunks = b"400\r\n" + b"x" * 1024 + b"\r\n0\r\n\r\n"
    print(f"Python {sys.version.split()[0]}, {len(BROWSER)} bytes, {len(head.fields)} fields")
    print(f"{'microseconds':34} {'median':>7} {'best':>7}")
    report("head_end", lambda: head_end(BROWSER))
    report("parse_request_head", lambda: parse_request_head(BROWSER))
    report("parse_request_head, bare LF", lambda: parse_request_head(bare))
    report("parse_response_head", lambda: parse_response_head(RESPONSE))
    report("serialise", lambda: serialise(head.line, head.fields))
    report("request_framing", lambda: request_framing(head))
    report("keeps_alive", lambda: keeps_alive(head))
    report("hop_by_hop", lambda: hop_by_hop(b"keep-alive"))
    report("parse_host", lambda: parse_host(b"www.example.com"))
    report("split_target", lambda: split_target(b"GET", head.target))
    report("normalise_path", lambda: normalise_path(path))
    report("normalise_path, escapes and dots", lambda: normalise_path(b"/a%20b/../c//d"))
    report("accepts_gzip", lambda: accepts_gzip(b"gzip, deflate, br, zstd"))
    report("a chunked body of 1 kB", lambda: ChunkedDecoder().feed(chunks))


if __name__ == "__main__":
    main()
