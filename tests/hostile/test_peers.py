"""h11 and llhttp beside the tables: what we accept of the hostile bytes, they read as we do."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.trial.unittest import SynchronousTestCase

from ..wire.peers import agree_on_request, agree_on_response
from . import clients, injection, upgrades, upstreams

Agrees = Callable[[bytes], bytes | None]


def _accepted(agrees: Agrees, raw: bytes) -> int:
    """How many messages there are, one behind the other, until we refuse one."""
    count = 0
    while raw:
        rest = agrees(raw)
        if rest is None:
            break
        raw, count = rest, count + 1
    return count


class PeerTests(SynchronousTestCase):
    def compared(self, cases: Iterable[tuple[str, Agrees, bytes]]) -> int:
        """Hold it for every case; how many messages were compared."""
        count = 0
        for name, agrees, raw in cases:
            try:
                count += _accepted(agrees, raw)
            except Exception as error:
                error.add_note(name)
                raise
        return count

    def test_clients(self) -> None:
        """Requests: the method, the target, the fields, the body, and where each ends."""
        table = [(case.name, agree_on_request, b"".join(case.sent)) for case in clients.cases()]
        table += [(case.name, agree_on_request, case.sent) for case in injection.cases()]
        table += [
            (case.name, agree_on_request, case.head + case.ahead) for case in upgrades.cases()
        ]
        count = self.compared(table)
        print(f"{count} requests of {len(table)} cases are read alike by h11 and llhttp")
        self.assertGreater(count, 1000)

    def test_upstreams(self) -> None:
        """Answers: the status, the reason, the fields, the body, and where each ends."""
        table = [
            (
                case.name,
                lambda raw, case=case: agree_on_response(raw, case.method),
                b"".join(case.sent),
            )
            for case in upstreams.cases()
        ]
        table += [(case.name, agree_on_response, case.answer) for case in upgrades.cases()]
        count = self.compared(table)
        print(f"{count} answers of {len(table)} cases are read alike by h11 and llhttp")
        self.assertGreater(count, 100)
