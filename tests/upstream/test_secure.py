"""TLS to upstreams: the handshake, and who the other side is."""

from __future__ import annotations

from OpenSSL import SSL

from reverseproxy.config import ConfigurationError
from reverseproxy.web.assembly import Assembly

from ..certificates import authority
from ..secureupstream import NAMED, SecureCase, SecureUpstream, server_context
from ..support import ok

TRUST = "proxy_ssl_verify on; proxy_ssl_trusted_certificate ca.pem;"


class HandshakeTests(SecureCase):
    """From the connection to the answer."""

    def test_answer(self) -> None:
        """A request goes over TLS, its answer comes back, and the connection is kept."""
        bench = self.serve()
        client = self.asked(bench, b"/a")
        end = self.end(bench)
        self.assertEqual(end.take(), b"GET /a HTTP/1.1\r\nHost: 127.0.0.1:8443\r\n\r\n")
        end.send(ok(b"hello"))
        self.assertEqual((client.answer().body, bench.idle(port=8443)), (b"hello", 1))
        client.ask(b"/b")
        end.pump()
        self.assertEqual(end.take()[:7], b"GET /b ")
        self.assertEqual(len(bench.upstreams), 1)

    def test_byte_by_byte(self) -> None:
        """The handshake and the answer may come in any pieces."""
        bench = self.serve()
        client = self.asked(bench)
        end = SecureUpstream(bench.upstream(), server_context(self.good), pieces=1)
        end.pump()
        end.send(ok(b"hello"))
        self.assertEqual(client.answer().body, b"hello")

    def test_too_slow(self) -> None:
        """A handshake is a part of connecting: over proxy_connect_timeout it is 504."""
        bench = self.serve("proxy_connect_timeout 4s; proxy_read_timeout 60s;")
        client = self.asked(bench)
        bench.advance(3)
        self.assertEqual(client.received, b"")
        bench.advance(3)
        why = "upstream timed out while SSL handshaking to upstream (RP-504-timeout)"
        self.assert_failed(client, bench, 504, why)
        self.assertEqual(bench.upstream().ended, "reset")

    def test_no_tls(self) -> None:
        """Who does not speak TLS is 502, with OpenSSL's reason."""
        bench = self.serve()
        client = self.asked(bench)
        bench.upstream().send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        why = "SSL handshake failed (SSL: wrong version number) while SSL handshaking to upstream"
        self.assert_failed(client, bench, 502, why, "(RP-502-tls)", '"https://127.0.0.1:8443"')

    def test_closed(self) -> None:
        """So is who closes in the middle of the handshake."""
        bench = self.serve()
        client = self.asked(bench)
        bench.upstream().close()
        why = "peer closed connection in SSL handshake while SSL handshaking to upstream"
        self.assert_failed(client, bench, 502, why, "(RP-502-tls)")

    def test_alert(self) -> None:
        """So is who refuses."""
        bench = self.serve("proxy_ssl_protocols TLSv1.3;")
        client = self.asked(bench)
        self.end(bench, context=server_context(self.good, protocol=SSL.TLS1_2_VERSION))
        why = "SSL handshake failed (SSL: tlsv1 alert protocol version)"
        self.assert_failed(client, bench, 502, why)

    def test_next_server(self) -> None:
        """A handshake that fails is a connection that fails: the group's next server is asked."""
        more = "upstream app { server 10.0.0.1:443; server 10.0.0.2:443; }"
        bench = self.serve(url="https://app", more=more)
        client = bench.client()
        client.ask(method=b"POST")
        bench.upstream().close()
        self.assertEqual(len(bench.upstreams), 2)
        end = self.end(bench)
        self.assertEqual(end.take()[:30], b"POST / HTTP/1.1\r\nHost: app\r\n\r\n")
        end.send(ok())
        self.assertEqual(client.answer().status, 200)
        self.assertIn('upstream: "https://10.0.0.1:443"', bench.errors()[0])

    def test_client_leaves(self) -> None:
        """A client that leaves in the middle of the handshake takes the connection with it."""
        bench = self.serve()
        client = self.asked(bench)
        client.reset()
        self.assertEqual(bench.upstream().ended, "reset")
        self.assertEqual(bench.assembly.connections.upstreams, 0)

    def test_makes_way(self) -> None:
        """An upstream that does not begin the handshake may wait for an idle connection to go."""
        bench = self.serve("proxy_ssl_name $http_x;")
        client = self.asked(bench)
        self.end(bench).send(ok())
        client.answer()
        client.ask(b"/", b"X: another")
        bench.advance(3)
        self.assertEqual([upstream.ended for upstream in bench.upstreams], ["reset", ""])


