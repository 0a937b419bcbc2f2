"""Servers, variables and limits that decide what a request meets."""

from __future__ import annotations

from tests.integration.differential import Case, get


def at(*hosts: str, target: str = "/") -> tuple[bytes, ...]:
    """A request for each Host."""
    return tuple(request for host in hosts for request in get(target, fields=f"Host: {host}"))


CASES = [
    Case(
        "default_server",
        'server_name one.test; return 200 "one $server_name\\n";',
        (
            *at("one.test", "two.test", "three.test", "other.test", "TWO.test:99", "two.test."),
            b"GET / HTTP/1.0\r\n\r\n",
            b"GET http://two.test/ HTTP/1.0\r\n\r\n",
        ),
        http="""
        server { listen 127.0.0.1:{port}; server_name two.test; return 200 "two $server_name\\n"; }
        server { listen 127.0.0.1:{port} default_server; server_name three.test;
                 return 200 "three $server_name\\n"; }
        """,
    ),
    Case(
        "names by order",
        'server_name "" first.test; return 200 "first $server_name $1 $n\\n";',
        at(
            "abc.order.test",
            "abd.order.test",
            "x.order.test",
            "a.b.order.test",
            "order.test",
            "mail.order.test",
            "mail.x",
            "mail.order.org",
            "first.test",
            "ABC.order.test",
        ),
        http="""
        server { listen 127.0.0.1:{port}; server_name ~^abc; return 200 "re1 $server_name\\n"; }
        server { listen 127.0.0.1:{port}; server_name ~^ab(?<n>.); return 200 "re2 $n $1\\n"; }
        server { listen 127.0.0.1:{port}; server_name *.order.test; return 200 "star\\n"; }
        server { listen 127.0.0.1:{port}; server_name mail.*; return 200 "tail\\n"; }
        server { listen 127.0.0.1:{port}; server_name mail.order.test; return 200 "exact\\n"; }
        server { listen 127.0.0.1:{port}; server_name *.b.order.test; return 200 "longer\\n"; }
        """,
    ),
    Case(
        "maps in rewrites",
        """
        rewrite ^/moved/(.*)$ $c_target permanent;
        if ($c_deny) { return 403; }
        location / { set $file $c_file; try_files /$file =404; }
        location /r/ { rewrite ^/r/(.*)$ /$c_word/$1 last; }
        location /one/ { return 200 "one $uri $c_word\\n"; }
        location /two/ { return 200 "two $uri $c_word\\n"; }
        location /geo/ { if ($c_net = here) { return 200 "here\\n"; } return 200 "there\\n"; }
        location /loc/ { return 302 $c_target; }
        location /head/ { alias {root}/; add_header X-Word $c_word; expires $c_expires; }
        location /default/ { return 200 "$c_default|$c_case|$c_num\\n"; }
        """,
        get(
            "/moved/a",
            "/moved/a?w=1",
            "/?f=a",
            "/?f=b",
            "/?f=none",
            "/?deny=yes",
            "/?deny=no&f=a",
            "/r/x?w=1",
            "/r/x?w=2",
            "/r/x",
            "/geo/",
            "/loc/x?w=1",
            "/head/a.txt?w=2",
            "/head/a.txt?w=1",
            "/default/?d=ABC",
            "/default/?d=abc123",
            "/default/?d=0",
            "/default/",
        ),
        http="""
        map $arg_w $c_word { default one; 2 two; }
        map $arg_w $c_target { default /elsewhere$uri; 1 http://$host/one?a=$arg_w; }
        map $arg_f $c_file { a a.txt; b b.html; ~n nothing; default index.html; }
        map $arg_deny $c_deny { yes 1; default 0; }
        map $arg_w $c_expires { 1 epoch; 2 max; default off; }
        geo $c_net { default there; 127.0.0.1/32 here; }
        map $arg_d $c_default { abc lower; volatile; }
        map $arg_d $c_case { ~*^ABC "any $arg_d"; ~(?<c_n>[0-9]+) "n $c_n"; default ""; }
        map $c_default$arg_d $c_num { "~^(lower)?(?P<c_m>.*)$" "$1:$c_m"; }
        """,
    ),
    Case(
        "limit_req",
        """
        location / { limit_req zone=q_one; return_is_static off; }
        location /burst/ { alias {root}/; limit_req zone=q_two burst=2 nodelay; }
        location /code/ { alias {root}/; limit_req zone=q_one; limit_req_status 429; }
        location /page/ { alias {root}/; limit_req zone=q_one; error_page 503 =200 /b.html; }
        location = /b.html { }
        location /dry/ { alias {root}/; limit_req zone=q_one; limit_req_dry_run on; }
        location /free/ { alias {root}/; limit_req zone=q_empty; }
        location /return/ { limit_req zone=q_one; return 200 "$limit_req_status\\n"; }
        """.replace("return_is_static off;", ""),
        get(*["/a.txt?k=a"] * 3)
        + get(*["/burst/a.txt?k=b"] * 5)
        + get(*["/code/a.txt?k=c"] * 2)
        + get(*["/page/a.txt?k=d"] * 2)
        + get(*["/dry/a.txt?k=e"] * 2)
        + get(*["/free/a.txt"] * 2)
        + get(*["/return/?k=f"] * 2)
        + get("/a.txt?k=a", method="HEAD"),
        http="""
        limit_req_zone $arg_k zone=q_one:1m rate=1r/m;
        limit_req_zone $arg_k zone=q_two:1m rate=1r/m;
        limit_req_zone $arg_none zone=q_empty:1m rate=1r/m;
        """,
    ),
    Case(
        "limit_conn",
        """
        location / { limit_conn q_conn 1; }
        location /sub/ { alias {root}/; limit_conn q_conn 1; auth_request /inside/; }
        location /inside/ { limit_conn q_conn 1; return 204; }
        location /status/ { limit_conn q_conn 1; limit_conn_status 418; try_files /a.txt =404; }
        """,
        get("/a.txt", "/sub/a.txt", "/inside/", "/status/", "/none"),
        http="limit_conn_zone $remote_addr zone=q_conn:1m;",
    ),
    Case(
        "gzip by what is said",
        """
        gzip on; gzip_types text/plain text/html; gzip_min_length 100; gzip_vary on;
        location / { }
        location /all/ { alias {root}/; gzip_types *; }
        location /off/ { alias {root}/; gzip off; }
        location /long/ { alias {root}/; gzip_min_length 100000; }
        location /old/ { alias {root}/; gzip_http_version 1.0; gzip_proxied any; }
        location /agent/ { alias {root}/; gzip_disable "Old" "^Bad"; }
        location /page/ { error_page 404 /page.html; return 404; }
        location /code/ { error_page 404 =201 /page.html; return 404; }
        location /403/ { return 403 "{long}"; }
        location /500/ { return 500 "{long}"; }
        """.replace("{long}", "0123456789" * 11),
        tuple(
            request
            for coding in (
                "identity",
                "br",
                "gzip;q=0",
                "gzip;q=0.0",
                "gzip;q=0.000",
                "*;q=0",
                "deflate, br",
                "x-gzipx",
                "",
            )
            for request in get("/page.html", "/a.txt", fields=f"Accept-Encoding: {coding}")
        )
        + get("/off/page.html", "/long/page.html", "/a.txt", fields="Accept-Encoding: gzip")
        + get("/agent/page.html", fields="Accept-Encoding: gzip\nUser-Agent: an Old one")
        + get("/agent/page.html", fields="Accept-Encoding: gzip\nUser-Agent: Bad")
        + get("/page.html", fields="Accept-Encoding: gzip\nVia: x")
        + (b"GET /page.html HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n",)
        + get(
            "/page.html",
            "/all/image.gif",
            "/agent/page.html",
            "/old/page.html",
            "/page/",
            "/code/",
            "/403/",
            "/500/",
            method="HEAD",
            fields="Accept-Encoding: gzip",
        ),
    ),
]
