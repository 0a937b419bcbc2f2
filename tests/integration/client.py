"""A client that says exactly what the test says: http.client with nothing added."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterable
from typing import Any

import attrs

APPLICATION = "dev.testproject.com"
STATIC = "localhost"


@attrs.frozen
class Answer:
    """A whole response."""

    status: int
    fields: http.client.HTTPMessage
    body: bytes

    def __getitem__(self, name: str) -> str | None:
        return self.fields[name]

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def ask(
    port: int,
    target: str,
    *,
    host: str = APPLICATION,
    method: str = "GET",
    fields: Iterable[tuple[str, str]] = (),
    body: bytes | Iterable[bytes] | None = None,
    length: int | None = None,
) -> Answer:
    """One request on a connection of its own; `length` declares the size of an iterable body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        connection.putheader("Host", host)
        for name, value in fields:
            connection.putheader(name, value)
        if isinstance(body, bytes):
            body, length = [body], len(body)
        if length is not None:
            connection.putheader("Content-Length", str(length))
        connection.endheaders()
        try:
            for part in body or ():
                connection.send(part)
        except (BrokenPipeError, ConnectionResetError):
            pass  # a server may refuse a body before it read it all; its answer counts
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())
    finally:
        connection.close()
