"""The directives of TLS to upstreams (ngx_http_proxy_module)."""

from __future__ import annotations

import re

import attrs

from reverseproxy.config import (
    HTTP_SERVER_LOCATION,
    Args,
    BadValue,
    Template,
    directive,
    flag,
    number,
    one,
    prefix_path,
    settings,
    template,
    text,
)

from .protocols import PROTOCOLS

#: What `proxy_ssl_conf_command` can set.
COMMANDS = ("CipherString", "Ciphersuites", "MaxProtocol", "MinProtocol", "Options")
_SCHEME = re.compile(r"(?:engine|store|data):")


def protocols(args: Args) -> frozenset[str]:
    """`proxy_ssl_protocols PROTOCOL …`."""
    for word in args.words:
        if word.text not in PROTOCOLS:
            known = ", ".join(PROTOCOLS)
            raise BadValue(f'"proxy_ssl_protocols" takes {known}, not "{word.text}"', word)
    return frozenset(word.text for word in args.words)


def pem_file(args: Args) -> str:
    """A file's path from the configuration's directory; "" is none."""
    word = args.words[0]
    if "$" in word.text:
        raise BadValue(f'"{args.name.text}" takes no variables: the file is read at start', word)
    if _SCHEME.match(word.text):
        raise BadValue(f'"{args.name.text}" takes a file, not "{word.text}"', word)
    return args.paths.conf(word.text) if word.text else ""


@attrs.frozen
class Command:
    """One `proxy_ssl_conf_command`."""

    name: str
    value: str


def conf_command(args: Args) -> Command:
    """`proxy_ssl_conf_command NAME VALUE`, as far as pyOpenSSL reaches."""
    name, value = args.words
    if name.text not in COMMANDS:
        what = f'"{name.text}" can\'t be set through pyOpenSSL, only {", ".join(COMMANDS)}'
        raise BadValue(what, name)
    return Command(name.text, value.text)


def alpn(args: Args) -> tuple[bytes, ...]:
    """`proxy_ssl_alpn PROTOCOL …`; "" is none."""
    for word in args.words:
        if word.text == "h2":
            raise BadValue("upstreams are spoken to in HTTP/1, not in h2", word)
        if len(word.text.encode()) > 255:
            raise BadValue("a protocol's name has 255 bytes at most", word)
    return tuple(word.text.encode() for word in args.words if word.text)


@settings
class ProxySSLSettings:
    """TLS to upstreams (ngx_http_proxy_module)."""

    proxy_ssl_verify: bool = directive(
        one(flag),
        "off",
        HTTP_SERVER_LOCATION,
        doc="Checks the certificate of a TLS upstream: its chain, and that it has the name.",
    )
    proxy_ssl_name: Template | None = directive(
        template,
        None,
        HTTP_SERVER_LOCATION,
        doc="The name that the certificate must have, and that is sent; else that of proxy_pass.",
    )
    proxy_ssl_server_name: bool = directive(
        one(flag),
        "off",
        HTTP_SERVER_LOCATION,
        doc="Sends the name to a TLS upstream (SNI, RFC 6066 section 3).",
    )
    proxy_ssl_trusted_certificate: str | None = directive(
        pem_file,
        None,
        HTTP_SERVER_LOCATION,
        doc="The file with the authorities whose certificates are trusted.",
        syntax="file",
    )
    proxy_ssl_verify_depth: int = directive(
        one(number()),
        "1",
        HTTP_SERVER_LOCATION,
        doc="How many authorities may stand between the certificate and a trusted one.",
    )
    proxy_ssl_crl: str | None = directive(
        pem_file,
        None,
        HTTP_SERVER_LOCATION,
        doc="The file with the lists of certificates that are revoked: of each authority one.",
        syntax="file",
    )
    proxy_ssl_certificate: str | None = directive(
        pem_file,
        None,
        HTTP_SERVER_LOCATION,
        doc="The file with the certificate, and its chain, that is shown to a TLS upstream.",
        syntax="file",
    )
    proxy_ssl_certificate_key: str | None = directive(
        pem_file, None, HTTP_SERVER_LOCATION, doc="The file with its key.", syntax="file"
    )
    proxy_ssl_password_file: str | None = directive(
        pem_file,
        None,
        HTTP_SERVER_LOCATION,
        doc="The file with passwords for the key, one a line; they are tried in turn.",
        syntax="file",
    )
    proxy_ssl_protocols: frozenset[str] = directive(
        protocols,
        "TLSv1.2 TLSv1.3",
        HTTP_SERVER_LOCATION,
        args="1+",
        doc="The protocols that a TLS upstream may choose from.",
        syntax="[SSLv2] [SSLv3] [TLSv1] [TLSv1.1] [TLSv1.2] [TLSv1.3]",
    )
    proxy_ssl_ciphers: str = directive(
        one(text),
        "DEFAULT",
        HTTP_SERVER_LOCATION,
        doc="The ciphers up to TLS 1.2, as OpenSSL writes them.",
    )
    proxy_ssl_session_reuse: bool = directive(
        one(flag),
        "on",
        HTTP_SERVER_LOCATION,
        doc="Resumes sessions with a TLS upstream, which saves most of a handshake.",
    )
    proxy_ssl_conf_command: tuple[Command, ...] = directive(
        conf_command,
        None,
        HTTP_SERVER_LOCATION,
        args=2,
        many=True,
        doc="Sets something of OpenSSL: CipherString, Ciphersuites, MinProtocol, MaxProtocol, "
        "Options.",
        syntax="name value",
    )
    proxy_ssl_alpn: tuple[bytes, ...] | None = directive(
        alpn,
        None,
        HTTP_SERVER_LOCATION,
        args="1+",
        doc="The protocols that are offered to a TLS upstream (ALPN, RFC 7301).",
        syntax="protocol ...",
    )
    proxy_ssl_key_log: str | None = directive(
        prefix_path,
        None,
        HTTP_SERVER_LOCATION,
        doc="The file that the keys of connections go to (SSLKEYLOGFILE); who reads it reads all.",
    )
