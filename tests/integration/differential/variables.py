"""nginx's own variables, where they are the same for both."""

from __future__ import annotations

from tests.integration.differential import Case, get

CASES = [
    Case(
        "variables of a request",
        """
        server_name first.test second.test;
        location / { return 200 "arg_a=$arg_a arg_B=$arg_B args=$args is_args=$is_args
body_bytes_sent=$body_bytes_sent bytes_sent=$bytes_sent cl=$content_length ct=$content_type
cookie_x=$cookie_x cookie_y=$cookie_y root=$document_root doc=$document_uri host=$host
http_a=$http_x_a https=$https limit=$limit_rate pipe=$pipe q=$query_string
real=$realpath_root ra=$remote_addr ru=$remote_user request=$request rb=$request_body
rbf=$request_body_file rc=$request_completion rf=$request_filename rl=$request_length
rm=$request_method ru=$request_uri scheme=$scheme sa=$server_addr sn=$server_name
proto=$server_protocol status=$status uri=$uri conn=$connection_requests
xff=$proxy_add_x_forwarded_for nope=$http_nope none=$upstream_addr|$upstream_status
"; }
        """,
        get(
            "/a%20b?a=1&b=2&x",
            "/?A=upper",
            "/",
            "/?a=&a=2",
            "/?",
            fields="Cookie: x=1; y=2\nX-A: v\nAuthorization: Basic dXNlcjpwYXNz",
        )
        + get(
            "/", fields="Content-Type: text/x\nX-Forwarded-For: 1.1.1.1\nX-Forwarded-For: 2.2.2.2"
        )
        + get("/", fields="Authorization: Basic ???\nCookie: x=1\nCookie: y=3"),
        ignore=("content-length",),
    ),
    Case(
        "variables of a proxied request",
        """
        location / { proxy_pass http://127.0.0.1:{upstream};
                     proxy_set_header Connection "";
                     proxy_set_header X-Names "$proxy_host $proxy_port $proxy_add_x_forwarded_for";
                     add_header X-Up "$upstream_addr $upstream_status $upstream_http_x_own" always;
                     add_header X-Cookie "$upstream_cookie_c" always;
                     add_header X-Sent "$sent_http_content_type $sent_http_x_own" always; }
        """,
        get("/x?X-Own=1&Set-Cookie=c%3Dv%3B+Path%3D%2F", "/status/404", "/status/204"),
    ),
    Case(
        "captures",
        """
        location ~ ^/l/([a-z]+)/(?<rest>.*)$ { return 200 "$1|$2|$rest\\n"; }
        location /s {
            set $a one;
            set $b "${a}two$arg_x";
            if ($uri ~ ^/s/(.)(.)) { set $c "$2$1"; }
            return 200 "$a|$b|$c|$1\\n";
        }
        """,
        get("/l/abc/d/e", "/s/xy?x=3", "/s"),
    ),
    Case(
        "set of arguments",
        """
        location / { set $args "changed=1"; return 200 "$args $arg_changed $request_uri\\n"; }
        """,
        get("/?a=b"),
    ),
]
