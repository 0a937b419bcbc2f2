"""A good and a bad use of every directive, for `tests.test_directives`."""

from __future__ import annotations

import attrs

#: Where the error of a bad use is: what the error's column points at.
MARK = "§"


@attrs.frozen
class Use:
    """How a directive is used, and what is said where it is used wrongly.

    `good` and `bad` are whole statements, put into the innermost block where the directive may
    stand; MARK in `bad` is where the error must point. `says` is the beginning of what the error
    says; a "%" at its start stands for the directive's name in quotes. `http` stands in `http`
    before both, `beside` after the good one.
    """

    good: str
    bad: str
    says: str
    http: str = ""
    beside: str = ""


def _on(name: str) -> Use:
    """A flag that is off by default."""
    return Use(f"{name} on;", f"{name} §maybe;", '% takes "on" or "off", not "maybe"')


def _off(name: str) -> Use:
    """A flag that is on by default."""
    return attrs.evolve(_on(name), good=f"{name} off;")


def _size(name: str) -> Use:
    return Use(f"{name} 24k;", f"{name} §10x;", '% takes a size such as 10m, not "10x"')


def _time(name: str) -> Use:
    return Use(
        f"{name} 1h30m;",
        f"{name} §1.5s;",
        '% takes a time such as 90, 1h30m or 500ms, not "1.5s"',
    )


def _number(name: str) -> Use:
    return Use(f"{name} 12;", f"{name} §-1;", "% takes a number")


def _buffers(name: str) -> Use:
    return Use(f"{name} 5 24k;", f"{name} 4 §0;", '% takes a size such as 32k, not "0"')


def _file(name: str) -> Use:
    return Use(f"{name} a.pem;", f"§{name};", "% takes 1 argument")


_MAKERS = {
    _on: """
        multi_accept accept_mutex underscores_in_headers client_body_in_single_buffer
        reset_timedout_connection tcp_nopush server_name_in_redirect rewrite_log
        limit_req_dry_run limit_conn_dry_run recursive_error_pages sendfile autoindex
        autoindex_localtime random_index gzip gzip_vary msie_refresh ssl_prefer_server_ciphers
        ssl_reject_handshake ssl_stapling ssl_stapling_verify ssl_certificate_reload
        real_ip_recursive log_subrequest open_file_cache_errors gunzip override_charset
        proxy_intercept_errors proxy_socket_keepalive proxy_pass_trailers
        proxy_ignore_client_abort proxy_force_ranges
        """,
    _off: """
        master_process
        merge_slashes ignore_invalid_headers tcp_nodelay absolute_redirect port_in_redirect
        chunked_transfer_encoding uninitialized_variable_warn etag log_not_found
        autoindex_exact_size msie_padding proxy_pass_request_body proxy_buffering
        proxy_request_buffering proxy_pass_request_headers ssl_session_tickets
        """,
    _size: """
        server_names_hash_bucket_size server_names_hash_max_size client_header_buffer_size
        variables_hash_bucket_size variables_hash_max_size connection_pool_size request_pool_size
        client_max_body_size client_body_buffer_size postpone_output types_hash_max_size
        client_body_min_rate
        types_hash_bucket_size proxy_buffer_size proxy_busy_buffers_size proxy_max_temp_file_size
        proxy_temp_file_write_size proxy_send_lowat gzip_min_length
        map_hash_bucket_size map_hash_max_size
        referer_hash_max_size referer_hash_bucket_size sendfile_max_chunk limit_rate_after
        read_ahead directio_alignment
        """,
    _time: """
        worker_shutdown_timeout
        client_header_timeout client_body_timeout send_timeout keepalive_time resolver_timeout
        keepalive_min_timeout lingering_time lingering_timeout auth_delay proxy_connect_timeout
        proxy_send_timeout proxy_read_timeout ssl_session_timeout ssl_handshake_timeout
        open_file_cache_valid proxy_next_upstream_timeout
        """,
    _number: "max_headers keepalive_requests max_ranges open_file_cache_min_uses",
    _buffers: """
        large_client_header_buffers output_buffers proxy_buffers gzip_buffers gunzip_buffers
        """,
}


