"""Reading answers as a client would, with code that shares nothing with the code under test."""

from __future__ import annotations

from collections.abc import Sequence

import attrs


@attrs.frozen
class Answer:
    """One answer: `complete` says whether a client can tell that it has all of it."""

    status: int
    reason: bytes
    fields: list[tuple[bytes, bytes]]
    body: bytes
    complete: bool

    def all(self, name: bytes) -> list[bytes]:
        """Every value of a field."""
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name: bytes) -> bytes | None:
        """The value of a field that stands once, or None."""
        values = self.all(name)
        if len(values) > 1:
            raise AssertionError(f"{name!r} stands {len(values)} times")
        return values[0] if values else None


def read_answers(data: bytes, methods: Sequence[bytes] = (), closed: bool = False) -> list[Answer]:
    """Take `data` apart; `methods` are those of the requests, GET where the list ends."""
    found: list[Answer] = []
    asked = list(methods)
    while data:
        head, end, rest = data.partition(b"\r\n\r\n")
        if not end:
            raise AssertionError(f"a head without an end: {head!r}")
        start, *lines = head.split(b"\r\n")
        version, status, reason = start.split(b" ", 2)
        if version != b"HTTP/1.1":
            raise AssertionError(f"not an answer: {start!r}")
        fields = [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]
        named = {name.lower(): value for name, value in fields}
        code = int(status)
        interim = code < 200
        method = b"" if interim else (asked.pop(0) if asked else b"GET")
        if interim or code in (204, 304) or method == b"HEAD":
            body, data, complete = b"", rest, True
        elif named.get(b"transfer-encoding") == b"chunked":
            body, data, complete = _dechunk(rest)
        elif b"content-length" in named:
            size = int(named[b"content-length"])
            body, data, complete = rest[:size], rest[size:], len(rest) >= size
        else:
            body, data, complete = rest, b"", closed
        found.append(Answer(code, reason, fields, body, complete))
    return found


def _dechunk(data: bytes) -> tuple[bytes, bytes, bool]:
    body = b""
    while True:
        line, end, rest = data.partition(b"\r\n")
        if not end:
            return body, b"", False
        size = int(line, 16)
        if size == 0:
            if not rest.startswith(b"\r\n"):
                return body, b"", False
            return body, rest[2:], True
        if len(rest) < size + 2:
            return body + rest[:size], b"", False
        if rest[size : size + 2] != b"\r\n":
            raise AssertionError(f"a chunk of {size} bytes without its end")
        body, data = body + rest[:size], rest[size + 2 :]


def chunked(*pieces: bytes) -> bytes:
    """Pieces as a chunked body."""
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
