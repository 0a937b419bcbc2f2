"""Who may come in: addresses, passwords, and how often."""

from __future__ import annotations

import base64

from tests.integration.differential import Case, get


def basic(user: str, password: str) -> str:
    """The field of a user's credentials."""
    return f"Authorization: Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def of(address: str) -> str:
    """The field by which a request says whom it is from."""
    return f"X-Real-IP: {address}"


#: The locations of the case "auth_request".
ACTORS = (
    "ok no-content forbidden unauthorized broken moved missing nowhere denied asks echo echo-401 "
    "echo-down page any any-not any-401 any-500 all outer outer/off file set rewritten method auth"
)

CASES = [
    Case(
        "allow and deny",
        """
        location / { allow 127.0.0.1; deny all; }
        location /none/ { deny all; }
        location /some/ { deny 10.0.0.0/8; allow 127.0.0.0/8; deny all; }
        location /others/ { deny 10.0.0.0/8; }
        location /return/ { deny all; return 200 "in\\n"; }
        location /page/ { deny all; error_page 403 /a.txt; }
        location /named/ { deny all; error_page 403 = @named; }
        location @named { return 200 "named\\n"; }
        location /outer/ {
            deny all;
            location /outer/inner/ { allow all; error_page 404 =200 /a.txt; }
            location /outer/same/ { root /nowhere; }
        }
        location /unix/ { deny unix:; }
        location /try/ { deny all; try_files /a.txt =404; }
        """,
        get(
            "/a.txt",
            "/none/",
            "/some/",
            "/others/",
            "/return/",
            "/page/",
            "/named/",
            "/outer/",
            "/outer/inner/x",
            "/outer/same/x",
            "/unix/",
            "/try/",
        )
        + get("/none/", method="HEAD")
        + get("/none/", method="POST"),
    ),
    Case(
        "error page behind the same rule",
        "deny all; error_page 403 /denied.html; location = /denied.html { allow all; }",
        get("/", "/denied.html"),
    ),
    Case(
        "error page denied as well",
        "deny all; error_page 403 /denied.html;",
        get("/", "/denied.html"),
    ),
    Case(
        "passwords",
        """
        auth_basic "closed site";
        auth_basic_user_file {root}/users;
        location / { }
        location /off/ { auth_basic off; }
        location /variable/ { auth_basic $arg_realm; }
        location /user/ { error_page 404 =200 @user; }
        location @user { auth_basic off; add_header_is_not_needed; }
        location /nofile/ { auth_basic_user_file {root}/nobody; }
        location /perhost/ { auth_basic_user_file {root}/$arg_file; }
        location /open-page/ { error_page 401 /open.html; }
        location = /open.html { auth_basic off; try_files /b.html =404; }
        location /login/ { error_page 401 =200 @login; }
        location @login { auth_basic off; return 200 "please\n"; }
        """.replace("add_header_is_not_needed;", 'return 200 "$remote_user\\n";'),
        get("/a.txt", "/off/", "/variable/?realm=x", "/variable/?realm=off", "/nofile/")
        + get("/open-page/", "/login/", "/nothing")
        + get("/a.txt", "/user/", "/nofile/", fields=basic("plain", "secret"))
        + get("/a.txt", "/perhost/?file=users", "/perhost/", fields=basic("plain", "wrong"))
        + get("/a.txt", fields=basic("nobody", "secret"))
        + get("/a.txt", fields=basic("", "secret"))
        + get("/a.txt", fields=basic("plain", ""))
        + get("/a.txt", fields=basic("empty", ""))
        + get("/a.txt", fields=basic("twice", "first"))
        + get("/a.txt", fields=basic("twice", "second"))
        + get("/a.txt", fields=basic("#comment", "secret"))
        + get("/a.txt", fields=basic("colon", "a:b"))
        + get("/a.txt", fields=basic("last", "secret"))
        + tuple(
            request
            for name in ("sha", "ssha", "apr1", "md5", "des", "bcrypt", "sha512", "broken")
            for password in ("secret", "wrong")
            for request in get("/a.txt", fields=basic(name, password))
        )
        + tuple(
            request
            for value in (
                "Basic",
                "Basic ",
                "Basic  cGxhaW46c2VjcmV0",
                "basic cGxhaW46c2VjcmV0",
                "BASIC cGxhaW46c2VjcmV0=",
                "Basic cGxhaW46c2VjcmV0=x",
                "Basic cGxhaW4=",
                "Basic cGxhaW46!",
                "Basic c",
                "Bearer cGxhaW46c2VjcmV0",
                "cGxhaW46c2VjcmV0",
            )
            for request in get("/a.txt", fields=f"Authorization: {value}")
        )
        + get("/a.txt", fields=basic("plain", "secret"), method="HEAD")
        + get("/a.txt", method="HEAD"),
    ),
    Case(
        "an error page behind the same password",
        """
        auth_basic "closed site";
        auth_basic_user_file {root}/users;
        error_page 401 /b.html;
        """,
        get("/page/"),
        ignore=("www-authenticate",),
        reason="nginx sends the same challenge twice, which says no more than once",
    ),
    Case(
        "satisfy",
        """
        satisfy any;
        auth_basic_user_file {root}/users;
        location /both/ { auth_basic both; allow 127.0.0.1; deny all; }
        location /password/ { auth_basic password; deny all; }
        location /neither/ { deny all; }
        location /all/ { satisfy all; auth_basic password; deny all; }
        location /all-open/ { satisfy all; auth_basic password; allow 127.0.0.1; deny all; }
        location /nofile/ { auth_basic password; auth_basic_user_file {root}/no; deny all; }
        location /nofile-open/ { auth_basic password; auth_basic_user_file {root}/no; allow all; }
        location /no-rule/ { auth_basic password; }
        """,
        tuple(
            request
            for fields in ("", basic("plain", "secret"), basic("plain", "wrong"))
            for request in get(
                "/both/",
                "/password/",
                "/neither/",
                "/all/",
                "/all-open/",
                "/nofile/",
                "/nofile-open/",
                "/no-rule/",
                fields=fields,
            )
        ),
    ),
    Case(
        "the client behind proxies",
        """
        set_real_ip_from 127.0.0.1;
        set_real_ip_from 10.0.0.0/8;
        set_real_ip_from 2001:db8::/32;
        location / { return 200 "$remote_addr|$remote_port_is_ours\n"; }
        location /list/ {
            real_ip_header X-Forwarded-For;
            location /list/one/ { allow 192.0.2.0/24; deny all; }
            location /list/all/ { real_ip_recursive on; allow 192.0.2.0/24; deny all; }
        }
        """.replace("$remote_port_is_ours", "$realip_remote_addr"),
        get("/")
        + tuple(
            request
            for value in (
                "192.0.2.1",
                "192.0.2.1:8080",
                "192.0.2.1:",
                "192.0.2.1:0",
                "192.0.2.1:99999",
                "2001:db8::1",
                "[2001:db8::1]",
                "[2001:DB8:0::1]:80",
                "[2001:db8::1",
                "192.0.2.1, 192.0.2.2",
                "192.0.2.1,192.0.2.2",
                "192.0.2.1,192.0.2.2, ",
                "nobody",
                "192.0.2.256",
                "unix:",
                "::ffff:192.0.2.1",
                ",",
                "1.2.3",
            )
            for request in get("/", fields=f"X-Real-IP: {value}")
        )
        + get("/", fields="X-Real-IP: 192.0.2.1\nX-Real-IP: 192.0.2.2")
        + get("/", fields="X-Forwarded-For: 192.0.2.1"),
    ),
    Case(
        "the client behind proxies, in a list",
        """
        set_real_ip_from 127.0.0.1;
        set_real_ip_from 10.0.0.0/8;
        real_ip_header X-Forwarded-For;
        location / { proxy_set_header X-Client $remote_addr; proxy_pass http://127.0.0.1:{upstream};
            proxy_set_header X-Forwarded-For ""; proxy_set_header Host x; }
        """,
        _lists := tuple(
            request
            for values in (
                ("192.0.2.1",),
                ("192.0.2.1, 192.0.2.2",),
                ("192.0.2.1, 10.0.0.1",),
                ("10.0.0.2, 10.0.0.1",),
                ("192.0.2.1, nobody, 10.0.0.1",),
                ("192.0.2.1, nobody",),
                ("192.0.2.1", "192.0.2.2"),
                ("192.0.2.1", "10.0.0.1"),
                ("192.0.2.1, 192.0.2.9", "10.0.0.2, 10.0.0.1"),
                ("10.0.0.2", "10.0.0.1"),
                ("192.0.2.1 10.0.0.1",),
                ("192.0.2.1, 10.0.0.1,  ",),
            )
            for request in get("/", fields="\n".join(f"X-Forwarded-For: {v}" for v in values))
        ),
    ),
    Case(
        "the client behind proxies, through a list",
        """
        set_real_ip_from 127.0.0.1;
        set_real_ip_from 10.0.0.0/8;
        real_ip_header X-Forwarded-For;
        real_ip_recursive on;
        location / { proxy_set_header X-Client $remote_addr; proxy_pass http://127.0.0.1:{upstream};
            proxy_set_header X-Forwarded-For ""; proxy_set_header Host x; }
        """,
        _lists,
    ),
    Case(
        "the client behind proxies, per location",
        """
        location / { return 200 "$remote_addr\n"; }
        location /own/ {
            set_real_ip_from 127.0.0.1;
            allow 192.0.2.0/24;
            deny all;
            try_files /a.txt =404;
        }
        location /field/ {
            set_real_ip_from 127.0.0.1;
            real_ip_header X-Client;
            allow 192.0.2.0/24;
            deny all;
            try_files /a.txt =404;
        }
        """,
        get("/", "/own/", "/field/")
        + get("/", "/own/", "/field/", fields=of("192.0.2.1"))
        + get("/", "/own/", "/field/", fields="X-Client: 192.0.2.1"),
    ),
    Case(
        "one of many",
        """
        set_real_ip_from 127.0.0.1;
        location / {
            deny 192.0.2.1;
            allow 192.0.2.0/28;
            allow 2001:db8::/126;
            deny all;
            try_files /a.txt =404;
        }
        """,
        tuple(
            request
            for address in (
                "192.0.2.0",
                "192.0.2.1",
                "192.0.2.15",
                "192.0.2.16",
                "2001:db8::3",
                "2001:db8::4",
                "::ffff:192.0.2.2",
                "198.51.100.1",
            )
            for request in get("/", fields=of(address))
        ),
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
        "referers",
        """
        server_name own.example *.own.example "~^re[0-9]+\\.example$";
        location / {
            valid_referers none example.org *.wild.example .both.example tail.* path.example/a/;
            valid_referers ~regex[0-9] ~/only/path;
            return 200 "[$invalid_referer]\n";
        }
        location /blocked/ {
            valid_referers blocked server_names;
            if ($invalid_referer) { return 403; }
            try_files /a.txt =404;
        }
        location /unset/ { return 200 "[$invalid_referer]\n"; }
        """,
        get("/", "/blocked/", "/unset/", fields="Host: own.example")
        + tuple(
            request
            for referer in (
                "http://example.org",
                "http://example.org/",
                "https://EXAMPLE.org:8080/x",
                "HTTP://example.org",
                "http://www.example.org/",
                "http://wild.example/",
                "http://a.wild.example/",
                "http://a.b.wild.example",
                "http://both.example/",
                "http://a.both.example/",
                "http://tail.com/",
                "http://tail.co.uk/",
                "http://nottail.com/",
                "http://path.example/a/b",
                "http://path.example/a",
                "http://path.example:81/a/b",
                "http://path.example",
                "http://path.example?/a/",
                "http://regex1.example/",
                "http://x/REGEX2",
                "http://x/only/path",
                "ftp://example.org/",
                "example.org",
                "-",
                "http://",
                "http://x",
                "http:///",
                "http://own.example/",
                "http://a.own.example/",
                "http://re5.example/",
                "http://re5.example.org/",
                "http://" + "a" * 256 + "/",
                "http://" + "a" * 257 + "/regex1",
                "http://user@example.org/",
            )
            for request in get("/", "/blocked/", fields=f"Host: own.example\nReferer: {referer}")
        ),
    ),
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
