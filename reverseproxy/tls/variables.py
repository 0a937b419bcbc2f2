"""The variables of TLS: what was agreed upon, and who the client says that it is."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from OpenSSL import SSL

from . import library, overhearing
from .overhearing import Heard
from .pem import validity

if TYPE_CHECKING:
    from reverseproxy.web.getters import Getter
    from reverseproxy.web.request import Request


def _connection(request: Request) -> SSL.Connection | None:
    transport = (request.parent or request).channel.transport
    found: SSL.Connection | None = getattr(transport, "tls", None)
    return found if found is not None and transport.agreed else None


def _of_connection(what: Callable[[SSL.Connection], bytes | None]) -> Getter:
    def getter(request: Request) -> bytes | None:
        connection = _connection(request)
        return None if connection is None else what(connection)

    return getter


def _of_certificate(what: Callable[[x509.Certificate], bytes | None]) -> Getter:
    def getter(request: Request) -> bytes | None:
        connection = _connection(request)
        found = None if connection is None else connection.get_peer_certificate()
        return None if found is None else what(found.to_cryptography())

    return getter


def _server_name(request: Request) -> bytes | None:
    transport = (request.parent or request).channel.transport
    connection = getattr(transport, "tls", None)
    return None if connection is None else connection.get_servername()


def _reused(connection: SSL.Connection) -> bytes:
    return b"r" if library.reused(connection) else b"."


def _cipher(connection: SSL.Connection) -> bytes:
    return (connection.get_cipher_name() or "").encode()


def _group(connection: SSL.Connection) -> bytes | None:
    # pyOpenSSL before 24.3 has no way to it.
    name: str | None = getattr(connection, "get_group_name", lambda: None)()
    return None if name is None else _CURVES.get(name.lower(), name).encode()


def _of_heard(what: Callable[[Heard, SSL.Connection], bytes]) -> Getter:
    def getter(request: Request) -> bytes | None:
        transport = (request.parent or request).channel.transport
        connection = _connection(request)
        heard: Heard | None = getattr(transport, "heard", None)
        return None if connection is None or heard is None else what(heard, connection) or None

    return getter


def _groups(heard: Heard, connection: SSL.Connection) -> bytes:
    # As in nginx: OpenSSL looks at them where it has to choose one.
    known = (
        not library.reused(connection) or connection.get_protocol_version() >= SSL.TLS1_3_VERSION
    )
    return heard.groups_text() if known else b""


#: nginx shows OpenSSL's short names.
_CURVES = {
    "secp256r1": "prime256v1",
    "x25519": "X25519",
    "x448": "X448",
    "x25519mlkem768": "X25519MLKEM768",
}


def _verify(request: Request) -> bytes | None:
    """`$ssl_client_verify`: SUCCESS, FAILED:reason or NONE."""
    connection = _connection(request)
    if connection is None:
        return None
    if connection.get_peer_certificate() is None:
        return b"NONE"
    result = library.verify_result(connection)
    transport = (request.parent or request).channel.transport
    objection = library.verify_error(result) if result else transport.objection
    return f"FAILED:{objection}".encode() if objection else b"SUCCESS"


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _raw(certificate: x509.Certificate) -> bytes:
    return _pem(certificate).rstrip(b"\n")


def _with_tabs(certificate: x509.Certificate) -> bytes:
    return _raw(certificate).replace(b"\n", b"\n\t")


def _escaped(certificate: x509.Certificate) -> bytes:
    return quote(_pem(certificate), safe="").encode()


def _fingerprint(certificate: x509.Certificate) -> bytes:
    # nginx's choice, for telling certificates apart and not for trust.
    return certificate.fingerprint(hashes.SHA1()).hex().encode()  # noqa: S303


def _serial(certificate: x509.Certificate) -> bytes:
    text = f"{certificate.serial_number:X}"
    return text.rjust(len(text) + len(text) % 2, "0").encode()


#: OpenSSL's short names of attributes, beyond those of RFC 4514 that cryptography writes itself.
_SHORT = {
    "1.2.840.113549.1.9.1": "emailAddress",
    "2.5.4.5": "serialNumber",
    "2.5.4.4": "SN",
    "2.5.4.42": "GN",
    "2.5.4.12": "title",
    "2.5.4.17": "postalCode",
    "2.5.4.46": "dnQualifier",
    "2.5.4.65": "pseudonym",
}
_NAMES: Any = {x509.ObjectIdentifier(oid): name for oid, name in _SHORT.items()}
_LEGACY = {
    "2.5.4.3": "CN",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.9": "street",
    "0.9.2342.19200300.100.1.25": "DC",
    "0.9.2342.19200300.100.1.1": "UID",
    **_SHORT,
}


def _name(name: x509.Name) -> bytes:
    """RFC 2253: the last part first."""
    return name.rfc4514_string(_NAMES).encode()


def _legacy_name(name: x509.Name) -> bytes:
    """As before nginx 1.11.6: parts in order, a slash before each."""
    return "".join(
        f"/{_LEGACY.get(part.oid.dotted_string, part.oid.dotted_string)}={part.value!s}"
        for part in name
    ).encode()


_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def _moment(when: datetime.datetime) -> bytes:
    return f"{_MONTHS[when.month - 1]} {when.day:2} {when:%H:%M:%S} {when.year} GMT".encode()


def _remaining(request: Request) -> bytes | None:
    """`$ssl_client_v_remain`: for how many days more the certificate is valid."""
    connection = _connection(request)
    found = None if connection is None else connection.get_peer_certificate()
    if found is None:
        return None
    left = validity(found.to_cryptography())[1].timestamp() - request.site.dates.clock()
    return b"%d" % max(0, left // 86400)


GETTERS: dict[str, Getter] = {
    "ssl_alpn_protocol": _of_connection(lambda one: one.get_alpn_proto_negotiated() or None),
    "ssl_cipher": _of_connection(_cipher),
    "ssl_client_cert": _of_certificate(_with_tabs),
    "ssl_client_escaped_cert": _of_certificate(_escaped),
    "ssl_client_fingerprint": _of_certificate(_fingerprint),
    "ssl_client_i_dn": _of_certificate(lambda one: _name(one.issuer)),
    "ssl_client_i_dn_legacy": _of_certificate(lambda one: _legacy_name(one.issuer)),
    "ssl_client_raw_cert": _of_certificate(_raw),
    "ssl_client_s_dn": _of_certificate(lambda one: _name(one.subject)),
    "ssl_client_s_dn_legacy": _of_certificate(lambda one: _legacy_name(one.subject)),
    "ssl_client_serial": _of_certificate(_serial),
    "ssl_client_v_end": _of_certificate(lambda one: _moment(validity(one)[1])),
    "ssl_client_v_remain": _remaining,
    "ssl_client_v_start": _of_certificate(lambda one: _moment(validity(one)[0])),
    "ssl_client_verify": _verify,
    "ssl_curve": _of_connection(_group),
    # Early data is never taken.
    "ssl_early_data": lambda _request: None,
    "ssl_protocol": _of_connection(lambda one: one.get_protocol_version_name().encode()),
    "ssl_server_name": _server_name,
    "ssl_session_reused": _of_connection(_reused),
}
if library.can_overhear():
    GETTERS.update(
        ssl_ciphers=_of_heard(lambda heard, connection: heard.ciphers_text(connection)),
        ssl_client_sigalg=_of_heard(lambda heard, _: overhearing.scheme_text(heard.theirs)),
        ssl_curves=_of_heard(_groups),
        ssl_sigalg=_of_heard(lambda heard, _: overhearing.scheme_text(heard.ours)),
    )
if library.can_tell_session():
    GETTERS["ssl_session_id"] = _of_connection(lambda one: library.session_id(one).hex().encode())
