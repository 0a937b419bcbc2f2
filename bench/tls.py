"""TLS in front: full and resumed handshakes, small requests and bulk, per CPU second of a worker.

The client is Python's ssl in this process; only the server's CPU time counts, so it may be slow. A
handshake is counted with its connection and one small request.
"""

from __future__ import annotations

import argparse
import socket
import ssl
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import attrs

from bench.peers import configured
from bench.processes import cpu_seconds
from tests.certificates import authority, pair, write_pair
from tests.integration.servers import Server, directory, free_port

SUBJECTS = ("reverseproxy", "nginx")
#: Bytes of the file that is fetched.
BULK = 64 * 1024 * 1024

_SITE = """\
worker_processes 1;
pid run.pid;
error_log error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_certificate {home}/one.pem;
        ssl_certificate_key {home}/one-key.pem;
        location / {{ root {home}; }}
        location = /small {{ return 200 "hi"; }}
    }}
}}
"""
_SMALL = b"GET /small HTTP/1.1\r\nHost: example.org\r\n%b\r\n"


@attrs.frozen
class Subject:
    """A server, and how one connects to it."""

    server: Server
    port: int

    def connect(
        self, context: ssl.SSLContext, session: ssl.SSLSession | None = None
    ) -> ssl.SSLSocket:
        """A connection over TLS."""
        raw = socket.create_connection(("127.0.0.1", self.port))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return context.wrap_socket(raw, server_hostname="example.org", session=session)


def _start(which: str, home: Path) -> Subject:
    port = free_port()
    return Subject(configured(which, _SITE.format(port=port, home=home), port), port)


def _context(version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=authority().pem.decode())
    context.maximum_version = version
    return context


def _closed(connection: ssl.SSLSocket) -> ssl.SSLSession | None:
    """Ask for something small, then close; the session."""
    connection.sendall(_SMALL % b"Connection: close\r\n")
    while connection.recv(65536):
        pass
    session = connection.session
    connection.close()
    return session


def handshakes(version: ssl.TLSVersion, resume: bool) -> Callable[[Subject, float], float]:
    """A measurement: how many connections there were."""

    def run(subject: Subject, seconds: float) -> float:
        context, session, count = _context(version), None, 0
        if resume:
            first = subject.connect(context)
            session = _closed(first)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            connection = subject.connect(context, session)
            if connection.session_reused is not resume:
                raise AssertionError(f"resumed: {connection.session_reused}")
            _closed(connection)
            count += 1
        return count

    return run


def small(subject: Subject, seconds: float) -> float:
    """Requests over one connection."""
    connection, count = subject.connect(_context(ssl.TLSVersion.TLSv1_3)), 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        connection.sendall(_SMALL % b"")
        connection.recv(65536)
        count += 1
    connection.close()
    return count


def bulk(subject: Subject, seconds: float) -> float:
    """Megabytes of a file, fetched again and again."""
    context, buffer, size = _context(ssl.TLSVersion.TLSv1_3), bytearray(1 << 20), 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        connection = subject.connect(context)
        connection.sendall(b"GET /bulk HTTP/1.0\r\n\r\n")
        while count := connection.recv_into(buffer):
            size += count
        connection.close()
    return size / 1e6


MEASUREMENTS = {
    "full handshakes, TLS 1.3": handshakes(ssl.TLSVersion.TLSv1_3, False),
    "full handshakes, TLS 1.2": handshakes(ssl.TLSVersion.TLSv1_2, False),
    "resumed, TLS 1.3": handshakes(ssl.TLSVersion.TLSv1_3, True),
    "resumed, TLS 1.2": handshakes(ssl.TLSVersion.TLSv1_2, True),
    "small requests": small,
    "bulk, MB": bulk,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(argv)
    home = directory("bench-tls")
    write_pair(str(home), "one", pair("example.org"), authority())
    (home / "bulk").write_bytes(bytes(BULK))
    subjects = {which: _start(which, home) for which in SUBJECTS}
    print(f"\nper CPU second, medians of {options.rounds}: {', '.join(SUBJECTS)}")
    for name, measure in MEASUREMENTS.items():
        figures: dict[str, list[float]] = {which: [] for which in SUBJECTS}
        for _ in range(options.rounds):
            for which, subject in subjects.items():
                before = cpu_seconds(subject.server.process.pid)
                count = measure(subject, options.seconds)
                used = cpu_seconds(subject.server.process.pid) - before
                figures[which].append(count / max(used, 0.01))
        medians = (f"{statistics.median(found):10.0f}" for found in figures.values())
        print(f"{name:28}{''.join(medians)}")
    for subject in subjects.values():
        subject.server.stop()
    return 0
