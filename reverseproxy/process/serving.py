"""What one process serves: its ports, and the assembly behind them, which may change.

A change swaps what is behind each address: connections live on, and the next request of each is
served by what is new; requests under way end as they began. A port that no configuration names any
more is closed once those who wait there are let in.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, maybeDeferred

from reverseproxy.web.accepting import Port
from reverseproxy.web.channel import HTTPChannel

if TYPE_CHECKING:
    import socket

    from reverseproxy.upstream.group import Heard
    from reverseproxy.web.assembly import Assembly
    from reverseproxy.web.listen import Address
    from reverseproxy.web.request import Request
    from reverseproxy.web.site import Site

#: How often it is looked whether all connections have ended, in seconds.
LOOK = 0.05
#: How often it is looked whether a configuration that was replaced is gone, in seconds.
COLLECT = 10.0


class Serving:
    """Ports by address. `owns_names` says whether the names of unix sockets go with them."""

    def __init__(self, assembly: Assembly, *, owns_names: bool = True) -> None:
        self.assembly = assembly
        self.ports: dict[Address, Port] = {}
        self._owns_names = owns_names
        #: hears what other workers should know of upstream servers; None where there are none
        self.heard: Heard | None = None
        #: whether servers are checked here, and not by another worker
        self.checks = owns_names
        self._ending: Callable[[], None] | None = None
        self._calls: list[Any] = []

    @property
    def channels(self) -> list[HTTPChannel]:
        """The clients' connections."""
        return [one for one in self.assembly.sweep.members if isinstance(one, HTTPChannel)]

    def start(self, sockets: Mapping[Address, socket.socket]) -> None:
        """Serve."""
        assembly = self.assembly
        assembly.sweep.start()
        self._start_asking()
        self._listen(sockets)

    def _start_asking(self) -> None:
        groups = self.assembly.groups
        if self.heard is not None:
            groups.listen(self.heard)
        groups.start(self.checks)
        self.assembly.stapling.start()

    def check(self) -> None:
        """Check upstream servers from now on: it is this worker's turn."""
        if not self.checks:
            self.checks = True
            self.assembly.groups.check()

    def _listen(self, sockets: Mapping[Address, socket.socket]) -> None:
        """Put each site of the assembly behind its port: a port that is there, or a new one."""
        assembly = self.assembly
        for listen, site in assembly.sites.items():
            port = self.ports.get(listen.address)
            if port is None:
                port = Port(sockets[listen.address], site, assembly.reactor)
                port.owns_name = self._owns_names
                port.startListening()
                self.ports[listen.address] = port
            else:
                port.site.become(site)
                assembly.sites[listen] = port.site

    def change(self, assembly: Assembly, sockets: Mapping[Address, socket.socket]) -> None:
        """Serve this from now on; `sockets` are those of the addresses that are new."""
        before, self.assembly = self.assembly, assembly
        limit = assembly.shutdown_timeout
        channels = self.channels
        under_way = [(one, one.request) for one in channels if one.request is not None]
        for channel in channels:
            channel.forget()
        assembly.succeed()
        self._start_asking()
        self._listen(sockets)
        wanted = {listen.address for listen in assembly.sites}
        for address in self.ports.keys() - wanted:
            self._leave(self.ports.pop(address))
        if limit:
            self._later(limit, lambda: self._cut(under_way))
        self._forget(weakref.ref(before))

    def _leave(self, port: Port) -> None:
        """Let in who waits, then listen no more, and let who is in go when it may."""
        port.accept_all()
        port.stopListening()
        self._drain([port.site])

    def _drain(self, sites: Iterable[Site]) -> None:
        """Let no connection of these outlive the request that it carries."""
        drained = set()
        for site in sites:
            site.drain()
            drained |= {site, *site.specific.values()}
        for channel in self.channels:
            if channel.site in drained:
                channel.retire()

    @staticmethod
    def _cut(under_way: list[tuple[HTTPChannel, Request]]) -> None:
        """End the requests of an older configuration that are still under way."""
        for channel, request in under_way:
            if channel.request is request:
                channel.end(reset=False)

    def _forget(self, before: weakref.ref[Assembly]) -> None:
        """See that a configuration that was replaced is freed, once no request needs it.

        It is full of cycles, and the collector comes to what is old very rarely by itself.
        """

        def collect() -> None:
            if before() is not None:
                gc.collect()
            if before() is not None:
                self._later(COLLECT, collect)

        self._later(LOOK, collect)

    # --- the end ---

    def quit(self, done: Callable[[], None]) -> None:
        """Listen no more, finish what is under way, then call `done`.

        Connections that last longer than `worker_shutdown_timeout` are cut.
        """
        if self._ending is not None:
            return
        self._ending = done
        self.assembly.groups.check(False)
        for port in self.ports.values():
            port.stopListening()
        self._drain([port.site for port in self.ports.values()])
        limit = self.assembly.shutdown_timeout
        if limit:
            self._later(limit, self._cut_all)
        self._look()

    def _look(self) -> None:
        if self.assembly.connections.clients:
            self._later(LOOK, self._look)
        elif self._ending is not None:
            self._ending()

    def _cut_all(self) -> None:
        for channel in self.channels:
            channel.end(reset=False)

    def stop(self) -> list[Deferred[Any]]:
        """Listen no more; one Deferred for each port, fired when it is closed."""
        stopped = [maybeDeferred(port.stopListening) for port in self.ports.values()]
        self.ports = {}
        return stopped

    def close(self) -> None:
        """Let go of everything."""
        for call in self._calls:
            if call.active():
                call.cancel()
        assembly = self.assembly
        assembly.sweep.stop()
        assembly.groups.stop()
        assembly.stapling.stop()
        assembly.pools.close()
        assembly.logs.close()

    def _later(self, seconds: float, what: Callable[[], None]) -> None:
        self._calls = [call for call in self._calls if call.active()]
        self._calls.append(self.assembly.reactor.callLater(seconds, what))
