"""Certificates for tests, made once per run: an authority, servers and clients that it signs."""

from __future__ import annotations

import datetime
import ipaddress
import os
from functools import cache
from typing import Any

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

_PEM = serialization.Encoding.PEM
_NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
_DAY = datetime.timedelta(days=1)


@attrs.frozen
class Pair:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: Any

    @property
    def pem(self) -> bytes:
        """The certificate in PEM."""
        return self.certificate.public_bytes(_PEM)

    def key_pem(self, password: bytes | None = None) -> bytes:
        """The key in PEM, encrypted where there is a password."""
        lock: Any = serialization.NoEncryption()
        if password is not None:
            lock = serialization.BestAvailableEncryption(password)
        return bytes(self.key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, lock))


def _key(kind: str) -> Any:
    if kind == "rsa":
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(ec.SECP256R1())


_authorities: dict[str, Pair] = {}


def authority(name: str = "Test CA", issuer: str = "") -> Pair:
    """An authority, its own issuer unless another one is named when it is first asked for."""
    if name not in _authorities:
        signer = authority(issuer) if issuer else None
        _authorities[name] = _make(name, signer, "ec", is_authority=True)
    return _authorities[name]


@cache
def pair(name: str, kind: str = "ec", issuer: str = "Test CA", days: int = 90) -> Pair:
    """A certificate for a server or a client, signed by an authority that was made."""
    return _make(name, authority(issuer), kind, days=days)


def _make(
    name: str, issuer: Pair | None, kind: str, *, is_authority: bool = False, days: int = 90
) -> Pair:
    key = _key(kind)
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test, Inc"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_NOW - 2 * _DAY)
        .not_valid_after(_NOW + days * _DAY)
        .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
    )
    if not is_authority:
        names: list[x509.GeneralName] = [x509.DNSName(name)] if " " not in name else []
        names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    signing = key if issuer is None else issuer.key
    return Pair(builder.sign(signing, hashes.SHA256()), key)


def revoking(*revoked: Pair, issuer: str = "Test CA") -> bytes:
    """A list of revoked certificates."""
    signer = authority(issuer)
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(signer.certificate.subject)
        .last_update(_NOW - _DAY)
        .next_update(_NOW + 30 * _DAY)
    )
    for one in revoked:
        builder = builder.add_revoked_certificate(
            x509.RevokedCertificateBuilder()
            .serial_number(one.certificate.serial_number)
            .revocation_date(_NOW - _DAY)
            .build()
        )
    return builder.sign(signer.key, hashes.SHA256()).public_bytes(_PEM)


def good(made: Pair, issuer: str = "Test CA") -> bytes:
    """The issuer's word that a certificate is good, in DER (OCSP)."""
    signer = authority(issuer)
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response(
            cert=made.certificate,
            issuer=signer.certificate,
            algorithm=hashes.SHA256(),
            cert_status=ocsp.OCSPCertStatus.GOOD,
            this_update=_NOW - _DAY,
            next_update=_NOW + _DAY,
            revocation_time=None,
            revocation_reason=None,
        )
        .responder_id(ocsp.OCSPResponderEncoding.HASH, signer.certificate)
    )
    return builder.sign(signer.key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def write(folder: str, **files: bytes) -> None:
    """Put files `NAME.pem` into a directory."""
    os.makedirs(folder, exist_ok=True)
    for name, data in files.items():
        with open(os.path.join(folder, f"{name}.pem"), "wb") as file:
            file.write(data)


def write_pair(folder: str, name: str, made: Pair, *chain: Pair) -> None:
    """`NAME.pem` with the chain behind it, and `NAME-key.pem`."""
    certificate = made.pem + b"".join(one.pem for one in chain)
    write(folder, **{name: certificate, f"{name}-key": made.key_pem()})
