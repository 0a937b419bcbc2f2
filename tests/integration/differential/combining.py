"""Features that meet: errors with error pages, rewriting with files, nesting, methods."""

from __future__ import annotations

from tests.integration.differential import Case, get

METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "MKCOL")


def each(method_names: tuple[str, ...], *targets: str, fields: str = "") -> tuple[bytes, ...]:
    """Each target with each method; those with a body have an empty one."""
    return tuple(
        request
        for method in method_names
        for request in get(
            *targets,
            method=method,
            fields=fields + ("\nContent-Length: 0" if method in ("POST", "PUT", "PATCH") else ""),
        )
    )


CASES = [
    Case(
        "error pages of proxied errors",
        """
        error_page 502 504 /down.html;
        error_page 500 =503 /down.html;
        location = /down.html { internal; return 200 "down $uri $request_uri $status\\n"; }
        location / { proxy_pass http://127.0.0.1:{upstream}; }
        location /dead/ { proxy_pass http://127.0.0.1:1; }
        location /dead-file/ { proxy_pass http://127.0.0.1:1; error_page 502 /a.txt; }
        location /dead-named/ { proxy_pass http://127.0.0.1:1; error_page 502 = @other; }
        location /dead-kept/ { proxy_pass http://127.0.0.1:1; error_page 502 @other; }
        location /dead-echo/ { proxy_pass http://127.0.0.1:1; error_page 502 = /echo?a=b; }
        location /dead-url/ { proxy_pass http://127.0.0.1:1; error_page 502 http://x.test/; }
        location /dead-code/ { proxy_pass http://127.0.0.1:1; error_page 502 =204 /a.txt; }
        location /dead-chain/ {
            proxy_pass http://127.0.0.1:1;
            recursive_error_pages on;
            error_page 502 = @dead;
        }
        location /dead-once/ { proxy_pass http://127.0.0.1:1; error_page 502 = @dead; }
        location @other { proxy_pass http://127.0.0.1:{upstream}; }
        location @dead { proxy_pass http://127.0.0.1:1; error_page 502 /a.txt; }
        location = /a.txt { }
        """,
        each(
            ("GET", "HEAD", "POST"),
            "/x",
            "/status/502",
            "/status/500",
            "/dead/x?y",
            "/dead-file/x",
            "/dead-named/x?y=z",
            "/dead-kept/x",
            "/dead-echo/x?y=z",
            "/dead-url/x",
            "/dead-code/x",
            "/dead-chain/x",
            "/dead-once/x",
        ),
    ),
    Case(
        "error pages of many kinds",
        """
        error_page 404 /none?$args;
        error_page 403 $arg_to;
        error_page 401 =402 @named;
        error_page 405 =200 /b.html;
        error_page 416 /a.txt;
        error_page 412 /b.html;
        error_page 413 /a.txt;
        error_page 301 302 /a.txt;
        error_page 410 =302 /a.txt;
        error_page 409 =302 /elsewhere/$arg_to;
        error_page 411 =301 https://x.test$request_uri;
        error_page 415 =999 /a.txt;
        error_page 418 =0 /a.txt;
        error_page 444 /a.txt;
        error_page 500 = @nowhere;
        error_page 501 = @named;
        error_page 503 "";
        client_max_body_size 1;
        location / { }
        location = /none { return 200 "none $args $uri $status\\n"; }
        location @named { return 406 "named $uri $args $request_method\\n"; }
        location ~ ^/([0-9]+)$ { return $1; }
        """.replace("return $1;", "return 400;")
        + "".join(
            f"location = /{code} {{ return {code}; }}\n"
            for code in (401, 403, 405, 409, 410, 411, 412, 415, 416, 418, 444, 500, 501, 503)
        )
        + "location = /301 { return 301 /x; } location = /302 { rewrite ^ /x redirect; }",
        each(
            ("GET", "HEAD", "POST"),
            "/nothing?a=b",
            "/403?to=/a.txt",
            "/403?to=/nothing",
            "/403",
            "/409?to=x",
            *(
                f"/{code}"
                for code in (301, 302, 401, 405, 410, 411, 412, 415, 416, 418, 500, 501, 503, 400)
            ),
        )
        + get("/444")
        + get("/a.txt", fields='If-Match: "x"')
        + (b"POST /a.txt HTTP/1.1\r\nContent-Length: 5\r\n\r\n12345",)
        + get("/dir", "/dir?a=b", method="HEAD"),
    ),
    Case(
        "nested add-ons",
        """
        add_header X-A server; expires max; error_page 404 /a.txt; index b.html;
        location /one/ {
            alias {root}/;
            location /one/dir/ { alias {root}/dir/; add_header X-B inner; }
            location ~ html$ { expires off; }
            location = /one/exact { return 404; }
        }
        location /two/ {
            alias {root}/;
            add_header X-C two always;
            error_page 403 =200 /b.html;
            location /two/noindex/ { alias {root}/noindex/; }
            location /two/dir/ { alias {root}/dir/; index nope.html; error_page 403 /a.txt; }
        }
        location /three/ {
            location /three/three/ { location /three/three/three/ { return 200 "$uri\\n"; } }
            location ~ ^/three/(.)/ { set $a $1; return 200 "$a\\n"; }
            location ^~ /three/x/ { return 200 "caret\\n"; }
        }
        """,
        get(
            "/",
            "/one/",
            "/one/a.txt",
            "/one/b.html",
            "/one/dir/",
            "/one/dir/none",
            "/one/exact",
            "/one/none",
            "/two/",
            "/two/a.txt",
            "/two/noindex/",
            "/two/dir/",
            "/two/none",
            "/three/three/three/x",
            "/three/a/b",
            "/three/x/y",
            "/three/three/x",
            "/three/",
        ),
    ),
    Case(
        "rewriting, trying, index",
        """
        index index.html $arg_i;
        try_files $uri $uri/ @server;
        location @server { return 200 "server $uri\\n"; }
        location /r/ { rewrite ^/r/(.*)$ /$1 last; try_files /a.txt =404; }
        location /b/ { rewrite ^/b/(.*)$ /$1 break; try_files $uri $uri/ /fallback; }
        location /b2/ { rewrite ^/b2/(.*)$ /$1 break; }
        location /fallback { return 200 "fallback $uri $request_uri $args\\n"; }
        location /t/ { try_files $uri /t2$uri?x=y; }
        location /t2/ { rewrite ^/t2/t/(.*)$ /$1 break; }
        location /i/ { try_files /dir/ =404; }
        location /i2/ { try_files /noindex/ =404; }
        location /code/ { try_files /nope =204; }
        location /code2/ { try_files /nope =302; }
        location /code3/ { try_files /nope =200; }
        location /loop/ { try_files /nope /loop/x; }
        location /self { rewrite ^ /self2 last; }
        location /self2 { rewrite ^ /self last; }
        location /err/ { try_files /nope /dead; error_page 404 /a.txt; }
        location /dead { return 404; }
        location /break-return/ { break; return 200 no; }
        location /set-uri/ { rewrite ^/set-uri/(.*)$ /$1; try_files $uri =404; }
        location /if/ {
            set $x 0;
            if ($arg_a = 1) { set $x 1; rewrite ^/if/(.*)$ /$1 break; }
            if ($arg_a = 2) { rewrite ^ /fallback?new=$x? last; }
            if ($arg_a = 3) { return 302 /there; }
            if ($arg_a = 4) { break; }
            if ($arg_a = 5) { set $x 5; }
            add_header X-X $x;
            try_files $uri /a.txt;
        }
        location ~ ^/cap/(?<name>[^/]+)/(.*)$ { rewrite ^/cap/(.).*$ /show/$1/$2/$name? last; }
        location /show/ { return 200 "$uri|$args|$name|$1|$2\\n"; }
        """,
        get(
            "/",
            "/a.txt",
            "/nope",
            "/dir",
            "/dir/",
            "/noindex/",
            "/noindex/?i=file.txt",
            "/r/b.html",
            "/r/nope",
            "/b/b.html",
            "/b/dir",
            "/b/dir/",
            "/b/nope?x",
            "/b2/b.html",
            "/b2/dir/",
            "/b2/dir",
            "/t/a.txt",
            "/t/none",
            "/i/",
            "/i/x",
            "/i2/",
            "/code/",
            "/code2/",
            "/loop/",
            "/self",
            "/err/",
            "/break-return/a.txt",
            "/set-uri/a.txt",
            "/set-uri/none",
            *(f"/if/b.html?a={number}" for number in range(6)),
            "/if/none?a=1",
            "/cap/ab/cd?x=1",
            "/cap/ab/cd/ef",
            "//a.txt",
            "/./a.txt",
            "/dir/../a.txt",
            "/dir/%2e%2e/a.txt",
            "/dir%2fother.html",
            "/a.txt/",
            "/a.txt/x",
            "/dir//other.html",
            "/caf%C3%A9.txt",
            "/with%20space.txt",
            "/a.txt%00",
            "/a.txt?",
            "/%61.txt",
            "/a%2etxt",
        ),
    ),
    Case(
        "methods everywhere",
        """
        location / { }
        location /return { return 200 "text\\n"; }
        location /r301 { return 301 /x; }
        location /r404 { return 404; }
        location /r204 { return 204; }
        location /none/ { return 403; error_page 403 /a.txt; }
        location /try { try_files /a.txt =404; }
        location /up/ { proxy_pass http://127.0.0.1:{upstream}/; }
        location /index/ { alias {root}/; autoindex on; index none; }
        location /limit/ { alias {root}/; limit_except GET POST { deny all; } }
        location /limited/ { limit_except PUT { return_is_not_here; } return 200 "x\\n"; }
        """.replace("return_is_not_here;", "allow all;"),
        each(
            METHODS,
            "/a.txt",
            "/dir/",
            "/dir",
            "/none.txt",
            "/return",
            "/r301",
            "/r404",
            "/r204",
            "/none/",
            "/try",
            "/up/x",
            "/index/dir/",
            "/limit/a.txt",
            "/limited/",
        ),
    ),
    Case(
        "return with variables",
        """
        set $code 404;
        location /text { return 200 "$arg_a|$http_x_a|$cookie_c|$scheme|$request_method|$1"; }
        location /redirect { return 302 http://$host:$arg_p$uri?$args; }
        location /relative { return 302 $arg_to; }
        location /scheme { return 301 $scheme://x.test$request_uri; }
        location /only { return $scheme://y.test$uri; }
        location /crlf { return 302 http://x.test/$arg_to; }
        location /decoded { return 302 /y$uri; }
        location /empty { return 302 ""; }
        location /big { return 200 "$arg_a$arg_a$arg_a$arg_a"; }
        location /type.html { return 201 "<p>"; }
        location /type { default_type application/json; return 200 '{"a": "$arg_a"}'; }
        location /r308 { return 308 /$arg_a; }
        location /r305 { return 305 /x; }
        location /r599 { return 599 text; }
        location /r100 { return 299 text; }
        location /r444 { return 444; }
        """,
        get(
            "/text?a=%20x",
            "/text",
            "/redirect?p=1&q=%20",
            "/relative?to=/x",
            "/relative?to=x",
            "/relative?to=//x.test/",
            "/relative",
            "/scheme?a=b",
            "/only/a",
            "/crlf?to=a%0d%0ab",
            "/decoded/a%22%3C",
            "/empty",
            "/big?a=" + "x" * 3000,
            "/type.html",
            "/type?a=1",
            "/r308?a=b",
            "/r305",
            "/r599",
            "/r100",
            "/r444",
            fields="X-A: va\nCookie: c=1; d=2",
        ),
    ),
    Case(
        "error page of 416",
        "error_page 416 /a.txt; location / { }",
        get("/b.html", fields="Range: bytes=99-"),
        reason="nginx says the ETag of both files",
    ),
    Case(
        "try_files to 200",
        "location / { try_files /nope =200; }",
        get("/"),
        reason="nginx closes the connection without an answer",
    ),
    Case(
        "fragments",
        "location / { }",
        get("/a.txt#x"),
        reason="nginx drops it; RFC 9112 section 3.2 has none in a request: 400 here",
    ),
    Case(
        "bytes of the path in Location",
        "location / { return 302 /y$uri; }",
        get("/a%20b", "/a%0d%0aX:y", "/%E2%82%AC"),
        reason="nginx copies them, line ends too; here they are escaped",
    ),
]
