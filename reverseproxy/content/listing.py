"""What is in a directory, and the four ways to say it (ngx_http_autoindex_module).

The HTML is nginx's to the byte: people parse it.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable
from urllib.parse import quote_from_bytes

import attrs

from reverseproxy.wire.conditional import http_date

NAME_LENGTH = 50
_MONTHS = (b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec").split()
_SCALES = ((1 << 30, (1 << 30) - 1, b"G"), (1 << 20, (1 << 20) - 1, b"M"), (1024, 9999, b"K"))


@attrs.frozen
class Entry:
    """`kind` is "directory", "file" or "other"; `size` in bytes, `mtime` since the epoch."""

    name: bytes
    kind: str
    size: int
    mtime: int


def entries(path: bytes) -> list[Entry]:
    """What a directory holds, less what begins with a dot; directories first. Raises OSError."""
    found = []
    with os.scandir(path) as directory:
        for item in directory:
            if item.name.startswith(b"."):
                continue
            try:
                status = item.stat()
            except PermissionError:
                continue
            except OSError:
                # A link to nothing is listed as what it is.
                try:
                    status = item.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
            mode = status.st_mode
            kind = "directory" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else "other"
            found.append(Entry(item.name, kind, status.st_size, int(status.st_mtime)))
    return sorted(found, key=lambda entry: (entry.kind != "directory", entry.name))


def escape_html(text: bytes) -> bytes:
    """As ngx_escape_html does."""
    for char, escaped in ((b"&", b"&amp;"), (b"<", b"&lt;"), (b">", b"&gt;"), (b'"', b"&quot;")):
        text = text.replace(char, escaped)
    return text


def html(
    uri: bytes, found: Iterable[Entry], *, exact_size: bool, local_time: bool, utf8: bool
) -> bytes:
    """The page; `utf8` says that names are counted in characters."""
    title = escape_html(uri)
    parts = [
        b"<html>\r\n<head><title>Index of %b</title></head>\r\n<body>\r\n<h1>Index of %b</h1>"
        b'<hr><pre><a href="../">../</a>\r\n' % (title, title)
    ]
    clock = time.localtime if local_time else time.gmtime
    for entry in found:
        then = clock(entry.mtime)
        parts.append(_link(entry, utf8))
        parts.append(
            b" %02d-%b-%d %02d:%02d "
            % (then.tm_mday, _MONTHS[then.tm_mon - 1], then.tm_year, then.tm_hour, then.tm_min)
        )
        parts.append(_size(entry, exact_size))
    parts.append(b"</pre><hr></body>\r\n</html>\r\n")
    return b"".join(parts)


def _link(entry: Entry, utf8: bool) -> bytes:
    name, slash = entry.name, b"/" if entry.kind == "directory" else b""
    href = quote_from_bytes(name, safe="").encode() + slash
    # Bytes that are no UTF-8 count one each, and come out as they are.
    text = name.decode("utf-8" if utf8 else "latin-1", "surrogateescape")
    encoding = "utf-8" if utf8 else "latin-1"
    length = len(text)
    if length > NAME_LENGTH:
        shown = text[: NAME_LENGTH - 3].encode(encoding, "surrogateescape")
        return b'<a href="%b">%b..&gt;</a>' % (href, escape_html(shown))
    if length == NAME_LENGTH:
        slash = b""
    pad = b" " * (NAME_LENGTH - length - len(slash))
    return b'<a href="%b">%b%b</a>%b' % (href, escape_html(name), slash, pad)


def _size(entry: Entry, exact: bool) -> bytes:
    if entry.kind == "directory":
        return b"%19b\r\n" % b"-" if exact else b"%7b\r\n" % b"-"
    if exact:
        return b"%19d\r\n" % entry.size
    for unit, most, letter in _SCALES:
        if entry.size > most:
            rounded = entry.size // unit + (entry.size % unit > unit // 2 - 1)
            return b"%6d%b\r\n" % (rounded, letter)
    return b" %6d\r\n" % entry.size


_JSON: dict[int, str] = {
    **{byte: f"\\u{byte:04X}" for byte in range(0x20)},
    0x22: '\\"',
    0x5C: "\\\\",
    0x08: "\\b",
    0x09: "\\t",
    0x0A: "\\n",
    0x0C: "\\f",
    0x0D: "\\r",
}


def _escape_json(text: bytes) -> bytes:
    return text.decode("latin-1").translate(_JSON).encode("latin-1")


def json(found: Iterable[Entry], callback: bytes = b"") -> bytes:
    """JSON, or a call of a function with it."""
    lines = []
    for entry in found:
        size = b', "size":%d' % entry.size if entry.kind == "file" else b""
        lines.append(
            b'{ "name":"%b", "type":"%b", "mtime":"%b"%b }'
            % (_escape_json(entry.name), entry.kind.encode(), http_date(entry.mtime), size)
        )
    body = b"[\r\n" + b",\r\n".join(lines) + b"\r\n]"
    return b"/* callback */\r\n%b(%b);" % (callback, body) if callback else body


def xml(found: Iterable[Entry]) -> bytes:
    """XML, an element for each entry."""
    parts = [b'<?xml version="1.0"?>\r\n<list>\r\n']
    for entry in found:
        kind = entry.kind.encode()
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(entry.mtime)).encode()
        size = b' size="%d"' % entry.size if entry.kind == "file" else b""
        parts.append(
            b'<%b mtime="%b"%b>%b</%b>\r\n' % (kind, at, size, escape_html(entry.name), kind)
        )
    parts.append(b"</list>\r\n")
    return b"".join(parts)
