"""Request lines, fields and bodies as they may come, alone and one behind the other."""

from __future__ import annotations

from tests.integration.differential import Case


def raw(*lines: str, body: bytes = b"") -> bytes:
    """A request of these lines, as they are."""
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


ECHO = "location / { proxy_pass http://127.0.0.1:{upstream}; }"
TEXT = 'location / { return 200 "$request_method $uri|$args|$content_length|$http_x\\n"; }'

CASES = [
    Case(
        "pipelining",
        """
        keepalive_requests 4;
        location / { }
        location /up { proxy_pass http://127.0.0.1:{upstream}; }
        location /r { return 200 "r $request_uri $connection_requests\\n"; }
        location /e { return 404; }
        location /close { keepalive_timeout 0; return 200 x; }
        """,
        (
            raw("GET /r1 HTTP/1.1", "Host: a", "Connection: keep-alive") * 4,
            raw("GET /r1 HTTP/1.1", "Host: a", "Connection: keep-alive") * 6,
            raw("GET /r3 HTTP/1.1", "Host: a", "Connection: keep-alive")
            + raw("HEAD /r4 HTTP/1.1", "Host: a")
            + raw("GET /r HTTP/1.1", "Host: a", "Connection: close"),
            raw("POST /r HTTP/1.1", "Host: a", "Content-Length: 3", "Connection: keep-alive")
            + b"abc"
            + raw("GET /r2 HTTP/1.1", "Host: a", "Connection: close"),
            raw("POST /r HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", "Connection: x")
            + b"3\r\nabc\r\n0\r\n\r\n"
            + raw("GET /r2 HTTP/1.1", "Host: a", "Connection: close"),
            raw("POST /up HTTP/1.1", "Host: a", "Content-Length: 3", "Connection: keep-alive")
            + b"abc"
            + raw("GET /up2 HTTP/1.1", "Host: a", "Connection: close"),
            raw("GET /close HTTP/1.1", "Host: a", "Connection: keep-alive")
            + raw("GET /r2 HTTP/1.1", "Host: a"),
            raw("GET /r HTTP/1.1", "Host: a", "Connection: keep-alive")
            + b"\r\n"
            + raw("GET /r2 HTTP/1.1", "Host: a", "Connection: close"),
            raw("GET /r HTTP/1.1", "Host: a", "Connection: keep-alive") + raw("BAD"),
            raw("PUT /a.txt HTTP/1.1", "Host: a", "Content-Length: 3", "Connection: keep-alive")
            + b"abc"
            + raw("GET /r2 HTTP/1.1", "Host: a", "Connection: close"),
        ),
    ),
    Case(
        "HTTP/1.0",
        """
        location / { }
        location /up { proxy_pass http://127.0.0.1:{upstream}; }
        location /r { return 200 "$server_protocol $host\\n"; }
        location /list/ { alias {root}/dir/; autoindex on; index none; }
        location /301 { return 301 /x; }
        """,
        (
            *(
                raw(f"{method} {target} HTTP/1.0", "Connection: close", *fields)
                for method in ("GET", "HEAD")
                for target in ("/a.txt", "/up", "/r", "/list/", "/none", "/dir", "/301")
                for fields in ((), ("Host: b.test",))
            ),
            raw("GET /r HTTP/1.0", "Connection: keep-alive", "Host: a") * 2
            + raw("GET /r HTTP/1.0", "Connection: close"),
            raw("GET /list/ HTTP/1.0", "Connection: keep-alive", "Host: a"),
        ),
    ),
    Case(
        "request lines",
        TEXT,
        (
            raw(" GET / HTTP/1.1", "Host: a", "Connection: close"),
            raw("GET\t/ HTTP/1.1", "Host: a", "Connection: close"),
            raw("G-T / HTTP/1.1", "Host: a", "Connection: close"),
            raw("GET_X / HTTP/1.1", "Host: a", "Connection: close"),
            raw("GET x HTTP/1.1", "Host: a", "Connection: close"),
            raw("GET * HTTP/1.1", "Host: a", "Connection: close"),
            raw("OPTIONS * HTTP/1.1", "Host: a", "Connection: close"),
            raw("GET ?x HTTP/1.1", "Host: a", "Connection: close"),
            raw("GET / HTTP/1.2", "Host: a", "Connection: close"),
            raw("GET / HTTP/1", "Host: a", "Connection: close"),
            raw("GET / HTTP/1.", "Host: a", "Connection: close"),
            raw("GET / HTTP/01.1", "Host: a", "Connection: close"),
            raw("GET / http/1.1", "Host: a", "Connection: close"),
            raw("GET / HTTPS/1.1", "Host: a", "Connection: close"),
            raw("GET / HTTP/3.0", "Host: a", "Connection: close"),
            raw("GET /a b HTTP/1.1", "Host: a", "Connection: close"),
            raw("GET /\x01 HTTP/1.1", "Host: a", "Connection: close"),
            raw("GET /\x7f HTTP/1.1", "Host: a", "Connection: close"),
            raw('GET /a"b<c>{d}|e\\f^g`h HTTP/1.1', "Host: a", "Connection: close"),
            raw("GET /%zz HTTP/1.1", "Host: a", "Connection: close"),
            raw("GET /% HTTP/1.1", "Host: a", "Connection: close"),
            raw("GET /%4 HTTP/1.1", "Host: a", "Connection: close"),
            raw("GET /a?%zz HTTP/1.1", "Host: a", "Connection: close"),
            raw("GET http:// HTTP/1.1", "Host: a", "Connection: close"),
            raw("GET http:///x HTTP/1.1", "Host: a", "Connection: close"),
            raw("GET http://a?x HTTP/1.1", "Host: a", "Connection: close"),
            raw("GET http://u@a/x HTTP/1.1", "Host: a", "Connection: close"),
            raw("CONNECT / HTTP/1.1", "Host: a", "Connection: close"),
            b"\r\n" + raw("GET /x HTTP/1.1", "Host: a", "Connection: close"),
            b"\n" + raw("GET /x HTTP/1.1", "Host: a", "Connection: close"),
            b"GET /x HTTP/1.1\nHost: a\nConnection: close\n\n",
            b"GET /x HTTP/1.1\r\nHost: a\nConnection: close\r\n\n",
            b"GET /x HTTP/1.1\rHost: a\r\nConnection: close\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n" * 2,
        ),
        ignore=("connection",),
    ),
    Case(
        "field lines",
        TEXT,
        tuple(
            raw("GET / HTTP/1.1", *lines, "Connection: close")
            for lines in (
                ("Host: a", "X: a"),
                ("Host: a", "X:a"),
                ("Host: a", "X:   a  "),
                ("Host: a", "X: a\tb"),
                ("Host: a", "X:"),
                ("Host: a", "X: "),
                ("Host: a", "X : a"),
                ("Host: a", " X: a"),
                ("Host: a", "X: a", " b"),
                ("Host: a", "X: a", "\tb"),
                ("Host: a", ": a"),
                ("Host: a", "X a: b"),
                ("Host: a", "X: \u00e9"),
                ("Host:",),
                ("Host: ",),
                ("Host: a:",),
                ("Host: a:80",),
                ("Host: A.Test.",),
                ("host: a",),
                ("X: a",),
                ("Host: a", "Content-Length: 0"),
                ("Host: a", "Content-Length: +1"),
                ("Host: a", "Content-Length: -1"),
                ("Host: a", "Content-Length: 1 1"),
                ("Host: a", "Content-Length: 1,1"),
                ("Host: a", "Content-Length: 0x1"),
                ("Host: a", "Content-Length:"),
                ("Host: a", "Content-Length: 99999999999999999999"),
                ("Host: a", "Content-Length: 0", "Transfer-Encoding: chunked"),
                ("Host: a", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
                ("Host: a", "Host: a"),
                ("Host: a, b",),
                ("Host: a b",),
                ("Host: a%41",),
                ("Host: [::1]:80",),
                ("Host: a_b.test",),
                ("Host: -",),
                ("Host: *",),
            )
        ),
        ignore=("connection",),
    ),
    Case(
        "bodies in chunks",
        'location / { proxy_pass http://127.0.0.1:{upstream}; } location /r { return 200 "r\\n"; }',
        tuple(
            raw(
                f"POST {target} HTTP/1.1",
                "Host: a",
                "Transfer-Encoding: chunked",
                "Connection: close",
                body=body,
            )
            for target in ("/", "/r")
            for body in (
                b"0\r\n\r\n",
                b"3\r\nabc\r\n0\r\n\r\n",
                b"3;ext=1\r\nabc\r\n0\r\n\r\n",
                b"3\r\nabc\r\n0\r\nX-Trailer: 1\r\n\r\n",
                b"003\r\nabc\r\n000\r\n\r\n",
                b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n",
                b"3\r\nabc\r\n0;x\r\n\r\n",
            )
        ),
    ),
    Case(
        "broken chunks",
        ECHO,
        tuple(
            raw(
                "POST / HTTP/1.1",
                "Host: a",
                "Transfer-Encoding: chunked",
                "Connection: close",
                body=body,
            )
            for body in (
                b"x\r\nabc\r\n0\r\n\r\n",
                b"-3\r\nabc\r\n0\r\n\r\n",
                b"0x3\r\nabc\r\n0\r\n\r\n",
                b"\r\nabc\r\n0\r\n\r\n",
                b"3\r\nabcd\r\n0\r\n\r\n",
                b"2\r\nabc\r\n0\r\n\r\n",
                b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
            )
        ),
        ignore=("connection",),
    ),
    Case(
        "Expect",
        ECHO + 'location /r { return 200 "r\\n"; } location /no { deny all; }',
        tuple(
            raw(
                f"POST {target} HTTP/1.1",
                "Host: a",
                "Content-Length: 3",
                f"Expect: {value}",
                "Connection: close",
                body=b"abc",
            )
            for target, value in (
                ("/", "something"),
                ("/", ""),
                ("/r", "something"),
                ("/no", "100-continue"),
                ("/no", "100-Continue"),
                ("/no", ""),
            )
        ),
    ),
    Case(
        "Expect when the body is here",
        ECHO,
        (
            *(
                raw(
                    "POST / HTTP/1.1",
                    "Host: a",
                    "Content-Length: 3",
                    f"Expect: {value}",
                    "Connection: close",
                    body=b"abc",
                )
                for value in ("100-continue", "100-Continue")
            ),
            raw("GET / HTTP/1.1", "Host: a", "Expect: 100-continue", "Connection: close"),
        ),
        reason="nginx invites a body that it has (RFC 9110 section 10.1.1 lets a server not do so)",
    ),
    Case(
        "strict request lines",
        TEXT,
        (
            raw("GET  / HTTP/1.1", "Host: a", "Connection: close"),
            raw("GET /  HTTP/1.1", "Host: a", "Connection: close"),
            raw("GET / HTTP/1.1 ", "Host: a", "Connection: close"),
            raw("get / HTTP/1.1", "Host: a", "Connection: close"),
            raw("GeT / HTTP/1.1", "Host: a", "Connection: close"),
            raw("GET / HTTP/1.10", "Host: a", "Connection: close"),
            raw("GET /\u00e9 HTTP/1.1", "Host: a", "Connection: close"),
            raw("GET ftp://a/x HTTP/1.1", "Host: a", "Connection: close"),
            raw("GET a://b/x HTTP/1.1", "Host: a", "Connection: close"),
            raw("CONNECT a:80 HTTP/1.1", "Host: a", "Connection: close"),
            raw("GET /r HTTP/1.1", "Host: a", "Connection: keep-alive")
            + b"\r\n\r\n"
            + raw("GET /r2 HTTP/1.1", "Host: a", "Connection: close"),
        ),
        reason="RFC 9112 sections 2.2 and 3: one blank, one empty line, HTTP/1.x, bytes of a URI, "
        "any token as a method; nginx takes more, but no lower-case methods",
    ),
    Case(
        "strict fields",
        TEXT,
        tuple(
            raw("GET / HTTP/1.1", *lines, "Connection: close")
            for lines in (
                ("Host: a", "X:\ta\t"),
                ("Host: a", "X"),
                ("Host: a", "X(: b"),
                ("Host: a", "X\u00e9: b"),
                ("Host: a", "X: \x01"),
                ("Host: a", "X: \x7f"),
                ("Host: a", "X: \x0b"),
                ("Host: a", "Transfer-Encoding: chunked, chunked"),
                ("Host: a", "Transfer-Encoding: "),
                ("Host: a@b",),
                ("Host: [::1",),
                ("Host: \u00e9.test",),
            )
        ),
        reason="RFC 9110 section 5: a malformed field is 400, nginx drops it or passes it on",
    ),
    Case(
        "strict chunks",
        ECHO,
        (
            raw(
                "POST / HTTP/1.1",
                "Host: a",
                "Transfer-Encoding: chunked",
                "Connection: close",
                body=b'3 ; ext="a;b"\r\nabc\r\n0\r\n\r\n',
            ),
        ),
        reason="blanks around extensions are refused: see wire/chunked.py",
    ),
    Case(
        "large fields",
        "large_client_header_buffers 2 1k; client_header_buffer_size 1k; error_page 494 /big;"
        'error_page 414 /long; location /big { return 200 "big $status\\n"; }'
        'location /long { return 200 "long $status\\n"; } location / { return 200 "fine\\n"; }',
        (
            raw("GET / HTTP/1.1", "Host: a", "X: " + "a" * 1500, "Connection: close"),
            raw("GET /" + "a" * 1500 + " HTTP/1.1", "Host: a", "Connection: close"),
            raw("GET / HTTP/1.1", "Host: a", "Connection: close", *["X: " + "a" * 700] * 6),
            raw("HEAD / HTTP/1.1", "Host: a", "X: " + "a" * 1500, "Connection: close"),
        ),
    ),
]
