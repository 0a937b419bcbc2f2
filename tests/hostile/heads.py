"""Malformed heads: every byte that must not stand there, in every place; broken lines; floods."""

from __future__ import annotations

from collections.abc import Iterator

from .clients import NEXT, NEXT_SENT, Case, message, passed, refused

GET = (b"GET", b"/", b"")
#: Control bytes; HTAB, LF and CR are told apart where they mean something.
CONTROLS = [code for code in (*range(0x20), 0x7F) if code not in b"\t\n\r"]
#: A place in a head for one byte, and the cause of its refusal.
PLACES = {
    "the method": (b"G%bT / HTTP/1.1\r\nHost: a\r\n\r\n", "RP-400-request-line"),
    "the target": (b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n", "RP-400-request-line"),
    "the query": (b"GET /?a=%bb HTTP/1.1\r\nHost: a\r\n\r\n", "RP-400-request-line"),
    "the version": (b"GET / HTTP/1.%b1\r\nHost: a\r\n\r\n", "RP-400-request-line"),
    "a name": (b"GET / HTTP/1.1\r\nHost: a\r\nX%b-Y: z\r\n\r\n", "RP-400-field-name"),
    "a value": (b"GET / HTTP/1.1\r\nHost: a\r\nX: y%bz\r\n\r\n", "RP-400-field-value"),
    "Host": (b"GET / HTTP/1.1\r\nHost: a%bb\r\n\r\n", "RP-400-field-value"),
}
#: Request lines, and their status.
LINES = {
    b"": 400,
    b"GET": 400,
    b"GET /": 400,
    b"GET / ": 400,
    b" GET / HTTP/1.1": 400,
    b"GET  / HTTP/1.1": 400,
    b"GET /  HTTP/1.1": 400,
    b"GET / HTTP/1.1 ": 400,
    b"GET\t/ HTTP/1.1": 400,
    b"GET /\tHTTP/1.1": 400,
    b"GET / x HTTP/1.1": 400,
    b"GET / HTTP/1.1 HTTP/1.1": 400,
    b"GET / HTTP": 400,
    b"GET / HTTP/": 400,
    b"GET / HTTP/1": 400,
    b"GET / HTTP/1.": 400,
    b"GET / HTTP/.1": 400,
    b"GET / HTTP/11": 400,
    b"GET / HTTP/1.10": 400,
    b"GET / HTTP/01.1": 400,
    b"GET / HTTP/1,1": 400,
    b"GET / HTTP/-1.1": 400,
    b"GET / http/1.1": 400,
    b"GET / HTTPS/1.1": 400,
    b"GET / FTP/1.1": 400,
    b"GET / HTTP/0.9": 505,
    b"GET / HTTP/2.0": 505,
    b"GET / HTTP/3.0": 505,
    b"GET / HTTP/9.9": 505,
    b"PRI * HTTP/2.0": 505,
    b"G(T / HTTP/1.1": 400,
    b"G,T / HTTP/1.1": 400,
    b"G:T / HTTP/1.1": 400,
    b"G/T / HTTP/1.1": 400,
    b"G\xcbT / HTTP/1.1": 400,
    b"GET /\xc3\xa4 HTTP/1.1": 400,
    b"GET /?\xff HTTP/1.1": 400,
    b"GET x HTTP/1.1": 400,
    b"GET ?x HTTP/1.1": 400,
    b"GET ../x HTTP/1.1": 400,
    b"GET \\x HTTP/1.1": 400,
    b"GET * HTTP/1.1": 400,
    b"OPTIONS * HTTP/1.1": 400,
    b"GET /x#y HTTP/1.1": 400,
    b"GET /#@b/ HTTP/1.1": 400,
    b"GET http:/a/ HTTP/1.1": 400,
    b"GET http:a HTTP/1.1": 400,
    b"GET http:// HTTP/1.1": 400,
    b"GET http:///x HTTP/1.1": 400,
    b"GET http://u@a/ HTTP/1.1": 400,
    b"GET http://u:p@a/ HTTP/1.1": 400,
    b"GET http://a:99999/ HTTP/1.1": 400,
    b"GET http://a:b/ HTTP/1.1": 400,
    b"GET http://a..b/ HTTP/1.1": 400,
    b"GET http://[::1/ HTTP/1.1": 400,
    b"GET http://a\\b/ HTTP/1.1": 400,
    b"GET ftp://a/ HTTP/1.1": 400,
    b"GET file:///etc/passwd HTTP/1.1": 400,
    b"GET javascript:x HTTP/1.1": 400,
    b"GET a:80 HTTP/1.1": 400,
    b"CONNECT a:80 HTTP/1.1": 405,
    b"CONNECT / HTTP/1.1": 405,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03": 400,
    b"\x80\x9e\x01\x03\x01\0u\0\0\0 \0\0f": 400,
    b"SSH-2.0-OpenSSH_9.2": 400,
    b"EHLO a": 400,
    b"PROXY TCP4 1.2.3.4 5.6.7.8 1 80": 400,
    b"\r\n\r\nGET / HTTP/1.1": 400,
}
#: Field lines that are none.
FIELDS = {
    "no colon": b"nonsense",
    "no name": b": x",
    "a blank before the colon": b"X : y",
    "a tab before the colon": b"X\t: y",
    "a blank in the name": b"X Y: z",
    "a fold": b"X: y\r\n z",
    "a fold with a tab": b"X: y\r\n\tz",
    "a fold of blanks": b"X: y\r\n ",
    "a fold after a bare LF": b"X: y\n z",
    "an 8-bit name": b"X\xe4: y",
    "a slash in the name": b"X/Y: z",
    "parentheses in the name": b"X(Y): z",
    "quotes in the name": b'"X": z',
    "an at sign": b"X@Y: z",
    "braces": b"{X}: z",
    "brackets": b"[X]: z",
    "a second request line": b"GET /admin HTTP/1.1",
    "a bare CR": b"X: y\rHost: b",
    "a CR at the end": b"X: y\r",
    "a CR in the name": b"X\r: y",
}
#: Values of Host that are none; with two of them it is 400, whatever they are.
HOSTS = {
    "empty": b"",
    "a blank": b"a b",
    "a list": b"a, b",
    "a slash": b"a/b",
    "a path up": b"../a",
    "two dots": b"a..b",
    "a leading dot": b".a",
    "an at sign": b"a@b",
    "a question mark": b"a?b",
    "a fragment": b"a#b",
    "a backslash": b"a\\b",
    "quotes": b'"a"',
    "angles": b"<a>",
    "a tab": b"a\tb",
    "8-bit": b"\xc3\xa4",
    "a port that is none": b"a:b",
    "a port over 65535": b"a:65536",
    "two ports": b"a:1:2",
    "a signed port": b"a:-1",
    "a bad escape": b"a%zz",
    "an open bracket": b"[::1",
    "a bracket that is no address": b"[a]",
    "a zone": b"[fe80::1%25eth0]",
    "a scheme": b"http://a",
}


def _bytes() -> Iterator[Case]:
    for code in CONTROLS:
        for place, (shape, cause) in PLACES.items():
            sent = shape % bytes((code,)) + NEXT_SENT
            yield refused(f"byte 0x{code:02x} in {place}", sent, cause)
    for place in ("the method", "the target", "the version"):
        for name, code in (("HTAB", b"\t"), ("CR", b"\r"), ("8-bit", b"\xff"), ("blank", b" ")):
            sent = PLACES[place][0] % code + NEXT_SENT
            yield refused(f"{name} in {place}", sent, "RP-400-request-line")


def _ends() -> Iterator[Case]:
    """Line ends: a bare LF is one (RFC 9112 section 2.2), a bare CR is none."""
    for name, end in {"LF": b"\n", "CRLF": b"\r\n"}.items():
        sent = b"GET / HTTP/1.1" + end + b"Host: a" + end + b"X: y" + end + end
        yield passed(f"lines end in {name}", sent + NEXT_SENT, GET, NEXT)
    for name, end in {"CR CR LF": b"\r\r\n", "CR LF CR": b"\r\n\r", "LF CR": b"\n\r"}.items():
        sent = b"GET / HTTP/1.1\r\nHost: a" + end + b"X: y\r\n\r\n"
        yield refused(f"a line ends in {name}", sent + NEXT_SENT)
    yield passed("one empty line before", b"\r\n" + NEXT_SENT, NEXT)
    yield passed("one empty line between", NEXT_SENT + b"\r\n" + NEXT_SENT, NEXT, NEXT)
    yield refused("two empty lines before", b"\r\n\r\n" + NEXT_SENT)
    sent = (NEXT_SENT + b"\r\n\r\n" + NEXT_SENT,)
    yield Case("two empty lines between", sent, (200, 400), (NEXT,))
    yield refused("HTTP/0.9", b"GET /\r\n\r\n", "RP-400-request-line")


def _floods() -> Iterator[Case]:
    line = b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n"
    yield refused("a long target", line, "RP-414", 414)
    yield refused("a long target without an end", line[:8900], "RP-414", 414)
    yield refused("a long method", b"G" * 9000 + b" / HTTP/1.1\r\n\r\n", "RP-414", 414)
    yield refused("a long value", message(b"X: " + b"y" * 9000), "RP-400-head-size")
    yield refused("a long name", message(b"X" * 9000 + b": y"), "RP-400-head-size")
    yield refused("a value without an end", message(b"X: " + b"y" * 9000)[:-4], "RP-400-head-size")
    yield refused("many fields", message(*[b"X: y"] * 1001, method=b"GET"), "RP-400-fields")
    lines = [b"X-%03d: %b" % (number, b"y" * 300) for number in range(120)]
    yield refused("a large head", message(*lines), "RP-400-head-size")
    yield refused("a large head without an end", message(*lines)[:-2], "RP-400-head-size")
    yield refused("many empty fields", message(*[b"X:"] * 9000), "RP-400-head-size")


def _hosts() -> Iterator[Case]:
    for name, value in HOSTS.items():
        sent = b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % value
        yield refused(f"host: {name}", sent + NEXT_SENT, "RP-400-host")
        sent = b"GET / HTTP/1.1\r\nHost: a\r\nHost: %b\r\n\r\n" % value
        yield refused(f"host: {name}, behind a good one", sent + NEXT_SENT, "RP-400-host")
        sent = b"GET / HTTP/1.1\r\nHost: %b\r\nHost: a\r\n\r\n" % value
        yield refused(f"host: {name}, before a good one", sent + NEXT_SENT, "RP-400-host")
    yield refused("host: none", b"GET / HTTP/1.1\r\n\r\n" + NEXT_SENT, "RP-400-host")
    same = b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"
    yield refused("host: the same twice", same + NEXT_SENT, "RP-400-host")
    other = b"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"
    yield refused("host: twice in two cases", other + NEXT_SENT, "RP-400-host")
    blank = b"GET / HTTP/1.1\r\nHost : a\r\n\r\n"
    yield refused("host: a blank before the colon", blank + NEXT_SENT, "RP-400-field-name")
    fold = b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n"
    yield refused("host: folded", fold + NEXT_SENT, "RP-400-fold")
    for target, host in (
        (b"http://b/", b"b"),
        (b"http://B:80/", b"b"),
        (b"HTTP://b/", b"b"),
        (b"https://b/", b"b"),
    ):
        sent = b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % target
        yield Case(
            f"host: absolute-form {target.decode()}",
            (sent,),
            (200,),
            (GET,),
            closed=False,
            fields=((b"host", (host,)),),
        )


def cases() -> Iterator[Case]:
    """Every case of this table."""
    yield from _bytes()
    yield from _ends()
    for line, status in LINES.items():
        sent = line + b"\r\nHost: a\r\n\r\n"
        shown = line.replace(b"\r\n", b" CRLF ").replace(b"\t", b" HTAB ")
        # A name of its own for what differs in white space and marks only.
        name = f"request line: {shown.decode('latin-1')} ({line.hex()[:60]})"
        yield refused(name, sent + NEXT_SENT, f"RP-{status}", status)
    for name, line in FIELDS.items():
        for place, lines in {"alone": (line,), "second": (b"A: b", line)}.items():
            sent = message(*lines, method=b"GET") + NEXT_SENT
            yield refused(f"field line: {name}, {place}", sent, "RP-400-f")
    yield from _floods()
    yield from _hosts()