USES: dict[str, Use] = {
    **{name: make(name) for make, names in _MAKERS.items() for name in names.split()},
    # --- the daemon ---
    "user": Use("user root root;", "user root §nobody-has-this;", "there is no group"),
    "pid": Use("pid run/pid;", "§pid;", "% takes 1 argument, not none"),
    "worker_processes": Use(
        "worker_processes auto;", "worker_processes §0;", "% takes a number of at least 1"
    ),
    "worker_connections": Use(
        "worker_connections 64;", "worker_connections §many;", "% takes a number of at least 1"
    ),
    "use": Use("use epoll;", "use §kqueue;", "use takes epoll, poll or select on Linux"),
    "daemon": Use("daemon off;", "daemon §maybe;", '% takes "on" or "off", not "maybe"'),
    "master_process": Use(
        "master_process off;", "master_process §no;", '% takes "on" or "off", not "no"'
    ),
    "worker_cpu_affinity": Use(
        "worker_cpu_affinity 0101 1010;", "worker_cpu_affinity 01 §1x;", "% takes a mask"
    ),
    "worker_priority": Use("worker_priority -5;", "worker_priority §-;", "% takes a number such"),
    "worker_rlimit_nofile": Use(
        "worker_rlimit_nofile 4096;", "worker_rlimit_nofile §4k;", "% takes a number"
    ),
    "worker_rlimit_core": _size("worker_rlimit_core"),
    "worker_shutdown_timeout": _time("worker_shutdown_timeout"),
    "working_directory": Use(
        "working_directory run;", "§working_directory;", "% takes 1 argument, not none"
    ),
    "env": Use("env LANG=C;", "env §=C;", "% takes NAME or NAME=VALUE"),
    "error_log": Use(
        "error_log logs/e.log warn;", "error_log logs/e.log §loud;", "error_log takes"
    ),
    "load_module": Use(
        "load_module modules/ngx_http_image_filter_module.so;",
        "§load_module;",
        "% takes 1 argument",
    ),
    # --- servers and connections ---
    "ssl_protocols": Use("ssl_protocols TLSv1.3;", "ssl_protocols §TLSv2;", "% takes protocols"),
    "ssl_certificate": Use(
        "ssl_certificate a.pem;",
        "ssl_certificate §engine:a:b;",
        "keys of engines",
        beside="ssl_certificate_key a.key;",
    ),
    "ssl_certificate_key": Use(
        "ssl_certificate_key a.key;",
        "ssl_certificate_key §store:a;",
        "keys of engines",
        beside="ssl_certificate a.pem;",
    ),
    "ssl_certificate_cache": Use(
        "ssl_certificate_cache max=10 inactive=1m valid=1h;",
        "ssl_certificate_cache §10;",
        "% takes off, max=",
    ),
    "ssl_password_file": _file("ssl_password_file"),
    "ssl_ciphers": Use("ssl_ciphers HIGH;", "§ssl_ciphers;", "% takes 1 argument"),
    "ssl_ecdh_curve": Use("ssl_ecdh_curve X25519;", "§ssl_ecdh_curve;", "% takes 1 argument"),
    "ssl_dhparam": _file("ssl_dhparam"),
    "ssl_session_cache": Use(
        "ssl_session_cache builtin:1000 shared:a:1m;",
        "ssl_session_cache §shared:a;",
        "% takes off, none, builtin",
    ),
    "ssl_session_ticket_key": _file("ssl_session_ticket_key"),
    "ssl_buffer_size": Use("ssl_buffer_size 4k;", "ssl_buffer_size §0;", "% takes a size"),
    "ssl_verify_client": Use(
        "ssl_verify_client optional_no_ca;",
        "ssl_verify_client §maybe;",
        '% takes "on", "off", "optional" or "optional_no_ca"',
    ),
    "ssl_verify_depth": _number("ssl_verify_depth"),
    "ssl_client_certificate": _file("ssl_client_certificate"),
    "ssl_trusted_certificate": _file("ssl_trusted_certificate"),
    "ssl_crl": _file("ssl_crl"),
    "ssl_stapling_file": _file("ssl_stapling_file"),
    "ssl_stapling_responder": Use(
        "ssl_stapling_responder http://ocsp.test/;",
        "ssl_stapling_responder §https://ocsp.test/;",
        "%: only http:// can be asked",
    ),
    "ssl_ocsp": Use("ssl_ocsp leaf;", "ssl_ocsp §maybe;", "% takes"),
    "ssl_ocsp_cache": Use(
        "ssl_ocsp_cache shared:a:1m;", "ssl_ocsp_cache §builtin;", "% takes off or shared:name:size"
    ),
    "ssl_ocsp_responder": Use(
        "ssl_ocsp_responder http://ocsp.test/;",
        "ssl_ocsp_responder §ocsp.test;",
        "%: only http:// can be asked",
    ),
    "ssl_early_data": Use(
        "ssl_early_data off;", "ssl_early_data §on;", "early data can't be had with pyOpenSSL"
    ),
    "ssl_conf_command": Use(
        "ssl_conf_command Options PrioritizeChaCha;",
        "ssl_conf_command §VerifyMode Peer;",
        '% can\'t do "VerifyMode" here',
    ),
    "listen": Use(
        "listen [::1]:8080 default_server backlog=64 so_keepalive=30m::10;",
        "listen 8080 §fast;",
        'listen does not take "fast"',
    ),
    "server_name": Use(
        "server_name a.test *.b.test c.* .d.test ~^e(?<n>.)$ '';",
        "server_name a.test §www.*.test;",
        '"www.*.test" is no name',
    ),
    "client_body_in_file_only": Use(
        "client_body_in_file_only clean;",
        "client_body_in_file_only §yes;",
        '% takes "on", "clean" or "off"',
    ),
    "client_body_temp_path": Use(
        "client_body_temp_path body 1 2;",
        "client_body_temp_path body 1 §4;",
        "% takes levels from 1 to 3",
    ),
    "proxy_temp_path": Use(
        "proxy_temp_path proxy 1 2;", "proxy_temp_path proxy §0;", "% takes levels from 1 to 3"
    ),
    "keepalive_timeout": Use(
        "keepalive_timeout 70s;", "keepalive_timeout §soon;", "% takes a time such as 90"
    ),
    "keepalive_disable": Use(
        "keepalive_disable msie6 safari;",
        "keepalive_disable msie6 §lynx;",
        "keepalive_disable takes none, msie6 or safari",
    ),
    "lingering_close": Use(
        "lingering_close always;",
        "lingering_close §never;",
        '% takes "on", "off" or "always"',
    ),
    "server_tokens": Use(
        'server_tokens "a $host";', "server_tokens §$nothing;", 'unknown variable "$nothing"'
    ),
    # --- rewriting and redirects ---
    "post_action": Use(
        "post_action @after;", "post_action §after;", "% takes a path, @name or off"
    ),
    "internal": Use("internal;", "§internal on;", "% takes no arguments, not 1"),
    "rewrite": Use(
        "rewrite ^/a/(.*)$ /b/$1? last;",
        "rewrite ^/a /b §first;",
        "rewrite takes last, break, redirect or permanent",
    ),
    "return": Use(
        'return 200 "hello $host";', "return §OK text;", "return takes a status code or a URL"
    ),
    "set": Use("set $a b$uri;", "set §$uri x;", 'the variable "$uri" is built in'),
    "break": Use("break;", "§break now;", "% takes no arguments, not 1"),
    "try_files": Use(
        "try_files $uri $uri/ =404;", "try_files $uri §=none;", '"=none" is no status'
    ),
    "error_page": Use(
        "error_page 404 =200 /none;",
        "error_page 404 §200 /none;",
        "error_page takes codes from 300 to 599",
    ),
    # --- limits ---
    "limit_req_zone": Use(
        "limit_req_zone $binary_remote_addr zone=z:1m rate=30r/m;",
        "limit_req_zone $remote_addr zone=z:1m §rate=some;",
        "% takes a rate such as rate=10r/s",
    ),
    "limit_req": Use(
        "limit_req zone=z burst=5 nodelay;",
        "limit_req zone=z §burst=some;",
        "% takes a number of requests such as burst=5",
        "limit_req_zone $remote_addr zone=z:1m rate=1r/s;",
    ),
    "limit_conn_zone": Use(
        "limit_conn_zone $remote_addr zone=z:1m;",
        "limit_conn_zone $remote_addr §zone=z:1;",
        'the zone "z" is too small',
    ),
    "limit_conn": Use(
        "limit_conn z 5;",
        "limit_conn z §0;",
        "% takes a number from 1 to 65535",
        "limit_conn_zone $remote_addr zone=z:1m;",
    ),
    **{
        f"limit_{kind}_{what}": use
        for kind in ("req", "conn")
        for what, use in {
            "status": Use(
                f"limit_{kind}_status 429;",
                f"limit_{kind}_status §200;",
                "% takes a number from 400 to 599",
            ),
            "log_level": Use(
                f"limit_{kind}_log_level info;",
                f"limit_{kind}_log_level §debug;",
                '% takes "info", "notice", "warn" or "error"',
            ),
        }.items()
    },
    # --- access ---
    **{
        name: Use(
            f"{name} 2001:db8::/32;",
            f"{name} §10.0.0.0/33;",
            "% takes a prefix length from 0 to 32",
        )
        for name in ("allow", "deny")
    },
    "auth_basic": Use('auth_basic "for $host";', "auth_basic §$nobody;", "unknown variable"),
    "auth_basic_user_file": Use(
        "auth_basic_user_file users;", "auth_basic_user_file §$nobody;", "unknown variable"
    ),
    "set_real_ip_from": Use(
        "set_real_ip_from 10.0.0.0/8;",
        "set_real_ip_from §10.0.0.0/x;",
        "% takes a prefix length",
    ),
    "real_ip_header": Use(
        "real_ip_header X-Forwarded-For;",
        "real_ip_header §proxy_protocol;",
        "real_ip_header proxy_protocol is not",
    ),
    "valid_referers": Use(
        "valid_referers none blocked server_names *.a.test ~b;",
        "valid_referers none §~(b;",
        '"(b" is not a regular expression',
    ),
    "auth_request": Use("auth_request /auth;", "§auth_request;", "% takes 1 argument, not none"),
    "auth_request_set": Use(
        "auth_request_set $user $upstream_http_x_user;",
        "auth_request_set §user a;",
        '"user" is not a variable\'s name',
    ),
    "satisfy": Use("satisfy any;", "satisfy §one;", '% takes "all" or "any", not "one"'),
    # --- files ---
    "root": Use("root /srv/$host;", "root §$document_root/x;", "$document_root can't stand in"),
    "alias": Use("alias /srv/;", "alias §/srv/$realpath_root;", "$realpath_root can't stand in"),
    "index": Use("index index.$host.html /last.html;", 'index §"";', "an index file needs a name"),
    "types": Use(
        "types { text/html html htm; }",
        "types { §text/html; }",
        '"text/html" needs at least one extension',
    ),
    "default_type": Use("default_type text/x-own;", "§default_type;", "% takes 1 argument"),
    "if_modified_since": Use(
        "if_modified_since before;",
        "if_modified_since §after;",
        '% takes "off", "exact" or "before"',
    ),
    "autoindex_format": Use(
        "autoindex_format json;",
        "autoindex_format §yaml;",
        '% takes "html", "xml", "json" or "jsonp"',
    ),
    "aio": Use("aio threads;", "§aio;", "% takes"),
    "directio": Use("directio 8m;", "directio §10x;", "% takes a size such as 10m"),
    "stub_status": Use("stub_status;", "§stub_status on off;", "% takes 0 or 1 arguments"),
    "upstream_status": Use("upstream_status;", "§upstream_status on;", "% takes no arguments"),
    "open_file_cache": Use(
        "open_file_cache max=100 inactive=20s;",
        "open_file_cache max=100 §age=1;",
        "open_file_cache takes off",
    ),
    "disable_symlinks": Use(
        "disable_symlinks if_not_owner from=$document_root;",
        "disable_symlinks §some;",
        "disable_symlinks takes off",
    ),
    "limit_rate": Use("limit_rate $arg_rate;", "limit_rate §fast;", "% takes a size such as 10m"),
    # --- proxying ---
    "proxy_pass": Use(
        "proxy_pass http://127.0.0.1:8080/x/;",
        "proxy_pass §127.0.0.1:8080;",
        "proxy_pass takes",
    ),
    "proxy_redirect": Use(
        "proxy_redirect http://a/ /b/;", "proxy_redirect §sometimes;", "proxy_redirect takes"
    ),
    "proxy_set_header": Use(
        "proxy_set_header X-Host $host;",
        'proxy_set_header §"X Host" a;',
        '"X Host" is not a field name',
    ),
    "twisted_resource": Use(
        "twisted_resource twisted.web.resource:Resource;",
        "twisted_resource §reverseproxy/demo;",
        "twisted_resource takes package.module:name",
    ),
    # --- headers and bodies ---
    "gzip_http_version": Use(
        "gzip_http_version 1.0;", "gzip_http_version §2;", '% takes "1.0" or "1.1", not "2"'
    ),
    "gzip_comp_level": Use(
        "gzip_comp_level 9;", "gzip_comp_level §10;", "% takes a number from 1 to 9"
    ),
    "gzip_proxied": Use(
        "gzip_proxied expired no-cache auth;", "gzip_proxied expired §some;", "gzip_proxied takes"
    ),
    "gzip_types": Use("gzip_types text/css *;", "§gzip_types;", "% takes at least 1 argument"),
    "gzip_disable": Use(
        'gzip_disable msie6 "Mozilla/[3-4]";',
        'gzip_disable msie6 §"Mozilla/[3";',
        '"Mozilla/[3" is not a regular expression',
    ),
    **{
        name: Use(
            f"{name} X-A $host always;",
            f"{name} X-A $host §ever;",
            f'{name} takes "always" as its third argument',
        )
        for name in ("add_header", "add_trailer")
    },
    **{
        f"{name}_inherit": Use(
            f"{name}_inherit merge;",
            f"{name}_inherit §some;",
            '% takes "on", "off" or "merge"',
        )
        for name in ("add_header", "add_trailer")
    },
    "gzip_static": Use(
        "gzip_static always;", "gzip_static §never;", '% takes "on", "off" or "always"'
    ),
    "charset": Use("charset utf-8;", "charset §$nothing;", "unknown variable"),
    "source_charset": Use("source_charset koi8-r;", "source_charset §$nothing;", "unknown"),
    "charset_map": Use(
        "charset_map koi8-r utf-8 { 80 E282AC; }",
        "charset_map koi8-r utf-8 { §100 E282AC; }",
        "a line of charset_map is two codes",
    ),
    "charset_types": Use("charset_types text/css;", "§charset_types;", "% takes at least 1"),
    "expires": Use("expires modified +24h;", "expires §tomorrow;", "expires takes"),
    # --- logs ---
    "log_format": Use(
        "log_format f escape=json '$uri';",
        "log_format f §escape=xml '$uri';",
        "escape is default, json or none",
    ),
    "access_log": Use(
        "access_log logs/a.log combined buffer=32k flush=1m if=$arg_log;",
        "access_log logs/a.log combined §always;",
        'access_log does not take "always"',
    ),
    "open_log_file_cache": Use(
        "open_log_file_cache max=10 inactive=20s;",
        "open_log_file_cache max=10 §age=20s;",
        'open_log_file_cache does not take "age=20s"',
    ),
    # --- variables ---
    "map": Use(
        "map $uri $m { default a; ~^/(.) $1; }",
        "map $uri $m { /a 1; §/a 2; }",
        'the key "/a" stands twice',
    ),
    "geo": Use(
        "geo $g { default a; 10.0.0.0/8 b; }",
        "geo $g { 10.0.0.0/8 b; §nowhere c; }",
        "geo takes networks such as 192.168.0.0/16",
    ),
    "split_clients": Use(
        "split_clients $uri $s { 10% a; * b; }",
        "split_clients $uri $s { 60% a; §50% b; }",
        "the shares are more than",
    ),
}
