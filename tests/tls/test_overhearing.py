"""$ssl_ciphers, $ssl_curves, $ssl_sigalg, $ssl_client_sigalg and $ssl_session_id."""

from __future__ import annotations

import os
import struct

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.tls import library, overhearing
from reverseproxy.tls.overhearing import Heard, offered

from ..certificates import authority, pair, write, write_pair
from ..support import Bench, serve
from ..tlsclient import TLSClient
from .test_names import ONLY_12
from .test_serving import ONE

ONLY_13 = SSL.OP_NO_TLSv1 | SSL.OP_NO_TLSv1_1 | SSL.OP_NO_TLSv1_2


def hello(suites: bytes, *extensions: tuple[int, bytes]) -> bytes:
    """A ClientHello without its head."""
    listed = b"".join(struct.pack("!HH", kind, len(data)) + data for kind, data in extensions)
    start = b"\x03\x03" + bytes(32) + b"\x20" + bytes(32)
    return (
        start
        + struct.pack("!H", len(suites))
        + suites
        + b"\x01\x00"
        + struct.pack("!H", len(listed))
        + listed
    )


class OfferedTests(SynchronousTestCase):
    """What a ClientHello offers."""

    def test_offered(self) -> None:
        """Suites and groups are found among whatever else there is."""
        groups = struct.pack("!H", 4) + b"\x00\x1d\x00\x17"
        message = hello(b"\x13\x01\xc0\x2f", (0, b"abc"), (10, groups), (43, b"\x02\x03\x04"))
        self.assertEqual(offered(message), (b"\x13\x01\xc0\x2f", b"\x00\x1d\x00\x17"))

    def test_without(self) -> None:
        """A client may offer no groups, and have no extensions at all."""
        self.assertEqual(offered(hello(b"\x00\x2f", (0, b"abc"))), (b"\x00\x2f", b""))
        self.assertEqual(offered(hello(b"\x00\x2f")[:-2]), (b"\x00\x2f", b""))

    def test_cut(self) -> None:
        """One that ends too early says what it says."""
        groups = struct.pack("!H", 4) + b"\x00\x1d\x00\x17"
        message = hello(b"\x13\x01", (10, groups))
        for length in range(len(message)):
            suites, found = offered(message[:length])
            self.assertTrue(b"\x13\x01".startswith(suites))
            self.assertTrue(b"\x00\x1d\x00\x17".startswith(found))

    def test_names(self) -> None:
        """Groups have OpenSSL's names, and what it has no name for is in hexadecimal."""
        heard = Heard(groups=b"\x00\x1d\x00\x17\x01\x00\x7a\x7a\x11\xec")
        self.assertEqual(heard.groups_text(), b"X25519:prime256v1:ffdhe2048:0x7a7a:0x11ec")

    def test_exchange(self) -> None:
        """The signature of a ServerKeyExchange is found behind a curve and behind numbers."""
        signed = b"\x08\x04" + struct.pack("!H", 3) + b"sig"
        curve = b"\x03\x00\x1d\x04" + b"abcd"
        for begin in (b"\x03\x01", b"\x01\x00"):
            size = int.from_bytes(begin, "big")
            numbers = begin + bytes(size) + b"\x00\x01\x02" + begin + bytes(size)
            for keys in (curve, numbers):
                heard = Heard()
                heard.take(True, b"\x0c\x00\x00\x00" + keys + signed)
                self.assertEqual(heard.ours, 0x0804)


