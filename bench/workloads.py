"""What is compared: each load, and how much CPU it may cost beside each of the peers."""

from __future__ import annotations

import attrs

from bench.drivers import Driver, transfers, wrk
from bench.peers import OURS

_PEERS = ("nginx, article", "nginx, keepalive", "HAProxy", "Caddy", "stock Twisted")
_GZIP = "Accept-Encoding: gzip"
_CLOSE = "Connection: close"


@attrs.frozen
class Workload:
    """A row of the table: `limits` has, for each peer it is compared with, the ratio aimed at."""

    title: str
    drive: Driver
    limits: dict[str, float]
    #: what the CPU time is divided by: a request (then it is told in µs) or a GB (in ms)
    unit: str = "request"

    @property
    def scale(self) -> float:
        """What seconds are multiplied with to be told."""
        return 1e6 if self.unit == "request" else 1e3

    @property
    def names(self) -> list[str]:
        """Who takes part."""
        return [OURS, *self.limits]


def _limits(*ratios: float | None) -> dict[str, float]:
    return {name: ratio for name, ratio in zip(_PEERS, ratios, strict=False) if ratio is not None}


def _upload(size: str) -> tuple[str, ...]:
    return ("-X", "POST", "-H", "Expect:", "-T", f"FILES/{size}")


WORKLOADS = {
    "proxy_small": Workload(
        "small proxied request, 32 clients", wrk("/", 32), _limits(0.60, 1.9, 2.1, 0.40, 0.13)
    ),
    "proxy_256": Workload(
        "the same with 256 clients", wrk("/", 256), _limits(0.60, 1.7, 2.0, 0.30, 0.13)
    ),
    # Its limits are those of the first row: what is remembered of one request is no use here.
    "proxy_varied": Workload(
        "small requests, no two the same",
        wrk("/", 32, script="varied.lua"),
        _limits(0.60, 1.9, 2.1, 0.40, 0.13),
    ),
    "proxy_new": Workload(
        "a new connection per request", wrk("/", 32, _CLOSE), _limits(1.0, 1.9, 1.9, 0.60, 0.25)
    ),
    "proxy_16k": Workload("16 kB proxied", wrk("/16k", 16), _limits(0.65, 1.9, 1.9, 0.55, 0.15)),
    "proxy_1m": Workload("1 MB proxied", wrk("/1m", 8), _limits(0.60, 0.80, 0.60, 0.60, 0.30)),
    "proxy_100m": Workload(
        "100 MB proxied, a GB",
        transfers("/100m", 100_000_000),
        _limits(0.40, 0.50, 0.40, 0.40, 0.25),
        "GB",
    ),
    "static_100m": Workload(
        "100 MB static, a GB",
        transfers("/static/100m", 100_000_000),
        _limits(1.1, 1.1, None, 1.0),
        "GB",
    ),
    "static_1k": Workload("1 kB static", wrk("/static/1k", 32), _limits(1.6, 1.6, None, 0.45)),
    "gzip": Workload(
        "64 kB page gzipped", wrk("/page.html", 8, _GZIP), _limits(0.50, 0.50, None, 0.70)
    ),
    "upload": Workload(
        "50 MB upload spooled, a GB",
        transfers("/bulk/", 50_000_000, *_upload("50m")),
        _limits(0.9, 0.9, None, None, 0.15),
        "GB",
    ),
    "tls_small": Workload("TLS small, keep-alive", wrk("/", 32, tls=True), _limits(1.0, 3.0, 3.0)),
    "tls_new": Workload(
        "TLS new connection", wrk("/", 32, _CLOSE, tls=True), _limits(1.5, 1.5, 1.4)
    ),
}
