"""A good and a bad use of the directives of groups, as in `tests.directive_uses`."""

from __future__ import annotations

from .directive_uses import Use

USES: dict[str, Use] = {
    "proxy_next_upstream_tries": Use(
        "proxy_next_upstream_tries 2;", "proxy_next_upstream_tries §-1;", "% takes a number"
    ),
    "server": Use("server 10.0.0.1 weight=2;", "server 10.0.0.1 §weight=0;", "% takes a number"),
    "zone": Use("zone shared 64k;", "zone shared §big;", "% takes a size such as 10m"),
    **{n: Use(f"{n};", f"§{n} on;", "% takes no arguments") for n in ("ip_hash", "least_conn")},
    "hash": Use("hash $uri consistent;", "hash §$nothing;", "unknown variable"),
    "random": Use("random two least_conn;", "random §three;", '% takes "two"'),
    "keepalive": Use("keepalive 16 local;", "keepalive §many;", "% takes a number"),
    "proxy_next_upstream": Use(
        "proxy_next_upstream http_503;", "proxy_next_upstream §http_418;", "proxy_next_upstream "
    ),
    "health_check": Use(
        "health_check interval=50ms match=well mandatory;",
        "health_check §interval=soon;",
        "% takes a time such as 90",
        "upstream g { server 127.0.0.1; } match well { status 200; }",
        beside="proxy_pass http://g;",
    ),
    "match": Use(
        'match well { status ! 500-599 404; header Server; body ~ "ok"; }',
        "match well { §colour red; }",
        'match takes status, header, body and require, not "colour"',
    ),
    "resolver": Use("resolver [::1]:53 valid=5s;", "resolver §localhost;", "resolver takes addr"),
}
