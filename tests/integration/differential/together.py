"""Files, fields, errors and rewriting in one another's company."""

from __future__ import annotations

from tests.integration.differential import Case, get

CASES = [
    Case(
        "files of two versions",
        """
        autoindex on; add_header X-A a; add_trailer X-T t;
        location / { }
        location /json/ { alias {root}/listed/; autoindex_format json; }
        """,
        (
            b"GET /json/ HTTP/1.0\r\n\r\n",
            b"GET /a.txt HTTP/1.0\r\n\r\n",
            b"HEAD /json/ HTTP/1.0\r\n\r\n",
            b"GET /json/ HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            b"GET /dir HTTP/1.0\r\nHost: localhost\r\n\r\n",
        ),
    ),
    Case(
        "fields of error pages",
        """
        add_header X-Server s always;
        error_page 404 /b.html;
        error_page 403 = /a.txt;
        error_page 405 =200 @named;
        location / { expires max; add_header X-Outer o always; }
        location = /b.html { expires epoch; add_header X-Page p; }
        location @named { add_header X-Named n; return 200 named; }
        location /refused { add_header X-Refused r always; return 403; }
        location /proxied { error_page 502 =503 /b.html; proxy_pass http://127.0.0.1:1; }
        """,
        get("/none", "/refused", "/noindex/", "/proxied")
        + get("/a.txt", method="DELETE")
        + get("/none", method="HEAD")
        + get("/none", fields="Range: bytes=0-1")
        + get("/none", fields="If-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT")
        + get("/none", fields="If-None-Match: *"),
    ),
    Case(
        "internal redirects between roots",
        """
        location / { root {root}; try_files $uri @two; }
        location @two { root {root}/dir; try_files $uri @three; }
        location @three { rewrite ^/x/(.*)$ /aliased/$1 last; return 404; }
        location /aliased/ { internal; alias {root}/deep/er/; }
        location /i/ { alias {root}/dir/; index none.html /a.txt; }
        location /ii/ { alias {root}/; index none.html dir/other.html; }
        location /dirs/ { alias {root}/; try_files $uri $uri/ =404; autoindex on; }
        """,
        get(
            "/a.txt",
            "/other.html",
            "/x/est/file.txt",
            "/x/none",
            "/aliased/est/file.txt",
            "/nowhere",
            "/i/",
            "/ii/",
            "/dirs/dir",
            "/dirs/one",
            "/dirs/none",
        ),
    ),
    Case(
        "compressed and named",
        """
        gzip on; gzip_min_length 1; gzip_types text/plain; gzip_vary on;
        charset utf-8; expires epoch; add_header X-A a;
        location / { }
        location /list/ { alias {root}/listed/; autoindex on; autoindex_format xml; }
        location /coded/ { alias {root}/; source_charset three; charset utf-8; }
        """,
        get("/a.txt", "/b.html", "/image.gif", "/none", "/dir", "/coded/coded.txt", method="HEAD")
        + get("/a.txt", "/image.gif", "/coded/coded.txt", "/list/")
        + get("/a.txt", fields="Range: bytes=0-3")
        + get("/a.txt", method="HEAD", fields="Accept-Encoding: gzip\nRange: bytes=0-3")
        + get("/a.txt", method="HEAD", fields="Accept-Encoding: gzip"),
        http="charset_map three utf-8 { E9 C3A9; }",
    ),
    Case(
        "paced",
        """
        limit_rate 1m; limit_rate_after 10k;
        location / { }
        location /set/ { alias {root}/; set $limit_rate 200k; sendfile on; }
        location /off/ { alias {root}/; limit_rate 0; chunked_transfer_encoding off; }
        location /up/ { limit_rate 2m; proxy_pass http://127.0.0.1:{upstream}/; }
        """,
        get("/a.txt", "/set/long.txt", "/off/long.txt", "/up/x", "/none", "/empty.txt")
        + get("/long.txt", fields="Range: bytes=5-20000")
        + get("/long.txt", method="HEAD"),
    ),
    Case(
        "methods and files",
        "location / { autoindex on; } location /own/ { alias {root}/; random_index off; }",
        tuple(
            request
            for method in ("GET", "HEAD", "POST", "PUT", "OPTIONS", "PATCH", "FOO")
            for request in get("/a.txt", "/none", "/dir/", "/noindex/", "/dir", method=method)
        ),
    ),
    Case(
        "names of files",
        "location / { autoindex on; }",
        get(
            "/with%20space.txt",
            "/with space.txt",
            "/caf%C3%A9.txt",
            "/caf%c3%a9.txt",
            "/listed/back%5Cslash%0A%01",
            "/listed/a%20%3Cb%3E%20&%20'c'%20%22d%22.txt",
            "/listed/sub%20dir",
            "/listed/%2e%2e/a.txt",
            "/listed/.hidden",
            "/a.txt%00",
            "/a.txt%2f",
            "/" + "n" * 300,
            "/" + "n/" * 300,
        ),
    ),
]
