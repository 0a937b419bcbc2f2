"""TLS to upstreams: the handshake, and who the other side is."""

from __future__ import annotations

import socket

from OpenSSL import SSL

from ..authorities import authority
from ..secureupstream import NAMED, TRUST, SecureCase, SecureUpstream, server_context
from ..support import ok


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

    def test_socket(self) -> None:
        """The socket below is set as for any upstream; records wait for nothing (tcp_nodelay)."""
        bench = self.serve("proxy_socket_keepalive on; proxy_bind 127.0.0.9;")
        self.asked(bench)
        self.end(bench)
        options = bench.upstream().socket.options
        self.assertTrue(options[socket.SOL_SOCKET, socket.SO_KEEPALIVE])
        self.assertTrue(options[socket.IPPROTO_TCP, socket.TCP_NODELAY])
        self.assertEqual(bench.upstream().factory.bind, ("127.0.0.9", 0))

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
        self.assert_failed(client, bench, 502, 'does not match "": it has app.example')

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
