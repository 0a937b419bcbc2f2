"""Groups of servers: who answers, and what is said of it.

Port 1 refuses; its failures are counted by each proxy for itself, and each case has a group of its
own. The echo is there on several loopback addresses; `$upstream_addr` tells who was asked.
"""

from __future__ import annotations

from tests.integration.differential import Case, get

TRIES = 'add_header X-Tries "$upstream_addr|$upstream_status" always;'

CASES = [
    Case(
        "group fails over",
        f"{TRIES} location / {{ proxy_pass http://fo; }}",
        get("/a", "/b", "/c", "/d"),
        http="upstream fo { server 127.0.0.1:1 fail_timeout=1h; server 127.0.0.1:{upstream}; }",
    ),
    Case(
        "group never blames",
        f"{TRIES} location / {{ proxy_pass http://nb/x; }}",
        get("/a", "/b", "/c", "/d", "/e"),
        http="upstream nb { server 127.0.0.1:1 max_fails=0; server 127.0.0.1:{upstream}; }",
    ),
    Case(
        "group with weights",
        f"{TRIES} location / {{ proxy_pass http://we; }}",
        get(*"/" * 9),
        http="upstream we { server 127.0.0.1:{upstream} weight=5; server 127.0.0.2:{upstream}; "
        "server 127.0.0.3:1 weight=2 max_fails=3 fail_timeout=1h; }",
    ),
    Case(
        "group of the dead",
        f"{TRIES} location / {{ proxy_pass http://dead; }}",
        get("/", "/", "/"),
        http="upstream dead { server 127.0.0.1:1 fail_timeout=1h; "
        "server 127.0.0.2:1 fail_timeout=1h; }",
    ),
    Case(
        "group of one dead",
        f"{TRIES} location / {{ proxy_pass http://one; }}",
        get("/", "/"),
        http="upstream one { server 127.0.0.1:1 fail_timeout=1h; }",
    ),
    Case(
        "group with a backup",
        f"{TRIES} location / {{ proxy_pass http://bk; }}",
        get("/", "/", "/"),
        http="upstream bk { server 127.0.0.1:{upstream} backup; "
        "server 127.0.0.1:1 fail_timeout=1h; server 127.0.0.2:1 down; }",
    ),
    Case(
        "group by address",
        f"{TRIES} set_real_ip_from 127.0.0.1; real_ip_header X-Real-IP; "
        "location / { proxy_pass http://ih; }",
        get("/", "/")
        + get("/", fields="X-Real-IP: 10.1.2.3")
        + get("/", fields="X-Real-IP: 10.1.2.4")
        + get("/", fields="X-Real-IP: 192.0.2.99")
        + get("/", fields="X-Real-IP: 2001:db8::1")
        + get("/", fields="X-Real-IP: 203.0.113.5"),
        http="upstream ih { ip_hash; server 127.0.0.2:1 fail_timeout=1h; "
        "server 127.0.0.3:{upstream} weight=2; server 127.0.0.4:1 down; "
        "server 127.0.0.5:{upstream}; }",
    ),
    Case(
        "group by hash",
        f"{TRIES} location / {{ proxy_pass http://ha; }}",
        get(*(f"/path/{number}" for number in range(12))),
        http="upstream ha { hash $uri; server 127.0.0.2:1 fail_timeout=1h; "
        "server 127.0.0.3:{upstream} weight=2; server 127.0.0.4:1 down; "
        "server 127.0.0.5:{upstream}; }",
    ),
    Case(
        "group by consistent hash",
        f"{TRIES} location / {{ proxy_pass http://co; }}",
        get(*(f"/path/{number}" for number in range(20))),
        http="upstream co { hash $uri consistent; server 127.0.0.2:80 fail_timeout=1h; "
        "server 127.0.0.3:81 weight=3; server 127.0.0.4; server localhost:83; }",
    ),
    Case(
        "group by least connections",
        f"{TRIES} location / {{ proxy_pass http://lc; }}",
        get(*"/" * 7),
        http="upstream lc { least_conn; server 127.0.0.2:{upstream}; "
        "server 127.0.0.3:{upstream} weight=3; server 127.0.0.4:1 fail_timeout=1h; }",
    ),
    Case(
        "next upstream by status",
        f"{TRIES} proxy_next_upstream http_503 http_404; location / {{ proxy_pass http://st; }}",
        get("/status/503", "/x", "/y", "/status/404", "/x", "/y", "/status/500"),
        http="upstream st { server 127.0.0.1:{upstream} fail_timeout=1h; "
        "server 127.0.0.2:{upstream} fail_timeout=1h; server 127.0.0.3:{upstream}; }",
    ),
    Case(
        "next upstream bounded",
        f"{TRIES} location / {{ proxy_pass http://bo; proxy_next_upstream_tries 2; }} "
        "location /off { proxy_pass http://bo; proxy_next_upstream off; } "
        "location /post { proxy_pass http://bo; }",
        (
            *get("/", "/off", "/post"),
            b"POST /post HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
            *get("/off", "/off"),
        ),
        http="upstream bo { server 127.0.0.1:1 max_fails=0; server 127.0.0.2:1 max_fails=0; "
        "server 127.0.0.3:{upstream}; }",
    ),
]
