"""Certificates by name, made once per run: authorities, and what they sign."""

from __future__ import annotations

import os
from functools import cache

from cryptography import x509
from cryptography.x509.oid import NameOID

from . import authorities
from .authorities import Authority, Certificate

_authorities: dict[str, Authority] = {}


def _subject(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "DE"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test, Inc"),
            x509.NameAttribute(NameOID.COMMON_NAME, name),
        ]
    )


def authority(name: str = "Test CA", issuer: str = "") -> Authority:
    """An authority, its own issuer unless another one is named when it is first asked for."""
    if name not in _authorities:
        if issuer:
            made = authority(issuer).issue(subject=_subject(name), ca=True, days=90)
        else:
            made = authorities.authority(subject=_subject(name))
        _authorities[name] = made
    return _authorities[name]


@cache
def pair(
    name: str, kind: str = "ec", issuer: str = "Test CA", days: int = 90, responder: str = ""
) -> Certificate:
    """A certificate for a server or a client, signed by an authority that was made."""
    names = ["127.0.0.1"] if " " in name else [name, "127.0.0.1"]
    made: Certificate = authority(issuer).issue(
        *names, subject=_subject(name), kind=kind, days=days, age=2, responder=responder
    )
    return made


def write(folder: str, **files: bytes) -> None:
    """Put files `NAME.pem` into a directory."""
    os.makedirs(folder, exist_ok=True)
    for name, data in files.items():
        with open(os.path.join(folder, f"{name}.pem"), "wb") as file:
            file.write(data)


def write_pair(folder: str, name: str, made: Certificate, *chain: Certificate) -> None:
    """`NAME.pem` with the chain behind it, and `NAME-key.pem`."""
    certificate = made.pem + b"".join(one.pem for one in chain)
    write(folder, **{name: certificate, f"{name}-key": made.key})
