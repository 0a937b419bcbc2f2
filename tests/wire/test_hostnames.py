"""Names with an asterisk at one end."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.wire.hostnames import HostNames


class HostNamesTests(SynchronousTestCase):
    """Which of several names is found."""

    def test_order(self) -> None:
        """The exact one, then the longest asterisk in front, then the longest behind."""
        names: HostNames[str] = HostNames()
        self.assertFalse(names)
        for name in (b"a.b.c", b"*.b.c", b"*.c", b"a.*", b"a.b.*"):
            names.add(name, name.decode())
        for name, expected in {
            b"a.b.c": "a.b.c",
            b"x.b.c": "*.b.c",
            b"x.y.b.c": "*.b.c",
            b"b.c": "*.c",
            b"a.b.d": "a.b.*",
            b"a.d": "a.*",
            b"c": None,
            b".c": None,
            b"a": None,
            b"": None,
        }.items():
            self.assertEqual(names.find(name), expected, name)

    def test_dot(self) -> None:
        """A dot in front is the name and everything below it."""
        names: HostNames[int] = HostNames()
        names.add(b".b.c", 1)
        self.assertEqual([names.find(n) for n in (b"b.c", b"a.b.c", b"ab.c")], [1, 1, None])
