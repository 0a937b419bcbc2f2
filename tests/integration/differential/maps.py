"""Variables that the configuration declares."""

from __future__ import annotations

from tests.integration.differential import Case, get

CASES = [
    Case(
        "map",
        'return 200 "$m_plain|$m_two|$m_chain|$m_empty\\n";',
        get(
            "/a",
            "/A",
            "/bcd",
            "/x/12/y",
            "/named/zz",
            "/dflt",
            "/default",
            "/~tilde",
            "/a?two=b",
            "/CASE",
            "/none",
        ),
        http="""
        map $uri $m_plain {
            default "dflt $uri";
            /a "is a";
            ~^/x/([0-9]+)/ "number $1";
            ~*^/case "any case";
            "~^/named/(?<m_part>.*)$" "part $m_part";
            /bcd $request_method;
        }
        map $uri:$arg_two $m_two { /a:b both; default ""; }
        map $m_plain $m_chain { "is a" chained; ~dflt regex; }
        map $arg_none $m_empty { "" empty; default full; }
        """,
    ),
    Case(
        "map of hostnames",
        'return 200 "$m_host\\n";',
        tuple(
            request
            for host in (
                "example.org",
                "www.example.org",
                "a.b.example.org",
                "mail.example.com",
                "x.both.test",
                "both.test",
                "other",
                "EXAMPLE.org",
            )
            for request in get("/", fields=f"Host: {host}")
        ),
        http="""
        map $host $m_host {
            hostnames;
            default none;
            example.org exact;
            *.example.org leading;
            www.example.org www;
            mail.* trailing;
            .both.test both;
        }
        """,
    ),
    Case(
        "geo",
        'return 200 "$g_addr|$g_arg|$g_range|$g_proxy\\n";',
        get(
            "/?ip=10.1.2.3",
            "/?ip=10.1.9.9",
            "/?ip=192.168.7.7",
            "/?ip=192.168.1.1",
            "/?ip=8.8.8.8",
            "/?ip=2001:db8::1",
            "/?ip=nonsense",
        )
        + get("/", fields="X-Forwarded-For: 10.9.9.9, 192.168.1.5")
        + get("/", fields="X-Forwarded-For: nonsense"),
        http="""
        geo $g_addr { default out; 127.0.0.0/8 loop; }
        geo $arg_ip $g_arg {
            default none;
            10.0.0.0/8 ten;
            10.1.0.0/16 ten-one;
            10.1.2.3 single;
            192.168.0.0/16 home;
            192.168.1.0/24 gone;
            delete 192.168.1.0/24;
            2001:db8::/32 doc;
        }
        geo $arg_ip $g_range {
            ranges;
            default none;
            10.0.0.0-10.0.255.255 low;
            10.1.0.0-10.1.2.255 middle;
            192.168.0.0-192.168.255.255 home;
        }
        geo $g_proxy { default none; proxy 127.0.0.1; 10.0.0.0/8 ten; 192.168.0.0/16 home; }
        """,
    ),
    Case(
        "split_clients",
        'return 200 "$s_variant|$s_all\\n";',
        get(*(f"/?id={number * 7919}" for number in range(40))),
        http="""
        split_clients "$arg_id" $s_variant { 10% one; 30.5% two; * ""; }
        split_clients "${arg_id}x" $s_all { 50% half; 50% other; }
        """,
    ),
]
