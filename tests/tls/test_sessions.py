"""Sessions in memory that workers share."""

from __future__ import annotations

import gc
import os
import weakref
from typing import Any

from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError
from reverseproxy.guards import zones
from reverseproxy.process import sharedring
from reverseproxy.process.sharedring import SharedRing, create
from reverseproxy.tls import names, sessions

from ..certificates import authority, pair, write, write_pair
from ..support import Bench, serve
from ..tlsclient import TLSClient
from .test_names import ONLY_12
from .test_overhearing import ONLY_13
from .test_serving import ONE


class SharingTests(SynchronousTestCase):
    """ssl_session_cache, with two workers of which each has the contexts that the master made."""

    def workers(self, extra: str) -> list[Bench]:
        """Two benches that share a zone, but no context."""
        if not sessions.can_share():
            self.skipTest("cryptography brings an OpenSSL of its own")
        fd = create(1 << 20)
        made = []
        for _ in range(2):
            # Contexts use it as long as there are connections.
            zone = SharedRing(os.dup(fd))
            weakref.finalize(zone, os.close, zone._fd).atexit = False
            self.patch(zones.InProcess, "ring", lambda *_, zone=zone: zone)
            # Each worker has contexts of its own, as if they had no key of tickets in common.
            self.patch(names, "_roots", {})
            folder = os.path.abspath(self.mktemp())
            write_pair(folder, "one", pair("example.org"))
            write(folder, ca=authority().pem)
            made.append(
                serve(
                    self,
                    f"server {{ listen 443 ssl; {ONE} {extra} "
                    'return 200 "$ssl_session_reused $ssl_client_verify"; }',
                    folder,
                )
            )
        return made

    def test_resumed(self) -> None:
        """A session that began with one worker is resumed by the other, without tickets."""
        for options in (ONLY_12, ONLY_13):
            one, two = self.workers("ssl_session_tickets off; ssl_session_cache shared:a:1m;")
            first = TLSClient(one, options=options)
            self.assertEqual(first.get().body, b". NONE")
            self.assertEqual(TLSClient(two, again=first).get().body, b"r NONE")

    def test_client_certificate(self) -> None:
        """The client's certificate is in the session."""
        one, two = self.workers(
            "ssl_session_tickets off; ssl_session_cache shared:a:1m; "
            "ssl_verify_client on; ssl_client_certificate ca.pem;"
        )
        for options in (ONLY_12, ONLY_13):
            first = TLSClient(one, options=options, pair=pair("Client"))
            self.assertEqual(first.get().body, b". SUCCESS")
            self.assertEqual(TLSClient(two, again=first).get().body, b"r SUCCESS")

    def test_too_old(self) -> None:
        """One that is older than ssl_session_timeout is not resumed."""
        one, two = self.workers(
            "ssl_session_tickets off; ssl_session_cache shared:a:1m; ssl_session_timeout 9s;"
        )
        zone: Any = two.assembly.zone("ssl_session_cache a", 1 << 20, lambda _maker: None)
        get = zone.get
        for age, resumed in ((5, True), (15, False)):
            first = TLSClient(one, options=ONLY_12)
            first.get()
            zone.get = lambda number, age=age: _older(get(number), age)
            self.assertEqual(TLSClient(two, again=first).reused, resumed)

    def test_tickets(self) -> None:
        """Clients with tickets leave nothing in the zone."""
        one, _ = self.workers("ssl_session_cache shared:a:1m;")
        zone: Any = one.assembly.zone("ssl_session_cache a", 1 << 20, lambda _maker: None)
        for options in (ONLY_12, ONLY_13):
            TLSClient(one, options=options).get()
        self.assertEqual(zone._numbers[sharedring._HEAD // 8], 0)

    def test_vanished(self) -> None:
        """That a client leaves without a word says nothing against its session."""
        one, two = self.workers("ssl_session_tickets off; ssl_session_cache shared:a:1m;")
        for options in (ONLY_12, ONLY_13):
            first = TLSClient(one, options=options)
            first.get()
            _vanish(first)
            self.assertEqual(TLSClient(two, again=first).get().body, b"r NONE")

    def test_broken(self) -> None:
        """A session whose connection broke TLS is resumed by nobody (RFC 5246 section 7.2.2)."""
        one, two = self.workers("ssl_session_tickets off; ssl_session_cache shared:a:1m;")
        first = TLSClient(one, options=ONLY_12)
        first.get()
        first.line.send(b"\x17\x03\x03\x00\x20" + bytes(32))
        self.assertFalse(TLSClient(two, again=first).reused)


def _vanish(client: TLSClient) -> None:
    """Let a client's connection break, and be held by nobody any more."""
    client.line.reset()
    client.transport.tls = None
    gc.collect()


def _older(session: bytes, age: int) -> bytes:
    """A session as it will be in so many seconds."""
    # Its time is the first number behind the master key, of four bytes (SSL_SESSION_INFO).
    at = session.index(b"\xa1\x06\x02\x04") + 4
    began = int.from_bytes(session[at : at + 4], "big") - age
    return session[:at] + began.to_bytes(4, "big") + session[at + 4 :]


class SettingsTests(SynchronousTestCase):
    """What does not fit together."""

    def test_sizes(self) -> None:
        """A zone has one size."""
        folder = os.path.abspath(self.mktemp())
        write_pair(folder, "one", pair("example.org"))
        text = "".join(
            f"server {{ listen {port} ssl; {ONE} ssl_session_cache shared:a:{size}; }}"
            for port, size in ((443, "1m"), (444, "2m"))
        )
        with self.assertRaises(ConfigurationError) as caught:
            serve(self, text, folder)
        self.assertIn('the zone "a" has another size elsewhere', str(caught.exception))

    def test_alone(self) -> None:
        """One worker keeps sessions in OpenSSL's own cache, also of who leaves without a word."""
        folder = os.path.abspath(self.mktemp())
        write_pair(folder, "one", pair("example.org"))
        bench = serve(
            self,
            f"server {{ listen 443 ssl; {ONE} ssl_session_tickets off; "
            "ssl_session_cache shared:a:1m; return 200 $ssl_session_reused; }",
            folder,
        )
        first = TLSClient(bench, options=ONLY_12)
        first.get()
        _vanish(first)
        self.assertEqual(TLSClient(bench, again=first).get().body, b"r")
        mode = bench.assembly.sites.popitem()[1].secured._root.get_session_cache_mode()
        self.assertEqual(mode & SSL.SESS_CACHE_SERVER, SSL.SESS_CACHE_SERVER)
