"""A real name server on loopback: `python nameserver.py PORT RECORDS`, of twisted.names.

RECORDS is a file that is read anew for each question, one record on a line: `NAME A ADDRESS`, or
`NAME SRV PRIORITY WEIGHT PORT TARGET`. Every time to live is one second.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from twisted.internet import reactor as default_reactor
from twisted.internet.defer import Deferred, fail, succeed
from twisted.names import dns
from twisted.names.common import ResolverBase
from twisted.names.error import DNSNameError
from twisted.names.server import DNSServerFactory


class Records(ResolverBase):
    """What stands in a file."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def _lookup(self, name: bytes, _cls: int, kind: int, _timeout: Any) -> Deferred[Any]:
        mine = [line.split() for line in self._path.read_text().splitlines()]
        mine = [words for words in mine if words[0].encode() == name.lower()]
        if not mine:
            return fail(DNSNameError(name))
        found = [_payload(words[1:]) for words in mine]
        headers = [dns.RRHeader(name, p.TYPE, payload=p, ttl=1) for p in found if kind == p.TYPE]
        return succeed((headers, [], []))


def _payload(words: list[str]) -> Any:
    if words[0] == "A":
        return dns.Record_A(words[1])
    return dns.Record_SRV(*map(int, words[1:4]), words[4].encode())


def main() -> None:
    """Serve."""
    reactor: Any = default_reactor
    port, path = int(sys.argv[1]), Path(sys.argv[2])
    factory = DNSServerFactory(clients=[Records(path)])
    reactor.listenUDP(port, dns.DNSDatagramProtocol(factory), interface="127.0.0.1")
    reactor.listenTCP(port, factory, interface="127.0.0.1")
    reactor.run()


if __name__ == "__main__":
    main()
