"""The pages that clients see when something is wrong: what, and a code for the operator.

Nothing of the configuration is shown. The cause code (`RP-413-body-size`) stands in the error log
beside the directive and the value that decided.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING

from .response import REASONS, Response

if TYPE_CHECKING:
    from reverseproxy.wire.heads import RequestHead

#: Cases of 400 that nginx tells apart, each with an `error_page` of its own.
SHOWN_AS = {494: 400, 495: 400, 496: 400, 497: 400}

_PAGE = b"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%(status)d %(reason)b</title>
<style>
:root { color-scheme: light dark }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 18vh auto 0 }
body { padding: 0 1.5rem }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem }
p { margin: 0 0 1rem }
footer { opacity: .65; font-size: .85rem; border-top: 1px solid }
footer { padding-top: .75rem; margin-top: 2rem }
code { font-family: ui-monospace, monospace }
</style>
</head>
<body>
<h1>%(status)d %(reason)b</h1>
<p>%(sentence)b</p>
<footer>reverseproxy%(cause)b</footer>
</body>
</html>
"""

_SENTENCES = {
    301: b"This page has moved.",
    302: b"This page is elsewhere for now.",
    400: b"The server could not understand this request.",
    403: b"You are not allowed to see this page.",
    404: b"There is nothing at this address.",
    405: b"This address does not take requests of this kind.",
    408: b"The request took too long to arrive.",
    412: b"The page has changed since you looked.",
    413: b"What you are sending is larger than this server takes.",
    414: b"The address is longer than this server takes.",
    416: b"The part that was asked for does not exist.",
    494: b"The fields of this request are larger than this server takes: perhaps its cookies.",
    495: b"The certificate of this client is not valid.",
    496: b"This server asks clients for a certificate, and there was none.",
    497: b"This was plain HTTP, and this server speaks HTTPS here.",
    500: b"Something went wrong on this server.",
    501: b"This server does not know how to do that.",
    502: b"The application behind this server gave no usable answer. Try again in a moment.",
    503: b"The server is busy. Try again in a moment.",
    504: b"The application behind this server took too long to answer. Try again in a moment.",
    505: b"This server speaks HTTP/1.0 and HTTP/1.1.",
}


@lru_cache(maxsize=256)
def _page(status: int, cause: str, html: bool) -> bytes:
    sentence = _SENTENCES.get(status)
    status = SHOWN_AS.get(status, status)
    reason = REASONS.get(status, b"")
    sentence = sentence or reason + b"."
    if html:
        code = b" &middot; <code>%b</code>" % cause.encode() if cause else b""
        return _PAGE % {
            b"status": status,
            b"reason": reason,
            b"sentence": sentence,
            b"cause": code,
        }
    end = b" (%b)" % cause.encode() if cause else b""
    return b"%d %b\n%b%b\n" % (status, reason, sentence, end)


def error_response(
    head: RequestHead, status: int, cause: str, fields: Iterable[tuple[bytes, bytes]]
) -> tuple[Response, bytes]:
    """The answer for `status`: HTML for a client that names it (browsers do), else plain text."""
    html = b"text/html" in (head.named.get(b"accept") or b"")
    body = _page(status, cause, html)
    kind = b"text/html" if html else b"text/plain"
    shown = SHOWN_AS.get(status, status)
    return Response(shown, [(b"Content-Type", kind), *fields], len(body)), body
