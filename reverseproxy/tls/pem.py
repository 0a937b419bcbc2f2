"""Certificates, keys and revocation lists in PEM (RFC 7468), as OpenSSL wants them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import OpenSSL
from cryptography import x509
from OpenSSL import SSL, crypto

_CERTIFICATE = re.compile(
    rb"-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----.*?-----END \1-----", re.DOTALL
)
_LIST = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)
#: pyOpenSSL before 24.3 takes its own objects only, later ones would rather have cryptography's.
_OWN_ONLY = tuple(map(int, OpenSSL.__version__.split(".")[:2])) < (24, 3)


class BadPem(ValueError):
    """A file that does not hold what it should; the text says what is wrong."""


def certificates(data: bytes) -> list[crypto.X509]:
    """Every certificate in a file, one at least. Raises BadPem."""
    found = []
    for block in _CERTIFICATE.finditer(data):
        try:
            found.append(crypto.load_certificate(crypto.FILETYPE_PEM, block[0]))
        except crypto.Error as error:
            raise BadPem(f"certificate {len(found) + 1} in it is broken: {why(error)}") from None
    if not found:
        raise BadPem("there is no certificate in it")
    return found


def revocation_lists(data: bytes) -> list[Any]:
    """Every CRL in a file, one at least, for `X509Store.add_crl`. Raises BadPem."""
    found: list[Any] = []
    # pyOpenSSL's own kind is gone since 24.3.
    own = getattr(crypto, "CRL", None)
    for block in _LIST.finditer(data):
        try:
            crl = x509.load_pem_x509_crl(block[0])
            found.append(crl if own is None else own.from_cryptography(crl))
        except (ValueError, crypto.Error):
            raise BadPem(f"revocation list {len(found) + 1} in it is broken") from None
    if not found:
        raise BadPem("there is no revocation list in it")
    return found


def use_pair(
    context: SSL.Context, certificate: bytes, key: bytes, passwords: Sequence[bytes] = ()
) -> None:
    """Let a context show a certificate with its chain, and sign with its key. Raises BadPem.

    `passwords` are tried one after the other where the key is encrypted.
    """
    leaf, *chain = certificates(certificate)
    found = private_key(key, passwords)
    try:
        context.use_certificate(_taken(leaf))
        for link in chain:
            context.add_extra_chain_cert(_taken(link))
        context.use_privatekey(_taken_key(found))
        context.check_privatekey()
    except SSL.Error as error:
        reason = why(error)
        wrong = "the key is not the certificate's" if "mismatch" in reason else reason
        raise BadPem(wrong) from None


def private_key(key: bytes, passwords: Sequence[bytes] = ()) -> crypto.PKey:
    """The key in a file. Raises BadPem."""
    reason = ""
    # Without any password OpenSSL would ask the terminal.
    for password in passwords or (b"",):
        try:
            return crypto.load_privatekey(crypto.FILETYPE_PEM, key, password)
        except (crypto.Error, ValueError) as error:
            reason = why(error)
    if b"ENCRYPTED" in key:
        raise BadPem("the key is encrypted, and no password fits")
    raise BadPem(f"there is no key in it: {reason}" if reason else "there is no key in it")


def _taken(certificate: crypto.X509) -> Any:
    return certificate if _OWN_ONLY else certificate.to_cryptography()


def _taken_key(key: crypto.PKey) -> Any:
    return key if _OWN_ONLY else key.to_cryptography_key()


def why(error: Exception) -> str:
    """OpenSSL's reasons for an error, in its words."""
    queue = error.args[0] if error.args else None
    if not isinstance(queue, list):
        return str(error)
    return ", ".join(reason or function or library for library, function, reason in queue)
