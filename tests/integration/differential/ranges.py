"""Parts of files, and when they are still asked for."""

from __future__ import annotations

from tests.integration.differential import Case, get

#: `Range` of a file of 27 bytes, without what makes more than one part of it.
SINGLE = (
    "bytes=0-0",
    "bytes=26-26",
    "bytes=0-26",
    "bytes=0-27",
    "bytes=0-99999999999999999999",
    "bytes=26-",
    "bytes=27-28",
    "bytes=-0",
    "bytes=-1",
    "bytes=-27",
    "bytes=-28",
    "bytes=-99999999999999999999",
    "bytes=3-2",
    "bytes=0-0,",
    "bytes=,0-0",
    "bytes= 1 - 3",
    "bytes=1-3 ",
    "bytes=1-3x",
    "bytes=1--3",
    "bytes=--3",
    "bytes=-",
    "bytes=",
    "bytes",
    "Bytes=1-3",
    "BYTES=1-3",
    "bytes =1-3",
    "bytes=a-b",
    "bytes=1-b",
    "bytes=0x1-3",
    "none",
)
#: More than one part, where not all of it can be had, or is more than the file.
SEVERAL = (
    "bytes=0-1,27-30",
    "bytes=27-30,0-1",
    "bytes=27-30,40-",
    "bytes=0-20,5-26",
    "bytes=0-,0-,0-",
    "bytes=0-1,x",
    "bytes=0-1,3-2",
    "bytes=0-1, -0",
)
#: Dates, right and wrong, that both read alike.
DATES = (
    "Sun, 09 Sep 2001 01:46:40 GMT",
    "Sunday, 09-Sep-01 01:46:40 GMT",
    "Sun Sep  9 01:46:40 2001",
    "Mon, 09 Sep 2001 01:46:40 GMT",
    "Sun, 09 Sep 1969 01:46:40 GMT",
    "Sun, 09 Sep 9999 01:46:40 GMT",
)
#: No dates, which fail nginx's If-Unmodified-Since.
LENIENT = (
    "sun, 09 sep 2001 01:46:40 gmt",
    "Sun, 9 Sep 2001 01:46:40 GMT",
    "Sun, 31 Feb 2001 01:46:40 GMT",
    "Sun, 09 Sep 2001 24:46:40 GMT",
    "Sun, 09 Sep 2001 01:46:60 GMT",
    "1000000000",
    "",
)
#: No dates either, but nginx reads their beginnings.
NETSCAPE = ("Sun, 09 Sep 2001 01:46:40", "Sun, 09 Sep 2001 01:46:40 GMT; length=27")


def parts(path: str, ranges: tuple[str, ...], more: str = "") -> tuple[bytes, ...]:
    """A request for each of `ranges`."""
    return tuple(
        request for value in ranges for request in get(path, fields=f"Range: {value}\n{more}")
    )


