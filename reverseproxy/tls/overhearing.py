"""What is said in handshakes and OpenSSL does not remember: `$ssl_ciphers` and its like.

OpenSSL shows each message of a handshake to a callback (SSL_CTX_set_msg_callback(3)), decrypted. It
costs a call for each message and each record, so it is set only where a configuration uses one of
these variables. A context that was told to listen goes on for as long as the process lives.
"""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakSet

import attrs
from OpenSSL import SSL

from . import library

#: The variables that need this.
VARIABLES = frozenset({"ssl_ciphers", "ssl_curves", "ssl_sigalg", "ssl_client_sigalg"})

#: RFC 8446 section 4, RFC 5246 section 7.4.
_CLIENT_HELLO, _SERVER_KEY_EXCHANGE, _CERTIFICATE_VERIFY = 1, 12, 15
_SUPPORTED_GROUPS = 10
_NAMED_CURVE = 3

#: OpenSSL's short names (RFC 8422 section 5.1.1, RFC 7919, RFC 8446 section 4.2.7).
_CURVES = """
    sect163k1 sect163r1 sect163r2 sect193r1 sect193r2 sect233k1 sect233r1 sect239k1 sect283k1
    sect283r1 sect409k1 sect409r1 sect571k1 sect571r1 secp160k1 secp160r1 secp160r2 secp192k1
    prime192v1 secp224k1 secp224r1 secp256k1 prime256v1 secp384r1 secp521r1 brainpoolP256r1
    brainpoolP384r1 brainpoolP512r1 X25519 X448
"""
_FINITE = "ffdhe2048 ffdhe3072 ffdhe4096 ffdhe6144 ffdhe8192"
_GROUPS = dict(enumerate(_CURVES.split(), 1)) | dict(enumerate(_FINITE.split(), 256))
#: Names of SignatureScheme (RFC 8446 section 4.2.3, and what TLS 1.2 has besides).
_SCHEMES = {
    0x0201: "rsa_pkcs1_sha1",
    0x0203: "ecdsa_sha1",
    0x0301: "rsa_pkcs1_sha224",
    0x0303: "ecdsa_sha224",
    0x0401: "rsa_pkcs1_sha256",
    0x0403: "ecdsa_secp256r1_sha256",
    0x0501: "rsa_pkcs1_sha384",
    0x0503: "ecdsa_secp384r1_sha384",
    0x0601: "rsa_pkcs1_sha512",
    0x0603: "ecdsa_secp521r1_sha512",
    0x0804: "rsa_pss_rsae_sha256",
    0x0805: "rsa_pss_rsae_sha384",
    0x0806: "rsa_pss_rsae_sha512",
    0x0807: "ed25519",
    0x0808: "ed448",
    0x0809: "rsa_pss_pss_sha256",
    0x080A: "rsa_pss_pss_sha384",
    0x080B: "rsa_pss_pss_sha512",
    0x081A: "ecdsa_brainpoolP256r1_sha256",
    0x081B: "ecdsa_brainpoolP384r1_sha384",
    0x081C: "ecdsa_brainpoolP512r1_sha512",
    0x0904: "mldsa44",
    0x0905: "mldsa65",
    0x0906: "mldsa87",
}


@attrs.define(eq=False)
class Heard:
    """What was said on one connection: code points as they came, and by whom it was signed."""

    ciphers: bytes = b""
    groups: bytes = b""
    #: of our signature, and of the client's; 0 if there was none
    ours: int = 0
    theirs: int = 0

    def take(self, ours: bool, message: bytes) -> None:
        """Note what one message of a handshake says."""
        kind, body = message[0], message[4:]
        if kind == _CLIENT_HELLO and not ours:
            self.ciphers, self.groups = offered(body)
        elif kind == _SERVER_KEY_EXCHANGE and ours:
            self.ours = _signature_of_exchange(body)
        elif kind == _CERTIFICATE_VERIFY:
            scheme = int.from_bytes(body[:2], "big")
            if ours:
                self.ours = scheme
            else:
                self.theirs = scheme

    def groups_text(self) -> bytes:
        """`$ssl_curves`."""
        return _joined(self.groups, lambda code: _GROUPS.get(code, ""))

    def ciphers_text(self, connection: SSL.Connection) -> bytes:
        """`$ssl_ciphers`."""
        return _joined(self.ciphers, lambda code: library.cipher_name(connection, code))


def scheme_text(code: int) -> bytes:
    """A signature's name."""
    return _SCHEMES.get(code, f"0x{code:04x}").encode() if code else b""


def offered(hello: bytes) -> tuple[bytes, bytes]:
    """The cipher suites and groups in a ClientHello, two bytes each (RFC 8446 section 4.1.2)."""
    # The version, a random number, the session; then what it is about.
    rest = hello[34:]
    rest = rest[1 + rest[0] :] if rest else b""
    length = int.from_bytes(rest[:2], "big")
    ciphers, rest = rest[2 : 2 + length], rest[2 + length :]
    rest = rest[1 + rest[0] + 2 :] if rest else b""
    while len(rest) >= 4:
        kind, length = int.from_bytes(rest[:2], "big"), int.from_bytes(rest[2:4], "big")
        if kind == _SUPPORTED_GROUPS:
            return ciphers, rest[6 : 4 + length]
        rest = rest[4 + length :]
    return ciphers, b""


def _signature_of_exchange(body: bytes) -> int:
    """The scheme in a ServerKeyExchange of TLS 1.2, with a curve or with numbers."""
    at = 4 + body[3] if body[0] == _NAMED_CURVE else _after(body, 3)
    if at + 4 + int.from_bytes(body[at + 2 : at + 4], "big") != len(body):
        # A number may begin as a curve does.
        at = _after(body, 3)
    return int.from_bytes(body[at : at + 2], "big")


def _after(body: bytes, count: int) -> int:
    """Where what comes behind `count` numbers begins, each behind its length."""
    at = 0
    for _ in range(count):
        at += 2 + int.from_bytes(body[at : at + 2], "big")
    return at


def _joined(codes: bytes, name_of: Callable[[int], str]) -> bytes:
    """Names with colons between them; what has no name in hexadecimal, as in nginx."""
    found = (int.from_bytes(codes[at : at + 2], "big") for at in range(0, len(codes) - 1, 2))
    return ":".join(name_of(code) or f"0x{code:04x}" for code in found).encode()


_listening: WeakSet[SSL.Context] = WeakSet()


def listen(context: SSL.Context) -> None:
    """Let transports of connections that begin with a context hear what is said."""
    if context not in _listening and library.can_overhear():
        _listening.add(context)
        library.on_message(context, _said)


def _said(connection: SSL.Connection, ours: bool, message: bytes) -> None:
    transport = connection.get_app_data()
    if transport is not None:
        if transport.heard is None:
            transport.heard = Heard()
        transport.heard.take(ours, message)
