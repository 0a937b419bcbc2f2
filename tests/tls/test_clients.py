"""Clients with certificates, and sessions that are resumed."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from OpenSSL import SSL
from twisted.internet.interfaces import ISSLTransport
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError
from reverseproxy.tls import library

from ..certificates import authority, pair, write, write_pair
from ..support import Bench, request, serve
from ..tlsclient import TLSClient
from .test_names import ONLY_12, TWO
from .test_serving import ONE, secure

VERIFIES = "ssl_verify_client on; ssl_client_certificate ca.pem;"


class ClientCase(SynchronousTestCase):
    """Servers with what verifying needs beside them."""

    def bench(self, text: str) -> Bench:
        """A bench with the certificates `one` and `two`, and the authorities `ca` and `other`."""
        folder = os.path.abspath(self.mktemp())
        write_pair(folder, "one", pair("example.org"))
        write_pair(folder, "two", pair("two.test"))
        write(
            folder,
            ca=authority().pem,
            other=authority("Other CA").pem,
            crl=authority().revocations(pair("Revoked client")),
        )
        return serve(self, text, folder)

    def server(self, settings: str, answer: str = "$ssl_client_verify") -> Bench:
        """One server."""
        return self.bench(
            f'server {{ listen 443 ssl; {ONE} {settings} location / {{ return 200 "{answer}"; }} }}'
        )


class VerifyingTests(ClientCase):
    """ssl_verify_client."""

    def verdict(self, bench: Bench, *of: Any, **options: Any) -> tuple[int, bytes]:
        """The status and the first line for a client with a certificate."""
        client = TLSClient(bench, pair=pair(*of) if of else None, **options)
        answer = client.get()
        return answer.status, answer.body.partition(b"\n")[0]

    def test_on(self) -> None:
        """With on the certificate must be there, and signed by one that is trusted."""
        for options in (0, ONLY_12):
            bench = self.server(VERIFIES)
            verdict = self.verdict(bench, "Client", options=options)
            self.assertEqual(verdict, (200, b"SUCCESS"))
            self.assertEqual(self.verdict(bench, options=options)[0], 400)
            self.assertIn("client sent no required SSL certificate", bench.errors()[-1])
            verdict = self.verdict(bench, "Client", "ec", "Other CA", options=options)
            self.assertEqual(verdict[0], 400)
            self.assertIn("client SSL certificate verify error: (21:", bench.errors()[-1])

    def test_optional(self) -> None:
        """With optional none is needed, and a bad one is refused."""
        bench = self.server("ssl_verify_client optional; ssl_client_certificate ca.pem;")
        self.assertEqual(self.verdict(bench), (200, b"NONE"))
        self.assertEqual(self.verdict(bench, "Client"), (200, b"SUCCESS"))
        self.assertEqual(self.verdict(bench, "Client", "ec", "Other CA")[0], 400)

    def test_optional_no_ca(self) -> None:
        """With optional_no_ca the issuer may be unknown, and the variable says so."""
        bench = self.server("ssl_verify_client optional_no_ca; ssl_client_certificate ca.pem;")
        self.assertEqual(self.verdict(bench), (200, b"NONE"))
        status, said = self.verdict(bench, "Client", "ec", "Other CA")
        self.assertEqual(status, 200)
        self.assertTrue(said.startswith(b"FAILED:unable to verify the first"), said)
        self.assertEqual(self.verdict(bench, "Old", "ec", "Test CA", -1)[0], 400)

    def test_for_resources(self) -> None:
        """A resource of Twisted's finds the certificate where ISSLTransport has it."""
        client = TLSClient(self.server(VERIFIES), pair=pair("Client"))
        shown = ISSLTransport(client.transport).getPeerCertificate()
        self.assertEqual(shown.get_subject().CN, "Client")

    def test_off(self) -> None:
        """With off clients are not asked for any."""
        self.assertEqual(self.verdict(self.server(""), "Client"), (200, b"NONE"))

    def test_trusted(self) -> None:
        """ssl_trusted_certificate trusts as well; only ssl_client_certificate is told clients."""
        bench = self.server(VERIFIES + "ssl_trusted_certificate other.pem;")
        self.assertEqual(self.verdict(bench, "Client", "ec", "Other CA"), (200, b"SUCCESS"))
        client = TLSClient(bench)
        self.assertEqual([one.CN for one in client.tls.get_client_ca_list()], ["Test CA"])

    def test_revoked(self) -> None:
        """A certificate in the list of ssl_crl is refused."""
        bench = self.server(VERIFIES + "ssl_crl crl.pem;")
        self.assertEqual(self.verdict(bench, "Client"), (200, b"SUCCESS"))
        self.assertEqual(self.verdict(bench, "Revoked client")[0], 400)
        self.assertIn("revoked", bench.errors()[-1])

    def test_error_page(self) -> None:
        """495 and 496 have error pages of their own."""
        bench = self.server(
            VERIFIES + "error_page 495 =403 /bad; error_page 496 =401 /none; "
            "location /bad { return 200 bad; } location /none { return 200 none; }"
        )
        self.assertEqual(self.verdict(bench), (401, b"none"))
        self.assertEqual(self.verdict(bench, "Client", "ec", "Other CA"), (403, b"bad"))

    def test_depth(self) -> None:
        """ssl_verify_depth counts what is between the client's certificate and a trusted one."""
        for between in ("First", "Second"):
            authority(between, {"First": "Test CA", "Second": "First"}[between])
        for depth, status in ((0, 400), (1, 200)):
            bench = self.server(f"{VERIFIES} ssl_verify_depth {depth};")
            client = TLSClient(
                bench, pair=pair("Deep", "ec", "First"), chain=[authority("First", "Test CA")]
            )
            self.assertEqual(client.get().status, status, depth)

    def test_variables(self) -> None:
        """The variables tell of the certificate as nginx's do."""
        client = pair("Client")
        bench = self.server(
            VERIFIES,
            "$ssl_client_s_dn|$ssl_client_i_dn|$ssl_client_s_dn_legacy|$ssl_client_i_dn_legacy|"
            "$ssl_client_serial|$ssl_client_fingerprint|$ssl_client_v_start|$ssl_client_v_end|"
            "$ssl_client_escaped_cert|$ssl_session_reused|$ssl_early_data",
        )
        found = TLSClient(bench, pair=client).get().body.decode().split("|")
        self.assertEqual(found[0], "CN=Client,O=Test\\, Inc,C=DE")
        self.assertEqual(found[1], "CN=Test CA,O=Test\\, Inc,C=DE")
        self.assertEqual(found[2], "/C=DE/O=Test, Inc/CN=Client")
        self.assertEqual(found[3], "/C=DE/O=Test, Inc/CN=Test CA")
        self.assertEqual(int(found[4], 16), client.certificate.serial_number)
        self.assertRegex(found[5], r"^[0-9a-f]{40}$")
        self.assertRegex(found[6], r"^[A-Z][a-z]{2} [ 0-9]\d \d\d:\d\d:\d\d \d{4} GMT$")
        self.assertRegex(found[7], r"^[A-Z][a-z]{2} [ 0-9]\d \d\d:\d\d:\d\d \d{4} GMT$")
        self.assertTrue(found[8].startswith("-----BEGIN%20CERTIFICATE-----%0A"), found[8])
        self.assertEqual(found[9:], [".", ""])


