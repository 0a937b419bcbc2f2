"""Whom a request is from: the client behind proxies, Referer."""

from __future__ import annotations

from tests.integration.differential import Case, get


def of(address: str) -> str:
    """The field by which a request says whom it is from."""
    return f"X-Real-IP: {address}"


CASES = [
    Case(
        "the client behind proxies",
        """
        set_real_ip_from 127.0.0.1;
        set_real_ip_from 10.0.0.0/8;
        set_real_ip_from 2001:db8::/32;
        location / { return 200 "$remote_addr|$remote_port_is_ours\n"; }
        location /list/ {
            real_ip_header X-Forwarded-For;
            location /list/one/ { allow 192.0.2.0/24; deny all; }
            location /list/all/ { real_ip_recursive on; allow 192.0.2.0/24; deny all; }
        }
        """.replace("$remote_port_is_ours", "$realip_remote_addr"),
        get("/")
        + tuple(
            request
            for value in (
                "192.0.2.1",
                "192.0.2.1:8080",
                "192.0.2.1:",
                "192.0.2.1:0",
                "192.0.2.1:99999",
                "2001:db8::1",
                "[2001:db8::1]",
                "[2001:DB8:0::1]:80",
                "[2001:db8::1",
                "192.0.2.1, 192.0.2.2",
                "192.0.2.1,192.0.2.2",
                "192.0.2.1,192.0.2.2, ",
                "nobody",
                "192.0.2.256",
                "unix:",
                "::ffff:192.0.2.1",
                ",",
                "1.2.3",
            )
            for request in get("/", fields=f"X-Real-IP: {value}")
        )
        + get("/", fields="X-Real-IP: 192.0.2.1\nX-Real-IP: 192.0.2.2")
        + get("/", fields="X-Forwarded-For: 192.0.2.1"),
    ),
    Case(
        "the client behind proxies, in a list",
        """
        set_real_ip_from 127.0.0.1;
        set_real_ip_from 10.0.0.0/8;
        real_ip_header X-Forwarded-For;
        location / { proxy_set_header X-Client $remote_addr; proxy_pass http://127.0.0.1:{upstream};
            proxy_set_header X-Forwarded-For ""; proxy_set_header Host x; }
        """,
        _lists := tuple(
            request
            for values in (
                ("192.0.2.1",),
                ("192.0.2.1, 192.0.2.2",),
                ("192.0.2.1, 10.0.0.1",),
                ("10.0.0.2, 10.0.0.1",),
                ("192.0.2.1, nobody, 10.0.0.1",),
                ("192.0.2.1, nobody",),
                ("192.0.2.1", "192.0.2.2"),
                ("192.0.2.1", "10.0.0.1"),
                ("192.0.2.1, 192.0.2.9", "10.0.0.2, 10.0.0.1"),
                ("10.0.0.2", "10.0.0.1"),
                ("192.0.2.1 10.0.0.1",),
                ("192.0.2.1, 10.0.0.1,  ",),
            )
            for request in get("/", fields="\n".join(f"X-Forwarded-For: {v}" for v in values))
        ),
    ),
    Case(
        "the client behind proxies, through a list",
        """
        set_real_ip_from 127.0.0.1;
        set_real_ip_from 10.0.0.0/8;
        real_ip_header X-Forwarded-For;
        real_ip_recursive on;
        location / { proxy_set_header X-Client $remote_addr; proxy_pass http://127.0.0.1:{upstream};
            proxy_set_header X-Forwarded-For ""; proxy_set_header Host x; }
        """,
        _lists,
    ),
    Case(
        "the client behind proxies, per location",
        """
        location / { return 200 "$remote_addr\n"; }
        location /own/ {
            set_real_ip_from 127.0.0.1;
            allow 192.0.2.0/24;
            deny all;
            try_files /a.txt =404;
        }
        location /field/ {
            set_real_ip_from 127.0.0.1;
            real_ip_header X-Client;
            allow 192.0.2.0/24;
            deny all;
            try_files /a.txt =404;
        }
        """,
        get("/", "/own/", "/field/")
        + get("/", "/own/", "/field/", fields=of("192.0.2.1"))
        + get("/", "/own/", "/field/", fields="X-Client: 192.0.2.1"),
    ),
    Case(
        "one of many",
        """
        set_real_ip_from 127.0.0.1;
        location / {
            deny 192.0.2.1;
            allow 192.0.2.0/28;
            allow 2001:db8::/126;
            deny all;
            try_files /a.txt =404;
        }
        """,
        tuple(
            request
            for address in (
                "192.0.2.0",
                "192.0.2.1",
                "192.0.2.15",
                "192.0.2.16",
                "2001:db8::3",
                "2001:db8::4",
                "::ffff:192.0.2.2",
                "198.51.100.1",
            )
            for request in get("/", fields=of(address))
        ),
    ),
    Case(
        "referers",
        """
        server_name own.example *.own.example "~^re[0-9]+\\.example$";
        location / {
            valid_referers none example.org *.wild.example .both.example tail.* path.example/a/;
            valid_referers ~regex[0-9] ~/only/path;
            return 200 "[$invalid_referer]\n";
        }
        location /blocked/ {
            valid_referers blocked server_names;
            if ($invalid_referer) { return 403; }
            try_files /a.txt =404;
        }
        location /unset/ { return 200 "[$invalid_referer]\n"; }
        """,
        get("/", "/blocked/", "/unset/", fields="Host: own.example")
        + tuple(
            request
            for referer in (
                "http://example.org",
                "http://example.org/",
                "https://EXAMPLE.org:8080/x",
                "HTTP://example.org",
                "http://www.example.org/",
                "http://wild.example/",
                "http://a.wild.example/",
                "http://a.b.wild.example",
                "http://both.example/",
                "http://a.both.example/",
                "http://tail.com/",
                "http://tail.co.uk/",
                "http://nottail.com/",
                "http://path.example/a/b",
                "http://path.example/a",
                "http://path.example:81/a/b",
                "http://path.example",
                "http://path.example?/a/",
                "http://regex1.example/",
                "http://x/REGEX2",
                "http://x/only/path",
                "ftp://example.org/",
                "example.org",
                "-",
                "http://",
                "http://x",
                "http:///",
                "http://own.example/",
                "http://a.own.example/",
                "http://re5.example/",
                "http://re5.example.org/",
                "http://" + "a" * 256 + "/",
                "http://" + "a" * 257 + "/regex1",
                "http://user@example.org/",
            )
            for request in get("/", "/blocked/", fields=f"Host: own.example\nReferer: {referer}")
        ),
    ),
]
