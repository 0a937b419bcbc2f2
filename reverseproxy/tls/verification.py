"""Whether a certificate is who was asked for, in words if it isn't."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

from cryptography import x509
from OpenSSL import SSL, crypto
from service_identity import CertificateError, SubjectAltNameWarning, VerificationError
from service_identity.cryptography import (
    verify_certificate_hostname,
    verify_certificate_ip_address,
)
from twisted.internet.abstract import isIPAddress, isIPv6Address

from . import library

#: How many names of a certificate are told.
_TOLD = 16
#: What may be asked for: RFC 6066 section 3, and the underscore that hosts inside have.
_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,255}")


def is_address(name: str) -> bool:
    """Whether a name is an IP address."""
    return isIPAddress(name) or isIPv6Address(name)


def is_name(name: str) -> bool:
    """Whether something can be a host's name, or an address."""
    return _NAME.fullmatch(name) is not None


def note(
    connection: SSL.Connection, certificate: crypto.X509, number: int, depth: int, ok: int
) -> bool:
    """Remember at a connection what is wrong with its chain (for `Context.set_verify`)."""
    if not ok:
        subject, issuer = _shown(certificate.get_subject()), _shown(certificate.get_issuer())
        connection.set_app_data(
            f"({number}:{library.verify_error(number)}) at depth {depth}: "
            f'subject "{subject}", issuer "{issuer}"{_names_of_leaf(certificate, depth)}'
        )
    return bool(ok)


def broken_chain(connection: SSL.Connection, wanted: str) -> str:
    """What `note` remembered, if the chain is the trouble."""
    found = connection.get_app_data()
    return f'upstream SSL certificate verify error: {found}, wanted: "{wanted}"' if found else ""


def wrong_name(connection: SSL.Connection, wanted: str) -> str:
    """What speaks against the certificate being for a name (RFC 9525); "" is nothing."""
    certificate = connection.get_peer_certificate()
    if certificate is None:
        return "upstream shows no SSL certificate"
    verify: Callable[[x509.Certificate, str], None]
    if is_address(wanted):
        verify = verify_certificate_ip_address
    elif "." in wanted:
        verify = verify_certificate_hostname
    else:
        verify = _verify_label
    try:
        with warnings.catch_warnings():
            # Old ones would take a common name instead, and warn.
            warnings.simplefilter("error", SubjectAltNameWarning)
            verify(certificate.to_cryptography(), wanted)
    except (VerificationError, CertificateError, SubjectAltNameWarning):
        names = names_of(certificate)
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        # Neither is every name one that can be verified, nor every certificate well-formed.
        return f'upstream SSL certificate can\'t be checked for "{wanted}": {error}'
    else:
        return ""
    told = ", ".join(names) or "no names (only subjectAltName counts)"
    return f'upstream SSL certificate does not match "{wanted}": it has {told}'


def _verify_label(certificate: x509.Certificate, wanted: str) -> None:
    """Of a name without a dot: no wildcard matches it (service-identity 18 raises at any)."""
    if wanted.lower() not in (name.lower() for name in _hosts_and_addresses(certificate)):
        raise CertificateError("no such name")


def names_of(certificate: crypto.X509) -> list[str]:
    """The hosts and addresses that a certificate is for; a few of them if there are many."""
    try:
        names = _hosts_and_addresses(certificate.to_cryptography())
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return []
    more = len(names) - _TOLD
    return names[:_TOLD] + ([f"and {more} more"] if more > 0 else [])


def _hosts_and_addresses(certificate: x509.Certificate) -> list[str]:
    try:
        found: Any = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    names = [str(name) for name in found.value.get_values_for_type(x509.DNSName)]
    return names + [str(one) for one in found.value.get_values_for_type(x509.IPAddress)]


def _names_of_leaf(certificate: crypto.X509, depth: int) -> str:
    names = [] if depth else names_of(certificate)
    return f", names: {', '.join(names)}" if names else ""


def _shown(name: crypto.X509Name) -> str:
    """A subject or issuer as openssl shows it: CN=a, O=b."""
    parts = name.get_components()
    return ", ".join(f"{k.decode()}={v.decode('utf-8', 'replace')}" for k, v in parts)