class MisdirectedTests(ClientCase):
    """A connection's certificate is for the server that asked for it."""

    def both(self, first: str, second: str) -> Bench:
        """Two servers."""
        return self.bench(
            f'server {{ listen 443 ssl; server_name example.org; {ONE} {first} return 200 "one"; }}'
            f'server {{ listen 443 ssl; server_name two.test; {TWO} {second} return 200 "two"; }}'
        )

    def test_other_name(self) -> None:
        """A server that verifies is not there for a connection that asked for another: 421."""
        bench = self.both("", VERIFIES)
        client = TLSClient(bench, "example.org", pair=pair("Client"))
        self.assertEqual(client.get(host=b"example.org").status, 200)
        self.assertEqual(client.get(host=b"two.test").status, 421)
        direct = TLSClient(bench, "two.test", pair=pair("Client"))
        self.assertEqual(direct.get(host=b"two.test").body, b"two")

    def test_absolute_form(self) -> None:
        """The same where the target names the server."""
        client = TLSClient(self.both("", VERIFIES), "example.org", pair=pair("Client"))
        client.send(request(b"https://two.test/", host=b"example.org"))
        self.assertEqual(client.answers(b"GET")[0].status, 421)

    def test_without_name(self) -> None:
        """Without a name in the handshake, too: what the default server verified is not it."""
        for first in ("", "ssl_verify_client on; ssl_client_certificate other.pem;"):
            bench = self.both(first, VERIFIES)
            client = TLSClient(bench, None, pair=pair("Client", "ec", "Other CA"))
            self.assertEqual(client.get(host=b"two.test").status, 421)

    def test_resumed_elsewhere(self) -> None:
        """A session in which one server verified a client is not resumed with another."""
        for options in (0, ONLY_12):
            bench = self.both("ssl_verify_client on; ssl_client_certificate other.pem;", VERIFIES)
            client = TLSClient(
                bench, "example.org", pair=pair("Client", "ec", "Other CA"), options=options
            )
            self.assertEqual(client.get().body, b"one")
            other = TLSClient(
                bench,
                "two.test",
                again=client,
            )
            if options:
                # TLS 1.2 keeps the name of the session.
                self.assertEqual(other.get(host=b"two.test").status, 421)
            else:
                self.assertIn("unrecognized name", other.over)


