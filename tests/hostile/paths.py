"""Paths: no byte from outside a root, and what was matched is what is forwarded."""

from __future__ import annotations

from collections.abc import Iterator

from .clients import PARAMS, Case, passed

#: What stands in files that no request may get.
SECRET = b"TOP SECRET"
#: The files below the bench's prefix; a text that begins with "-> " is a link.
FILES = {
    "secret.txt": SECRET.decode(),
    "sitesecret/s.txt": SECRET.decode(),
    "site/index.html": "index",
    "site/a.txt": "a",
    "site/dir/b.txt": "b",
    "site/protected/p.txt": SECRET.decode(),
    "site/link.txt": "-> ../secret.txt",
    "site/up": "-> ..",
}
SERVED = f"""root site;
location / {{ disable_symlinks on from=$document_root; }}
location /protected/ {{ deny all; }}
location = /exact {{ deny all; }}
location /dir/ {{ alias site/dir/; }}
location ~ ^/re/(.*)$ {{ disable_symlinks on; alias site/$1; }}
location ~ ^/anchored(?<rest>.*)$ {{ alias site/$rest; }}
location /tried/ {{ try_files $uri $uri/ =404; }}
location /proxy/ {{ proxy_pass http://127.0.0.1:8080; {PARAMS} }}
location /mapped/ {{ proxy_pass http://127.0.0.1:8080/inside/; {PARAMS} }}
location /loose {{ proxy_pass http://127.0.0.1:8080/inside/; {PARAMS} }}
"""
#: Ways to write "..", and what they are: a climb, a name of their own, or no path at all.
DOTS = {
    "..": 1,
    "%2e%2e": 1,
    "%2E.": 1,
    ".%2e": 1,
    "..;": 0,
    "..;x": 0,
    "..%3b": 0,
    "...": 0,
    "....": 0,
    ".. ": -1,
    "..%20": 0,
    "..%09": 0,
    "..%00": -1,
    "%00..": -1,
    "%252e%252e": 0,
    "%%32e%%32e": -1,
    "%c0%ae%c0%ae": 0,
    "%e0%80%ae%e0%80%ae": 0,
    "%uff0e%uff0e": -1,
    "%ef%bc%8e%ef%bc%8e": 0,
    "..%0a": 0,
    "..%0d": 0,
    ".%0d.": 0,
    "%2e%2": -1,
    "..%5c": 0,
    "..\\": 0,
    "\\..": 0,
}
SLASHES = {
    "/": 1,
    "//": 1,
    "%2f": 1,
    "%2F": 1,
    "/./": 1,
    "%5c": 0,
    "\\": 0,
    "%c0%af": 0,
    "%252f": 0,
}
GET = b"GET"


def _get(name: str, target: str, status: int) -> Case:
    sent = b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % target.encode()
    return Case(name, (sent,), (status,), closed=status == 400, server=SERVED)


def _files() -> Iterator[Case]:
    """From a directory with a file in it, up, and down to what is outside or forbidden."""
    for dots, kind in DOTS.items():
        for slash, cuts in SLASHES.items():
            for goal, climbed in {"secret.txt": 404, "protected/p.txt": 403}.items():
                status = 400 if kind < 0 else climbed if kind and cuts else 404
                if not cuts and kind > 0:
                    # ".." and what is no slash are one name.
                    status = 404
                target = f"/dir/{dots}{slash}{goal}"
                yield _get(f"file: {target}", target, status)
        status = 400 if kind else 404
        for target in (f"/{dots}/secret.txt", f"/{dots}/{dots}/secret.txt"):
            yield _get(f"file: {target}", target, status)
    for target, status in {
        "/link.txt": 403,
        "/up/secret.txt": 404,
        "/up/sitesecret/s.txt": 404,
        "/re/link.txt": 403,
        "/re/up/secret.txt": 404,
        "/re/../secret.txt": 404,
        "/re/%2e%2e/secret.txt": 404,
        "/re/..%2fsecret.txt": 404,
        "/re//etc/passwd": 404,
        "/anchored../secret.txt": 404,
        "/anchored%2e%2e/secret.txt": 404,
        "/anchored/../../secret.txt": 400,
        "/tried/../../secret.txt": 400,
        "/tried/..%2f..%2fsecret.txt": 400,
        "/protected/p.txt": 403,
        "//protected/p.txt": 403,
        "/./protected/p.txt": 403,
        "/dir/..//protected//p.txt": 403,
        "/%70rotected/p.txt": 403,
        "/protected%2fp.txt": 403,
        "/protected/./p.txt": 403,
        "/PROTECTED/p.txt": 404,
        "/protected;/p.txt": 404,
        "/protected/;/p.txt": 403,
        "/exact": 403,
        "/%65xact": 403,
        "/exact?x": 403,
        "/./exact": 403,
        "/x/../exact": 403,
        "/a.txt": 200,
        "/a.txt/": 404,
        "/a.txt%00.html": 400,
        "/a.txt%0a": 404,
        "/a.txt/../a.txt": 200,
        "/dir/b.txt": 200,
        "http://a/dir/../protected/p.txt": 403,
        "http://a/../secret.txt": 400,
    }.items():
        yield _get(f"served: {target}", target, status)


