"""OCSP (RFC 6960) in bytes: the question for a certificate, and what an answer is worth.

Theory. An answer is worth something if it is signed by the issuer of the certificate, or by who has
the issuer's word for that (a certificate of the issuer's with the purpose OCSPSigning, which the
answer holds; RFC 6960 section 4.2.2.2), if it speaks of the certificate, and if now is between its
thisUpdate and its nextUpdate. All else a responder, or who is between, may have made up.
"""

from __future__ import annotations

import base64
import datetime
from collections.abc import Sequence
from math import inf
from typing import Any

import attrs
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID
from OpenSSL import crypto

from . import pem

#: How far clocks may be apart, in seconds.
SKEW = 300.0
#: How much of what an answer holds is looked at.
_MOST = 16

GOOD, REVOKED, UNKNOWN = "good", "revoked", "unknown"
_STATUS = {
    ocsp.OCSPCertStatus.GOOD: GOOD,
    ocsp.OCSPCertStatus.REVOKED: REVOKED,
    ocsp.OCSPCertStatus.UNKNOWN: UNKNOWN,
}


class Worthless(Exception):
    """An answer says nothing about the certificate; the message says why."""


@attrs.frozen
class Word:
    """What a responder says of a certificate, and until when that holds (epoch, in seconds)."""

    status: str
    until: float
    #: the answer that says so
    answer: bytes = attrs.field(repr=False)


@attrs.frozen(eq=False)
class Question:
    """What is asked about a certificate. `trusted`, if there are some, must vouch for delegates."""

    certificate: x509.Certificate
    issuer: x509.Certificate
    trusted: tuple[x509.Certificate, ...] | None = None

    def path(self, base: str) -> str:
        """The path to GET at a responder whose URL has the path `base` (RFC 6960 appendix A.1)."""
        asked = base64.b64encode(_request(self).public_bytes(serialization.Encoding.DER)).decode()
        quoted = asked.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
        return f"{base.rstrip('/')}/{quoted}"

    def word(self, answer: bytes, now: float) -> Word:
        """What an answer (DER) says; `now` in seconds since the epoch. Raises Worthless."""
        try:
            return self._word(answer, ocsp.load_der_ocsp_response(answer), now)
        except Worthless:
            raise
        except Exception as error:
            # What cryptography makes of a stranger's bytes differs with its version: KeyError, too.
            raise Worthless(f"OCSP response can't be read: {error}") from error

    def _word(self, data: bytes, answer: ocsp.OCSPResponse, now: float) -> Word:
        status = answer.response_status
        if status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            name = status.name.lower().replace("_", "")
            raise Worthless(f"OCSP response not successful ({status.value}: {name})")
        self._verify(answer, now)
        single = self._single(answer)
        begin, end = _epoch(single, "this_update"), _epoch(single, "next_update")
        if begin is None or begin > now + SKEW:
            raise Worthless("OCSP response is not valid yet")
        if end is not None and end < now - SKEW:
            raise Worthless("OCSP response has expired")
        return Word(_STATUS[single.certificate_status], inf if end is None else end, data)

    def _single(self, answer: ocsp.OCSPResponse) -> Any:
        """The part that is about the certificate."""
        for number, single in enumerate(answer.responses):
            if number >= _MOST:
                break
            if single.serial_number != self.certificate.serial_number:
                continue
            wanted = _request(self, single.hash_algorithm)
            if (single.issuer_name_hash, single.issuer_key_hash) == (
                wanted.issuer_name_hash,
                wanted.issuer_key_hash,
            ):
                return single
        raise Worthless("certificate status not found in the OCSP response")

    # --- who says so ---

    def _verify(self, answer: ocsp.OCSPResponse, now: float) -> None:
        signer = self._signer(answer, now)
        if not _signed(
            signer, answer.signature, answer.tbs_response_bytes, answer.signature_hash_algorithm
        ):
            raise Worthless("OCSP response is not signed by who it says")
        if signer is not self.issuer and self.trusted is not None:
            self._trust(signer, self.trusted, now)

    def _signer(self, answer: ocsp.OCSPResponse, now: float) -> x509.Certificate:
        if _is_by(answer, self.issuer):
            return self.issuer
        for found in answer.certificates[:_MOST]:
            if not _is_by(answer, found):
                continue
            begin, end = (one.timestamp() for one in pem.validity(found))
            if not is_issuer(self.issuer, found) or not _may_sign(found):
                raise Worthless("OCSP response is signed by who has no right to")
            if not begin - SKEW <= now <= end + SKEW:
                raise Worthless("OCSP response is signed with a certificate that is not valid now")
            return found
        raise Worthless("OCSP response is signed by somebody else than the issuer")

    def _trust(
        self, signer: x509.Certificate, trusted: Sequence[x509.Certificate], now: float
    ) -> None:
        """Raises Worthless unless the chain of a delegate ends where it should."""
        store = crypto.X509Store()
        store.set_time(datetime.datetime.fromtimestamp(now, datetime.UTC))
        for one in trusted:
            pem.trust(store, one)
        chain = [crypto.X509.from_cryptography(self.issuer)]
        leaf = crypto.X509.from_cryptography(signer)
        try:
            crypto.X509StoreContext(store, leaf, chain).verify_certificate()
        except crypto.X509StoreContextError as error:
            why = f"OCSP response is signed by who ssl_trusted_certificate doesn't trust: {error}"
            raise Worthless(why) from error


def responder(certificate: x509.Certificate) -> str:
    """The URL of the responder that a certificate names first; "" if it names none."""
    try:
        found: Any = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return ""
    for one in found.value:
        location = one.access_location
        if one.access_method == AuthorityInformationAccessOID.OCSP and isinstance(
            location, x509.UniformResourceIdentifier
        ):
            return location.value
    return ""


def is_issuer(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Whether a certificate is signed with another one's key, and names it."""
    if issuer.subject != certificate.issuer:
        return False
    try:
        algorithm = certificate.signature_hash_algorithm
        return _signed(issuer, certificate.signature, certificate.tbs_certificate_bytes, algorithm)
    except UnsupportedAlgorithm:
        return False


def _request(question: Question, algorithm: hashes.HashAlgorithm | None = None) -> ocsp.OCSPRequest:
    # RFC 5019 section 2.1.1: every responder knows SHA-1, which names here and protects nothing.
    algorithm = algorithm or hashes.SHA1()  # noqa: S303
    builder = ocsp.OCSPRequestBuilder()
    return builder.add_certificate(question.certificate, question.issuer, algorithm).build()


def _is_by(answer: ocsp.OCSPResponse, certificate: x509.Certificate) -> bool:
    """Whether a certificate is the one that the answer says it is signed with."""
    if answer.responder_name is not None:
        return answer.responder_name == certificate.subject
    identity = x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())  # type: ignore[arg-type]  # of any kind
    return answer.responder_key_hash == identity.digest


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        found: Any = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False
    return ExtendedKeyUsageOID.OCSP_SIGNING in found.value


def _signed(
    signer: x509.Certificate, signature: bytes, data: bytes, algorithm: hashes.HashAlgorithm | None
) -> bool:
    """Whether a signature is that of a certificate's key."""
    key = signer.public_key()
    try:
        if isinstance(key, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)):
            key.verify(signature, data)
        elif algorithm is None:
            return False
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, data, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(algorithm))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _epoch(single: Any, moment: str) -> float | None:
    # cryptography has the first name since 43.
    name = f"{moment}_utc" if hasattr(single, f"{moment}_utc") else moment
    found: datetime.datetime | None = getattr(single, name)
    return None if found is None else found.replace(tzinfo=datetime.UTC).timestamp()
