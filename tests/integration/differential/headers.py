"""Fields that the configuration adds, expiry, trailers, charsets."""

from __future__ import annotations

from tests.integration.differential import Case, get

CASES = [
    Case(
        "add_header",
        """
        add_header X-Server server;
        add_header X-Both "$uri and $arg_a" always;
        location / { }
        location /own/ { alias {root}/; add_header X-Own own; }
        location /empty/ { alias {root}/; add_header X-Empty $arg_none; add_header X-Set 1; }
        location /return/ { return 200 text; }
        location /created { return 201 text; }
        location /moved { return 301 /elsewhere; }
        location /refused { return 403; }
        location /always { add_header X-A a always; add_header X-B b; return 404; }
        location /etag/ { alias {root}/; add_header ETag '"mine"'; }
        location /noetag/ { alias {root}/; add_header ETag ""; add_header Last-Modified ""; }
        location /date/ { alias {root}/; add_header Last-Modified "Mon, 01 Jan 2024 00:00:00 GMT"; }
        location /twice/ { alias {root}/; add_header X-T 1; add_header X-T 2; add_header Vary a; }
        location /type/ { alias {root}/; add_header X-Type $sent_http_content_type; }
        location /if/ {
            alias {root}/;
            add_header X-If out;
            if ($arg_q) { add_header X-If in; }
        }
        location /up/ { add_header X-Up $upstream_status; proxy_pass http://127.0.0.1:{upstream}/; }
        """,
        get(
            "/a.txt",
            "/a.txt?a=1",
            "/none",
            "/dir",
            "/dir/",
            "/noindex/",
            "/own/a.txt",
            "/own/none",
            "/empty/a.txt",
            "/return/",
            "/created",
            "/moved",
            "/refused",
            "/always",
            "/etag/a.txt",
            "/noetag/a.txt",
            "/date/a.txt",
            "/twice/a.txt",
            "/type/a.txt",
            "/type/b.html",
            "/if/a.txt",
            "/if/a.txt?q=1",
            "/up/a",
        )
        + get("/a.txt", fields="Range: bytes=0-3")
        + get("/a.txt", fields="If-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT")
        + get("/etag/a.txt", fields='If-None-Match: "mine"')
        + get("/date/a.txt", fields="If-Modified-Since: Mon, 01 Jan 2024 00:00:00 GMT")
        + get("/a.txt", method="HEAD")
        + get("/a.txt", method="DELETE"),
    ),
    Case(
        "add_header to 416",
        "add_header X-Server server; add_header X-Both both always; location / { }",
        get("/a.txt", fields="Range: bytes=100-"),
        reason="nginx adds the fields twice: to the 200 that it began, and to the 416",
    ),
    Case(
        "expires fixed",
        """
        location /epoch/ { alias {root}/; expires epoch; }
        location /max/ { alias {root}/; expires max; }
        location /off/ { alias {root}/; expires off; }
        location /modified/ { alias {root}/; expires modified +1d; }
        location /modified-far/ { alias {root}/; expires modified 100y; }
        location /return/ { expires epoch; return 200 x; }
        location /redirect/ { expires max; return 302 /x; }
        location /see/ { expires max; return 303 /x; }
        location /error/ { expires max; return 404; }
        location /and/ { alias {root}/; expires max; add_header Cache-Control public; }
        location /off-inside/ {
            alias {root}/;
            expires max;
            location ~ html$ { expires off; }
        }
        location /if/ { alias {root}/; if ($arg_q = y) { expires epoch; } }
        """,
        get(
            "/epoch/a.txt",
            "/max/a.txt",
            "/off/a.txt",
            "/modified/a.txt",
            "/return/",
            "/redirect/",
            "/see/",
            "/error/",
            "/and/a.txt",
            "/off-inside/a.txt",
            "/off-inside/b.html",
            "/if/a.txt",
            "/if/a.txt?q=y",
        )
        + get("/max/a.txt", fields="If-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT"),
    ),
    Case(
        "expires by the clock",
        """
        location /hour/ { alias {root}/; expires 1h; }
        location /plus/ { alias {root}/; expires +1d12h; }
        location /zero/ { alias {root}/; expires 0; }
        location /past/ { alias {root}/; expires -1; }
        location /up/ { expires 1h; proxy_pass http://127.0.0.1:{upstream}/; }
        """,
        get("/hour/a.txt", "/plus/a.txt", "/zero/a.txt", "/past/a.txt", "/hour/none", "/up/x"),
        ignore=("expires",),
        reason="the time goes on between the two answers",
    ),
    Case(
        "expires by a variable",
        """
        location / { expires $arg_e; }
        location /type/ { alias {root}/; set $when epoch; expires $when; }
        location /modified/ { alias {root}/; expires modified $arg_e; }
        """,
        get(
            "/a.txt?e=epoch",
            "/a.txt?e=max",
            "/a.txt?e=off",
            "/a.txt?e=nonsense",
            "/a.txt",
            "/a.txt?e=5ms",
            "/type/a.txt",
            "/modified/a.txt?e=@10h",
            "/modified/a.txt?e=1d",
        ),
    ),
    Case(
        "msie_refresh",
        """
        msie_refresh on; msie_padding off;
        location / { }
        location /moved { return 301 /elsewhere?a=b; }
        location /found { return 302 http://example.org/; }
        location /other { return 307 /x; }
        location /quoted { return 302 "/a\\"b'c d"; }
        location /uri { return 302 $uri; }
        """,
        get(
            "/moved",
            "/found",
            "/other",
            "/dir",
            "/quoted",
            "/uri/%22%3E%3Cscript",
            fields="User-Agent: Mozilla/4.0 (compatible; MSIE 7.0; Windows)",
        )
        + get("/moved", fields="User-Agent: Mozilla/4.0 (MSIE 6.0) Opera 7")
        + get("/moved", fields="User-Agent: Mozilla/5.0"),
    ),
    Case(
        "charset",
        """
        charset utf-8;
        location / { }
        location /off/ { alias {root}/; charset off; }
        location /koi/ { alias {root}/; charset koi8-r; charset_types text/plain; }
        location /any/ { alias {root}/; charset_types *; }
        location /var/ { alias {root}/; charset $arg_c; }
        location /return/ { default_type text/html; return 200 x; }
        location /param/ { default_type "text/html; charset=koi8-r"; return 200 x; }
        location /moved { return 301 /x; }
        location /see { return 303 /x; }
        location /error { return 404; }
        location /list/ { alias {root}/listed/; autoindex on; }
        location /if/ { alias {root}/; if ($arg_q) { charset cp1251; } }
        location /up/ { proxy_pass http://127.0.0.1:{upstream}/; }
        location /over/ { override_charset on; proxy_pass http://127.0.0.1:{upstream}/; }
        """,
        get(
            "/a.txt",
            "/b.html",
            "/image.gif",
            "/off/a.txt",
            "/koi/a.txt",
            "/koi/b.html",
            "/any/image.gif",
            "/var/a.txt?c=koi8-r",
            "/var/a.txt?c=off",
            "/return/",
            "/param/",
            "/moved",
            "/see",
            "/error",
            "/list/",
            "/if/a.txt?q=1",
            "/if/a.txt",
            "/up/x",
            "/over/x",
        )
        + get("/a.txt", method="HEAD")
        + get("/a.txt", fields="Range: bytes=0-1,4-5\nIf-Range: x")
        + get("/a.txt", fields="If-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT"),
    ),
    Case(
        "charset_map",
        """
        source_charset one;
        location / { charset utf-8; }
        location /two/ { alias {root}/; charset two; }
        location /back/ { alias {root}/; source_charset utf-8; charset one; }
        location /same/ { alias {root}/; charset one; }
        location /var/ { alias {root}/; charset $arg_c; }
        location /from/ { alias {root}/; source_charset $arg_c; charset utf-8; }
        location /return/ { source_charset utf-8; charset one; return 200 "\u00e9\u20ac\u0101."; }
        """,
        get(
            "/coded.txt",
            "/coded.html",
            "/image.gif",
            "/two/coded.txt",
            "/back/utf8.txt",
            "/same/coded.txt",
            "/var/coded.txt?c=utf-8",
            "/var/coded.txt?c=two",
            "/var/coded.txt?c=three",
            "/from/coded.txt?c=one",
            "/from/coded.txt?c=two",
            "/return/",
        )
        + get("/two/coded.txt", fields="Range: bytes=0-9")
        + get("/coded.txt", fields="Range: bytes=0-9")
        + get("/coded.txt", method="HEAD"),
        http="charset_map one utf-8 { E9 C3A9; 80 E282AC; 41 C481; } "
        "charset_map one two { E9 80; 80 E9; }",
    ),
    Case(
        "charset_map and malformed UTF-8",
        "location / { source_charset utf-8; charset bad; }",
        get("/coded.txt"),
        http="charset_map bad utf-8 { E9 C3A9; }",
        reason="nginx drops bytes beside the malformed one; here only that one becomes ?",
    ),
    Case(
        "trailers",
        """
        add_trailer X-Path $uri;
        add_trailer X-Always yes always;
        location / { }
        location /only/ { alias {root}/; add_trailer X-Only 1; }
        location /off/ { alias {root}/; chunked_transfer_encoding off; }
        location /return/ { return 200 text; }
        location /nothing { return 204; }
        location /empty/ { alias {root}/; add_trailer X-None $arg_none; }
        location /up/ { proxy_pass http://127.0.0.1:{upstream}/; }
        """,
        get(
            "/a.txt",
            "/long.txt",
            "/empty.txt",
            "/none",
            "/only/none",
            "/only/a.txt",
            "/off/a.txt",
            "/return/",
            "/nothing",
            "/empty/a.txt",
            "/up/x",
        )
        + get("/a.txt", fields="Range: bytes=2-5")
        + get("/a.txt", fields="If-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT")
        + get("/a.txt", method="HEAD")
        + (b"GET /a.txt HTTP/1.0\r\n\r\n",),
    ),
]