class VerifyTests(SecureCase):
    """`proxy_ssl_verify`: which certificates will do, and what is said of others."""

    def test_good(self) -> None:
        """A certificate of the name, by the authority, is good; the name is told."""
        bench = self.verified()
        client = self.asked(bench)
        end = self.end(bench)
        end.send(ok())
        self.assertEqual((client.answer().status, end.name), (200, b"app.example"))

    def test_nothing_before(self) -> None:
        """Nothing of a request goes out before the other side is who it should be."""
        bench = self.verified()
        client = self.asked(bench, b"/secret")
        end = self.end(bench, self.ca.issue("other.example", "*.test", "10.1.2.3"))
        self.assertEqual(end.take(), b"")
        what = 'upstream SSL certificate does not match "app.example": it has other.example, '
        self.assert_failed(client, bench, 502, what + "*.test, 10.1.2.3", "(RP-502-untrusted)")
        self.assertEqual((bench.upstream().ended, bench.idle(port=8443)), ("reset", 0))

    def test_address(self) -> None:
        """Without proxy_ssl_name the host of the URL counts, be it an address; it is not sent."""
        for url in ("https://127.0.0.1", "https://127.0.0.1:8443"):
            bench = self.verified("proxy_ssl_server_name on;", url)
            client = self.asked(bench)
            end = self.end(bench)
            end.send(ok())
            self.assertEqual((client.answer().status, end.name), (200, None))
        client = self.asked(bench := self.verified("proxy_ssl_server_name on;"))
        self.end(bench, self.ca.issue("app.example"))
        self.assert_failed(client, bench, 502, 'does not match "127.0.0.1": it has app.example')

    def test_no_names(self) -> None:
        """A common name is not enough."""
        bench = self.verified()
        client = self.asked(bench)
        self.end(bench, self.ca.issue(common_name="app.example"))
        self.assert_failed(client, bench, 502, "it has no names (only subjectAltName counts)")

    def test_empty_name(self) -> None:
        """Where no name is wanted, none is right."""
        bench = self.verified('proxy_ssl_name "";')
        client = self.asked(bench)
        self.end(bench)
        self.assert_failed(client, bench, 502, 'certificate can\'t be checked for ""')

    def test_expired(self) -> None:
        """The log says what is wrong with which link of the chain."""
        bench = self.verified()
        client = self.asked(bench)
        self.end(bench, self.ca.issue("app.example", age=3, days=-1))
        self.assert_failed(
            client,
            bench,
            502,
            "upstream SSL certificate verify error: (10:certificate has expired) at depth 0: "
            'subject "CN=app.example", issuer "CN=Test CA", names: app.example, '
            'wanted: "app.example", while SSL handshaking to upstream (RP-502-untrusted)',
        )

    def test_unknown(self) -> None:
        """An authority that is not trusted vouches for nobody."""
        other = authority("Other CA")
        bench = self.verified()
        client = self.asked(bench)
        self.end(bench, context=server_context(other.issue("app.example"), other))
        why = "(19:self-signed certificate in certificate chain) at depth 1: "
        self.assert_failed(client, bench, 502, why + 'subject "CN=Other CA", issuer "CN=Other CA"')
        client = self.asked(bench)
        self.end(bench, other.issue("app.example"))
        self.assert_failed(client, bench, 502, "(20:unable to get local issuer certificate)")

    def test_depth(self) -> None:
        """proxy_ssl_verify_depth says how many authorities may stand between."""
        first = self.ca.issue(common_name="First", ca=True)
        second = first.issue(common_name="Second", ca=True)
        context = server_context(second.issue("app.example"), second, first)
        for depth, status in ((1, 502), (2, 200)):
            bench = self.verified(f"{NAMED} proxy_ssl_verify_depth {depth};")
            client = self.asked(bench)
            end = self.end(bench, context=context)
            if status == 200:
                end.send(ok())
            self.assertEqual(client.answer().status, status)
        self.assertIn("(22:certificate chain too long) at depth 2", bench.errors()[0])

    def test_revoked(self) -> None:
        """proxy_ssl_crl names certificates that are not trusted any more."""
        bad = self.ca.issue("app.example")
        self.write("crl.pem", self.ca.revocations(bad))
        bench = self.verified(f"{NAMED} proxy_ssl_crl crl.pem;")
        client = self.asked(bench)
        self.end(bench, bad)
        self.assert_failed(client, bench, 502, "(23:certificate revoked) at depth 0")
        client = self.asked(bench)
        self.end(bench).send(ok())
        self.assertEqual(client.answer().status, 200)

    def test_off(self) -> None:
        """Without proxy_ssl_verify any certificate will do, and no name is sent, as in nginx."""
        bench = self.serve(url="https://127.0.0.1")
        client = self.asked(bench)
        end = self.end(bench, authority().issue("x", age=3, days=-1))
        end.send(ok())
        self.assertEqual((client.answer().status, end.name), (200, None))

    def test_client_certificate(self) -> None:
        """proxy_ssl_certificate is shown to who demands one."""
        mine = self.ca.issue(common_name="proxy")
        self.write("mine.pem", mine.pem)
        self.write("mine.key", mine.encrypted(b"word"))
        self.write("words", b"other\nword\n")
        shown = "proxy_ssl_certificate mine.pem; proxy_ssl_certificate_key mine.key; "
        bench = self.serve(shown + "proxy_ssl_password_file words;")
        client = self.asked(bench)
        end = self.end(bench, context=server_context(self.good, clients=self.ca))
        end.send(ok())
        self.assertEqual(client.answer().status, 200)
        certificate = end.connection.get_peer_certificate()
        assert certificate is not None
        self.assertEqual(certificate.get_subject().CN, "proxy")

    def test_no_client_certificate(self) -> None:
        """Who demands one and gets none says so: the log has its words."""
        bench = self.serve()
        client = self.asked(bench)
        self.end(bench, context=server_context(self.good, clients=self.ca))
        self.assert_failed(client, bench, 502, "(SSL: tlsv13 alert certificate required)")
        bench = self.serve("proxy_ssl_protocols TLSv1.2;")
        client = self.asked(bench)
        self.end(bench, context=server_context(self.good, clients=self.ca))
        self.assert_failed(client, bench, 502, "SSL handshake failed (SSL: ", "handshake failure")

    def test_alpn(self) -> None:
        """proxy_ssl_alpn offers protocols."""
        offered: list[list[bytes]] = []
        context = server_context(self.good)

        def choose(_connection: SSL.Connection, protocols: list[bytes]) -> bytes:
            offered.append(protocols)
            return protocols[0]

        context.set_alpn_select_callback(choose)
        bench = self.serve("proxy_ssl_alpn http/1.1 http/1.0;")
        self.asked(bench)
        self.assertTrue(self.end(bench, context=context).established)
        self.assertEqual(offered, [[b"http/1.1", b"http/1.0"]])

    def test_key_log(self) -> None:
        """proxy_ssl_key_log takes the keys of connections, for nobody else to read."""
        bench = self.serve("proxy_ssl_key_log logs/keys;")
        self.asked(bench)
        self.end(bench)
        self.assertTrue(any("CLIENT_TRAFFIC_SECRET_0" in line for line in bench.lines("logs/keys")))
        self.assertEqual(bench.assembly.log_files.at(bench.path("logs/keys")).mode, 0o600)


