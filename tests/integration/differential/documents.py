"""Where files are, how they are found, and what is said of them."""

from __future__ import annotations

from tests.integration.differential import Case, get

CONDITIONS = (
    "If-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT",
    "If-Modified-Since: Sun, 09 Sep 2001 01:46:41 GMT",
    "If-Modified-Since: Sun, 09 Sep 2001 01:46:39 GMT",
    "If-Modified-Since: nonsense",
    'If-None-Match: "3b9aca00-1b"',
    'If-None-Match: W/"3b9aca00-1b"',
    'If-None-Match: "other", "3b9aca00-1b"',
    'If-None-Match: "other"',
    "If-None-Match: *",
    'If-Match: "3b9aca00-1b"',
    'If-Match: "other"',
    "If-Match: *",
    "If-Unmodified-Since: Sun, 09 Sep 2001 01:46:39 GMT",
    "If-Unmodified-Since: Sun, 09 Sep 2001 01:46:40 GMT",
)

CASES = [
    Case(
        "root",
        """
        location / { root {root}/dir; }
        location /dir/ { root {root}; }
        location /slash/ { root {root}/dir/; }
        location /host/ { root {root}/$arg_d; rewrite ^/host(/.*) $1 break; }
        location /deep/ { root {root}; location /deep/er/ { root {root}; } }
        location /if/ {
            rewrite ^/if(/.*)$ $1 break;
            if ($arg_q) { root {root}/dir; }
        }
        """,
        get(
            "/",
            "/other.html",
            "/a.txt",
            "/dir/",
            "/dir/other.html",
            "/dir",
            "/deep/er/est/file.txt",
            "/deep/er/est",
            "/host/other.html?d=dir",
            "/host/a.txt",
            "/host/other.html?d=none",
            "/if/other.html",
            "/if/other.html?q=1",
            "/if/a.txt",
        ),
    ),
    Case(
        "alias",
        """
        location /files/ { alias {root}/; }
        location /d/ { alias {root}/dir/; index other.html; }
        location /bare { alias {root}/dir; }
        location = /one { alias {root}/a.txt; }
        location = /dironly { alias {root}/dir; }
        location ~ ^/x/(.*)$ { alias {root}/$1; }
        location ~ ^/fixed { alias {root}/b.html; }
        location /var/ { alias {root}/$arg_d/; }
        location /nested/ {
            alias {root}/;
            location ~ \\.txt$ { add_header X-Nested regex; }
            location /nested/dir/ { add_header X-Nested prefix; }
        }
        location /broken/ { alias {root}/; rewrite a.txt /b.html break; }
        location /tried/ { alias {root}/; try_files $uri a.txt =404; }
        location /tried-index/ { alias {root}/; try_files $uri $uri/ $uri/index.html =404; }
        location ~ ^/tried-x/(.*)$ { alias {root}/; try_files $1 /b.html =404; }
        location /if/ { alias {root}/; if (-f $request_filename) { add_header X-File yes; } }
        location /name/ { alias {root}/; return 200 $uri; }
        """,
        get(
            "/files/a.txt",
            "/files/",
            "/files/dir",
            "/files/dir?a=b",
            "/files/none",
            "/files/../a.txt",
            "/files",
            "/d/",
            "/d/index.html",
            "/bare/other.html",
            "/bare/",
            "/bare",
            "/one",
            "/one/",
            "/dironly",
            "/x/a.txt",
            "/x/dir/",
            "/x/dir/other.html",
            "/x/dir",
            "/fixed/whatever",
            "/fixed/",
            "/var/other.html?d=dir",
            "/var/?d=dir",
            "/nested/a.txt",
            "/nested/b.html",
            "/nested/dir/other.html",
            "/nested/dir/",
            "/broken/a.txt",
            "/broken/b.html",
            "/tried/b.html",
            "/tried/none",
            "/tried-index/dir",
            "/tried-index/dir/",
            "/tried-x/dir/other.html",
            "/tried-x/none",
            "/if/a.txt",
            "/if/none",
        ),
    ),
    Case(
        "document variables",
        """
        location / { return 200 "$document_root|$request_filename|$realpath_root"; }
        location /alias/ {
            alias {root}/dir/; return 200 "$document_root|$request_filename|$realpath_root";
        }
        location ~ ^/re/(.*) { alias {root}/$1; return 200 "$document_root|$request_filename"; }
        location /none/ { root /does/not/exist; return 200 "$document_root|$realpath_root|"; }
        """,
        get("/a", "/alias/other.html", "/alias/", "/re/a.txt", "/none/x"),
    ),
    Case(
        "index with variables",
        """
        location / { index $arg_i index.html; }
        location /noindex/ { index $arg_i.txt /a.txt; }
        location /two/ { alias {root}/; index none.html; index b.html; }
        location /directory/ { alias {root}/; index dir; }
        """,
        get(
            "/?i=a.txt",
            "/?i=none",
            "/dir/?i=other.html",
            "/noindex/?i=file",
            "/noindex/?i=none",
            "/two/",
            "/directory/",
        ),
    ),
    Case(
        "conditions",
        "location / { }",
        tuple(request for line in CONDITIONS for request in get("/a.txt", fields=line))
        + get("/a.txt", method="HEAD", fields=CONDITIONS[0])
        + get("/none", fields=CONDITIONS[0]),
    ),
    Case(
        "conditions of a text",
        "location / { return 200 text; } location /list/ { alias {root}/one/; autoindex on; } "
        "location /created { return 201 text; }",
        tuple(
            request
            for line in CONDITIONS
            for request in get("/a.txt", "/list/", "/created", fields=line)
            if not line.startswith("If-Unmodified-Since")
        ),
    ),
    Case(
        "conditions of a text without a date",
        "location / { return 200 text; }",
        get("/a.txt", fields="If-Unmodified-Since: Sun, 09 Sep 2001 01:46:40 GMT"),
        reason="RFC 9110 section 13.1.4: ignored where nothing has a date; nginx says 412",
    ),
    Case(
        "etag off",
        "etag off; location / { }",
        get("/a.txt")
        + tuple(request for line in CONDITIONS for request in get("/a.txt", fields=line)),
    ),
    Case(
        "if_modified_since before",
        "if_modified_since before; location / { }",
        tuple(request for line in CONDITIONS for request in get("/a.txt", fields=line)),
    ),
    Case(
        "if_modified_since off",
        "if_modified_since off; location / { }",
        tuple(request for line in CONDITIONS for request in get("/a.txt", fields=line)),
    ),
    Case(
        "two conditions",
        "location / { }",
        get(
            "/a.txt",
            fields='If-None-Match: "3b9aca00-1b"\nIf-Modified-Since: Sun, 09 Sep 2001 01:46:41 GMT',
        ),
        reason="RFC 9110 section 13.1.3: If-Modified-Since is ignored beside If-None-Match",
    ),
    Case(
        "ranges",
        """
        location / { }
        location /none/ { alias {root}/; max_ranges 0; }
        location /one/ { alias {root}/; max_ranges 1; }
        """,
        get("/a.txt", "/none/a.txt", "/long.txt", fields="Range: bytes=1-3")
        + get("/a.txt", fields="Range: bytes=-3")
        + get("/a.txt", fields="Range: bytes=20-")
        + get("/a.txt", fields="Range: bytes=27-")
        + get("/a.txt", fields="Range: bytes=x")
        + get("/a.txt", fields="Range: lines=1-2")
        + get("/one/a.txt", fields="Range: bytes=0-1,3-4")
        + get("/a.txt", fields='Range: bytes=1-3\nIf-Range: "3b9aca00-1b"')
        + get("/a.txt", fields='Range: bytes=1-3\nIf-Range: "other"')
        + get("/a.txt", fields="Range: bytes=1-3\nIf-Range: Sun, 09 Sep 2001 01:46:40 GMT")
        + get("/a.txt", fields="Range: bytes=1-3\nIf-Range: Sun, 09 Sep 2001 01:46:41 GMT")
        + get("/a.txt", method="HEAD", fields="Range: bytes=1-3"),
    ),
    Case(
        "autoindex",
        """
        autoindex on;
        location / { }
        location /html/ { alias {root}/listed/; }
        location /rounded/ { alias {root}/listed/; autoindex_exact_size off; }
        location /local/ { alias {root}/listed/; autoindex_localtime on; }
        location /json/ { alias {root}/listed/; autoindex_format json; }
        location /jsonp/ { alias {root}/listed/; autoindex_format jsonp; }
        location /xml/ { alias {root}/listed/; autoindex_format xml; }
        location /off/ { alias {root}/listed/; autoindex off; }
        location /empty/ { alias {root}/listed/sub\\ dir/; autoindex_format json; }
        """,
        get(
            "/dir/",
            "/noindex/",
            "/noindex",
            "/none/",
            "/a.txt/",
            "/html/",
            "/html/sub%20dir/",
            "/rounded/",
            "/local/",
            "/json/",
            "/jsonp/",
            "/jsonp/?callback=",
            "/jsonp/?callback=f",
            "/jsonp/?callback=a.b%5B0%5D",
            "/jsonp/?callback=a$_9",
            "/jsonp/?callback=a'b",
            "/jsonp/?callback=a%22b",
            "/jsonp/?callback=f(",
            "/xml/",
            "/off/",
        )
        + get("/html/", method="HEAD")
        + get("/html/", method="POST")
        + get("/html/", method="PUT"),
    ),
    Case(
        "random_index",
        """
        location /one/ { random_index on; }
        location /listed/sub%20dir/ { random_index on; }
        location /deep/ { random_index on; index file.txt; autoindex on; }
        location /none/ { random_index on; }
        """,
        get("/one/", "/deep/", "/none/", "/one/x"),
    ),
    Case(
        "disable_symlinks",
        """
        location / { disable_symlinks on; }
        location /off/ { alias {root}/; disable_symlinks off; }
        location /owner/ { alias {root}/; disable_symlinks if_not_owner; }
        location /from/ { alias {root}/; disable_symlinks on from=$document_root; }
        location /inside/ { alias {root}/links/; disable_symlinks on from={root}/links; }
        location /exact/ { alias {root}/; disable_symlinks on from={root}/links/a.txt; }
        location /tried/ { alias {root}/; disable_symlinks on; try_files links/a.txt b.html =404; }
        """,
        get(
            "/a.txt",
            "/dir/",
            "/links/a.txt",
            "/links/dir/",
            "/links/dir/other.html",
            "/links/nothing",
            "/links/none",
            "/off/links/a.txt",
            "/off/links/dir/",
            "/owner/links/a.txt",
            "/owner/links/dir/other.html",
            "/owner/links/nothing",
            "/from/links/a.txt",
            "/from/a.txt",
            "/inside/a.txt",
            "/inside/dir/",
            "/exact/links/a.txt",
            "/tried/x",
        ),
    ),
    Case(
        "open_file_cache",
        """
        open_file_cache max=100 inactive=10s;
        open_file_cache_errors on;
        open_file_cache_min_uses 2;
        location / { }
        location /try/ { alias {root}/; try_files $uri dir/ =404; index other.html; }
        """,
        get("/a.txt", "/a.txt", "/a.txt", "/none", "/none", "/dir", "/dir/", "/long.txt", "/try/x")
        + get("/a.txt", fields="Range: bytes=1-2"),
    ),
    Case(
        "gzip_static",
        """
        gzip_static on;
        location / { }
        location /vary/ { alias {root}/; gzip_vary on; }
        location /always/ { alias {root}/; gzip_static always; gzip_vary on; }
        location /off/ { alias {root}/; gzip_static off; gzip on; gzip_min_length 1; }
        location /no/ { alias {root}/; gzip_disable .; }
        location /gunzip/ { alias {root}/; gzip_static always; gunzip on; gzip_vary on; }
        location /both/ { alias {root}/; gzip on; gzip_types *; gzip_min_length 1; }
        location /any/ { alias {root}/; gzip_proxied any; gzip_http_version 1.0; }
        location /broken/ { alias {root}/; gzip_static always; gunzip on; }
        """,
        get(
            "/packed.txt",
            "/a.txt",
            "/vary/packed.txt",
            "/vary/a.txt",
            "/always/packed.txt",
            "/gunzip/packed.txt",
            "/no/packed.txt",
            "/both/packed.txt",
            "/packed.txt.gz",
            "/dir/",
            "/dir",
            fields="User-Agent: x\nAccept-Encoding: gzip",
        )
        + get(
            "/packed.txt",
            "/vary/packed.txt",
            "/vary/a.txt",
            "/always/packed.txt",
            "/always/a.txt",
            "/gunzip/packed.txt",
        )
        + get("/packed.txt", "/any/packed.txt", fields="Accept-Encoding: gzip\nVia: 1.1 x")
        + get("/packed.txt", fields="Accept-Encoding: gzip;q=0")
        + get("/gunzip/packed.txt", fields="Range: bytes=0-3")
        + get("/packed.txt", method="HEAD", fields="Accept-Encoding: gzip")
        + get("/gunzip/packed.txt", method="HEAD")
        + get("/packed.txt", method="POST", fields="Accept-Encoding: gzip")
        + (b"GET /packed.txt HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n",)
        + (b"GET /any/packed.txt HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n",)
        + get(
            "/packed.txt",
            fields="Accept-Encoding: gzip\nIf-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT",
        ),
        ignore=("accept-ranges",),
        reason="since 1.23 nginx serves ranges of these files",
    ),
    Case(
        "gzip_static ranges",
        "gzip_static on; location / { }",
        get("/packed.txt", fields="Accept-Encoding: gzip\nRange: bytes=0-3"),
        reason="since 1.23 nginx serves ranges of these files",
    ),
    Case(
        "gzip and HEAD",
        """
        gzip on; gzip_types *; gzip_min_length 1; gzip_vary on;
        location / { }
        location /return/ { return 200 "a text that is long enough for gzip"; }
        """,
        get("/page.html", "/a.txt", "/none", method="HEAD", fields="Accept-Encoding: gzip")
        + get("/page.html", "/return/", method="HEAD"),
    ),
    Case(
        "types",
        """
        default_type application/octet-stream;
        location / { }
        location /none/ { alias {root}/; types { } default_type image/png; }
        location /own/ { alias {root}/; types { text/x-own txt HTML; } }
        location /charset/ { alias {root}/; types { "text/html; charset=koi8-r" html; } }
        """,
        get(
            "/a.txt",
            "/b.html",
            "/noextension",
            "/packed.txt.gz",
            "/none/a.txt",
            "/own/a.txt",
            "/own/b.html",
            "/own/image.gif",
            "/charset/b.html",
        ),
    ),
]
