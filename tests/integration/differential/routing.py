"""Choosing a location, rewriting, internal redirects."""

from __future__ import annotations

from tests.integration.differential import Case, get

CASES = [
    Case(
        "locations",
        """
        location = /exact { return 200 "exact\\n"; }
        location / { return 200 "root $uri\\n"; }
        location /pre { return 200 "pre\\n"; }
        location ^~ /pre/caret/ { return 200 "caret\\n"; }
        location ~ \\.txt$ { return 200 "regex txt\\n"; }
        location ~* \\.TXT$ { return 200 "never for lower case\\n"; }
        location ~* \\.Gif$ { return 200 "gif $uri\\n"; }
        location /outer/ {
            location /outer/inner/ { return 200 "inner\\n"; }
            location ~ \\.html$ { return 200 "nested regex\\n"; }
            return 200 "outer\\n";
        }
        """,
        get(
            "/exact",
            "/exact/",
            "/",
            "/pre",
            "/prefix",
            "/pre/caret/x.txt",
            "/x.txt",
            "/x.TXT",
            "/y.GIF",
            "/outer/",
            "/outer/a",
            "/outer/inner/b",
            "/outer/inner/b.html",
            "/outer/a.html",
            "/outer/x.txt",
            "/EXACT",
        ),
    ),
    Case(
        "paths",
        'location / { return 200 "$uri|$request_uri|$args\\n"; }',
        get(
            "/a/../b",
            "/a/./b",
            "//a///b",
            "/a%20b",
            "/a%2Fb",
            "/%61",
            "/a/%2e%2e/b",
            "/a?x=1&y=2",
            "/a?",
            "/a%3Fb?c",
            "/a;b=c",
            "/~user/",
            "/a//../b",
            "/..a/b",
            "/a/b/..",
            "/a/b/.",
            "/a+b",
        ),
    ),
    Case(
        "bad paths",
        'location / { return 200 "$uri\\n"; }',
        get("/..", "/../x", "/a/../../b", "/%00", "/a%zz", "/%2e%2e/x"),
    ),
    Case(
        "slashes kept",
        'merge_slashes off; location / { return 200 "$uri\\n"; }',
        get("//a///b", "/a//../b", "/a/..//b"),
    ),
    Case(
        "rewrite flags",
        """
        location /last/ { rewrite ^/last/(.*)$ /target/$1 last; return 200 "not reached\\n"; }
        location /break/ { rewrite ^/break/(.*)$ /$1 break; }
        location /redirect/ { rewrite ^/redirect/(.*)$ /to/$1 redirect; }
        location /permanent/ { rewrite ^/permanent/(.*)$ /to/$1 permanent; }
        location /url/ { rewrite ^/url/(.*)$ http://example.org/$1; }
        location /twice/ { rewrite ^/twice/(.*)$ /once/$1; rewrite ^/once/(.*)$ /target/$1; }
        location /target/ { return 200 "target $uri $args\\n"; }
        location /cycle/ { rewrite ^ /cycle/x; }
        """,
        get(
            "/last/a",
            "/last/a?b=c",
            "/break/a.txt",
            "/break/none",
            "/redirect/a",
            "/redirect/a?b=c",
            "/permanent/a",
            "/url/a?b",
            "/twice/a",
            "/cycle/",
            "/redirect/a%20b",
        ),
    ),
    Case(
        "rewrite arguments",
        """
        location /add { rewrite ^ /show?new=1 last; }
        location /drop { rewrite ^ /show? last; }
        location /replace { rewrite ^ /show?new=1? last; }
        location /capture { rewrite ^/capture/(?<what>.*)$ /show?what=$what last; }
        location /show { return 200 "$uri [$args] $is_args\\n"; }
        """,
        get("/add", "/add?old=2", "/drop?old=2", "/replace?old=2", "/capture/x?y=1"),
    ),
    Case(
        "server rewrite",
        """
        rewrite ^/old/(.*)$ /new/$1;
        rewrite ^/gone$ /x permanent;
        if ($arg_stop) { return 403; }
        set $greeting hello;
        location /new/ { return 200 "new $uri $greeting\\n"; }
        location / { return 200 "root $uri $greeting\\n"; }
        """,
        get("/old/a", "/gone", "/x?stop=1", "/x?stop=0", "/x"),
    ),
    Case(
        "return",
        """
        location /200 { return 200; }
        location /text { return 200 "a text\\n"; }
        location /empty { return 200 ""; }
        location /204 { return 204; }
        location /301 { return 301 /there; }
        location /302url { return http://example.org/x; }
        location /303 { return 303 http://example.org$uri; }
        location /307 { return 307 /there?$args; }
        location /308 { return 308 /there; }
        location /403 { return 403; }
        location /404text { return 404 "not here\\n"; }
        location /418 { return 418; }
        location /500 { return 500; }
        location /x.html { return 200 "typed"; }
        location /x.unknown { return 200 "untyped"; }
        """,
        get(
            "/200",
            "/text",
            "/empty",
            "/204",
            "/301",
            "/302url",
            "/303",
            "/307?a=b",
            "/308",
            "/403",
            "/404text",
            "/500",
            "/x.html",
            "/x.unknown",
        ),
    ),
    Case(
        "return to HEAD",
        'location / { return 200 "a text\\n"; } location /r { return 301 /x; }',
        get("/", "/r", method="HEAD"),
    ),
    Case(
        "if",
        """
        set $seen "";
        location / {
            if ($arg_a) { set $seen "a"; }
            if ($arg_b = yes) { set $seen "${seen}b"; }
            if ($arg_c != yes) { set $seen "${seen}c"; }
            if ($http_user_agent ~ "Fox/([0-9]+)") { set $seen "${seen}fox$1"; }
            if ($http_user_agent ~* "BADGER") { set $seen "${seen}badger"; }
            if ($http_user_agent !~ "Owl") { set $seen "${seen}noowl"; }
            if (-f {root}$uri) { set $seen "${seen}file"; }
            if (-d {root}$uri) { set $seen "${seen}dir"; }
            if (!-e {root}$uri) { set $seen "${seen}nothing"; }
            return 200 "$seen\\n";
        }
        """,
        get(
            "/a.txt",
            "/dir/",
            "/nope",
            "/?a=0",
            "/?a=1",
            "/?b=yes&c=yes",
            fields="User-Agent: Fox/12 badger",
        )
        + get("/", fields="User-Agent: Owl"),
    ),
    Case(
        "if as a location",
        """
        location / {
            if ($arg_proxy) { proxy_pass http://127.0.0.1:{upstream}; }
            if ($arg_forbid) { return 403; }
            index other.html;
        }
        """,
        get("/a.txt", "/a.txt?forbid=1", "/echo/x?proxy=1"),
    ),
    Case(
        "error pages",
        """
        error_page 404 /missing.html;
        error_page 403 =200 /a.txt;
        error_page 500 502 = /echo/status/201;
        error_page 410 @named;
        error_page 402 http://example.org/pay;
        error_page 401 =301 http://example.org/login;
        location /missing.html { return 200 "missing $request_uri\\n"; }
        location /echo/ { proxy_pass http://127.0.0.1:{upstream}; }
        location @named { return 418 "named\\n"; }
        location /403 { return 403; }
        location /500 { return 500; }
        location /410 { return 410; }
        location /402 { return 402; }
        location /401 { return 401; }
        location /nested { error_page 404 /nothing; }
        """,
        get("/nope", "/403", "/500", "/410", "/402", "/401", "/nested/x", "/a.txt")
        + get("/nope", method="POST", fields="Content-Length: 0"),
    ),
    Case(
        "recursive error pages",
        """
        error_page 404 /again;
        error_page 403 /a.txt;
        location /again { return 403; }
        location /on { recursive_error_pages on; error_page 404 /again; error_page 403 /a.txt; }
        """,
        get("/nope"),
    ),
    Case(
        "internal",
        """
        location /secret/ { internal; return 200 "secret $uri\\n"; }
        location /go { rewrite ^ /secret/x last; }
        error_page 404 /secret/404;
        """,
        get("/secret/x", "/go", "/nope"),
    ),
    Case(
        "try_files",
        """
        location / { try_files $uri $uri/ /fallback?from=$uri; }
        location /fallback { return 200 "fallback $args\\n"; }
        location /code { try_files /nope.txt =418; }
        location /404 { try_files /nope.txt =404; }
        location /named { try_files /nope @there; }
        location @there { return 200 "named $uri\\n"; }
        location /fixed { try_files /a.txt /b.html =404; }
        """,
        get("/a.txt", "/dir/", "/dir", "/nope", "/404", "/named", "/fixed", "/"),
    ),
    Case(
        "index",
        """
        location /dir/ { index nope.html index.html; }
        location /noindex/ { index index.html; }
        location /other/ { alias_is_not_used_here off; }
        """.replace("location /other/ { alias_is_not_used_here off; }", ""),
        get("/dir/", "/noindex/", "/dir", "/noindex", "/dir?x=1", "/"),
    ),
    Case(
        "redirects",
        """
        location /abs { return 301 /x; }
        location /rel { absolute_redirect off; return 301 /x; }
        location /noport { port_in_redirect off; return 301 /x; }
        location /named { server_name_in_redirect on; return 301 /x; }
        location /dirs/ { absolute_redirect off; }
        """,
        get("/abs", "/rel", "/noport", "/dir")
        + get("/abs", "/dir", fields="Host: Example.ORG:1234"),
    ),
]
