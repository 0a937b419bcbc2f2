"""Certificates made for a test: an authority, what it signs, takes back and says of them."""

from __future__ import annotations

import datetime
import functools
import ipaddress
import os
from typing import Any

import attrs
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, NameOID

PEM = serialization.Encoding.PEM
DER = serialization.Encoding.DER
_DAY = datetime.timedelta(days=1)
GOOD = ocsp.OCSPCertStatus.GOOD
REVOKED = ocsp.OCSPCertStatus.REVOKED
UNKNOWN = ocsp.OCSPCertStatus.UNKNOWN


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(tzinfo=None, microsecond=0)


def _name(common_name: str, *before: x509.NameAttribute[str]) -> x509.Name:
    return x509.Name([*before, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


@attrs.frozen(eq=False)
class Certificate:
    """A certificate with its key."""

    certificate: x509.Certificate
    private: Any

    @property
    def pem(self) -> bytes:
        """The certificate."""
        return self.certificate.public_bytes(PEM)

    @property
    def key(self) -> bytes:
        """The key."""
        return self.encrypted(None)

    def encrypted(self, password: bytes | None) -> bytes:
        """The key, encrypted where there is a password."""
        lock: Any = serialization.NoEncryption()
        if password is not None:
            lock = serialization.BestAvailableEncryption(password)
        return bytes(self.private.private_bytes(PEM, serialization.PrivateFormat.PKCS8, lock))

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
        self,
        *names: str,
        days: int = 30,
        age: int = 1,
        common_name: str = "",
        subject: x509.Name | None = None,
        ca: bool = False,
        kind: str = "ec",
        responder: str = "",
        delegated: bool = False,
    ) -> Any:
        """A certificate for hosts and addresses, `age` days old, good until in `days` days.

        `responder` is the URL at which OCSP is asked; who is `delegated` may answer there.
        """
        private = new_key(kind)
        subject = subject or _name(common_name or (names[0] if names else "nobody"))
        builder = _builder(subject, self.certificate.subject, private, days, age, ca)
        if names:
            builder = builder.add_extension(
                x509.SubjectAlternativeName([_general(name) for name in names]), critical=False
            )
        if responder:
            access = x509.AccessDescription(
                AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(responder)
            )
            builder = builder.add_extension(x509.AuthorityInformationAccess([access]), False)
        if delegated:
            usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING])
            builder = builder.add_extension(usage, critical=False)
        made = builder.sign(self.private, hashes.SHA256())
        return (Authority if ca else Certificate)(made, private)

    def revocations(self, *revoked: Certificate) -> bytes:
        """The list of what is revoked, in PEM."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(_now() - _DAY)
            .next_update(_now() + 30 * _DAY)
        )
        for one in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(one.certificate.serial_number)
                .revocation_date(_now() - _DAY)
                .build()
            )
        made = builder.sign(self.private, hashes.SHA256())
        return made.public_bytes(PEM)

    def word(
        self,
        certificate: Certificate,
        status: ocsp.OCSPCertStatus = GOOD,
        *,
        begin: float = -24.0,
        end: float | None = 24.0,
        now: float | None = None,
        signer: Certificate | None = None,
        shown: bool = True,
    ) -> bytes:
        """What OCSP says of a certificate, in DER; from when to when is in hours from `now`.

        Somebody else may be the `signer`, whose certificate is in the answer if it is `shown`.
        """
        revoked = status is REVOKED
        moment = _now() if now is None else datetime.datetime.fromtimestamp(now, datetime.UTC)
        moment = moment.replace(tzinfo=None)
        builder = ocsp.OCSPResponseBuilder().add_response(
            cert=certificate.certificate,
            issuer=self.certificate,
            algorithm=hashes.SHA1(),
            cert_status=status,
            this_update=moment + datetime.timedelta(hours=begin),
            next_update=None if end is None else moment + datetime.timedelta(hours=end),
            revocation_time=moment - _DAY if revoked else None,
            revocation_reason=x509.ReasonFlags.key_compromise if revoked else None,
        )
        by = signer or self
        builder = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, by.certificate)
        if signer is not None and shown:
            builder = builder.certificates([signer.certificate])
        return builder.sign(by.private, hashes.SHA256()).public_bytes(DER)


def new_key(kind: str = "ec") -> Any:
    """A private key: "ec" or "rsa"."""
    if kind == "rsa":
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(ec.SECP256R1())


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    subject: x509.Name, issuer: x509.Name, private: Any, days: int, age: int, ca: bool
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_now() - age * _DAY)
        .not_valid_after(_now() + days * _DAY)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )


def authority(common_name: str = "Test CA", subject: x509.Name | None = None) -> Authority:
    """An authority that nobody vouches for but itself."""
    private = new_key()
    name = subject or _name(common_name)
    made = _builder(name, name, private, 90, 100, True).sign(private, hashes.SHA256())
    return Authority(made, private)


@functools.cache
def shared() -> Authority:
    """One authority for every test that needs no other."""
    return authority()