def _forwarded() -> Iterator[Case]:
    """As it was received where it stays below the location; anew where it is mapped."""
    for target in (
        "/proxy/x",
        "/proxy/%2e%2e/proxy/x",
        "/protected/../proxy/x",
        "/protected/%2e%2e/proxy/x",
        "/x/..%2fproxy/x",
        "//proxy//x",
        "/proxy/..;/x",
        "/proxy/x%2f..%2fy",
        "/proxy/%252e%252e/x",
        "/proxy/%c0%ae%c0%ae/x",
        "/proxy/\\..\\x",
    ):
        sent = b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % target.encode()
        yield passed(f"forwarded: {target}", sent, (GET, target.encode(), b""), server=SERVED)
    for target, mapped in {
        "/mapped/x": "/inside/x",
        "/mapped/a/../x": "/inside/x",
        "/mapped/a/..%2fx": "/inside/x",
        "/x/%2e%2e/mapped/y": "/inside/y",
        "//mapped//x": "/inside/x",
        "/mapped/%2fx": "/inside/x",
        "/mapped/%3fx": "/inside/%3Fx",
        "/mapped/%23x": "/inside/%23x",
        "/mapped/%25x": "/inside/%25x",
        "/mapped/%20HTTP/1.1": "/inside/%20HTTP/1.1",
        "/mapped/%0d%0aX:%20y": "/inside/%0D%0AX:%20y",
        "/mapped/%ff": "/inside/%FF",
        "/mapped/%252e%252e/x": "/inside/%252e%252e/x",
        "/mapped/..;/x": "/inside/..;/x",
        "/mapped/\\..\\x": "/inside/%5C..%5Cx",
        "/loose/x": "/inside//x",
        "/loosex": "/inside/x",
        "/loose...": "/inside/...",
        "/loose..x": "/inside/..x",
    }.items():
        sent = b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % target.encode()
        yield passed(f"mapped: {target}", sent, (GET, mapped.encode(), b""), server=SERVED)
    for target in (
        "/loose..",
        "/loose../x",
        "/loose%2e%2e/x",
        "/loose..%2fx",
        "/loose.",
        "/loose./x",
    ):
        yield _get(f"mapped and climbing: {target}", target, 400)
    for target, status in {
        "/proxy/../protected/p.txt": 403,
        "/proxy/%2e%2e/protected/p.txt": 403,
        "/proxy/..%2fprotected/p.txt": 403,
        "/proxy/../../x": 400,
        "/mapped/../protected/p.txt": 403,
        "/mapped/%2e%2e%2f%2e%2e/x": 400,
        "/proxy/%00": 400,
        "/proxy/%": 400,
        "/proxy/%g0": 400,
        "/mapped/%00": 400,
    }.items():
        yield _get(f"not forwarded: {target}", target, status)


def cases() -> Iterator[Case]:
    """Every case of this table."""
    yield from _files()
    yield from _forwarded()
