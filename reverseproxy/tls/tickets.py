"""Keys of session tickets that the operator gives (`ssl_session_ticket_key`).

OpenSSL asks a callback for the key of each ticket (SSL_CTX_set_tlsext_ticket_key_evp_cb(3)); it is
reached through ctypes, so only where cryptography uses the system's OpenSSL (`library.native`). The
first key encrypts, all decrypt; a ticket of a key other than the first is replaced. A file has 80
bytes (a name of 16, 32 for HMAC, 32 for AES-256) or 48 (a name of 16, 16 for AES-128, 16 for HMAC),
as nginx reads them.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from typing import Any

import attrs
from OpenSSL import SSL

from . import library

#: The sizes of a key file.
SIZES = (80, 48)
_NAME = 16
_FOUND, _RENEW, _UNKNOWN, _FAILED = 1, 2, 0, -1


class _Param(ctypes.Structure):
    """OSSL_PARAM (openssl/core.h)."""

    _fields_ = (
        ("key", ctypes.c_char_p),
        ("data_type", ctypes.c_uint),
        ("data", ctypes.c_void_p),
        ("data_size", ctypes.c_size_t),
        ("return_size", ctypes.c_size_t),
    )


_UTF8, _OCTETS = 4, 5
_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_void_p,
    ctypes.POINTER(ctypes.c_ubyte),
    ctypes.POINTER(ctypes.c_ubyte),
    ctypes.c_void_p,
    ctypes.c_void_p,
    ctypes.c_int,
)


@attrs.frozen
class TicketKey:
    """One key, as its file has it."""

    name: bytes
    hmac: bytes
    aes: bytes

    @classmethod
    def of(cls, data: bytes) -> TicketKey:
        """From 80 or 48 bytes."""
        name, rest = data[:_NAME], data[_NAME:]
        if len(data) == 48:
            return cls(name, rest[16:], rest[:16])
        return cls(name, rest[:32], rest[32:])


class Tickets:
    """The callback of one context."""

    def __init__(self, native: Any, keys: Sequence[TicketKey]) -> None:
        self._keys = tuple(keys)
        self._native = native
        self._buffers = {key: self._params(key) for key in keys}
        for name in ("EVP_EncryptInit_ex", "EVP_DecryptInit_ex"):
            getattr(native, name).argtypes = (ctypes.c_void_p,) * 5
        native.EVP_MAC_CTX_set_params.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
        native.EVP_aes_128_cbc.restype = native.EVP_aes_256_cbc.restype = ctypes.c_void_p
        self.callback = _CALLBACK(self._called)

    @staticmethod
    def _params(key: TicketKey) -> tuple[Any, Any]:
        """The parameters of HMAC, and what they point to."""
        secret = ctypes.create_string_buffer(key.hmac, len(key.hmac))
        digest = ctypes.create_string_buffer(b"SHA256")
        params = (_Param * 3)(
            _Param(b"key", _OCTETS, ctypes.addressof(secret), len(key.hmac), 0),
            _Param(b"digest", _UTF8, ctypes.addressof(digest), 6, 0),
            _Param(None, 0, None, 0, 0),
        )
        return params, (secret, digest)

    def _called(self, _ssl: Any, name: Any, iv: Any, cipher: Any, mac: Any, encrypts: int) -> int:
        native = self._native
        if encrypts:
            key, begin, answer = self._keys[0], native.EVP_EncryptInit_ex, _FOUND
            ctypes.memmove(name, key.name, _NAME)
            ctypes.memmove(iv, os.urandom(16), 16)
        else:
            wanted = bytes(name[:_NAME])
            found = [key for key in self._keys if key.name == wanted]
            if not found:
                return _UNKNOWN
            key, begin = found[0], native.EVP_DecryptInit_ex
            answer = _FOUND if key is self._keys[0] else _RENEW
        kind = native.EVP_aes_128_cbc() if len(key.aes) == 16 else native.EVP_aes_256_cbc()
        if begin(cipher, kind, None, key.aes, iv) != 1:
            return _FAILED
        if native.EVP_MAC_CTX_set_params(mac, self._buffers[key][0]) != 1:
            return _FAILED
        return answer


#: What C holds must live as long as the contexts: as long as the process, here.
_kept: list[Tickets] = []


def use(context: SSL.Context, keys: Sequence[bytes]) -> None:
    """Let a context's tickets be of these keys (the contents of files)."""
    native = library.native
    made = Tickets(native, [TicketKey.of(key) for key in keys])
    _kept.append(made)
    setter = native.SSL_CTX_set_tlsext_ticket_key_evp_cb
    setter.argtypes = (ctypes.c_void_p, _CALLBACK)
    setter(library.raw(context), made.callback)