class VariableTests(SynchronousTestCase):
    """The variables."""

    def setUp(self) -> None:
        if not library.can_overhear():
            self.skipTest("this version of cryptography has no callback for messages")

    def bench(self, answer: str, extra: str = "") -> Bench:
        """A bench that answers with variables."""
        folder = os.path.abspath(self.mktemp())
        write_pair(folder, "one", pair("example.org"))
        write_pair(folder, "rsa", pair("example.org", "rsa"))
        write(folder, ca=authority().pem)
        return serve(
            self, f'server {{ listen 443 ssl; {ONE} {extra} return 200 "{answer}"; }}', folder
        )

    def test_ciphers(self) -> None:
        """$ssl_ciphers are all that the client offers, by name, in its order."""
        bench = self.bench("$ssl_ciphers")
        wanted = b"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256"
        client = TLSClient(bench, ciphers=wanted, options=ONLY_12)
        self.assertTrue(client.get().body.startswith(wanted), client.get().body)
        found = TLSClient(bench, options=ONLY_13).get().body.split(b":")
        self.assertIn(b"TLS_AES_128_GCM_SHA256", found)

    def test_curves(self) -> None:
        """$ssl_curves are the client's; a resumed session of TLS 1.2 has none, as in nginx."""
        bench = self.bench("[$ssl_curves] $ssl_session_reused")
        first = TLSClient(bench, options=ONLY_12)
        self.assertIn(b"X25519:prime256v1:", first.get().body)
        again = TLSClient(bench, again=first)
        self.assertEqual(again.get().body, b"[] r")
        first = TLSClient(bench, options=ONLY_13)
        first.get()
        again = TLSClient(bench, again=first)
        self.assertIn(b"X25519:prime256v1:", again.get().body)
        self.assertTrue(again.get().body.endswith(b" r"))

    def test_signatures(self) -> None:
        """$ssl_sigalg is what we signed with, $ssl_client_sigalg what the client did."""
        verifies = (
            "ssl_verify_client optional; ssl_client_certificate ca.pem; "
            "ssl_certificate rsa.pem; ssl_certificate_key rsa-key.pem;"
        )
        bench = self.bench("[$ssl_sigalg] [$ssl_client_sigalg]", verifies)
        for options in (ONLY_12, ONLY_13):
            client = TLSClient(bench, options=options, pair=pair("Client", "rsa"))
            self.assertEqual(client.get().body, b"[ecdsa_secp256r1_sha256] [rsa_pss_rsae_sha256]")
            again = TLSClient(bench, again=client)
            self.assertEqual(again.get().body, b"[] []")
        client = TLSClient(bench, options=ONLY_12, ciphers=b"ECDHE-RSA-AES128-GCM-SHA256")
        self.assertEqual(client.get().body, b"[rsa_pss_rsae_sha256] []")

    def test_not_used(self) -> None:
        """Where no variable tells of it, nothing is listened to."""
        bench = self.bench("$ssl_cipher", "ssl_session_timeout 77s;")
        client = TLSClient(bench)
        client.get()
        self.assertIsNone(client.transport.heard)

    def test_in_clear(self) -> None:
        """Without TLS they have no value."""
        bench = serve(self, 'server { listen 80; return 200 "[$ssl_ciphers$ssl_sigalg]"; }')
        self.assertEqual(bench.client().get().body, b"[]")

    def test_later(self) -> None:
        """A context that is kept over a reload listens once it is wanted."""
        self.bench("$ssl_cipher")
        bench = self.bench("$ssl_curves")
        self.assertIn(b"X25519", TLSClient(bench).get().body)


class SessionTests(SynchronousTestCase):
    """$ssl_session_id."""

    def test_number(self) -> None:
        """It is that of the session, in hexadecimal, and the same when it is resumed."""
        if not library.can_tell_session():
            self.skipTest("this version of cryptography tells nothing of sessions")
        folder = os.path.abspath(self.mktemp())
        write_pair(folder, "one", pair("example.org"))
        bench = serve(
            self,
            f"server {{ listen 443 ssl; {ONE} ssl_session_tickets off; "
            "ssl_session_cache builtin; return 200 $ssl_session_id; }",
            folder,
        )
        first = TLSClient(bench, options=ONLY_12)
        number = first.get().body
        self.assertRegex(number.decode(), "^[0-9a-f]{64}$")
        again = TLSClient(bench, again=first)
        self.assertTrue(again.reused)
        self.assertEqual(again.get().body, number)
        self.assertNotEqual(TLSClient(bench, options=ONLY_12).get().body, number)
        self.assertRegex(TLSClient(bench).get().body.decode(), "^[0-9a-f]*$")

    def test_written(self) -> None:
        """It is found in what OpenSSL writes, however long the lengths in it are."""
        fields = b"\x02\x01\x01\x02\x02\x03\x03\x04\x02\x13\x01\x04\x03abc"
        for length in (b"\x40", b"\x81\x90", b"\x82\x10\x00"):
            self.assertEqual(library._fourth(b"\x30" + length + fields + bytes(9)), b"abc")


class SupportTests(SynchronousTestCase):
    """What each version can do."""

    def test_declared(self) -> None:
        """What can't be had is no variable."""
        from reverseproxy.web import variables

        for name in overhearing.VARIABLES:
            self.assertEqual(variables.known(name), library.can_overhear())
        self.assertEqual(variables.known("ssl_session_id"), library.can_tell_session())
