"""A good and a bad use of the directives of proxying that have a form of their own."""

from __future__ import annotations

from .directive_uses import Use

USES: dict[str, Use] = {
    "proxy_cookie_domain": Use(
        "proxy_cookie_domain ~^a $host;", "proxy_cookie_domain §no;", "proxy_cookie_domain takes"
    ),
    "proxy_cookie_path": Use(
        "proxy_cookie_path /a/ /;", "proxy_cookie_path §~( /;", '"(" is not a regular'
    ),
    "proxy_cookie_flags": Use(
        "proxy_cookie_flags ~ secure samesite=strict;",
        "proxy_cookie_flags a secure §samesite;",
        "proxy_cookie_flags takes",
    ),
    "proxy_http_version": Use(
        "proxy_http_version 1.0;", "proxy_http_version §2;", "proxy_http_version takes"
    ),
    "proxy_headers_hash_bucket_size": Use(
        "proxy_headers_hash_bucket_size 64;",
        "proxy_headers_hash_bucket_size §big;",
        "% takes a size",
    ),
    "proxy_headers_hash_max_size": Use(
        "proxy_headers_hash_max_size 1024;", "proxy_headers_hash_max_size §big;", "% takes a size"
    ),
    "proxy_method": Use("proxy_method POST;", "§proxy_method;", "% takes 1 argument"),
    "proxy_set_body": Use("proxy_set_body $uri;", "proxy_set_body §${uri;", '"}" is missing after'),
    "early_hints": Use(
        "early_hints $http_sec_fetch_mode 0;", "§early_hints;", "% takes at least 1"
    ),
    "proxy_bind": Use(
        "proxy_bind [::1]:0;", "proxy_bind 127.0.0.1 §transparent;", "proxy_bind … transparent is"
    ),
    "proxy_limit_rate": Use(
        "proxy_limit_rate $arg_rate;", "proxy_limit_rate §fast;", "% takes a size such as 10m"
    ),
    "proxy_store": Use("proxy_store /srv/kept$uri;", 'proxy_store §"";', "proxy_store takes"),
    "proxy_store_access": Use(
        "proxy_store_access group:rw all:r;",
        "proxy_store_access user:rw §all:w;",
        "proxy_store_access takes",
    ),
    "proxy_hide_header": Use(
        "proxy_hide_header X-Powered-By;", "§proxy_hide_header;", "% takes 1 argument"
    ),
    "proxy_pass_header": Use("proxy_pass_header Date;", "§proxy_pass_header;", "% takes 1"),
    "proxy_ignore_headers": Use(
        "proxy_ignore_headers X-Accel-Redirect Vary;",
        "proxy_ignore_headers Vary §X-Other;",
        "proxy_ignore_headers does not take",
    ),
    "proxy_ssl_verify": Use("proxy_ssl_verify on;", "proxy_ssl_verify §yes;", '% takes "on"'),
    "proxy_ssl_name": Use("proxy_ssl_name $host;", "§proxy_ssl_name;", "% takes 1 argument"),
    "proxy_ssl_server_name": Use(
        "proxy_ssl_server_name on;", "proxy_ssl_server_name §yes;", '% takes "on"'
    ),
    "proxy_ssl_trusted_certificate": Use(
        "proxy_ssl_trusted_certificate ca.pem;",
        "proxy_ssl_trusted_certificate §$host.pem;",
        "% takes no variables",
    ),
    "proxy_ssl_verify_depth": Use(
        "proxy_ssl_verify_depth 2;", "proxy_ssl_verify_depth §deep;", "% takes a number"
    ),
    "proxy_ssl_crl": Use("proxy_ssl_crl crl.pem;", "proxy_ssl_crl §data:x;", "% takes a file"),
    "proxy_ssl_certificate": Use(
        "proxy_ssl_certificate a.pem;",
        "proxy_ssl_certificate §$host.pem;",
        "% takes no variables",
    ),
    "proxy_ssl_certificate_key": Use(
        "proxy_ssl_certificate_key a.key;",
        "proxy_ssl_certificate_key §engine:pkcs11:a;",
        "% takes a file",
    ),
    "proxy_ssl_password_file": Use(
        "proxy_ssl_password_file words;", "proxy_ssl_password_file §$host;", "% takes no variables"
    ),
    "proxy_ssl_protocols": Use(
        "proxy_ssl_protocols TLSv1.3;",
        "proxy_ssl_protocols TLSv1.3 §TLSv1.4;",
        "% takes SSLv2, SSLv3",
    ),
    "proxy_ssl_ciphers": Use("proxy_ssl_ciphers HIGH;", "§proxy_ssl_ciphers;", "% takes 1"),
    "proxy_ssl_session_reuse": Use(
        "proxy_ssl_session_reuse off;", "proxy_ssl_session_reuse §no;", '% takes "on"'
    ),
    "proxy_ssl_conf_command": Use(
        "proxy_ssl_conf_command MinProtocol TLSv1.3;",
        "proxy_ssl_conf_command §Curves P-256;",
        '"Curves" can\'t be set through pyOpenSSL',
    ),
    "proxy_ssl_alpn": Use(
        "proxy_ssl_alpn http/1.1;", "proxy_ssl_alpn http/1.1 §h2;", "upstreams are spoken to"
    ),
    "proxy_ssl_key_log": Use("proxy_ssl_key_log keys;", "§proxy_ssl_key_log;", "% takes 1"),
}
