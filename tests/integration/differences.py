"""Where nginx answers hostile bytes in another way than this daemon, and why.

A row is what names of cases have in common, and the reason. Of a case the first row counts.
"""

from __future__ import annotations

#: Of `tests.hostile.clients` and `tests.hostile.injection`.
CLIENTS = {
    "malformed, an 8-bit name": (
        "a name that is no token (RFC 9110 section 5.1) is 400; nginx drops the field, and takes "
        "the body's bytes for the next request"
    ),
    "a CR behind:|content-length: a CR:|a line ends in CR CR LF|a CR at the end": (
        "a bare CR is 400 (RFC 9112 section 2.2); nginx takes CR CR LF for a line end"
    ),
    "plain, (a tab|blanks around)|content-length: a tab": (
        "a tab is white space (RFC 9110 section 5.5); nginx takes it for a part of the value"
    ),
    "transfer-encoding: ": (
        "what is malformed, or leaves two readings, is 400, a list that ends in chunked 501 "
        "(RFC 9112 section 6.1); nginx has 501 for all but chunked, 400 for two fields"
    ),
    r"content-length: 2\*\*32": (
        "a length of more digits than 2**63 has is 400; nginx reads on behind zeros"
    ),
    "chunk size|end of a chunk": (
        "sizes are hexadecimal digits, extensions have the grammar of RFC 9112 section 7.1; nginx "
        "takes white space, bare LFs, and anything behind a semicolon"
    ),
    "^trailer": (
        "trailers are fields, and none of framing or routing (RFC 9110 section 6.5.1); nginx drops "
        "them unread"
    ),
    "byte 0x.. in a value": (
        "no control byte is part of a value (RFC 9110 section 5.5); nginx refuses NUL alone"
    ),
    "^field line: |byte 0x.. in a name": (
        "a line that is no field is 400 (RFC 9112 section 5); nginx drops it, or passes it on"
    ),
    "^host: ": (
        "a Host is a name or an address, and a port (RFC 9110 section 7.2); nginx looks for NUL, "
        "slashes and two dots"
    ),
    "two empty lines": (
        "one empty line before a request is ignored (RFC 9112 section 2.2), nginx ignores all"
    ),
    r"HTTP/0\.9$|request line: GET /( |) \(": (
        "there is no HTTP/0.9; nginx answers it, without a head"
    ),
    "request line: |(8-bit|blank) in ": (
        "one blank, HTTP/1.x, bytes that a URI may have (RFC 9112 section 3); nginx takes more; "
        "505 is for other versions, 405 for CONNECT"
    ),
    "mapped and climbing": ("what leaves the path that proxy_pass names is 400; nginx sends it on"),
    "served: /anchored": (
        "an alias whose group begins with two dots leads nowhere; nginx opens what lies beside it"
    ),
    "a (broken body for nobody|body that is not asked for)": (
        "a body that nobody wants is not waited for; nginx reads it before it answers"
    ),
    " into a target|mapped: ": (
        "what no request line may hold is escaped where a target is built; nginx sends it as it is"
    ),
    " into (a field to the upstream|Host to|a method)": (
        "what would end a field or a line is 400; nginx sends it"
    ),
    " into a (redirect|field of|mapped)": (
        "what would end a field is escaped, or left out; nginx lets decoded line ends through, and "
        "h11 can't read its answer"
    ),
    " into a host": (
        "a host that a request names and that is none is 500, and the connection lives; nginx "
        "closes it, or asks for its address"
    ),
}

#: Of `tests.hostile.upstreams`.
UPSTREAMS = {
    r"^\d{3} |^a flood of|^101|after (100|a hint)": (
        "interim answers are no answers (RFC 9110 section 15.2), and a 101 must have been asked "
        "for; nginx 1.22 sends the first of them as the answer"
    ),
    "status line|byte 0x.. in the (status|reason)|no head|endless": (
        "what is no status line of HTTP/1 is 502; nginx takes it for HTTP/0.9, or sends it on"
    ),
    "trailer": (
        "trailers are fields, and none of framing or routing (RFC 9110 section 6.5.1); nginx drops "
        "them unread"
    ),
    "byte 0x.. in |field line|an 8-bit name": (
        "a malformed field is 502 (RFC 9112 section 5); nginx sends it on, or drops it"
    ),
    "^length |content-length: |framing: ": (
        "a length that is none, or not the only framing, is 502 (RFC 9112 section 6.3); nginx "
        "reads until the end, or takes the first"
    ),
    "transfer-encoding: ": (
        "a coding that is not exactly chunked is 502; nginx takes what holds that word, and drops "
        "Content-Length beside it"
    ),
    "chunk (size|ends)": (
        "as of clients; where nginx has not sent the head yet it closes without a word, here the "
        "answer is cut"
    ),
}

#: Of `tests.hostile.directing`.
DIRECTING = {
    "redirect to '/%": "an escape that is none leads nowhere; nginx goes on with it",
    "redirect to .* with |redirect to '/again/": (
        "what no field or request line may hold is escaped; nginx sends it as it is, and h11 can't "
        "read its redirects"
    ),
}