class NameTests(SecureCase):
    """Who is wanted."""

    def test_variable(self) -> None:
        """proxy_ssl_name may have variables; a port goes, as in nginx."""
        bench = self.verified("proxy_ssl_name $http_x:443; proxy_ssl_server_name on;")
        client = bench.client()
        client.ask(b"/", b"X: app.example")
        end = self.end(bench)
        end.send(ok())
        self.assertEqual((client.answer().status, end.name), (200, b"app.example"))

    def test_no_name(self) -> None:
        """What a variable gives that is no name is 500, before anything is connected to."""
        bench = self.verified("proxy_ssl_name $http_x; proxy_ssl_server_name on;")
        for bad in (b"a\xffb", b"a b", b"a" * 256):
            client = bench.client()
            client.ask(b"/", b"X: " + bad)
            self.assert_failed(client, bench, 500, "proxy_ssl_name gives no name")
        self.assertEqual(bench.upstreams, [])

    def test_varying(self) -> None:
        """A URL with variables may be https; its host is the name."""
        bench = self.serve(
            f"{TRUST} proxy_ssl_server_name on;",
            "$http_scheme://$http_to",
            "upstream app.example { server 10.0.0.1:443; }",
        )
        client = bench.client()
        client.ask(b"/", b"Scheme: https", b"To: app.example")
        end = self.end(bench)
        self.assertIn(b"\r\nHost: app.example\r\n", end.take())
        end.send(ok())
        self.assertEqual((client.answer().status, end.name), (200, b"app.example"))
        client.ask(b"/", b"Scheme: http", b"To: app.example")
        self.assertEqual(bench.upstream().received[:4], b"GET ")

    def test_unix(self) -> None:
        """An upstream on a unix socket is localhost."""
        bench = self.verified("proxy_ssl_server_name on;", "https://unix:/run/app.sock")
        client = self.asked(bench)
        end = self.end(bench, self.ca.issue("localhost"))
        end.send(ok())
        self.assertEqual((client.answer().status, end.name), (200, b"localhost"))


