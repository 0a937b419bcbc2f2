"""A worker: it inherits the sockets and the logs, gives up its rights, and serves.

It runs in a process that the master forked, with a reactor of its own. What the master says comes
over the control channel (`process/control.py`); when that closes the master is gone, and the worker
finishes what is under way and ends.
"""

from __future__ import annotations

import os
import signal
import socket
from typing import TYPE_CHECKING, Any

import attrs
from twisted.internet.protocol import Factory, connectionDone
from twisted.python.failure import Failure

from reverseproxy.config import ConfigurationError
from reverseproxy.guards.zones import IN_PROCESS, ZoneMaker
from reverseproxy.upstream.news import PeerNews
from reverseproxy.web.listen import Address

from . import allocating, control, polling, signals
from .loaded import Loaded
from .rights import give_up
from .scoreboard import Reporting, Scoreboard
from .serving import Serving
from .sources import Sources
from .zonefiles import GivenZones

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reverseproxy.config import Configuration
    from reverseproxy.logs.logs import Logs
    from reverseproxy.web.assembly import Assembly

    from .loaded import Read
    from .observing import Observer

#: Signals that a worker hears; the master's others mean nothing to it.
HEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
IGNORED = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH, signal.SIGPIPE)


@attrs.frozen
class Place:
    """A worker's number among `slots`, and the descriptor of the scoreboard."""

    slot: int
    slots: int
    board: int


class Worker:
    """One process that serves. `given` are the descriptors of its first configuration."""

    def __init__(
        self,
        configuration: Configuration,
        sources: Sources,
        read: Read,
        given: Given,
        place: Place,
        channel: tuple[socket.socket, socket.socket],
        observer: Observer,
    ) -> None:
        """`channel` is the worker's end, and the master's, which is closed here."""
        self._configuration = configuration
        self._sources = sources
        self._read = read
        self._given = given
        self._place = place
        self._channel, self._not_mine = channel
        self._observer = observer

    def run(self, reactor: Any) -> None:
        """Serve until the end; why that can't be is in the error log."""
        try:
            self._serve(reactor)
        except Exception:
            self._observer.error_log().failure("a worker can't serve", Failure())
            raise

    def _serve(self, reactor: Any) -> None:
        self._not_mine.close()
        signals.reset((*HEARD, *IGNORED, signal.SIGCHLD))
        for number in IGNORED:
            signal.signal(number, signal.SIG_IGN)
        give_up(self._configuration.main, self._place.slot)
        zones = self._zones()
        loaded = Loaded.made(self._configuration, reactor, self._sources, zones)
        self._adopt_logs(loaded.assembly.logs)
        polling.install(reactor)
        allocating.settle()
        self._reactor = reactor
        self.serving = Serving(loaded.assembly, owns_names=False)
        # What the master had it hear is heard here.
        self._observer.error_log = lambda: self.serving.assembly.error_log
        channel = Channel(self)
        self.serving.heard = channel.pass_on
        self._report(loaded.assembly)
        self.serving.start(self._given.sockets)
        self._given = Given()
        signals.install(
            reactor,
            {
                signal.SIGTERM: self._stop,
                signal.SIGINT: self._stop,
                signal.SIGQUIT: self.quit,
            },
        )
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        adopted = _Adopted(channel)
        reactor.adoptStreamConnection(self._channel.fileno(), socket.AF_UNIX, adopted)
        self._channel.close()
        reactor.run(installSignalHandlers=False)
        self._reporting.check(0.0)
        self.serving.stop()
        self.serving.close()

    def _zones(self) -> ZoneMaker:
        """Who makes the zones of a configuration: where there are files they are shared."""
        files, self._given.zones = self._given.zones, {}
        if not files:
            return IN_PROCESS
        return GivenZones(files, self._place.slot, self._place.slots)

    def _report(self, assembly: Assembly) -> None:
        """Let the other workers know how many connections there are here, and know theirs."""
        board, connections = Scoreboard(self._place.board), assembly.connections
        board.claim(self._place.slot, os.getpid(), 0)
        self._reporting = Reporting(board, self._place.slot, connections, assembly.sweep.members)
        connections.elsewhere = self._reporting.elsewhere
        assembly.sweep.add(self._reporting)

    def quit(self) -> None:
        """Finish what is under way, then end."""
        self.serving.quit(self._stop)

    def _stop(self) -> None:
        signals.stop(self._reactor)

    def orphaned(self) -> None:
        """The master is gone: so is who would replace this process."""
        if self._reactor.running:
            self.serving.assembly.error_log.log("alert", "the master is gone: finishing")
            self.quit()

    # --- what the master says ---

    def give(self, kind: str, name: str, number: int) -> None:
        """A descriptor for what comes next."""
        self._given.take(kind, name, number)

    def adopt(self, sources: Sources) -> str:
        """Serve another configuration; "", or what is wrong with it."""
        zones, before = self._zones(), self.serving.assembly
        try:
            loaded = Loaded.made(self._read(sources), self._reactor, sources, zones, before)
        except ConfigurationError as error:
            # The master has checked it: the world has changed since.
            return str(error)
        if isinstance(zones, GivenZones):
            zones.close()
        self._adopt_logs(loaded.assembly.logs)
        self.serving.change(loaded.assembly, self._given.sockets)
        self._given.close()
        self._given = Given()
        return ""

    def reopen(self) -> None:
        """Write to the log files that were given."""
        logs = self.serving.assembly.logs
        logs.reopen_varying()
        self._adopt_logs(logs)

    def _adopt_logs(self, logs: Logs) -> None:
        for file in logs.files:
            number = self._given.logs.pop(file.path, None)
            if number is not None:
                file.adopt(number)


