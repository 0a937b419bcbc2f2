"""Who may come in: addresses, passwords, and how often."""

from __future__ import annotations

import base64

from tests.integration.differential import Case, get


def basic(user: str, password: str) -> str:
    """The field of a user's credentials."""
    return f"Authorization: Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


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
]
