"""What of OpenSSL pyOpenSSL has no method for, and how much of it can be reached here.

pyOpenSSL binds what Python programs commonly need. The rest of what a server needs is reached in
two ways: `lib` are the functions that cryptography binds without showing them, which differ from
version to version; `native` is libssl itself, where cryptography was linked to the system's one
(Debian's packages), and None where it brought its own (the wheels of PyPI).
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable
from typing import Any

from OpenSSL import SSL

#: cryptography's bindings, untyped.
lib: Any = SSL._lib  # type: ignore[attr-defined]  # private, but there is no other way
ffi: Any = SSL._ffi  # type: ignore[attr-defined]  # as above

#: RFC 8446 section 6.2.
UNRECOGNIZED_NAME = 112
_FATAL = 2
_SET_GROUPS_LIST = 92


class HandshakeRefused(Exception):
    """What the choice of a name raises: the client gets the alert `unrecognized_name`.

    The message is for the error log.
    """


def _find() -> Any:
    for name in ("_openssl", "_rust"):
        try:
            module = importlib.import_module(f"cryptography.hazmat.bindings.{name}")
            found = ctypes.CDLL(str(module.__file__))
            # Found through its own dependencies only: another libssl in the process is no use.
            function = found.SSL_CTX_ctrl
        except (ImportError, OSError, AttributeError):
            continue
        function.restype = ctypes.c_long
        function.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_long, ctypes.c_void_p)
        return found
    return None


native = _find()


def pointer(thing: Any) -> int:
    """The address of what OpenSSL made."""
    return int(ffi.cast("uintptr_t", thing))


def raw(context: SSL.Context) -> int:
    """The address of a context."""
    return pointer(context._context)  # type: ignore[attr-defined]  # as above


def can_set_ticket_keys() -> bool:
    """Whether the keys of session tickets can be set (`ssl_session_ticket_key`)."""
    return native is not None


def can_set_groups() -> bool:
    """Whether the groups of the key exchange can be set (`ssl_ecdh_curve`)."""
    return native is not None or hasattr(lib, "SSL_CTX_set1_curves_list")


#: callbacks that C holds must live as long as their contexts: as long as the process, here
_kept: list[Any] = []


def on_name(context: SSL.Context, choose: Callable[[SSL.Connection], None]) -> None:
    """Call `choose(connection)` in every handshake, once it is known which name is asked for.

    Unlike pyOpenSSL's own, it may raise HandshakeRefused.
    """
    by_address = SSL.Connection._reverse_mapping  # type: ignore[attr-defined]  # as above

    def called(ssl: Any, alert: Any, _argument: Any) -> int:
        try:
            choose(by_address[ssl])
        except HandshakeRefused:
            alert[0] = UNRECOGNIZED_NAME
            return _FATAL
        return 0

    # What is raised besides is told by cffi, and refuses too.
    callback = ffi.callback("int (*)(SSL *, int *, void *)", called, error=_FATAL)
    _kept.append(callback)
    lib.SSL_CTX_set_tlsext_servername_callback(
        context._context,  # type: ignore[attr-defined]  # as above
        callback,
    )


_CHAIN_TOO_LONG = 22
_verifying: dict[int, Any] = {}


def _verify(depth: int) -> Any:
    """OpenSSL's callback for chains with up to `depth` certificates between first and last.

    A certificate that doesn't verify ends no handshake: the result is kept in the connection and in
    its session, and requests are answered 495. pyOpenSSL's own callbacks would forget it.
    """

    def called(_ok: int, store: Any) -> int:
        if lib.X509_STORE_CTX_get_error_depth(store) > depth + 1:
            lib.X509_STORE_CTX_set_error(store, _CHAIN_TOO_LONG)
        # What is left of errors that end nothing would be taken for the next call's.
        lib.ERR_clear_error()
        return 1

    if depth not in _verifying:
        _verifying[depth] = ffi.callback("int (*)(int, X509_STORE_CTX *)", called, error=0)
    return _verifying[depth]


def ask_for_certificate(connection: SSL.Connection, depth: int | None) -> None:
    """Let the client send a certificate, whatever it is worth; with None it is not asked."""
    mode, callback = (
        (lib.SSL_VERIFY_NONE, ffi.NULL) if depth is None else (lib.SSL_VERIFY_PEER, _verify(depth))
    )
    lib.SSL_set_verify(connection._ssl, mode, callback)  # type: ignore[attr-defined]  # as above


def set_options(connection: SSL.Connection, options: int) -> None:
    """Options of one connection, besides those of its context."""
    # pyOpenSSL's method is as young as 24.2.
    lib.SSL_set_options(connection._ssl, options)  # type: ignore[attr-defined]  # as above


def verify_result(connection: SSL.Connection) -> int:
    """What became of the verification: 0, or OpenSSL's X509_V_ERR_… ."""
    return int(lib.SSL_get_verify_result(connection._ssl))  # type: ignore[attr-defined]  # as above


