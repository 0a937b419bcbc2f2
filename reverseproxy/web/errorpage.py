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
<meta name="robots" content="noindex">
<title>%(status)d %(reason)b</title>
<style>
:root { color-scheme: light dark }
:root { --ink: #1d2125; --soft: #616a72; --line: #dfe3e6; --page: #fbfbfa }
@media (prefers-color-scheme: dark) {
:root { --ink: #e8e8e6; --soft: #9aa2a9; --line: #34393e; --page: #16181a } }
body { color: var(--ink); background: var(--page); font: 1.0625rem/1.55 system-ui, sans-serif }
body { box-sizing: border-box; max-width: 36rem; margin: 0 auto; padding: 18vh 1.5rem 3rem }
h1 { font-size: 1.9rem; line-height: 1.2; letter-spacing: -.015em; margin: 0 0 .75rem }
h1 span { color: var(--soft); font-weight: 400; margin-right: .15em }
p { margin: 0; text-wrap: pretty }
footer { color: var(--soft); border-top: 1px solid var(--line); font-size: .875rem }
footer { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; justify-content: space-between }
footer { margin-top: 2.5rem; padding-top: .8rem }
code { font: .9em ui-monospace, monospace; user-select: all }
</style>
</head>
<body>
<main>
<h1><span>%(status)d</span> %(reason)b</h1>
<p>%(sentence)b</p>
</main>
<footer><span>reverseproxy</span>%(cause)b</footer>
</body>
</html>
"""

_SENTENCES = {
    301: b"This page has moved.",
    302: b"This page is elsewhere for now.",
    303: b"What you asked for is at another address.",
    307: b"This page is elsewhere for now.",
    308: b"This page has moved.",
    400: b"The server could not understand this request.",
    401: b"This page asks for a name and a password, or for others than were given.",
    402: b"This page is not free of charge.",
    403: b"You are not allowed to see this page.",
    404: b"There is nothing at this address.",
    405: b"This address does not take requests of this kind.",
    406: b"There is no form of this page that your program says it can read.",
    408: b"The request took too long to arrive.",
    409: b"This does not fit what has happened here in the meantime.",
    410: b"What was at this address is gone for good.",
    411: b"The request does not say how long it is.",
    412: b"The page has changed since you looked.",
    413: b"What you are sending is larger than this server takes.",
    414: b"The address is longer than this server takes.",
    415: b"This address does not take content of this kind.",
    416: b"The part that was asked for does not exist.",
    421: b"This server does not answer for that name on this connection.",
    429: b"That was too much at once. Try again in a moment.",
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
    507: b"There is no room left on this server.",
}


@lru_cache(maxsize=256)
def _page(status: int, cause: str, html: bool) -> bytes:
    sentence = _SENTENCES.get(status)
    status = SHOWN_AS.get(status, status)
    reason = REASONS.get(status, b"")
    if sentence is None:
        # A status without a name, such as 418 from `return`, still gets a sentence.
        sentence = reason + b"." if reason else b"The server answers with this status."
    if html:
        code = b"<span>Code <code>%b</code></span>" % cause.encode() if cause else b""
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