class _Adopted(Factory):
    """The factory of one connection that is there already."""

    noisy = False

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def buildProtocol(self, _addr: Any) -> Channel:
        return self._channel


class Given:
    """Descriptors that the master gave."""

    def __init__(
        self,
        sockets: Mapping[Address, socket.socket] | None = None,
        logs: Mapping[str, int] | None = None,
        zones: Mapping[str, int] | None = None,
    ) -> None:
        self.sockets = dict(sockets or {})
        self.logs = dict(logs or {})
        self.zones = dict(zones or {})

    def take(self, kind: str, name: str, number: int) -> None:
        """Take one more."""
        os.set_inheritable(number, False)
        if kind == control.SOCKET:
            self.sockets[Address.parse(name)] = socket.socket(fileno=number)
        else:
            numbers = self.logs if kind == control.LOG else self.zones
            old = numbers.get(name)
            if old is not None:
                os.close(old)
            numbers[name] = number

    def close(self) -> None:
        """Close what nobody took."""
        for number in self.logs.values():
            os.close(number)


class Channel(control.Channel):
    """The worker's end of the control channel."""

    def __init__(self, worker: Worker) -> None:
        super().__init__()
        self.open = False
        self._worker = worker

    def connectionMade(self) -> None:
        super().connectionMade()
        self.open = True
        self.callRemote(control.Ready)

    @control.Give.responder
    def _give(self, kind: str, name: str, file: int) -> dict[str, Any]:
        self._worker.give(kind, name, file)
        return {}

    @control.Adopt.responder
    def _adopt(self, sources: int) -> dict[str, Any]:
        try:
            # The other workers read the same open file just now: its position is everybody's.
            data = os.pread(sources, os.fstat(sources).st_size, 0)
        finally:
            os.close(sources)
        return {"problem": self._worker.adopt(Sources.unpack(data))}

    def pass_on(self, news: PeerNews) -> None:
        """Let the other workers know."""
        if self.open:
            self.callRemote(control.News, news=bytes(news))

    @control.News.responder
    def _news(self, news: bytes) -> dict[str, Any]:
        self._worker.serving.assembly.groups.hear(PeerNews.of_bytes(news))
        return {}

    @control.Check.responder
    def _check(self) -> dict[str, Any]:
        self._worker.serving.check()
        return {}

    @control.Reopen.responder
    def _reopen(self) -> dict[str, Any]:
        self._worker.reopen()
        return {}

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The master is gone, or the worker ends."""
        self.open = False
        super().connectionLost(reason)
        self._worker.orphaned()