def verify_error(number: int) -> str:
    """OpenSSL's words for it."""
    return str(ffi.string(lib.X509_verify_cert_error_string(number)).decode())


def reused(connection: SSL.Connection) -> bool:
    """Whether the connection resumes a session."""
    return bool(lib.SSL_session_reused(connection._ssl))  # type: ignore[attr-defined]  # as above


def set_groups(context: SSL.Context, groups: str) -> bool:
    """The groups of the key exchange, "X25519:P-256"; False where one is not known."""
    raw = context._context  # type: ignore[attr-defined]  # as above
    if native is not None:
        found = native.SSL_CTX_ctrl(pointer(raw), _SET_GROUPS_LIST, 0, groups.encode())
    else:
        found = lib.SSL_CTX_set1_curves_list(raw, groups.encode())
    lib.ERR_clear_error()
    return bool(found == 1)


def set_signature_algorithms(context: SSL.Context, names: str) -> bool:
    """The signature algorithms, "RSA+SHA256:ed25519"; False where one is not known."""
    found = lib.SSL_CTX_set1_sigalgs_list(context._context, names.encode())  # type: ignore[attr-defined]  # as above
    lib.ERR_clear_error()
    return bool(found == 1)


def set_suites(context: SSL.Context, names: str) -> bool:
    """The cipher suites of TLS 1.3; False where one is not known."""
    found = lib.SSL_CTX_set_ciphersuites(context._context, names.encode())  # type: ignore[attr-defined]  # as above
    lib.ERR_clear_error()
    return bool(found == 1)


def cipher_name(connection: SSL.Connection, code: int) -> str:
    """OpenSSL's name of a cipher suite; "" if it knows none with this number."""
    found = lib.SSL_CIPHER_find(connection._ssl, code.to_bytes(2, "big"))  # type: ignore[attr-defined]  # as above
    return "" if found == ffi.NULL else str(ffi.string(lib.SSL_CIPHER_get_name(found)).decode())


def can_overhear() -> bool:
    """Whether there is a callback for messages (`$ssl_ciphers` and its like)."""
    return native is not None or hasattr(lib, "SSL_CTX_set_msg_callback")


_HANDSHAKE = 22
#: Hears of a connection, whether it was us who spoke, and the message (RFC 8446 section 4).
Hears = Callable[[SSL.Connection, bool, bytes], None]


def on_message(context: SSL.Context, hears: Hears) -> None:
    """Call `hears` with every message of every handshake."""
    by_address = SSL.Connection._reverse_mapping  # type: ignore[attr-defined]  # as above

    def called(
        ours: int, _version: int, content: int, data: Any, size: int, ssl: Any, _argument: Any
    ) -> None:
        if content != _HANDSHAKE:
            return
        connection = by_address.get(ffi.cast("SSL *", ssl))
        if connection is not None:
            hears(connection, bool(ours), bytes(ffi.buffer(ffi.cast("char *", data), size)))

    if native is None:
        shape = "void (*)(int, int, int, const void *, size_t, SSL *, void *)"
        callback = ffi.callback(shape, called)
        lib.SSL_CTX_set_msg_callback(context._context, callback)  # type: ignore[attr-defined]  # as above
    else:
        setter = native.SSL_CTX_set_msg_callback
        integer, address = ctypes.c_int, ctypes.c_void_p
        callback = ctypes.CFUNCTYPE(
            None, integer, integer, integer, address, ctypes.c_size_t, address, address
        )(called)
        setter.argtypes = (address, type(callback))
        setter.restype = None
        setter(raw(context), callback)
    _kept.append(callback)


def can_tell_session() -> bool:
    """Whether the number of a session can be had (`$ssl_session_id`)."""
    return hasattr(lib, "SSL_SESSION_get_id") or hasattr(lib, "i2d_SSL_SESSION")


def session_id(connection: SSL.Connection) -> bytes:
    """The number of the session; b"" if it has none."""
    session = lib.SSL_get_session(connection._ssl)  # type: ignore[attr-defined]  # as above
    if session == ffi.NULL:
        return b""
    if hasattr(lib, "SSL_SESSION_get_id"):
        length = ffi.new("unsigned int *")
        found = lib.SSL_SESSION_get_id(session, length)
        return bytes(ffi.buffer(found, length[0]))
    written = bytearray(lib.i2d_SSL_SESSION(session, ffi.NULL))
    if not written:
        return b""
    lib.i2d_SSL_SESSION(session, ffi.new("unsigned char **", ffi.from_buffer(written)))
    return _fourth(bytes(written))


def _fourth(session: bytes) -> bytes:
    """The number in a SSL_SESSION, which OpenSSL writes behind versions and cipher."""
    at = 2 + (session[1] & 0x7F if session[1] & 0x80 else 0)
    for _ in range(3):
        at += 2 + session[at + 1]
    return session[at + 2 : at + 2 + session[at + 1]]
