"""The same configuration and the same bytes, for nginx and for this daemon.

A module in this package holds `CASES`; `tests.integration.test_differential` serves each from both
and compares what comes back.
"""

from __future__ import annotations

import attrs


@attrs.frozen
class Case:
    """One configuration and the requests it is asked.

    `server` is the text of a `server` block (without `listen`), `http` what stands beside it; in
    both `{root}` is the directory of files (see `files.py`), `{upstream}` the port of a server that
    echoes what it is asked, `{secure}` that of one with TLS before it (its certificate is for
    localhost and *.example.test, by the authority in the file `{ca}`; the name that was sent is
    X-SNI), `{port}` the port of this server. `requests` are whole requests, each
    on a connection of its own; `Connection: close` is added where there is no Connection, and
    `Host: localhost` where there is no Host. `ignore` are fields
    (or "body") that are not compared, `reason` says why. A case with a reason and nothing to ignore
    is run, and may differ in all.
    """

    name: str
    server: str
    requests: tuple[bytes, ...]
    http: str = ""
    ignore: tuple[str, ...] = ()
    reason: str = ""


def get(*targets: str, method: str = "GET", fields: str = "") -> tuple[bytes, ...]:
    """Plain requests; `fields` are lines that each of them has."""
    lines = "".join(f"{line.strip()}\r\n" for line in fields.strip().splitlines())
    return tuple(
        f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") for target in targets
    )