class PoolTests(SecureCase):
    """Which connection serves which request."""

    def setUp(self) -> None:
        super().setUp()
        self.ends: list[SecureUpstream] = []

    def test_by_name(self) -> None:
        """A connection that was made for one name serves no request for another."""
        bench = self.serve("proxy_ssl_name $http_x; proxy_ssl_server_name on;")
        client = bench.client()
        for name, made in ((b"a", 1), (b"b", 2), (b"a", 2), (b"b", 2), (b"c", 3)):
            client.ask(b"/", b"X: " + name)
            self.assertEqual(len(bench.upstreams), made, name)
            if len(self.ends) < made:
                self.ends.append(self.end(bench))
            for end in self.ends:
                if end.pump().take():
                    self.assertEqual(end.name, name)
                    end.send(ok())
            self.assertEqual(client.answer().status, 200)
        self.assertEqual(bench.idle(port=8443), 3)

    def test_by_settings(self) -> None:
        """Nor for other settings, whatever the name; nor one without TLS for one with it."""
        bench = self.serve(
            f"{TRUST} location /off {{ proxy_ssl_verify off; proxy_pass https://127.0.0.1:8443; }}"
            "location /same { proxy_pass https://127.0.0.1:8443; }"
            "location /plain { proxy_pass http://127.0.0.1:8443; }"
        )
        client = bench.client()
        for path, made in ((b"/off", 1), (b"/", 2), (b"/same", 2), (b"/plain", 3), (b"/off", 3)):
            client.ask(path)
            self.assertEqual(len(bench.upstreams), made, path)
            if path == b"/plain":
                bench.upstream().send(ok())
            elif len(self.ends) < made and made < 3:
                self.ends.append(self.end(bench))
            for end in self.ends:
                if end.pump().take():
                    end.send(ok())
            self.assertEqual(client.answer().status, 200)

    def test_sessions(self) -> None:
        """The next connection resumes the session; not one for another name, nor when it is off."""
        for extra, resumed in (
            ("", True),
            ("proxy_ssl_protocols TLSv1.2;", True),
            ("proxy_ssl_session_reuse off;", False),
            ("proxy_ssl_name $request_id;", False),
        ):
            bench = self.serve(extra)
            context = server_context(self.good)
            client = bench.client()
            found = []
            for _ in range(3):
                client.ask()
                end = self.end(bench, context=context)
                end.send(ok(b"hi", b"Connection: close"))
                self.assertEqual(client.answer().body, b"hi")
                found.append(end.resumed)
            self.assertEqual(found, [False, resumed, resumed], extra)

    def test_verified_again(self) -> None:
        """A session that is resumed has the certificate that it began with, and it still counts."""
        bench = self.verified()
        context = server_context(self.good)
        client = bench.client()
        for resumed in (False, True):
            client.ask()
            end = self.end(bench, context=context)
            end.send(ok(b"hi", b"Connection: close"))
            self.assertEqual((client.answer().status, end.resumed), (200, resumed))

    def test_reload(self) -> None:
        """The connections of a configuration serve the next one, if its settings are the same."""
        bench = self.verified()
        client = self.asked(bench)
        self.end(bench).send(ok())
        client.answer()
        before = bench.assembly.upstream_contexts
        for ca, same in ((self.ca.pem, True), (authority().pem, False)):
            self.write("ca.pem", ca)
            after = Assembly(
                bench.configuration,
                bench.reactor,
                seconds=bench.reactor.seconds,
                previous=bench.assembly,
            )
            kept = set(before._made.values()) & set(after.upstream_contexts._made.values())
            self.assertEqual(bool(kept), same)


