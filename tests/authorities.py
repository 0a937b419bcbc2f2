"""Certificates made for a test: an authority, what it signs, and what it takes back. EC keys."""

from __future__ import annotations

import datetime
import functools
import ipaddress
import os

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = datetime.timedelta(days=1)


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


@attrs.frozen(eq=False)
class Certificate:
    """A certificate with its key."""

    certificate: x509.Certificate
    private: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key(self) -> bytes:
        """The key."""
        return self.encrypted(None)

    def encrypted(self, password: bytes | None) -> bytes:
        """The key, encrypted where there is a password."""
        return self.private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption()
            if password is None
            else serialization.BestAvailableEncryption(password),
        )

    def write(self, directory: str, name: str) -> tuple[str, str]:
        """Write it as NAME.pem and NAME.key; their paths."""
        paths = os.path.join(directory, f"{name}.pem"), os.path.join(directory, f"{name}.key")
        for path, data in zip(paths, (self.pem, self.key), strict=True):
            with open(path, "wb") as file:
                file.write(data)
        return paths


class Authority(Certificate):
    """A certificate that signs others."""

    def issue(
        self, *names: str, days: int = 30, age: int = 1, common_name: str = "", ca: bool = False
    ) -> Certificate:
        """A certificate for hosts and addresses, `age` days old, good until in `days` days."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(common_name or (names[0] if names else "nobody"))
        builder = _builder(subject, self.certificate.subject, key, days, age, ca)
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general(name) for name in names]), critical=False
            )
        made = builder.sign(self.private, hashes.SHA256())
        return (Authority if ca else Certificate)(made, key)

    def revocations(self, *revoked: Certificate) -> bytes:
        """The list of what is revoked, in PEM."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(_now() - _DAY)
            .next_update(_now() + _DAY)
        )
        for one in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(one.certificate.serial_number)
                .revocation_date(_now() - _DAY)
                .build()
            )
        made = builder.sign(self.private, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.PEM)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    days: int,
    age: int,
    ca: bool,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_now() - age * _DAY)
        .not_valid_after(_now() + days * _DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )


def authority(common_name: str = "Test CA") -> Authority:
    """An authority that nobody vouches for but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name(common_name)
    made = _builder(name, name, key, 30, 100, True).sign(key, hashes.SHA256())
    return Authority(made, key)


@functools.cache
def shared() -> Authority:
    """One authority for every test that needs no other."""
    return authority()
