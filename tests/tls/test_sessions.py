"""Sessions in memory that workers share."""

from __future__ import annotations

import os
import random
import weakref
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from OpenSSL import SSL
from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import ConfigurationError
from reverseproxy.guards import zones
from reverseproxy.tls import names, sessions, sessionzone
from reverseproxy.tls.sessionzone import MOST, SessionZone, create

from ..certificates import authority, pair, write, write_pair
from ..support import Bench, serve
from ..tlsclient import TLSClient
from .test_names import ONLY_12
from .test_overhearing import ONLY_13
from .test_serving import ONE

SMALL = 32768


class KilledError(Exception):
    """In the place of a SIGKILL."""


class ZoneCase(SynchronousTestCase):
    """Zones, each seen by two workers."""

    def zones(self, size: int = SMALL) -> tuple[SessionZone, SessionZone]:
        """Two looks at a new zone."""
        fd = create(size)
        self.addCleanup(os.close, fd)
        return SessionZone(fd), SessionZone(fd)


class ZoneTests(ZoneCase):
    """SessionZone."""

    def test_shared(self) -> None:
        """What one puts there the other gets, until somebody removes it."""
        one, two = self.zones()
        one.put(b"a", b"session")
        self.assertEqual((one.get(b"a"), two.get(b"a")), (b"session", b"session"))
        one.put(b"a", b"another")
        self.assertEqual(two.get(b"a"), b"another")
        two.remove(b"a")
        two.remove(b"b")
        self.assertEqual((one.get(b"a"), one.get(b"b")), (None, None))

    def test_oldest_goes(self) -> None:
        """The oldest makes room; a megabyte holds four thousand of the usual size."""
        one, two = self.zones(1 << 20)
        for number in range(8000):
            one.put(b"%d" % number, b"%d" % number * 50)
        kept = [number for number in range(8000) if two.get(b"%d" % number) is not None]
        self.assertGreater(len(kept), 4000)
        self.assertEqual(kept[-1], 7999)
        self.assertGreater(kept[len(kept) // 2], 5000)
        for number in kept:
            self.assertEqual(two.get(b"%d" % number), b"%d" % number * 50)

    def test_too_long(self) -> None:
        """What is too long is not kept; the longest is."""
        one, two = self.zones()
        one.put(b"a", bytes(MOST + 1))
        one.put(b"b", b"x" * MOST)
        self.assertEqual((two.get(b"a"), two.get(b"b")), (None, b"x" * MOST))

    def test_no_zone(self) -> None:
        """Another file is none."""
        with open(__file__, "rb") as file, self.assertRaises(ValueError):
            SessionZone(file.fileno())

    @settings(max_examples=60, deadline=None)
    @given(st.integers(0, 2**32))
    def test_never_wrong(self, seed: int) -> None:
        """What is got was put there last under this number, or it is gone."""
        one, two = self.zones(1)
        chance = random.Random(seed)
        told: dict[bytes, bytes] = {}
        for step in range(200):
            zone = chance.choice((one, two))
            number = b"%d" % chance.randrange(40)
            if chance.random() < 0.5:
                told[number] = b"%d" % step * chance.randrange(1, 400)
                zone.put(number, told[number])
                self.assertEqual(zone.get(number), told[number])
            elif chance.random() < 0.1:
                zone.remove(number)
                told.pop(number, None)
            else:
                self.assertIn(zone.get(number), (None, told.get(number)))

    def test_killed(self) -> None:
        """Whenever a worker dies, what the others get is whole, and was put there."""
        for writes in range(8):
            one, two = self.zones(1)
            for number in range(30):
                one.put(b"%d" % number, b"%d" % number * 300)
            dying = _Dying(one._map, writes)
            zone: Any = two
            zone._map, zone._numbers = dying, _Dying(one._numbers, dying.left)
            self.patch(sessionzone, "_ENTRY", _DyingEntry(dying))
            try:
                two.put(b"new", b"new" * 300)
            except KilledError:
                pass
            self.patch(sessionzone, "_ENTRY", _DyingEntry.whole)
            self.assertIn(one.get(b"new"), (None, b"new" * 300))
            for number in range(30):
                self.assertIn(one.get(b"%d" % number), (None, b"%d" % number * 300))
            one.put(b"after", b"after")
            self.assertEqual(one.get(b"after"), b"after")


class _Dying:
    """Memory whose process is killed before its next write after so many."""

    def __init__(self, memory: Any, left: Any) -> None:
        self.memory = memory
        self.left = [left] if isinstance(left, int) else left

    def wrote(self) -> None:
        """Count a write."""
        if not self.left[0]:
            raise KilledError
        self.left[0] -= 1

    def __getitem__(self, at: Any) -> Any:
        return self.memory[at]

    def __setitem__(self, at: Any, value: Any) -> None:
        self.wrote()
        self.memory[at] = value

    def find(self, *args: Any) -> int:
        found: int = self.memory.find(*args)
        return found


class _DyingEntry:
    """The same for an entry's head."""

    whole = sessionzone._ENTRY
    size = whole.size

    def __init__(self, dying: _Dying) -> None:
        self._dying = dying

    def pack_into(self, memory: _Dying, *args: Any) -> None:
        """Write, or die."""
        self._dying.wrote()
        self.whole.pack_into(memory.memory, *args)


class SharingTests(ZoneCase):
    """ssl_session_cache, with two workers of which each has the contexts that the master made."""

    def workers(self, extra: str) -> list[Bench]:
        """Two benches that share a zone, but no context."""
        if not sessions.can_share():
            self.skipTest("cryptography brings an OpenSSL of its own")
        fd = create(1 << 20)
        made = []
        for _ in range(2):
            # Contexts use it as long as there are connections.
            zone = SessionZone(os.dup(fd))
            weakref.finalize(zone, os.close, zone._fd)
            self.patch(zones.InProcess, "sessions", lambda *_, zone=zone: zone)
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
        self.assertEqual(zone._numbers[sessionzone._HEAD // 8], 0)

    def test_broken(self) -> None:
        """A session whose connection broke TLS is resumed by nobody (RFC 5246 section 7.2.2)."""
        one, two = self.workers("ssl_session_tickets off; ssl_session_cache shared:a:1m;")
        first = TLSClient(one, options=ONLY_12)
        first.get()
        first.line.send(b"\x17\x03\x03\x00\x20" + bytes(32))
        self.assertFalse(TLSClient(two, again=first).reused)


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
        """One worker keeps sessions in OpenSSL's own cache."""
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
        self.assertEqual(TLSClient(bench, again=first).get().body, b"r")
        mode = bench.assembly.sites.popitem()[1].secured._root.get_session_cache_mode()
        self.assertEqual(mode & SSL.SESS_CACHE_SERVER, SSL.SESS_CACHE_SERVER)
