"""What nginx answers, this daemon answers: the same configurations, the same requests, compared.

Each case of `tests.integration.differential` is a test. Compared are the status, the fields (less
Server and Date) and the body; the pages that each makes of its own for errors are its own.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import socket
from collections.abc import Iterable

import attrs
from twisted.trial.unittest import SynchronousTestCase

from tests.authorities import authority
from tests.integration import differential
from tests.integration.components import IntegrationCase, program
from tests.integration.differential import Case, echo, files
from tests.integration.servers import Server, directory, free_port, once, start_proxy

#: Allow is ours alone: RFC 9110 section 15.5.6 wants it in every 405, nginx has none.
IGNORED = frozenset({"server", "date", "allow"})
#: The fields in which each server speaks of itself, wherever they stand.
_OWN = re.compile(rb"\r\n(?:(?:Server|Date): [^\r\n]*\r\n)+")
#: What stands between the parts of an answer, each server's own.
_BOUNDARY = re.compile(rb"boundary=([0-9]{20})")
#: What belongs to a page that a server makes itself.
PAGE = frozenset({"content-type", "content-length", "transfer-encoding"})


def cases() -> list[Case]:
    """Every case of every module, sorted by name."""
    found: dict[str, Case] = {}
    for module in pkgutil.iter_modules(differential.__path__, differential.__name__ + "."):
        for case in getattr(importlib.import_module(module.name), "CASES", ()):
            if case.name in found:
                raise ValueError(f"two cases are called {case.name}")
            found[case.name] = case
    return [found[name] for name in sorted(found)]


@attrs.frozen
class Served:
    """A server with every case's configuration, on a port for each."""

    server: Server
    ports: dict[str, int]


@attrs.frozen
class Reply:
    """What came back, in a form that can be compared."""

    status: bytes
    fields: tuple[tuple[str, str], ...]
    body: bytes


def _configuration(which: str, home: str, root: str, upstream: int, ports: dict[str, int]) -> str:
    parts = [
        "events { worker_connections 512; }\n" if which != "nginx" else "",
        "worker_processes 1; daemon off;\n" if which == "nginx" else "",
        "user root;\n" if os.geteuid() == 0 else "",
        "events { worker_connections 512; }\n" if which == "nginx" else "",
        f"error_log {home}/error.log info; pid {home}/pid;\n",
        f"http {{\naccess_log off; root {root};\n",
        f"client_body_temp_path {home}/body; proxy_temp_path {home}/proxy;\n",
        "types { text/html html; text/plain txt; image/gif gif; }\n",
        "proxy_http_version 1.1; proxy_set_header Connection '';\n" if which == "nginx" else "",
    ]
    for case in cases():
        names = {
            "{root}": root,
            "{upstream}": str(upstream),
            "{secure}": str(secure().port),
            "{ca}": str(secure().home / "ca.pem"),
            "{port}": str(ports[case.name]),
        }
        text = f"{case.http}\nserver {{ listen 127.0.0.1:{{port}};\n{case.server}\n}}\n"
        for name, value in names.items():
            text = text.replace(name, value)
        parts.append(text)
    return "".join(parts) + "}\n"


@once
def files_root() -> str:
    """The directory that both serve."""
    root = directory("files")
    files.make(root)
    return str(root)


@once
def upstream() -> int:
    """The port of the echoing upstream."""
    return echo.start()[0]


@once
def secure() -> Server:
    """The same with TLS in front of it, for localhost."""
    home, port = directory("secure"), free_port()
    ca = authority()
    (home / "ca.pem").write_bytes(ca.pem)
    ca.issue("localhost", "*.example.test").write(str(home), "own")
    path = home / "nginx.conf"
    path.write_text(
        "daemon off; worker_processes 1; error_log error.log; pid pid; events { }\n"
        "http { access_log off; server {\n"
        f"listen 127.0.0.1:{port} ssl; ssl_certificate own.pem; ssl_certificate_key own.key;\n"
        f"location / {{ proxy_pass http://127.0.0.1:{upstream()};\n"
        "proxy_set_header Host $http_host; proxy_set_header X-SNI $ssl_server_name; } } }\n"
    )
    return Server([program("nginx") or "nginx", "-p", f"{home}/", "-c", str(path)], port, home)


