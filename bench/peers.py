"""The proxies that are compared, each with one worker in front of the same backends.

What they are told to do is the same, as far as each can: the article's configuration with its
access log, gzip and forwarded fields. `/` is the application, `/static/` the proxy's own files,
`/bulk/` an application for large
bodies.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import attrs

from bench import sites
from tests.certificates import authority, pair, write_pair
from tests.integration.components import program
from tests.integration.servers import Server, directory, free_port, start_proxy


@attrs.frozen
class Backends:
    """What stands behind all of them: ports, and the directory of the files."""

    files: Path
    small: int
    bulk: int
    servers: tuple[Server, ...] = attrs.field(repr=False)

    def stop(self) -> None:
        """End them."""
        for server in self.servers:
            server.stop()


@attrs.frozen
class Running:
    """A proxy that runs: its process, and where it listens."""

    server: Server
    files: Path
    port: int
    tls: int = 0

    @property
    def pid(self) -> int:
        """The process whose tree is measured."""
        return self.server.process.pid


def backends() -> Backends:
    """An nginx with files and a small answer, and an application for uploads."""
    files = directory("bench-files")
    for name, size in {"16k": 1 << 14, "1m": 1 << 20, "100m": 100_000_000, "1k": 1000}.items():
        (files / name).write_bytes(bytes(size))
    (files / "50m").write_bytes(bytes(50_000_000))
    (files / "page.html").write_text(page())
    port = free_port()
    text = sites.BACKEND.format(port=port, body="x" * 200, files=files)
    small = configured("nginx", text, port)
    bulk = bulk_backend()
    return Backends(files, port, bulk.port, (small, bulk))


def bulk_backend() -> Server:
    """backend.py: takes and gives as many bytes as it is told."""
    port = free_port()
    script = Path(__file__).with_name("backend.py")
    return Server([sys.executable, str(script), str(port)], port, directory("bench"))


def page(size: int = 64 * 1024) -> str:
    """A page of `size` bytes: words as a text has them, repeated no oftener than there."""
    words, out, seed = sites.WORDS.split(), ["<!doctype html><title>page</title>"], 1
    length = len(out[0])
    while length < size:
        seed = seed * 1103515245 + 12345 & 0x7FFFFFFF
        word = words[(seed >> 8) % len(words)]
        out.append(f'<p class="c{seed >> 20}">{word}</p>' if seed >> 16 & 7 == 0 else word)
        length += len(out[-1]) + 1
    return " ".join(out)[:size]


def configured(which: str, text: str, port: int) -> Server:
    """Our daemon or nginx with this configuration, in a directory of its own."""
    prefix = directory("bench")
    configuration = prefix / "reverseproxy.conf"
    configuration.write_text(text)
    (prefix / "uploads").mkdir()
    (prefix / "uploads").chmod(0o777)  # the worker of an nginx that root starts is somebody else
    return start_proxy(configuration, prefix, port, which=which)


def _like_nginx(which: str, keepalive: bool) -> Callable[[Backends], Running]:
    def start(behind: Backends) -> Running:
        port, tls = free_port(), free_port()
        text = sites.ARTICLE.format(
            port=port,
            tls=tls,
            home=_certificate(),
            files=behind.files,
            bulk=behind.bulk,
            upstream=f"upstream app {{ server 127.0.0.1:{behind.small};"
            + (" keepalive 64; }" if keepalive else " }"),
            extra='proxy_http_version 1.1; proxy_set_header Connection "";' if keepalive else "",
        )
        return Running(configured(which, text, port), behind.files, port, tls)

    return start


def _haproxy(behind: Backends) -> Running:
    home, port, tls = directory("bench"), free_port(), free_port()
    text = sites.HAPROXY.format(
        port=port, tls=tls, home=_certificate(), small=behind.small, bulk=behind.bulk
    )
    (home / "haproxy.cfg").write_text(text)
    command = [program("haproxy") or "haproxy", "-db", "-f", str(home / "haproxy.cfg")]
    return Running(Server(command, port, home), behind.files, port, tls)


def _caddy(behind: Backends) -> Running:
    home, port, tls = directory("bench"), free_port(), free_port()
    text = sites.CADDY.format(
        port=port,
        tls=tls,
        home=_certificate(),
        logs=home,
        files=behind.files,
        small=behind.small,
        bulk=behind.bulk,
    )
    (home / "Caddyfile").write_text(text)
    command = [program("caddy") or "caddy", "run", "--config", str(home / "Caddyfile")]
    environ = {"GOMAXPROCS": "1", "HOME": str(home), "XDG_DATA_HOME": str(home)}
    return Running(Server(command, port, home, environ=environ), behind.files, port, tls)


def _stock(behind: Backends) -> Running:
    home, port, bulk = directory("bench"), free_port(), str(behind.bulk)
    script = Path(__file__).with_name("stock.py")
    argv = [sys.executable, str(script), str(port), str(behind.small), bulk, str(home / "log")]
    return Running(Server(argv, port, home), behind.files, port)


_made: list[Path] = []


def _certificate() -> Path:
    """The directory with the certificate that all of them have (ECDSA, P-256)."""
    if not _made:
        home = directory("bench-tls")
        one = pair("localhost")
        write_pair(str(home), "one", one, authority())
        (home / "both.pem").write_bytes(one.pem + authority().pem + one.key)
        _made.append(home)
    return _made[0]


OURS = "reverseproxy"
#: In the order of the table's columns: what starts each, and the program it needs.
PEERS: dict[str, tuple[Callable[[Backends], Running], str]] = {
    OURS: (_like_nginx("reverseproxy", keepalive=False), ""),
    "nginx, article": (_like_nginx("nginx", keepalive=False), "nginx"),
    "nginx, keepalive": (_like_nginx("nginx", keepalive=True), "nginx"),
    "HAProxy": (_haproxy, "haproxy"),
    "Caddy": (_caddy, "caddy"),
    "stock Twisted": (_stock, ""),
}


def installed() -> list[str]:
    """The names of those that can be started here."""
    return [name for name, (_, needs) in PEERS.items() if not needs or program(needs)]
