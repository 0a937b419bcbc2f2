"""proxy_pass with variables."""

from __future__ import annotations

from tests.integration.differential import Case, get

CASES = [
    Case(
        "proxy_pass with variables",
        """
        set $app 127.0.0.1:{upstream};
        proxy_set_header Connection "";
        location / { proxy_pass http://$app; }
        location /same/ { proxy_pass http://$app$request_uri; }
        location /uri/ { proxy_pass http://$app$uri$is_args$args; }
        location /fixed/ { proxy_pass http://$app/x/y; }
        location /query/ { proxy_pass http://$app?$args; }
        location ~ ^/re/(?<rest>.*)$ { proxy_pass http://$app/$rest$is_args$args; }
        location /rewritten/ { rewrite ^/rewritten/(.*)$ /to/$1 break; proxy_pass http://$app; }
        location /group/ { proxy_pass http://$arg_g; }
        location /host/ { proxy_set_header X-Host "$proxy_host $proxy_port";
                          proxy_set_header Connection "";
                          proxy_pass http://$app; }
        location /redirect/ { proxy_pass http://$app/; }
        """,
        get(
            "/a/b?c=d",
            "/a%20b//c/../d",
            "/same/a%20b?c=d",
            "/uri/a%41b//c?d",
            "/uri/",
            "/fixed/a?b=c",
            "/fixed",
            "/query/a?b=c",
            "/query/a",
            "/re/a/b?c",
            "/re/",
            "/rewritten/a%20b?c",
            "/group/x?g=app",
            "/group/x?g=app:{upstream}",
            "/host/x",
            "/redirect/x",
            "/group/x?g=none.test",
            "/group/x",
        ),
        http="upstream app { server 127.0.0.1:{upstream}; }",
    ),
]
