"""Injection through what the proxy builds: nothing a client sends ends a line or a target."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

#: What would begin a line, or a request, of the client's own if it got through as it is.
PAYLOADS = {
    "CR LF": "%0d%0aX-Injected:%20y",
    "LF": "%0aX-Injected:%20y",
    "CR": "%0dX-Injected:%20y",
    "two lines": "%0d%0a%0d%0aGET%20/admin%20HTTP/1.1%0d%0aHost:%20b%0d%0a%0d%0a",
    "a version": "%20HTTP/1.1%0d%0aX-Injected:%20y%0d%0aZ:",
    "a blank": "%20x",
    "a tab": "%09x",
    "an escape": "%1b[31m",
    "DEL": "%7f",
    "8-bit": "%ff%fe",
    "a line separator": "%e2%80%a8",
    "NEL": "%c2%85",
    "a quote": "%22%20200%200%20%22",
    "a backslash": "%5c",
    "a fragment": "%23x",
    "a question mark": "%3fx=y",
    "an at sign": "@b/",
    "escaped twice": "%250d%250aX-Injected:%2520y",
    "a variable": "$host",
    "HTML": "%3cscript%3e",
}
MAPS = "map $uri $mapped { default x; ~^/(?<rest>.*)$ $rest; }\n"
HTTP = f"""log_format odd '$uri|$arg_a|$http_x|$cookie_c|$1|$request|$http_cookie';
    access_log logs/access.log odd;
    {MAPS}
"""
#: Where a request's words go.
SINKS = {
    "a redirect to $uri": "location / { return 302 http://b$uri; }",
    "a redirect of its own to $uri": "location / { return 301 /x$uri; }",
    "a redirect to a group": "location ~ ^/(.*)$ { return 302 /x/$1; }",
    "a redirect to a named group": "location ~ ^/(?<rest>.*)$ { return 302 http://b/$rest; }",
    "a redirect to $arg_a": "location / { return 302 http://b/$arg_a; }",
    "a redirect to $request_uri": "location / { return 302 http://b$request_uri; }",
    "a redirect by rewrite": "location / { rewrite ^/(.*)$ http://b/$1 redirect; }",
    "a redirect by rewrite, permanent": "location / { rewrite ^/(.*)$ /y/$1 permanent; }",
    "a redirect by error_page": "location / { error_page 404 http://b$uri; return 404; }",
    "a rewrite to an upstream": "location / { rewrite ^/(.*)$ /y/$1 break; "
    "proxy_pass http://127.0.0.1:8080; }",
    "a target of $uri": "location / { proxy_pass http://127.0.0.1:8080$uri; }",
    "a target of $uri and $args": "location / { proxy_pass http://127.0.0.1:8080$uri?a=$args; }",
    "a target of a group": "location ~ ^/(.*)$ { proxy_pass http://127.0.0.1:8080/$1; }",
    "a target of $arg_a": "location / { proxy_pass http://127.0.0.1:8080/$arg_a; }",
    "a target of a field": "location / { proxy_pass http://127.0.0.1:8080/$http_x; }",
    "a target of a cookie": "location / { proxy_pass http://127.0.0.1:8080/$cookie_c; }",
    "a field to the upstream": "location / { proxy_pass http://127.0.0.1:8080; "
    "proxy_set_header X-URI $uri; }",
    "Host to the upstream": "location / { proxy_pass http://127.0.0.1:8080; "
    "proxy_set_header Host b$uri; }",
    "a method": "location / { proxy_pass http://127.0.0.1:8080; proxy_method $arg_a; }",
    "a body": "location / { proxy_pass http://127.0.0.1:8080; proxy_set_body $uri; }",
    "a field of the answer": "location / { add_header X-URI $uri; return 200 x; }",
    "a field of the answer from a group": "location ~ ^/(.*)$ { add_header X-G $1; return 200 x; }",
    "a field of the answer from $arg_a": "location / { add_header X-A $arg_a; return 200 x; }",
    "a text": "location / { return 200 $uri; }",
    "a host to connect to": "location / { proxy_pass http://$arg_a; }",
    "a set variable": "location ~ ^/(.*)$ { set $v $1; return 302 http://b/$v; }",
    "a mapped one": "location / { return 302 http://b/$mapped; }",
}


@attrs.frozen
class Injection:
    """One payload and the directives that it meets; any status will do."""

    name: str
    sent: bytes
    server: str


def cases() -> Iterator[Injection]:
    """Every payload, everywhere: in the path, in an argument, in a field and in a cookie."""
    for sink, server in SINKS.items():
        for name, payload in PAYLOADS.items():
            sent = b"GET /p%b?a=%b HTTP/1.1\r\nHost: a\r\nX: \x80 %b\r\nCookie: c=%b\r\n\r\n" % (
                (payload.encode(),) * 4
            )
            yield Injection(f"{name} into {sink}", sent, server)