class LoadTests(SecureCase):
    """What is wrong is told when the configuration is loaded."""

    def assert_wrong(self, extra: str, *words: str) -> None:
        """The settings are an error at their line."""
        error = self.assertRaises(ConfigurationError, self.serve, extra)
        said = "\n".join(map(str, error.diagnostics))
        for word in words:
            self.assertIn(word, said)
        self.assertIn("nginx.conf:4:", said)

    def test_missing(self) -> None:
        """What belongs together must be there."""
        self.assert_wrong("proxy_ssl_verify on;", "there is no proxy_ssl_trusted_certificate")
        self.assert_wrong("proxy_ssl_certificate a;", "there is no proxy_ssl_certificate_key")
        self.assert_wrong(
            "proxy_ssl_verify on; proxy_ssl_trusted_certificate no.pem;",
            "no.pem\" can't be read: No such file",
        )

    def test_wrong_files(self) -> None:
        """Files must hold what they should."""
        mine = self.ca.issue("a")
        self.write("mine.pem", mine.pem)
        self.write("mine.key", mine.encrypted(b"word"))
        self.write("other.key", self.good.key)
        self.write("junk", b"-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n")
        for extra, what in (
            (
                "proxy_ssl_certificate mine.key; proxy_ssl_certificate_key mine.key;",
                "there is no c",
            ),
            (
                "proxy_ssl_certificate junk; proxy_ssl_certificate_key mine.key;",
                "1 in it is broken",
            ),
            (
                "proxy_ssl_certificate mine.pem; proxy_ssl_certificate_key mine.key;",
                "the key is encrypted, and no password fits",
            ),
            (
                "proxy_ssl_certificate mine.pem; proxy_ssl_certificate_key other.key;",
                "the key is not the certificate's",
            ),
            (
                "proxy_ssl_certificate mine.pem; proxy_ssl_certificate_key mine.pem;",
                "there is no key in it",
            ),
            ("proxy_ssl_verify on; proxy_ssl_trusted_certificate other.key;", "no certificate in"),
            (f"{TRUST} proxy_ssl_crl mine.pem;", "there is no revocation list in it"),
        ):
            self.assert_wrong(extra, what)

    def test_wrong_words(self) -> None:
        """What OpenSSL does not take is told in its words."""
        for extra, what in (
            ("proxy_ssl_ciphers NONE-OF-THEM;", "no cipher match"),
            ("proxy_ssl_conf_command CipherString NONE;", "no cipher match"),
            ("proxy_ssl_conf_command Ciphersuites NONE;", "Ciphersuites"),
            ("proxy_ssl_conf_command MinProtocol TLSv9;", "MinProtocol takes None, TLSv1"),
            ("proxy_ssl_conf_command Options Nonsense;", "Options takes SessionTicket"),
        ):
            self.assert_wrong(extra, what)

    def test_commands(self) -> None:
        """What can be set is set."""
        bench = self.serve(
            "proxy_ssl_conf_command MaxProtocol TLSv1.2;"
            "proxy_ssl_conf_command CipherString ECDHE-ECDSA-AES256-GCM-SHA384;"
            "proxy_ssl_conf_command Options -SessionTicket,NoRenegotiation;"
        )
        self.asked(bench)
        end = self.end(bench)
        self.assertEqual(
            (end.connection.get_protocol_version_name(), end.connection.get_cipher_name()),
            ("TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384"),
        )

    def test_unused(self) -> None:
        """Where nothing is passed on with TLS, no file is read."""
        self.serve("proxy_ssl_verify on; proxy_ssl_certificate no;", "http://127.0.0.1:8080")
        self.serve("proxy_ssl_verify on; proxy_ssl_certificate no;", "http://$host")
