"""The directives of TLS between clients and this daemon (ngx_http_ssl_module)."""

from __future__ import annotations

import re

import attrs

from reverseproxy.config import (
    Args,
    BadValue,
    Context,
    Diagnostic,
    Level,
    Origin,
    Paths,
    Template,
    Word,
    directive,
    enum,
    expected,
    flag,
    number,
    one,
    seconds,
    settings,
    size,
    text,
)

from .protocols import PROTOCOLS

HTTP_SERVER = Context.HTTP | Context.SERVER

_CACHE = re.compile(r"builtin(?::[0-9]{1,9})?|shared:[^:]+:[0-9]+[kKmM]?")


class Trouble(Exception):
    """What is wrong with a server's settings."""

    def __init__(self, origin: Origin | None, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.diagnostic = Diagnostic(origin, message, hint)


@attrs.frozen
class File:
    """A file that a directive names, and the word that does."""

    path: str
    word: Word


def file(args: Args) -> File:
    """A path from the configuration's directory."""
    return File(args.paths.conf(args.words[0].text), args.words[0])


def record_size(args: Args) -> int:
    """`ssl_buffer_size SIZE`; a record has 16k at most (RFC 8446 section 5.1)."""
    found = size(args.words[0])
    if not found:
        raise expected("a size such as 4k", args.words[0])
    return min(found, 16384)


@attrs.frozen
class PEMFile:
    """A certificate's or a key's file: a path, or variables that give one, or the PEM itself."""

    template: Template
    word: Word
    paths: Paths = attrs.field(repr=False)


def pem_file(args: Args) -> PEMFile:
    """`ssl_certificate FILE`, `ssl_certificate data:$VARIABLE`."""
    word = args.words[0]
    if word.text.startswith("engine:") or word.text.startswith("store:"):
        raise BadValue("keys of engines and of stores can't be used; a file can", word)
    template = args.template(word)
    if not template.names:
        word = attrs.evolve(word, text=args.paths.conf(word.text))
    return PEMFile(template, word, args.paths)


def protocols(args: Args) -> frozenset[str]:
    """`ssl_protocols [TLSv1] [TLSv1.1] [TLSv1.2] [TLSv1.3]`."""
    for word in args.words:
        if word.text not in PROTOCOLS:
            raise BadValue(
                f'"{args.name.text}" takes protocols such as TLSv1.2, not "{word.text}"', word
            )
    return frozenset(word.text for word in args.words)


@attrs.frozen
class SessionCache:
    """Whether sessions are kept, and in which zone: its name, and its size in bytes."""

    keeps: bool
    zone: tuple[str, int] | None = None


def session_cache(args: Args) -> SessionCache:
    """`ssl_session_cache off | none | [builtin[:SIZE]] [shared:NAME:SIZE]`."""
    for word in args.words:
        alone = word.text in ("off", "none")
        if (alone and len(args.words) > 1) or not (alone or _CACHE.fullmatch(word.text)):
            raise BadValue(
                f'"{args.name.text}" takes off, none, builtin[:size] and shared:name:size, '
                f'not "{word.text}"',
                word,
            )
    made = SessionCache(args.words[0].text not in ("off", "none"))
    for word in args.words:
        kind, _, rest = word.text.partition(":")
        if kind == "shared":
            name, _, text = rest.partition(":")
            made = SessionCache(True, (name, size(attrs.evolve(word, text=text))))
    return made


@attrs.frozen
class CertificateCache:
    """How many contexts for certificates with variables are kept, and for how long, in seconds."""

    most: int
    inactive: float = 10.0
    valid: float = 60.0


def certificate_cache(args: Args) -> CertificateCache | None:
    """`ssl_certificate_cache off | max=N [inactive=TIME] [valid=TIME]`."""
    if len(args.words) == 1 and args.words[0].text == "off":
        return None
    made = CertificateCache(0)
    for word in args.words:
        name, _, value = word.text.partition("=")
        inner = attrs.evolve(word, text=value)
        if name == "max":
            made = attrs.evolve(made, most=number(1)(inner))
        elif name == "inactive":
            made = attrs.evolve(made, inactive=seconds(inner))
        elif name == "valid":
            made = attrs.evolve(made, valid=seconds(inner))
        else:
            raise BadValue(
                f'"{args.name.text}" takes off, max=, inactive= and valid=, not "{word.text}"', word
            )
    if not made.most:
        raise BadValue(f'"{args.name.text}" takes max=NUMBER', args.name)
    return made


@attrs.frozen
class Command:
    """One `ssl_conf_command`: a name and a value in OpenSSL's terms."""

    name: str
    value: str
    word: Word


#: The commands that there are here.
COMMANDS = (
    "Ciphersuites",
    "CipherString",
    "Curves",
    "Groups",
    "MaxProtocol",
    "MinProtocol",
    "Options",
    "SignatureAlgorithms",
)


def command(args: Args) -> Command:
    """`ssl_conf_command NAME VALUE`."""
    name, value = args.words
    if name.text not in COMMANDS:
        raise BadValue(
            f'"{args.name.text}" can\'t do "{name.text}" here',
            name,
            f"it can do {', '.join(COMMANDS)}",
        )
    return Command(name.text, value.text, value)


def not_early(args: Args) -> bool:
    """`ssl_early_data off`."""
    if flag(args.words[0]):
        raise BadValue("early data can't be had with pyOpenSSL", args.words[0])
    return False


@settings
class SecureSettings:
    """TLS (ngx_http_ssl_module)."""

    ssl_certificate: tuple[PEMFile, ...] = directive(
        pem_file,
        None,
        HTTP_SERVER,
        many=True,
        doc="A certificate, with those that it is signed by behind it; one of each kind of key.",
        syntax="file",
    )
    ssl_certificate_key: tuple[PEMFile, ...] = directive(
        pem_file,
        None,
        HTTP_SERVER,
        many=True,
        doc="The private key of a certificate; as many as there are ssl_certificate, in order.",
        syntax="file",
    )
    ssl_certificate_cache: CertificateCache | None = directive(
        certificate_cache,
        "off",
        HTTP_SERVER,
        args="1-3",
        doc="Keeps certificates whose files are named by variables.",
        syntax="off | max=number [inactive=time] [valid=time]",
    )
    ssl_certificate_reload: bool = directive(
        one(flag),
        "off",
        HTTP_SERVER,
        doc="Looks once a minute whether the files were renewed (this daemon's own).",
    )
    ssl_password_file: File | None = directive(
        file, None, HTTP_SERVER, doc="Passwords for encrypted keys, a line each.", syntax="file"
    )
    ssl_protocols: frozenset[str] = directive(
        protocols,
        "TLSv1.2 TLSv1.3",
        HTTP_SERVER,
        args="1+",
        doc="The versions of TLS that clients may use; the default server's count.",
        syntax="protocol ...",
    )
    ssl_ciphers: str = directive(
        one(text),
        "HIGH:!aNULL:!MD5",
        HTTP_SERVER,
        doc="The ciphers of TLS 1.2 and before, in OpenSSL's format.",
        syntax="ciphers",
    )
    ssl_prefer_server_ciphers: bool = directive(
        one(flag), "off", HTTP_SERVER, doc="Takes the first of our ciphers, not of the client's."
    )
    ssl_ecdh_curve: str = directive(
        one(text),
        "auto",
        HTTP_SERVER,
        doc="The curves or groups of the key exchange, with colons between them.",
        syntax="curve",
    )
    ssl_dhparam: File | None = directive(
        file, None, HTTP_SERVER, doc="Parameters for DHE ciphers of TLS 1.2.", syntax="file"
    )
    ssl_session_cache: SessionCache = directive(
        session_cache,
        "none",
        HTTP_SERVER,
        args="1-2",
        doc="Keeps sessions of clients without tickets; in a shared zone for all workers, where "
        "OpenSSL is the system's.",
        syntax="off | none | [builtin[:size]] [shared:name:size]",
    )
    ssl_session_timeout: float = directive(
        one(seconds), "5m", HTTP_SERVER, doc="How long a session may be resumed."
    )
    ssl_session_tickets: bool = directive(
        one(flag), "on", HTTP_SERVER, doc="Gives clients tickets to resume their sessions with."
    )
    ssl_session_ticket_key: tuple[File, ...] = directive(
        file,
        None,
        HTTP_SERVER,
        many=True,
        doc="A file with the key for tickets, of 80 or 48 random bytes; else they are made here.",
        syntax="file",
    )
    ssl_buffer_size: int = directive(
        record_size,
        "16k",
        HTTP_SERVER,
        doc="How much of an answer goes into one record at most.",
        syntax="size",
    )
    ssl_handshake_timeout: float = directive(
        one(seconds), "60s", HTTP_SERVER, doc="The time for a handshake (nginx: of its streams)."
    )
    ssl_reject_handshake: bool = directive(
        one(flag), "off", HTTP_SERVER, doc="Refuses handshakes for names that choose this server."
    )
    ssl_verify_client: str = directive(
        one(enum("on", "off", "optional", "optional_no_ca")),
        "off",
        HTTP_SERVER,
        doc="Asks clients for certificates; optional_no_ca also takes those of unknown issuers.",
    )
    ssl_verify_depth: int = directive(
        one(number(0)),
        "1",
        HTTP_SERVER,
        doc="How many certificates may be between a client's and one that is trusted.",
    )
    ssl_client_certificate: File | None = directive(
        file,
        None,
        HTTP_SERVER,
        doc="Who signs the certificates of clients; their names are told to clients.",
        syntax="file",
    )
    ssl_trusted_certificate: File | None = directive(
        file,
        None,
        HTTP_SERVER,
        doc="More who may sign certificates of clients; their names are not told.",
        syntax="file",
    )
    ssl_crl: File | None = directive(
        file, None, HTTP_SERVER, doc="Lists of revoked certificates of clients.", syntax="file"
    )
    ssl_early_data: bool = directive(
        not_early, "off", HTTP_SERVER, doc="Early data is not taken.", syntax="off"
    )
    ssl_conf_command: tuple[Command, ...] = directive(
        command,
        None,
        HTTP_SERVER,
        args=2,
        many=True,
        doc="Settings in OpenSSL's terms, of those that can be reached.",
        syntax="name value",
    )

    def check(self, level: Level) -> list[Diagnostic]:
        """What doesn't fit together."""
        certificates, keys = len(self.ssl_certificate), len(self.ssl_certificate_key)
        if level.kind == "server" and certificates != keys:
            origin = level.origin_of("ssl_certificate") or level.origin_of("ssl_certificate_key")
            message = f"there are {certificates} ssl_certificate and {keys} ssl_certificate_key"
            return [Diagnostic(origin, message, "each certificate has a key, in the same order")]
        trusts = self.ssl_client_certificate or self.ssl_trusted_certificate
        asks = self.ssl_verify_client in ("on", "optional")
        if level.kind == "server" and asks and not trusts:
            message = "ssl_verify_client needs ssl_client_certificate or ssl_trusted_certificate"
            return [Diagnostic(level.origin_of("ssl_verify_client"), message)]
        return []
