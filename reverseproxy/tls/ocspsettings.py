"""The directives about certificates' status: what is told of ours, what is asked of clients'."""

from __future__ import annotations

import re

import attrs

from reverseproxy.config import (
    Args,
    BadValue,
    directive,
    enum,
    expected,
    flag,
    one,
    settings,
    size,
)
from reverseproxy.content.target import BadURL, Target, read_target

from .settings import HTTP_SERVER, File, file


def responder_url(url: str) -> Target:
    """Where a responder is. Raises BadURL, whose message says what is wrong."""
    if not url.lower().startswith("http://"):
        raise BadURL(f'only http:// can be asked, not "{url}"')
    found = read_target(url)
    path = found.uri or "/"
    if any(not "!" <= character <= "~" for character in found.host + path):
        raise BadURL(f'"{url}" is no URL')
    return attrs.evolve(found, uri=path.partition("?")[0])


def responder(args: Args) -> Target:
    """`ssl_stapling_responder URL`."""
    try:
        return responder_url(args.words[0].text)
    except BadURL as error:
        raise BadValue(f'"{args.name.text}": {error}', args.words[0]) from error


_CACHE = re.compile(r"shared:([^:]+):([0-9]+[kKmM]?)")


def cache(args: Args) -> tuple[str, int] | None:
    """`ssl_ocsp_cache off | shared:NAME:SIZE`: the name, and the size in bytes."""
    word = args.words[0]
    if word.text == "off":
        return None
    match = _CACHE.fullmatch(word.text)
    if match is None:
        raise expected("off or shared:name:size", word)
    return match[1], size(attrs.evolve(word, text=match[2]))


@settings
class OCSPSettings:
    """Status of certificates (ngx_http_ssl_module)."""

    ssl_stapling: bool = directive(
        one(flag),
        "off",
        HTTP_SERVER,
        doc="Sends the issuer's word that the certificate is good, which its responder is asked "
        "for.",
    )
    ssl_stapling_file: File | None = directive(
        file, None, HTTP_SERVER, doc="An OCSP response (DER) to send; no responder is asked."
    )
    ssl_stapling_responder: Target | None = directive(
        responder,
        None,
        HTTP_SERVER,
        doc="The responder to ask, instead of the one that the certificate names.",
        syntax="url",
    )
    ssl_stapling_verify: bool = directive(
        one(flag),
        "off",
        HTTP_SERVER,
        doc="Takes responses of whom the issuer has delegated only if ssl_trusted_certificate "
        "vouches for them. Signatures are always looked at.",
    )
    ssl_ocsp: str = directive(
        one(enum("on", "off", "leaf")),
        "off",
        HTTP_SERVER,
        doc="Asks whether certificates of clients, or all of their chain, were taken back.",
    )
    ssl_ocsp_cache: tuple[str, int] | None = directive(
        cache,
        "off",
        HTTP_SERVER,
        doc="Keeps what was found out about clients, for all workers.",
        syntax="off | shared:name:size",
    )
    ssl_ocsp_responder: Target | None = directive(
        responder,
        None,
        HTTP_SERVER,
        doc="The responder to ask about clients, instead of those that certificates name.",
        syntax="url",
    )