CASES = [
    Case("single parts", "location / { }", parts("/a.txt", SINGLE)),
    Case("parts of nothing", "location / { }", parts("/empty.txt", SINGLE[:8])),
    Case(
        "several parts",
        "location / { }",
        parts("/a.txt", SEVERAL),
    ),
    Case(
        "several real parts",
        "location / { }",
        parts("/a.txt", ("bytes=0-1,3-4", "bytes=0-0,-1", "bytes= 0-1 , 3-4 ", "bytes=5-6,0-1"))
        + parts("/noextension", ("bytes=0-1,3-4",)),
    ),
    Case(
        "max_ranges",
        """
        location /two/ { alias {root}/; max_ranges 2; }
        location /one/ { alias {root}/; max_ranges 1; }
        location /none/ { alias {root}/; max_ranges 0; }
        """,
        parts("/one/a.txt", ("bytes=0-1", "bytes=0-1,5-6", "bytes=0-1,99-"))
        + parts("/two/a.txt", ("bytes=0-1,5-6,8-9", "bytes=0-1,5-6,99-"))
        + parts("/none/a.txt", ("bytes=0-1", "bytes=99-")),
    ),
    Case(
        "If-Range",
        "location / { } location /noetag/ { alias {root}/; etag off; }",
        tuple(
            request
            for path in ("/a.txt", "/noetag/a.txt")
            for value in (
                '"3b9aca00-1b"',
                'W/"3b9aca00-1b"',
                "3b9aca00-1b",
                '"3b9aca00-1b',
                '"3b9aca00-1c"',
                '""',
                "",
                "*",
                "x",
                "Sun, 09 Sep 2001 01:46:40 GMT",
                "Sun, 09 Sep 2001 01:46:39 GMT",
                "Sun, 09 Sep 2001 01:46:41 GMT",
                "Sunday, 09-Sep-01 01:46:40 GMT",
                "Sun Sep  9 01:46:40 2001",
            )
            for request in parts(path, ("bytes=1-3",), f"If-Range: {value}")
        ),
    ),
    Case(
        "parts and conditions",
        "location / { }",
        parts("/a.txt", ("bytes=1-3",), 'If-None-Match: "3b9aca00-1b"')
        + parts("/a.txt", ("bytes=1-3",), 'If-None-Match: "x"')
        + parts("/a.txt", ("bytes=1-3",), "If-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT")
        + parts("/a.txt", ("bytes=1-3",), 'If-Match: "x"')
        + parts("/a.txt", ("bytes=1-3",), "If-Unmodified-Since: Sun, 09 Sep 2001 01:46:39 GMT")
        + parts("/none", ("bytes=1-3",))
        + parts("/dir/", ("bytes=1-3",))
        + parts("/dir", ("bytes=1-3",)),
    ),
    Case(
        "dates",
        "location / { }",
        tuple(
            request
            for value in (*DATES, *LENIENT)
            for request in get("/a.txt", fields=f"If-Modified-Since: {value}")
        )
        + tuple(
            request
            for value in DATES
            for request in get("/a.txt", fields=f"If-Unmodified-Since: {value}")
        ),
    ),
    Case(
        "dates that are none",
        "location / { }",
        tuple(
            request
            for value in NETSCAPE
            for request in get("/a.txt", fields=f"If-Modified-Since: {value}")
        )
        + tuple(
            request
            for value in LENIENT
            for request in get("/a.txt", fields=f"If-Unmodified-Since: {value}")
        ),
        reason="RFC 9110 sections 13.1.3 and 13.1.4: what is no date is ignored",
    ),
    Case(
        "entity tags",
        "location / { }",
        tuple(
            request
            for name in ("If-Match", "If-None-Match")
            for value in (
                '"3b9aca00-1b"',
                'W/"3b9aca00-1b"',
                'w/"3b9aca00-1b"',
                '"x","3b9aca00-1b"',
                '"x" , W/"3b9aca00-1b"',
                '"x" "3b9aca00-1b"',
                '"3b9aca00-1b"x',
                '"3b9aca00-1b',
                "3b9aca00-1b",
                '"x,3b9aca00-1b"',
                ',"3b9aca00-1b"',
                '"a, b", "3b9aca00-1b"',
                "*",
                "*, x",
                '"*"',
                '""',
                "",
            )
            for request in get("/a.txt", fields=f"{name}: {value}")
        ),
    ),
    Case(
        "parts of answers that are not files",
        """
        location /text { return 200 "0123456789"; }
        location /up/ { proxy_pass http://127.0.0.1:{upstream}/; }
        location /404 { error_page 404 =200 /a.txt; return 404; }
        location /203 { error_page 404 =203 /a.txt; return 404; }
        location /gzip/ { alias {root}/; gzip on; gzip_types *; gzip_min_length 1; }
        """,
        parts("/text", ("bytes=1-3", "bytes=99-"))
        + parts("/up/x", ("bytes=1-3",))
        + parts("/404", ("bytes=1-3",))
        + parts("/203", ("bytes=1-3",))
        + parts("/gzip/a.txt", ("bytes=1-3",))
        + get("/gzip/a.txt", fields="Range: bytes=1-3\nAccept-Encoding: gzip", method="HEAD")
        + get("/a.txt", method="POST", fields="Range: bytes=1-3\nContent-Length: 0")
        + get("/a.txt", method="HEAD", fields="Range: bytes=99-")
        + (b"GET /a.txt HTTP/1.0\r\nRange: bytes=1-3\r\n\r\n",),
    ),
    Case(
        "proxy_force_ranges",
        """
        proxy_force_ranges on;
        location / { proxy_pass http://127.0.0.1:{upstream}; }
        location /one/ { proxy_pass http://127.0.0.1:{upstream}; max_ranges 1; }
        location /none/ { proxy_pass http://127.0.0.1:{upstream}; max_ranges 0; }
        location /off/ { proxy_pass http://127.0.0.1:{upstream}; proxy_force_ranges off; }
        location /hidden/ { proxy_pass http://127.0.0.1:{upstream}; proxy_hide_header ETag; }
        location /gzip/ { proxy_pass http://127.0.0.1:{upstream}; gzip on; gzip_types *;
                          gzip_min_length 1; }
        location /files/ { alias {root}/; }
        """,
        parts("/x?Accept-Ranges=none", ("bytes=1-3", "bytes=5-", "bytes=-4", "bytes=1-2,4-5"))
        + parts("/x", ("bytes=9999-", "bytes=x", "bytes=1-3", "chars=1-3"))
        + get("/x", "/x?Accept-Ranges=none", "/off/x?Accept-Ranges=none", "/none/x?Accept-Ranges=a")
        + parts("/one/x", ("bytes=1-3", "bytes=1-3,5-6"))
        + parts("/none/x", ("bytes=1-3",))
        + parts("/off/x?Accept-Ranges=bytes", ("bytes=1-3",))
        + parts("/status/404?Accept-Ranges=bytes", ("bytes=1-3",))
        + parts("/status/206?Accept-Ranges=bytes&Content-Range=bytes+1-3%2F9", ("bytes=1-3",))
        + parts("/x?X-Accel-Redirect=%2Ffiles%2Fa.txt", ("bytes=1-3",))
        + get("/gzip/x", fields="Range: bytes=1-3\nAccept-Encoding: gzip", method="HEAD")
        + get("/x", method="HEAD", fields="Range: bytes=1-3")
        + get("/x", method="POST", fields="Range: bytes=1-3\nContent-Length: 0")
        + tuple(
            request
            for value in ('"a"', '"b"', "Sun, 09 Sep 2001 01:46:40 GMT", "Sun, 09 Sep 2001", "x")
            for place in ("", "/hidden")
            for request in get(
                f"{place}/x?ETag=%22a%22&Last-Modified=Sun%2C+09+Sep+2001+01%3A46%3A40+GMT",
                fields=f"Range: bytes=1-3\nIf-Range: {value}",
            )
        ),
    ),
]
