"""Large bodies: by how much the proxy's memory grows while they pass.

An upload of 200 MB as fast as it goes, and a download of 1 GB that the client reads at 10 MB/s.
Each may cost 8 MiB at its peak. `--scale 0.1` takes a tenth of both.
"""

from __future__ import annotations

import argparse
import socket
import time
from collections.abc import Sequence

from bench import peers
from bench.processes import forget_peak, memory
from tests.integration.components import program
from tests.integration.servers import Server

UPLOAD = 200_000_000
DOWNLOAD = 1_000_000_000
DOWNLOAD_RATE = 10_000_000  # bytes per second
LIMIT = 8 * 1024 * 1024
MEBIBYTE = 1024 * 1024

SUBJECTS = (peers.OURS, "nginx, article")


def exchange(port: int, head: str, upload: int = 0, rate: float = 0) -> int:
    """One request with `upload` bytes of body; the bytes of the answer, read at `rate` at most."""
    piece = bytes(65536)
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        lines = f"{head} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        connection.sendall(f"{lines}Content-Length: {upload}\r\n\r\n".encode())
        while upload:
            upload -= connection.send(piece[:upload])
        began, got = time.monotonic(), 0
        while data := connection.recv(len(piece)):
            if not got and not data.startswith(b"HTTP/1.1 200 "):
                raise AssertionError(f"{head}: {data[:80]!r}")
            got += len(data)
            if rate:
                time.sleep(max(0.0, began + got / rate - time.monotonic()))
        return got


def growth(server: Server, scale: float) -> dict[str, int]:
    """Peak growth in bytes for the upload and for the download."""
    for _ in range(20):
        exchange(server.port, "GET /bulk/1000")  # what the first requests load stays anyway
        exchange(server.port, "POST /bulk/", 300_000)
    grown = {}
    size = int(DOWNLOAD * scale)
    transfers = {
        "upload": lambda: exchange(server.port, "POST /bulk/", int(UPLOAD * scale)),
        "download": lambda: exchange(server.port, f"GET /bulk/{size}", rate=DOWNLOAD_RATE),
    }
    for name, transfer in transfers.items():
        before = memory(server.process.pid, "VmRSS")
        forget_peak(server.process.pid)
        got = transfer()
        if name == "download" and got < size:
            raise AssertionError(f"the download ended after {got} of {size} bytes")
        grown[name] = memory(server.process.pid, "VmHWM") - before
    return grown


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; 1 if this daemon grows by more than it may."""
    parser = argparse.ArgumentParser(description="Memory for large bodies.")
    parser.add_argument("--scale", type=float, default=1.0, help="part of 200 MB and 1 GB (1.0)")
    parser.add_argument("--only", nargs="*", choices=SUBJECTS, help="these subjects")
    options = parser.parse_args(argv)
    names = options.only or list(SUBJECTS)
    if program("nginx") is None:
        names = [name for name in names if not name.startswith("nginx")]

    backend = peers.backends()
    up, down = (f"{int(size * options.scale) / 1e6:,.0f} MB" for size in (UPLOAD, DOWNLOAD))
    title = "peak growth of memory"
    print(f"{title:26} {f'{up} up':>12} {f'{down} down':>14}   (10 MB/s; limit 8 MiB)")
    too_much = False
    for name in names:
        server = peers.PEERS[name][0](backend).server
        grown = growth(server, options.scale)
        server.stop()
        figures = [f"{grown[way] / MEBIBYTE:.1f} MiB" for way in ("upload", "download")]
        print(f"{name:26} {figures[0]:>12} {figures[1]:>14}", flush=True)
        too_much |= name == peers.OURS and max(grown.values()) > LIMIT
    backend.stop()
    if too_much:
        print("reverseproxy grows by more than 8 MiB")
    return int(too_much)


if __name__ == "__main__":
    raise SystemExit(main())
