"""Heads, methods, names of servers, the connection."""

from __future__ import annotations

from tests.integration.differential import Case, get

NAMES = """
server { listen 127.0.0.1:{port}; server_name exact.test www.exact.test; return 200 "exact\\n"; }
server { listen 127.0.0.1:{port}; server_name *.wild.test; return 200 "leading\\n"; }
server { listen 127.0.0.1:{port}; server_name *.deep.wild.test; return 200 "deeper\\n"; }
server { listen 127.0.0.1:{port}; server_name www.trail.*; return 200 "trailing\\n"; }
server { listen 127.0.0.1:{port}; server_name .both.test; return 200 "both\\n"; }
server { listen 127.0.0.1:{port}; server_name ~^(?<sub>[a-z]+)\\.re\\.test$;
         return 200 "regex $sub $1 $server_name\\n"; }
server { listen 127.0.0.1:{port}; server_name ""; return 200 "empty\\n"; }
"""


def hosts(*names: str) -> tuple[bytes, ...]:
    """A request for each Host."""
    return tuple(request for name in names for request in get("/", fields=f"Host: {name}"))


CASES = [
    Case(
        "server names",
        'server_name first.test; return 200 "default $host\\n";',
        hosts(
            "exact.test",
            "EXACT.test",
            "exact.test:1234",
            "exact.test.",
            "www.exact.test",
            "a.wild.test",
            "a.b.wild.test",
            "x.deep.wild.test",
            "wild.test",
            "www.trail.org",
            "www.trail.co.uk",
            "both.test",
            "any.both.test",
            "abc.re.test",
            "ABC.re.test",
            "a1.re.test",
            "unknown.test",
            "[::1]",
            "127.0.0.1",
        ),
        http=NAMES,
    ),
    Case(
        "invalid hosts",
        'return 200 "$host\\n";',
        hosts("a b", "a/b", "a..b", ".a", "a:b", "a\\b", "[::1", "a:1:2"),
        reason="an empty label or a port that is no number is 400 here: RFC 3986 has neither",
    ),
    Case(
        "host in the target",
        'server_name first.test; return 200 "$host $uri $request_uri\\n";',
        (
            b"GET http://exact.test/a?b HTTP/1.1\r\nHost: other.test\r\n\r\n",
            b"GET http://exact.test HTTP/1.1\r\nHost: other.test\r\n\r\n",
            b"GET HTTP://EXACT.test:80/x HTTP/1.1\r\nHost: other.test\r\n\r\n",
        ),
        http="",
    ),
    Case(
        "bad requests",
        'return 200 "fine\\n";',
        (
            b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n".replace(b"GET", b"G@T"),
            b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
            b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
        ),
        ignore=("connection",),
    ),
    Case(
        "methods",
        """
        location / { }
        location /r { return 200 "$request_method\\n"; }
        location /echo/ { proxy_pass http://127.0.0.1:{upstream}; }
        """,
        get("/a.txt", "/r", "/echo/x", method="HEAD")
        + get("/a.txt", "/r", "/echo/x", method="DELETE")
        + get("/a.txt", "/r", "/echo/x", method="OPTIONS")
        + get("/a.txt", "/r", method="TRACE")
        + get("/a.txt", "/r", "/echo/x", method="PROPFIND")
        + get("/a.txt", "/dir/", "/noindex/", method="POST", fields="Content-Length: 0"),
    ),
    Case(
        "keep-alive",
        """
        location / { keepalive_timeout 65 20; return 200 "x"; }
        location /off { keepalive_timeout 0; return 200 "x"; }
        location /close { return 200 "$connection_requests"; }
        """,
        (
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /close HTTP/1.1\r\nHost: a\r\n"
            b"Connection: close\r\n\r\n",
            b"GET /off HTTP/1.1\r\nHost: a\r\n\r\nGET /close HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /close HTTP/1.0\r\n\r\n",
            b"GET / HTTP/1.0\r\n\r\n",
        ),
    ),
    Case(
        "names of fields",
        'return 200 "$http_x_a|$http_x_b|$http_x_c\\n";',
        get("/", fields="X-A: 1\nX_B: 2\nX.C: 3"),
    ),
    Case(
        "fields that stand once",
        'return 200 "fine\\n";',
        tuple(
            request
            for name in (
                "Authorization",
                "If-Modified-Since",
                "If-Unmodified-Since",
                "If-Match",
                "If-None-Match",
                "If-Range",
                "Content-Range",
                "Expect",
                "Content-Type",
                "Range",
                "Referer",
                "User-Agent",
                "Cookie",
                "X-Other",
            )
            for request in get("/", fields=f"{name}: x\n{name}: x")
        ),
        ignore=("connection",),
    ),
    Case(
        "repeated fields",
        'return 200 "$http_x_a\n";',
        get("/", fields="X-A: 1\nX-A: 2"),
        reason="since 1.23 nginx joins them, as here; Debian's is older",
    ),
    Case(
        "unknown transfer coding",
        'return 200 "fine\n";',
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",),
        reason="RFC 9112 section 6.3 wants 400 where chunked is not the last; nginx says 501",
    ),
    Case(
        "underscores",
        'underscores_in_headers on; return 200 "$http_x_a|$http_x_b\\n";',
        get("/", fields="X-A: 1\nX_B: 2"),
    ),
    Case(
        "large heads",
        'large_client_header_buffers 2 1k; return 200 "fine\\n";',
        (
            b"GET /" + b"a" * 1100 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 1100 + b"\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 900 + b"\r\nConnection: close\r\n\r\n",
        ),
        ignore=("connection",),
    ),
    Case(
        "bodies",
        """
        client_max_body_size 10;
        location / { return 200 "fine\\n"; }
        location /echo/ { proxy_pass http://127.0.0.1:{upstream}; }
        """,
        (
            b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n0123456789",
            b"POST / HTTP/1.1\r\nContent-Length: 11\r\n\r\n01234567890",
            b"POST /echo/ HTTP/1.1\r\nContent-Length: 10\r\n\r\n0123456789",
            b"POST /echo/ HTTP/1.1\r\nContent-Length: 11\r\n\r\n01234567890",
            b"POST /echo/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
            b"POST /echo/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"b\r\n01234567890\r\n0\r\n\r\n",
            b"POST /echo/ HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        ),
    ),
]