class SessionTests(ClientCase):
    """Sessions."""

    def again(self, bench: Bench, name: str = "example.org", **options: Any) -> bool:
        """Whether a second connection resumes the session of a first."""
        first = TLSClient(bench, name, **options)
        first.get(host=name.encode())
        self.assertFalse(first.reused)
        return TLSClient(bench, name, again=first).reused

    def test_tickets(self) -> None:
        """A session is resumed with a ticket, in TLS 1.3 and before."""
        bench = self.server("", "$ssl_session_reused")
        self.assertTrue(self.again(bench))
        self.assertTrue(self.again(bench, options=ONLY_12))

    def test_tickets_off(self) -> None:
        """Without tickets and without a cache none is."""
        bench = self.server("ssl_session_tickets off;")
        self.assertFalse(self.again(bench, options=ONLY_12))
        self.assertFalse(self.again(bench))

    def test_cache(self) -> None:
        """Without tickets it is found in the cache."""
        bench = self.server("ssl_session_tickets off; ssl_session_cache shared:a:1m;")
        self.assertTrue(self.again(bench, options=ONLY_12))
        self.assertTrue(self.again(bench))

    def test_other_assembly(self) -> None:
        """A configuration that is loaded anew resumes the sessions of the one before."""
        bench = self.server("")
        first = TLSClient(bench)
        first.get()
        other = self.server("")
        self.assertTrue(TLSClient(other, again=first).reused)

    def test_ticket_keys(self) -> None:
        """Tickets of any key that is given are taken, also of an older one; others are not."""
        folder = os.path.abspath(self.mktemp())
        write_pair(folder, "one", pair("example.org"))
        write(folder, new=os.urandom(80), old=os.urandom(48), other=os.urandom(80))

        def bench(*names: str) -> Bench:
            keys = " ".join(f"ssl_session_ticket_key {name}.pem;" for name in names)
            return serve(self, f"server {{ listen 443 ssl; {ONE} {keys} return 200 hi; }}", folder)

        if not library.can_set_ticket_keys():
            with self.assertRaises(ConfigurationError) as caught:
                bench("new")
            self.assertIn("the keys of tickets can't be set", str(caught.exception))
            return
        for options in (0, ONLY_12):
            first = TLSClient(bench("old"), options=options)
            first.get()
            for names, reused in ((("old",), True), (("new", "old"), True), (("other",), False)):
                client = TLSClient(bench(*names), again=first)
                self.assertEqual(client.reused, reused, names)
                self.assertEqual(client.get().body, b"hi")

    def test_verified(self) -> None:
        """A resumed session knows its certificate, and that it didn't verify."""
        bench = self.server("ssl_verify_client optional_no_ca; ssl_client_certificate ca.pem;")
        for issuer, said in (("Test CA", b"SUCCESS"), ("Other CA", b"FAILED:")):
            for options in (0, ONLY_12):
                client = pair("Client", "ec", issuer)
                first = TLSClient(bench, pair=client, options=options)
                self.assertTrue(first.get().body.startswith(said))
                second = TLSClient(bench, again=first)
                self.assertTrue(second.reused)
                self.assertTrue(second.get().body.startswith(said))

    def test_other_server(self) -> None:
        """Sessions with servers other than the default are resumed as well."""
        bench = secure(
            self,
            f'server {{ listen 443 ssl; server_name example.org; {ONE} return 200 "one"; }}'
            f'server {{ listen 443 ssl; server_name two.test; {TWO} return 200 "two"; }}',
            two="two.test",
        )
        self.assertTrue(self.again(bench, "two.test"))
        self.assertTrue(self.again(bench, "two.test", options=ONLY_12))

    def test_renegotiation(self) -> None:
        """A client can't renegotiate."""
        client = TLSClient(self.server(""), options=ONLY_12)
        client.get()
        client.tls.renegotiate()
        with contextlib.suppress(SSL.Error):
            client.tls.do_handshake()
        client.pump()
        self.assertEqual(client.tls.total_renegotiations(), 1)
        self.assertTrue(client.tls.renegotiate_pending())
