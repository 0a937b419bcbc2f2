"""Asking another location who may come in."""

from __future__ import annotations

from tests.integration.differential import Case, get

#: The locations of the case "auth_request".
ACTORS = (
    "ok no-content forbidden unauthorized broken moved missing nowhere denied asks echo echo-401 "
    "echo-down page any any-not any-401 any-500 all outer outer/off file set rewritten method auth"
)

CASES = [
    Case(
        "auth_request",
        """
        set $who nobody;
        error_page 404 =200 @content;
        location @content { return 200 "$uri who=$who\n"; }
        location /ok/ { auth_request /auth/200; }
        location /no-content/ { auth_request /auth/204; }
        location /forbidden/ { auth_request /auth/403; }
        location /unauthorized/ { auth_request /auth/401; }
        location /broken/ { auth_request /auth/500; }
        location /moved/ { auth_request /auth/302; }
        location /missing/ { auth_request /auth/404; }
        location /nowhere/ { auth_request /nothing-there; }
        location /denied/ { auth_request /open-to-nobody; }
        location /asks/ { auth_request /asks-for-passwords; }
        location /echo/ { auth_request /echo; auth_request_set $who $upstream_http_x_user; }
        location /echo-401/ { auth_request /echo-401; auth_request_set $who $upstream_status; }
        location /echo-down/ { auth_request /down; }
        location /page/ { auth_request /auth/401; error_page 401 =200 @login; }
        location @login { return 200 "login $who\n"; }
        location /any/ { satisfy any; auth_request /auth/200; deny all; }
        location /any-not/ { satisfy any; auth_request /auth/403; deny all; }
        location /any-401/ { satisfy any; deny all; auth_request /echo-401; }
        location /any-500/ { satisfy any; deny all; auth_request /auth/500; }
        location /both/ { satisfy any; auth_request /echo-401; auth_basic basic;
            auth_basic_user_file {root}/users; }
        location /all/ { auth_request /auth/200; deny all; }
        location /outer/ { auth_request /auth/403; location /outer/off/ { auth_request off; } }
        location /file/ { auth_request /a.txt; }
        location /set/ { auth_request /sets; }
        location /rewritten/ { auth_request /rewrites; }
        location /method/ { auth_request /method-of; auth_request_set $who $arg_a; }

        location /auth/ { internal; error_page 404 /none;
            location /auth/200 { return 200 "yes"; }
            location /auth/204 { return 204; }
            location /auth/302 { return 302 /x; }
            location /auth/401 { return 401; }
            location /auth/403 { return 403; }
            location /auth/404 { return 404; }
            location /auth/500 { return 500; }
        }
        location /open-to-nobody { deny all; return 200; }
        location /asks-for-passwords { auth_basic x; auth_basic_user_file {root}/users; }
        location /sets { set $who somebody; return 204; }
        location /rewrites { rewrite ^ /auth/403 last; }
        location /method-of { if ($request_method = POST) { return 403; } return 204; }
        location = /echo {
            internal;
            proxy_set_header Host x;
            proxy_set_header Content-Length "";
            rewrite ^ /echo?X-User=me break;
            proxy_pass http://127.0.0.1:{upstream};
        }
        location = /echo-401 {
            internal;
            proxy_set_header Host x;
            rewrite ^ /status/401?WWW-Authenticate=Basic+x break;
            proxy_pass http://127.0.0.1:{upstream};
        }
        location = /down { internal; proxy_pass http://127.0.0.1:1; }
        """,
        get(*(f"/{name}/" for name in ACTORS.split()))
        + get("/ok/", "/forbidden/", "/echo-401/", "/method/", method="HEAD")
        + get("/method/?a=1", "/ok/?a=2")
        + get("/method/?a=1", method="POST")
        + (b"POST /echo/ HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi",),
    ),
    Case(
        "what an auth_request sends",
        """
        location / {
            auth_request /auth;
            auth_request_set $seen $upstream_http_x_seen;
            proxy_set_header Host x;
            proxy_set_header X-Seen $seen;
            proxy_pass http://127.0.0.1:{upstream};
        }
        location = /auth {
            internal;
            proxy_pass_request_body off;
            proxy_set_header Host x;
            proxy_set_header Content-Length "";
            proxy_set_header X-Original-URI $request_uri;
            rewrite ^ /auth?X-Seen=$request_method-$request_uri break;
            proxy_pass http://127.0.0.1:{upstream};
        }
        """,
        (
            b"POST /post HTTP/1.1\r\nContent-Length: 2\r\n\r\nhi",
            *get("/a/b?c=d", "/%61?x=%20"),
            *get("/head", method="HEAD"),
        ),
    ),
]
