"""Certificates and keys as they are in files: PEM, several in one, keys encrypted or not."""

from __future__ import annotations

import contextlib
import datetime
import os
import re
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL, crypto

_CERTIFICATE = re.compile(rb"-----BEGIN ((?:X509 )?CERTIFICATE)-----.+?-----END \1-----", re.DOTALL)
_KEY = re.compile(rb"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----.+?-----END \1-----", re.DOTALL)
_CRL = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)
_DER = serialization.Encoding.DER
_SPKI = serialization.PublicFormat.SubjectPublicKeyInfo


class PEMError(Exception):
    """A file holds not what it should; the message is a clause: "holds no certificate"."""


class BadKey(PEMError):
    """What is wrong with the private key, not with its certificate."""


class Mismatch(BadKey):
    """The key is another certificate's."""


def certificates(data: bytes) -> list[x509.Certificate]:
    """All certificates in a file, in their order. Raises PEMError, also if there is none."""
    found = []
    for text in (match[0] for match in _CERTIFICATE.finditer(data)):
        try:
            found.append(x509.load_pem_x509_certificate(text))
        except ValueError as error:
            raise PEMError(f"holds a certificate that can't be read: {error}") from error
    if not found:
        raise PEMError("holds no certificate")
    return found


def private_key(data: bytes, passwords: Sequence[bytes] = ()) -> Any:
    """The private key in a file; of `passwords` that which fits opens it. Raises BadKey."""
    match = _KEY.search(data)
    if match is None:
        raise BadKey("holds no private key")
    text = match[0]
    try:
        return serialization.load_pem_private_key(text, None)
    except TypeError:
        pass  # it is encrypted
    except ValueError as error:
        raise BadKey(f"holds a private key that can't be read: {error}") from error
    if not passwords:
        raise BadKey("holds an encrypted private key, and there is no password for it")
    for password in passwords:
        try:
            return serialization.load_pem_private_key(text, password)
        except ValueError:
            continue
    raise BadKey("holds an encrypted private key that none of the passwords opens")


def lines_of_passwords(data: bytes) -> list[bytes]:
    """Those of a file, a line each."""
    return [line for line in data.splitlines() if line]


@contextlib.contextmanager
def in_memory(data: bytes) -> Iterator[str]:
    """The path of a file that holds this as long as the context lasts, and is on no disk."""
    number = os.memfd_create("tls")
    try:
        os.write(number, data)
        yield f"/proc/self/fd/{number}"
    finally:
        os.close(number)


def belong_together(certificate: x509.Certificate, key: Any) -> bool:
    """Whether a private key is that of a certificate."""
    ours = key.public_key().public_bytes(_DER, _SPKI)
    return bool(certificate.public_key().public_bytes(_DER, _SPKI) == ours)


def use_pair(
    context: SSL.Context, certificate: bytes, key: bytes, passwords: Sequence[bytes] = ()
) -> list[x509.Certificate]:
    """Give a context a certificate with its chain, and its key: the contents of PEM files.

    A context takes one pair of each kind of key, each with a chain of its own. Returns the chain,
    the certificate first. Raises PEMError.
    """
    chain = certificates(certificate)
    private = private_key(key, passwords)
    if not belong_together(chain[0], private):
        raise Mismatch("is not the key of the certificate")
    text = b"".join(one.public_bytes(serialization.Encoding.PEM) for one in chain)
    # pyOpenSSL keeps chains apart only where it reads them from a file: this one is in memory.
    try:
        with in_memory(text) as path:
            context.use_certificate_chain_file(path)
    except SSL.Error as error:
        raise PEMError(f"holds a certificate that OpenSSL does not take: {told(error)}") from error
    with warnings.catch_warnings():
        # What takes the one kind of object has not always taken the other.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            context.use_privatekey(crypto.PKey.from_cryptography_key(private))
        except (SSL.Error, TypeError) as error:
            raise BadKey(f"holds a key that OpenSSL does not take: {told(error)}") from error
    return chain


def trust(store: crypto.X509Store, certificate: x509.Certificate) -> None:
    """Put a certificate into a store of those that are believed."""
    store.add_cert(crypto.X509.from_cryptography(certificate))


def revoke(store: crypto.X509Store, data: bytes) -> None:
    """Put the revocation lists of a file into a store, which looks at them from then on."""
    texts = _CRL.findall(data)
    if not texts:
        raise PEMError("holds no list of revoked certificates")
    for text in texts:
        try:
            found = x509.load_pem_x509_crl(text)
        except ValueError as error:
            raise PEMError(f"holds a list that can't be read: {error}") from error
        older = getattr(crypto, "CRL", None)
        # pyOpenSSL before 24.3 takes a kind of its own.
        store.add_crl(found if older is None else older.from_cryptography(found))
    store.set_flags(crypto.X509StoreFlags.CRL_CHECK | crypto.X509StoreFlags.CRL_CHECK_ALL)


def validity(certificate: x509.Certificate) -> tuple[datetime.datetime, datetime.datetime]:
    """From when to when a certificate is valid."""
    if hasattr(certificate, "not_valid_after_utc"):
        return certificate.not_valid_before_utc, certificate.not_valid_after_utc
    # cryptography before 42.
    utc = datetime.UTC
    return (
        certificate.not_valid_before.replace(tzinfo=utc),
        certificate.not_valid_after.replace(tzinfo=utc),
    )


def told(error: Exception) -> str:
    """OpenSSL's reasons, in its own words."""
    queue = error.args[0] if error.args else ""
    if not isinstance(queue, list):
        return str(error.args[-1]) if error.args else type(error).__name__
    reasons = (reason or function or library for library, function, reason in queue)
    return "; ".join(filter(None, reasons)) or "no reason given"


def ask_for(context: SSL.Context, certificate: x509.Certificate) -> None:
    """Tell clients that certificates signed with this one are wanted."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.add_client_ca(crypto.X509.from_cryptography(certificate))
