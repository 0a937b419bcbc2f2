"""What an upstream directs: X-Accel fields, Location, Refresh, cookies, in every odd way.

It may say which location answers; it can't end a line, name a file outside a root, or make a
request of its own out of what it says.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from .injection import PAYLOADS
from .paths import DOTS, SLASHES

#: `site` is that of `paths.FILES`.
SERVER = """root site;
location / {
    proxy_pass http://127.0.0.1:8080; charset utf-8; charset_types *;
    proxy_redirect default; proxy_redirect ~^http://b(?<rest>.*)$ http://c$rest;
    proxy_cookie_domain ~^(?<d>.*)$ x.$d; proxy_cookie_path ~^(?<p>.*)$ /x$p;
    proxy_cookie_flags ~. secure;
}
location /files/ { internal; alias site/dir/; }
location /again/ { internal; proxy_pass http://127.0.0.1:8081/; }
location /same { internal; proxy_pass http://127.0.0.1:8081; }
location /named/ { internal; return 302 http://d$uri?$args; }
location /protected/ { deny all; }
location @here { return 200 here; }
"""

#: Where an X-Accel-Redirect may lead to, and the statuses that may come of it.
TARGETS: dict[bytes, tuple[int, ...]] = {
    b"": (404,),
    b" ": (404,),
    b"relative": (404,),
    b"http://b/": (404,),
    b"//b/x": (200,),
    b"?x": (404,),
    b"#x": (404,),
    b"@nowhere": (500,),
    b"@": (500,),
    b"@here": (200,),
    b"@here?x": (500,),
    b"/%": (404,),
    b"/%zz": (404,),
    b"/%00": (404,),
    b"/files/b.txt%00": (404,),
    b"/files/b.txt": (200,),
    b"/files/b.txt?x": (200,),
    b"/files/b.txt#x": (404,),
    b"/files/none": (404,),
    b"/protected/p.txt": (403,),
    b"/%70rotected/p.txt": (403,),
    b"/files/../protected/p.txt": (404,),
    b"/files/%2e%2E%2fprotected/p.txt": (404,),
    b"/files/x/../b.txt": (404,),
    b"/files/..": (404,),
    b"/files/./b.txt": (200,),
    b"/files/..b.txt": (404,),
    b"/again/x?../y": (200,),
    b"/files/" + b"x" * 1500: (404,),
    b"/files/" + b"../" * 900: (404,),
    b"/again/\xff": (200,),
    b"/again/?\xff": (200,),
    b"/again/x HTTP/1.1": (200,),
    b"/again/x?y HTTP/1.1": (200,),
    b"/same\x80": (200,),
}
#: Fields that ask for something, and values that are odd; the answer itself goes on.
ASKING = {
    b"X-Accel-Expires": (
        b"", b"-1", b"0", b"@0", b"@-1", b"@", b"x", b"1e9", b"9" * 30, b"0x10", b"\xff",
    ),
    b"X-Accel-Buffering": (b"", b"no", b"NO", b"yes", b"no, yes", b"x", b"\xff", b"n" * 1500),
    b"X-Accel-Limit-Rate": (b"", b"-1", b"+1", b"0", b"1e9", b"x", b"1k", b"9" * 30, b"\xff"),
    b"X-Accel-Charset": (
        b"", b"utf-8", b"koi8-r", b"x; y=z", b'"', b"utf-8, x", b"\xff", b"<script>", b"a\tb",
        b"c" * 1500, b"off",
    ),
    b"Location": (
        b"", b"/", b"//b/", b"http://127.0.0.1:8080", b"http://127.0.0.1:8080/", b"http://[",
        b"http://b", b"http://b\xff", b"http://b/\x80 y", b"http://b/%0d%0aX-Injected:%20y", b"?x",
        b"\xff", b"javascript:x", b"http://127.0.0.1:8080@b/", b"/" + b"x" * 1500, b"/\tx",
    ),
    b"Refresh": (
        b"", b"0", b"0; url=http://127.0.0.1:8080/", b"0;URL=", b"x; url=http://b\xff", b"\xff",
        b"0; url=http://b/%0d%0aX-Injected:%20y",
    ),
    b"Set-Cookie": (
        b"", b"=", b";", b";;;", b"a", b"a=b; path", b"a=b; path=", b"a=b; domain=\xff",
        b"a=b; path=/; path=/y; domain=b; domain=c", b"a=b; Path=/%0d%0aX-Injected:%20y",
        b'a="b; path=/"', b"a=b; secure; secure; samesite=x", b"a=b;path=/;" + b"x" * 1500,
    ),
    b"Content-Type": (
        b"", b"x", b"text/html; charset=", b"text/html; charset=\xff", b"text/html; charset=a b",
        b"text/html;" * 150, b"/", b"\xff/\xff",
    ),
    b"Content-Encoding": (b"", b"gzip", b"gzip, gzip", b"x", b"\xff"),
    b"Cache-Control": (b"", b"max-age=", b"max-age=-1", b"max-age=" + b"9" * 30, b"\xff"),
    b"Expires": (b"", b"0", b"-1", b"never", b"\xff", b"Thu, 99 Jan 9999 99:99:99 GMT"),
    b"Last-Modified": (b"", b"0", b"never", b"\xff", b"Thu, 99 Jan 9999 99:99:99 GMT"),
    b"ETag": (b"", b"x", b'"', b'W/"', b"\xff", b'"a", "b"'),
    b"Date": (b"", b"never", b"\xff"),
    b"Server": (b"", b"\xff", b"x" * 1500),
    b"Connection": (
        b"", b",", b"\xff", b"Content-Length", b"Content-Type, Set-Cookie, X-Accel-Redirect",
        b"upgrade", b"keep-alive, close", b"x" * 1500,
    ),
    b"Keep-Alive": (b"", b"timeout=-1", b"timeout=" + b"9" * 30, b"\xff"),
    b"Trailer": (b"Content-Length", b"\xff"),
    b"Upgrade": (b"h2c", b"\xff"),
    b"Vary": (b"*", b"", b"\xff"),
    b"Accept-Ranges": (b"x", b"\xff"),
    b"Content-Range": (b"bytes 0-4/5", b"bytes x", b"\xff", b"bytes 9-1/5"),
    b"Status": (b"500", b"302 Found"),
    b"WWW-Authenticate": (b"", b"\xff"),
}  # fmt: skip
STATUSES = (200, 201, 301, 302, 401, 404, 500, 503)


@attrs.frozen
class Direction:
    """An answer's status and its fields; what the client may see, and what goes on to :8081."""

    name: str
    status: int
    fields: tuple[bytes, ...]
    seen: tuple[int, ...]

    @property
    def sent(self) -> bytes:
        """The answer."""
        return b"\r\n".join(
            (b"HTTP/1.1 %d X" % self.status, b"Content-Length: 5", *self.fields, b"", b"hello")
        )


def cases() -> Iterator[Direction]:
    """Every target, and every field in answers of several statuses."""
    for target, seen in TARGETS.items():
        shown = target[:30].decode("latin-1")
        yield Direction(
            f"redirect to {shown!a} {len(target)}", 200, (b"X-Accel-Redirect: " + target,), seen
        )
    for dots in DOTS:
        for slash in SLASHES:
            target = f"/files/{dots}{slash}secret.txt"
            fields = (b"X-Accel-Redirect: " + target.encode(),)
            yield Direction(f"redirect to {target}", 200, fields, (404,))
    for name, payload in PAYLOADS.items():
        for where in ("/again/", "/again/?", "/named/", "/named/?x="):
            fields = (b"X-Accel-Redirect: " + where.encode() + payload.encode(),)
            seen = (200, 302, 404)
            yield Direction(f"redirect to {where} with {name}", 200, fields, seen)
    two = (b"X-Accel-Redirect: /protected/p.txt", b"X-Accel-Redirect: /files/b.txt")
    yield Direction("two redirects", 200, two, (403,))
    named = (b"X-Accel-Redirect: @here", b"Connection: X-Accel-Redirect")
    yield Direction("a redirect that Connection names", 200, named, (200,))
    for field, values in ASKING.items():
        for value in values:
            line = field + b": " + value
            shown = value[:30].decode("latin-1")
            for status in STATUSES:
                name = f"{field.decode()} {shown!a} {len(value)}, {status}"
                yield Direction(name, status, (line,), (status,))
            yield Direction(
                f"{field.decode()} {shown!a} {len(value)} twice", 200, (line, line), (200,)
            )
            carried = (b"X-Accel-Redirect: /files/b.txt", line)
            yield Direction(
                f"{field.decode()} {shown!a} {len(value)} carried", 200, carried, (200,)
            )
