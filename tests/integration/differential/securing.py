"""proxy_pass with TLS."""

from __future__ import annotations

from tests.integration.differential import Case, get

#: nginx would resume a session that another place did not verify.
TRUST = "proxy_ssl_verify on; proxy_ssl_trusted_certificate {ca}; proxy_ssl_session_reuse off;"

CASES = [
    Case(
        "https upstreams",
        """
        # nginx would resume another name's session.
        proxy_ssl_session_reuse off;
        location / { proxy_pass https://127.0.0.1:{secure}; }
        location /uri/ { proxy_pass https://127.0.0.1:{secure}/; }
        location /group/ { proxy_pass https://secure_app; }
        location /varying/ { set $s https; proxy_pass $s://127.0.0.1:{secure}/x; }
        location /named/ { proxy_pass https://127.0.0.1:{secure}; proxy_ssl_server_name on;
                           proxy_ssl_name $arg_name; }
        location /sni/ { proxy_pass https://127.0.0.1:{secure}; proxy_ssl_server_name on; }
        location /back/ { proxy_pass https://secure_app/; proxy_ssl_server_name on; }
        """,
        get(
            "/a?b",
            "/uri/a?b",
            "/uri",
            "/group/a",
            "/varying/a",
            "/named/?name=a.example",
            "/named/?name=a.example:443",
            "/named/?name=127.0.0.1",
            "/named/",
            "/sni/",
            "/back/x?Location=https%3A%2F%2Fsecure_app%2Fy",
            "/back/x?Location=http%3A%2F%2Fsecure_app%2Fy",
        ),
        http="upstream secure_app { server 127.0.0.1:{secure}; }",
    ),
    Case(
        "proxy_host of https",
        """
        location /a { add_header X-A "$proxy_host $proxy_port" always;
                      proxy_pass https://secure_host; }
        location /b { add_header X-A "$proxy_host $proxy_port" always;
                      proxy_pass https://127.0.0.1:{secure}/; }
        location /c { add_header X-A "$proxy_host $proxy_port" always;
                      proxy_pass https://127.0.0.1:1; }
        """,
        get("/a", "/b", "/c"),
        http="upstream secure_host { server 127.0.0.1:{secure}; }",
    ),
    Case(
        "proxy_ssl_verify",
        f"""
        {TRUST}
        location /right {{ proxy_pass https://127.0.0.1:{{secure}}; proxy_ssl_name localhost; }}
        location /port {{ proxy_pass https://127.0.0.1:{{secure}}; proxy_ssl_name localhost:1; }}
        location /group {{ proxy_pass https://group.example.test; }}
        location /wild {{ proxy_pass https://127.0.0.1:{{secure}};
                          proxy_ssl_name a.example.test; }}
        location /deep {{ proxy_pass https://127.0.0.1:{{secure}};
                          proxy_ssl_name a.b.example.test; }}
        location /bare {{ proxy_pass https://127.0.0.1:{{secure}}; proxy_ssl_name example.test; }}
        location /wrong {{ proxy_pass https://127.0.0.1:{{secure}}; proxy_ssl_name other; }}
        location /case {{ proxy_pass https://127.0.0.1:{{secure}}; proxy_ssl_name LOCALHOST; }}
        location /address {{ proxy_pass https://127.0.0.1:{{secure}}; }}
        location /variable {{ proxy_pass https://127.0.0.1:{{secure}}; proxy_ssl_name $arg_n; }}
        location /off {{ proxy_pass https://127.0.0.1:{{secure}}; proxy_ssl_verify off; }}
        """,
        get(
            "/right",
            "/port",
            "/group",
            "/wild",
            "/deep",
            "/bare",
            "/wrong",
            "/case",
            "/address",
            "/variable?n=localhost",
            "/variable?n=other",
            "/variable",
            "/off",
        ),
        http="upstream group.example.test { server 127.0.0.1:{secure}; }",
    ),
]
