"""OpenSSL's options (SSL_CTX_set_options(3)), from several directives of a server."""

from __future__ import annotations

from OpenSSL import SSL

from .protocols import OFF, PROTOCOLS
from .settings import Command, SecureSettings, Trouble

_PREFER_OURS = SSL.OP_CIPHER_SERVER_PREFERENCE
#: SSL_CONF's names of options (ssl/ssl_conf.c); those with a minus before their names are cleared.
_OPTIONS = {
    "ServerPreference": _PREFER_OURS,
    "PrioritizeChaCha": 1 << 21,
    "NoResumptionOnRenegotiation": 1 << 16,
    "NoRenegotiation": SSL.OP_NO_RENEGOTIATION,
    "EncryptThenMac": -(1 << 19),
    "SessionTicket": -SSL.OP_NO_TICKET,
    "ExtendedMasterSecret": -(1 << 0),
    "MiddleboxCompat": 1 << 20,
}


def options_of(settings: SecureSettings, commands: dict[str, Command]) -> int:
    """OpenSSL's options for a server; `commands` are its `ssl_conf_command`. Raises Trouble."""
    allowed = set(settings.ssl_protocols)
    for name, beyond in (("MinProtocol", min), ("MaxProtocol", max)):
        command = commands.get(name)
        if command is None:
            continue
        if command.value not in PROTOCOLS:
            raise Trouble(command.word.origin, f'"{command.value}" is no protocol')
        edge = PROTOCOLS.index(command.value)
        allowed = {one for one in allowed if beyond(PROTOCOLS.index(one), edge) == edge}
    options = SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_COMPRESSION
    for protocol, bit in OFF.items():
        if protocol not in allowed:
            options |= bit
    if settings.ssl_prefer_server_ciphers:
        options |= _PREFER_OURS
    if not settings.ssl_session_tickets:
        options |= SSL.OP_NO_TICKET
    command = commands.get("Options")
    for name in command.value.split(",") if command is not None else ():
        options |= _option(name.strip(), command)
    return options


def _option(name: str, command: Command | None) -> int:
    origin = None if command is None else command.word.origin
    bit = _OPTIONS.get(name.lstrip("-"))
    if bit is None:
        known = ", ".join(_OPTIONS)
        raise Trouble(origin, f'the option "{name}" can\'t be set here', f"there are {known}")
    off = name.startswith("-")
    if bit < 0:
        # The option is on unless a bit turns it off.
        return -bit if off else 0
    if off:
        raise Trouble(origin, f'the option "{name}" can\'t be cleared here')
    return bit
