"""What becomes of odd bytes of a path on their way through rewriting."""

from __future__ import annotations

from tests.integration.differential import Case, get

#: Every byte that may stand in a path in some form, encoded.
ENCODED = tuple(f"a%{byte:02X}b" for byte in (*range(0x20, 0x80), 0xE9) if byte != 0x2F)

CASES = [
    Case(
        "captures in rewrites",
        """
        location /inside/ { rewrite ^/inside/(.*)$ /show/$1 last; }
        location /args/ { rewrite ^/args/(.*)$ /show/x?a=$1 last; }
        location /both/ { rewrite ^/both/(.*)$ /show/$1?a=$1&b=$uri last; }
        location /named/ { rewrite ^/named/(?<rest>.*)$ /show/x?a=$rest last; }
        location /set/ { rewrite ^/set/(.*)$ $arg_to last; }
        location /show/ { return 200 "$uri|$args|$request_uri"; }
        location /up/ { rewrite ^/up/(.*)$ /echo/$1 break;
                        proxy_pass http://127.0.0.1:{upstream}; }
        location /up-args/ { rewrite ^/up-args/(.*)$ /echo/?a=$1 break;
                             proxy_pass http://127.0.0.1:{upstream}; }
        """,
        get(
            *(
                f"/{where}/{path}"
                for where in ("inside", "args")
                for path in (*ENCODED, "a+b", "a&b", "a;b", "a=b", "a'b")
            ),
            *(
                f"/{where}/{path}"
                for where in ("both", "named", "up", "up-args")
                for path in ("a%3Fb", "a%26b", "a%25b", "a%2Bb", "a+b", "a%23b", "a%20b", "a&b")
            ),
            "/set/x?to=/show/y",
            "/set/x?to=/show/y%3Fz",
            "/args/a%3Fb?c=d",
            "/inside/a%3Fb?c=d",
        ),
    ),
    Case(
        "captures in redirects",
        """
        location /r/ { rewrite ^/r/(.*)$ /to/$1 permanent; }
        location /args/ { rewrite ^/args/(.*)$ /to?a=$1 redirect; }
        location /url/ { rewrite ^/url/(.*)$ http://x.test/$1?b; }
        location /return/ { if ($uri ~ ^/return/(.*)$) { return 301 /to/$1; } }
        """,
        get(
            *(
                f"/{where}/{path}"
                for where in ("r", "args")
                for path in (*ENCODED, "a+b", "a&b", "a;b")
            ),
            *(
                f"/url/{path}"
                for path in ("a%3Fb", "a%26b?c", "a%25b", "a%2Bb", "a+b", "a%23b", "a%20b")
            ),
            *(f"/return/{path}" for path in ("a%3Fb", "a%25b", "a+b", "a%23b")),
            "/r/a?c=d",
            "/r/a%3Fb?c=d",
        ),
    ),
]
