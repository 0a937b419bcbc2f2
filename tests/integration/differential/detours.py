"""Ways from one location to another, and what is told on the way."""

from __future__ import annotations

from tests.integration.differential import Case, get

CASES = [
    Case(
        "set of a map",
        """
        location / { if ($arg_s) { set $x_map over; } return 200 "$x_map|$x_geo"; }
        """,
        get("/", "/?s=1", "/?s=1&m=a"),
        http="map $arg_m $x_map { default dflt; } geo $x_geo { default g; }",
    ),
    Case(
        "arguments of detours",
        """
        location /e/ { error_page 404 /shown?a=$uri; return 404; }
        location /t/ { try_files /nope /shown?a=$uri&b=$args; }
        location /shown { return 200 "$uri|$args"; }
        location /x/ { try_files $uri$arg_q /b.html; }
        location = /b.html { }
        location /twice/ {
            rewrite ^/twice(.*)$ /second$1;
            rewrite ^/second/(.*)$ /shown?b=$1 break;
            return 200 "$uri|$args";
        }
        """,
        get(
            "/e/a%3Fb",
            "/e/a%26b",
            "/t/a%3Fb?c",
            "/t/a%20b",
            "/x/b.html?q=/../a.txt",
            "/x/a.txt",
            "/twice/a%3Fb",
            "/twice/x?y",
        ),
    ),
    Case(
        "what auth_request brings",
        """
        location / {
            auth_request /in/;
            auth_request_set $who $upstream_http_x_who;
            add_header X-Who $who;
        }
        location /return/ { auth_request /in/; return 200 "no"; }
        location /in/ { proxy_pass http://127.0.0.1:{upstream}/?X-Who=joe; }
        """,
        get("/a.txt", "/none", "/return/"),
    ),
    Case(
        "bodies that are too large, with a page",
        """
        location / {
            client_max_body_size 3;
            error_page 413 = @big;
            proxy_pass http://127.0.0.1:{upstream};
        }
        location @big { return 200 "big $request_method"; }
        """,
        (
            b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345",
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n",
        ),
    ),
    Case(
        "X-Accel-Redirect to odd places",
        """
        location / { proxy_pass http://127.0.0.1:{upstream}; error_page 404 /shown; }
        location /shown { return 200 "$uri|$args"; }
        """,
        get(
            "/?X-Accel-Redirect=%2Fshown%3Fa%3Db%2520c",
            "/?X-Accel-Redirect=%2Fsho%2577n",
            "/?X-Accel-Redirect=%2F..%2Fx",
        ),
    ),
]
