"""Which connection with TLS serves which request, and which session is resumed."""

from __future__ import annotations

from reverseproxy.upstream.pool import SESSIONS
from reverseproxy.web.assembly import Assembly

from ..authorities import authority
from ..secureupstream import TRUST, SecureCase, SecureUpstream, server_context
from ..support import ok


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

    def test_sessions_bounded(self) -> None:
        """Names may come from requests: a peer remembers so many sessions and no more."""
        bench = self.serve("proxy_ssl_name $http_x;")
        context = server_context(self.good)
        client = bench.client()
        for number in range(SESSIONS + 3):
            client.ask(b"/", b"X: name%d" % number)
            self.end(bench, context=context).send(ok(b"hi", b"Connection: close"))
            client.answer()
        peer = bench.assembly.pools.peer("127.0.0.1", 8443)
        names = [secured.name for secured in peer.sessions]
        self.assertEqual((len(names), names[0]), (SESSIONS, "name3"))

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
