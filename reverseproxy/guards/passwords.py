"""Passwords against what a user file holds of them (`htpasswd`, crypt(5)).

The four schemes that nginx reads itself are read here ({PLAIN}, {SHA}, {SSHA} and Apache's $apr1$);
all others (bcrypt, yescrypt, SHA-crypt, MD5, DES) are the system's libcrypt's matter, as they are
in nginx. It is called through ctypes: Python's own `crypt` module is gone since 3.13, passlib was
last released in 2020 and has the slow ones in Python, and libxcrypt is what the system's own
passwords rely on, there wherever Debian is. A call through ctypes also lets other threads run.
"""

from __future__ import annotations

import base64
import binascii
import ctypes
import hashlib
import hmac
import os
from functools import cache
from typing import Any

#: No libcrypt's `struct crypt_data` is larger.
_CRYPT_DATA = 256 * 1024
_NAMES = ("libcrypt.so.1", "libcrypt.so.2", "libcrypt.so")
_ALPHABET = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: Which bytes of the digest make four letters each of $apr1$, and the one that is left.
_APR1_ORDER = ((0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5))
#: How many passwords that were right are remembered (as digests, under a key of this process).
REMEMBERED = 1024


def verify(stored: bytes, password: bytes) -> bool:
    """Whether a password is the one of which `stored` is the hash.

    Raises OSError where that takes a libcrypt and there is none.
    """
    if stored.startswith(b"{PLAIN}"):
        return hmac.compare_digest(stored[7:], password)
    if stored.startswith(b"{SHA}"):
        return _sha1(stored[5:], password, salted=False)
    if stored.startswith(b"{SSHA}"):
        return _sha1(stored[6:], password, salted=True)
    if stored.startswith(b"$apr1$"):
        return hmac.compare_digest(apr1(password, stored[6:].partition(b"$")[0]), stored)
    return bool(stored) and hmac.compare_digest(_crypt(password, stored), stored)


def slow(stored: bytes) -> bool:
    """Whether the scheme is made to be slow: milliseconds and more."""
    return stored.startswith((b"$", b"_")) and not stored.startswith((b"$apr1$", b"$1$"))


def _sha1(encoded: bytes, password: bytes, *, salted: bool) -> bool:
    try:
        decoded = base64.b64decode(encoded)
    except binascii.Error:
        return False
    digest, salt = decoded[:20], decoded[20:] if salted else b""
    made = hashlib.sha1(password + salt, usedforsecurity=False).digest()
    return hmac.compare_digest(made, digest)


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()


def apr1(password: bytes, salt: bytes) -> bytes:
    """Apache's variant of MD5-crypt, as a user file has it."""
    salt = salt[:8]
    inner = _md5(password + salt + password)
    mixed = password + b"$apr1$" + salt + (inner * (len(password) // 16 + 1))[: len(password)]
    left = len(password)
    while left:
        mixed += b"\0" if left & 1 else password[:1]
        left >>= 1
    digest = _md5(mixed)
    for turn in range(1000):
        first, last = (password, digest) if turn & 1 else (digest, password)
        digest = _md5(first + (salt if turn % 3 else b"") + (password if turn % 7 else b"") + last)
    letters = bytearray()
    for a, b, c in _APR1_ORDER:
        value = digest[a] << 16 | digest[b] << 8 | digest[c]
        letters += bytes(_ALPHABET[value >> shift & 63] for shift in (0, 6, 12, 18))
    letters += bytes((_ALPHABET[digest[11] & 63], _ALPHABET[digest[11] >> 6]))
    return b"$apr1$%b$%b" % (salt, bytes(letters))


@cache
def _crypt_r() -> Any:
    for name in _NAMES:
        try:
            function = ctypes.CDLL(name).crypt_r
        except (OSError, AttributeError):
            continue
        function.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)
        function.restype = ctypes.c_char_p
        return function
    raise OSError(f"no library of {', '.join(_NAMES)} has crypt_r")


def _crypt(password: bytes, setting: bytes) -> bytes:
    """crypt(3): what it makes of a setting that it can't read equals no setting."""
    if b"\0" in password:
        return b""
    made: bytes | None = _crypt_r()(password, setting, ctypes.create_string_buffer(_CRYPT_DATA))
    return made or b""


class Remembered:
    """Passwords that were right: a slow hash is not made again for every request of a page.

    What is remembered depends on the hash in the file, so a changed password is asked for at once.
    """

    def __init__(self) -> None:
        self._key = os.urandom(32)
        self._right: dict[bytes, None] = {}

    def _digest(self, stored: bytes, password: bytes) -> bytes:
        size = b"%d:" % len(stored)
        return hashlib.blake2b(size + stored + password, key=self._key, digest_size=16).digest()

    def knows(self, stored: bytes, password: bytes) -> bool:
        """Whether this password was right for this hash."""
        return self._digest(stored, password) in self._right

    def add(self, stored: bytes, password: bytes) -> None:
        """Note that it was; the oldest is forgotten."""
        if len(self._right) >= REMEMBERED:
            del self._right[next(iter(self._right))]
        self._right[self._digest(stored, password)] = None
