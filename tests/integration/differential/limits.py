"""How often, how many, and by what method."""

from __future__ import annotations

from tests.integration.differential import Case, get
from tests.integration.differential.access import basic
from tests.integration.differential.clients import of

CASES = [
    Case(
        "limits",
        """
        set_real_ip_from 127.0.0.1;
        location /one/ { limit_req zone=diff_one; error_page 404 =200 @said; }
        location /burst/ { limit_req zone=diff_burst burst=3 nodelay; error_page 404 =200 @said; }
        location /delay/ {
            limit_req zone=diff_delay burst=4 delay=2;
            limit_req_dry_run on;
            error_page 404 =200 @said;
        }
        location /status/ { limit_req zone=diff_status; limit_req_status 429; }
        location /close/ { limit_req zone=diff_close; limit_req_status 444; }
        location /page/ {
            limit_req zone=diff_page;
            error_page 404 503 =200 @said;
        }
        location /several/ {
            limit_req zone=diff_all burst=1 nodelay;
            limit_req zone=diff_several;
            error_page 404 =200 @said;
        }
        location /key/ { limit_req zone=diff_key; error_page 404 =200 @said; }
        location /conn/ { limit_conn diff_conn 1; error_page 404 =200 @said; }
        location /return/ { limit_req zone=diff_return; return 200 "never counted\n"; }
        location /denied/ { limit_req zone=diff_denied; deny all; }
        location @said { return 200 "$limit_req_status|$limit_conn_status\n"; }
        """,
        get(*["/one/"] * 3)
        + get("/one/", fields=of("192.0.2.1"))
        + get(*["/burst/"] * 6)
        + get(*["/delay/"] * 6)
        + get(*["/status/"] * 2)
        + get(*["/close/"] * 2)
        + get(*["/page/"] * 2)
        + get(*["/several/"] * 2)
        + get("/several/", "/several/", fields=of("192.0.2.1"))
        + get("/several/", "/several/", fields=of("192.0.2.2"))
        + get("/key/", "/key/", "/key/?k=1", "/key/?k=2", "/key/?k=1", "/key/?k=")
        + get(*["/conn/"] * 3)
        + get(*["/return/"] * 2)
        + get(*["/denied/"] * 2),
        http="".join(
            f"limit_req_zone {key} zone=diff_{name}:1m rate=1r/m;\n"
            for name, key in {
                "one": "$binary_remote_addr",
                "burst": "$binary_remote_addr",
                "delay": "$binary_remote_addr",
                "status": "$binary_remote_addr",
                "close": "$binary_remote_addr",
                "page": "$binary_remote_addr",
                "all": "$server_port",
                "several": "$remote_addr",
                "key": "$arg_k",
                "return": "$binary_remote_addr",
                "denied": "$binary_remote_addr",
            }.items()
        )
        + "limit_conn_zone $binary_remote_addr zone=diff_conn:1m;",
    ),
    Case(
        "limit_except",
        """
        location /get/ { limit_except GET { deny all; } try_files /a.txt =404; }
        location /post/ { limit_except POST { deny all; } return 200 "in\n"; }
        location /lower/ { limit_except get post { deny all; } return 200 "in\n"; }
        location /password/ {
            auth_basic_user_file {root}/users;
            limit_except GET HEAD { auth_basic writers; }
            proxy_set_header Host x;
            proxy_pass http://127.0.0.1:{upstream};
        }
        location /elsewhere/ {
            limit_except GET { proxy_pass http://127.0.0.1:{upstream}; }
            proxy_set_header Host x;
            try_files /a.txt =404;
        }
        location /passed/ {
            limit_except GET { allow all; }
            proxy_set_header Host x;
            proxy_pass http://127.0.0.1:{upstream};
        }
        location /mapped/ {
            limit_except GET { allow all; }
            proxy_set_header Host x;
            proxy_pass http://127.0.0.1:{upstream}/other/;
        }
        location /if/ {
            limit_except GET { deny all; }
            if ($arg_a) { return 200 "if\n"; }
            try_files /a.txt =404;
        }
        location /open/ { deny all; limit_except POST { allow all; } try_files /a.txt =404; }
        location /set/ { set $x 1; limit_except GET { allow all; } error_page 405 =200 @x; }
        location @x { return 200 "x=$x\n"; }
        """,
        tuple(
            request
            for method in ("GET", "HEAD", "POST", "PUT", "FOO", "DELETE")
            for request in get(
                "/get/",
                "/post/",
                "/lower/",
                "/password/",
                "/passed/",
                "/mapped/a",
                "/if/?a=1",
                "/if/",
                "/set/",
                method=method,
            )
        )
        + tuple(
            request
            for method in ("GET", "POST", "PUT")
            for request in get("/elsewhere/", "/open/", method=method)
        )
        + get("/password/", method="POST", fields=basic("plain", "secret")),
    ),
    Case(
        "stub_status",
        """
        location / { stub_status; }
        location /old { stub_status on; }
        location /deny { stub_status; deny all; }
        location /variables { return 200 "$connections_writing $connections_reading\n"; }
        """,
        get("/deny", "/variables") + get("/", "/old", method="POST"),
    ),
    Case(
        "stub_status numbers",
        "location / { stub_status; }",
        get("/", "/x") + get("/", method="HEAD"),
        ignore=("content-length", "body"),
        reason="the numbers are of all that this test's servers were asked so far",
    ),
]
