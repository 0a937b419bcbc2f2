"""The protocols as directives name them, and what switches each of them off in OpenSSL."""

from __future__ import annotations

from OpenSSL import SSL

#: OpenSSL has the first two no more, and nginx reads them all the same.
OFF = {
    "SSLv2": SSL.OP_NO_SSLv2,
    "SSLv3": SSL.OP_NO_SSLv3,
    "TLSv1": SSL.OP_NO_TLSv1,
    "TLSv1.1": SSL.OP_NO_TLSv1_1,
    "TLSv1.2": SSL.OP_NO_TLSv1_2,
    "TLSv1.3": SSL.OP_NO_TLSv1_3,
}
#: From the oldest to the newest.
PROTOCOLS = tuple(OFF)
