"""Reading an upload out of a spooled body, in bounded memory."""

from __future__ import annotations

import hashlib
import os
import re
from typing import BinaryIO

import attrs

_BOUNDARY = re.compile(rb"multipart/form-data\s*;\s*boundary=\"?([^\"\s;]{1,70})\"?", re.IGNORECASE)
_FILENAME = re.compile(rb'filename="((?:[^"\\\r\n]|\\.){0,255})"', re.IGNORECASE)
_HEAD_SIZE = 8192
_READ_SIZE = 65536


@attrs.frozen
class Upload:
    """What was uploaded: `size` and `spooled` (the whole body) in bytes, `sha256` in hex."""

    name: str
    size: int
    sha256: str
    spooled: int


def read_upload(content: BinaryIO, content_type: bytes) -> Upload:
    """The one file of a form (RFC 7578), or the body itself if it is not such a form."""
    spooled = content.seek(0, os.SEEK_END)
    name, start, end = "", 0, spooled
    boundary = _BOUNDARY.match(content_type)
    if boundary is not None:
        content.seek(0)
        head, separator, _ = content.read(_HEAD_SIZE).partition(b"\r\n\r\n")
        tail = b"\r\n--" + boundary[1] + b"--"
        content.seek(max(0, spooled - len(tail) - 2))
        if separator and head.startswith(b"--" + boundary[1]) and tail in content.read():
            filename = _FILENAME.search(head)
            name = filename[1].decode("utf-8", "backslashreplace") if filename else ""
            start = len(head) + len(separator)
            content.seek(max(0, spooled - len(tail) - 2))
            end = content.tell() + content.read().rindex(tail)
    return Upload(name, end - start, _sha256(content, start, end), spooled)


def _sha256(content: BinaryIO, start: int, end: int) -> str:
    digest = hashlib.sha256()
    content.seek(start)
    left = end - start
    while left > 0 and (part := content.read(min(left, _READ_SIZE))):
        digest.update(part)
        left -= len(part)
    return digest.hexdigest()