def _served(which: str) -> Served:
    home = directory(which)
    (home / "logs").mkdir()
    ports = {case.name: free_port() for case in cases()}
    path = home / "nginx.conf"
    path.write_text(_configuration(which, str(home), files_root(), upstream(), ports))
    first = next(iter(ports.values()))
    if which == "nginx":
        nginx = [program("nginx") or "nginx", "-p", f"{home}/", "-c", str(path)]
        return Served(Server(nginx, first, home), ports)
    return Served(start_proxy(path, home, first, which=which), ports)


@once
def reference() -> Served:
    """Start nginx with every case."""
    return _served("nginx")


@once
def ours() -> Served:
    """Start this daemon with every case."""
    return _served("reverseproxy")


def _completed(request: bytes) -> bytes:
    """The request with the fields that nearly all have."""
    head, end, body = request.partition(b"\r\n\r\n")
    if not end:
        return request
    lower = head.lower()
    if b"\r\nhost:" not in lower:
        head += b"\r\nHost: localhost"
    if b"\r\nconnection:" not in lower:
        head += b"\r\nConnection: close"
    return head + end + body


def _ask(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(_completed(request))
        received = b""
        try:
            while data := connection.recv(65536):
                received += data
        except ConnectionResetError:
            pass
        return received


def _reply(raw: bytes, port: int) -> Reply:
    raw = _OWN.sub(b"\r\n", raw.replace(b":%d" % port, b":PORT"))
    for boundary in _BOUNDARY.findall(raw):
        raw = raw.replace(boundary, b"BOUNDARY")
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    fields = []
    for line in lines:
        name, _, value = line.partition(b":")
        fields.append((name.decode("latin-1").lower(), value.strip().decode("latin-1")))
    return Reply(first, tuple(sorted(fields)), body)


def _unwrapped(reply: Reply) -> Reply:
    """The same reply, its body out of the chunks (where they begin and end is nobody's matter)."""
    if ("transfer-encoding", "chunked") not in reply.fields:
        return reply
    body, rest = b"", reply.body
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        count = int(size.partition(b";")[0], 16)
        if not count:
            body += b"" if rest == b"\r\n" else b"\ntrailers: " + rest
            break
        body, rest = body + rest[:count], rest[count + 2 :]
    return attrs.evolve(reply, body=body)


def _without(reply: Reply, names: Iterable[str]) -> Reply:
    left = frozenset(names) | IGNORED
    return attrs.evolve(reply, fields=tuple(f for f in reply.fields if f[0] not in left))


class DifferentialTests(IntegrationCase):
    """One test a case; they are added below."""

    needs = ("the proxy", "nginx")
    maxDiff = None

    def compare(self, case: Case) -> None:
        """Ask both, and hold them against each other."""
        for request in (r.replace(b"{upstream}", b"%d" % upstream()) for r in case.requests):
            theirs = _reply(
                _ask(reference().ports[case.name], request), reference().ports[case.name]
            )
            mine = _reply(_ask(ours().ports[case.name], request), ours().ports[case.name])
            ignore: tuple[str, ...] = case.ignore
            own_page = b"<center>nginx" in theirs.body or (
                request.startswith(b"HEAD ") and theirs.status[9:10] in b"345"
            )
            theirs, mine = _unwrapped(theirs), _unwrapped(mine)
            if own_page:
                ignore += tuple(PAGE)
                theirs, mine = attrs.evolve(theirs, body=b""), attrs.evolve(mine, body=b"")
            if "body" in ignore:
                theirs, mine = attrs.evolve(theirs, body=b""), attrs.evolve(mine, body=b"")
            if case.reason and not case.ignore:
                self.assertTrue(mine.status)
                continue
            self.assertEqual(
                _without(mine, ignore), _without(theirs, ignore), f"{case.name}: {request!r}"
            )


class CountTests(SynchronousTestCase):
    """How much is compared."""

    def test_pairs(self) -> None:
        """More than 2000 pairs are compared; those that may differ wholly are less than 80."""
        compared = differing = 0
        for case in cases():
            if case.reason and not case.ignore:
                differing += len(case.requests)
            else:
                compared += len(case.requests)
        self.assertGreater(compared, 2000)
        self.assertLess(differing, 80)


def _test(case: Case) -> object:
    def test(self: DifferentialTests) -> None:
        self.compare(case)

    test.__doc__ = f"As nginx: {case.name}."
    return test


for _case in cases():
    setattr(
        DifferentialTests, "test_" + _case.name.replace(" ", "_").replace("-", "_"), _test(_case)
    )
