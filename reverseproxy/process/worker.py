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

from twisted.internet.protocol import Factory, connectionDone

from reverseproxy.config import ConfigurationError
from reverseproxy.web.listen import Address

from . import control, polling, signals
from .loaded import Loaded
from .rights import give_up
from .serving import Serving
from .sources import Sources

if TYPE_CHECKING:
    from collections.abc import Mapping

    from twisted.python.failure import Failure

    from reverseproxy.config import Configuration
    from reverseproxy.logs.logs import Logs

    from .loaded import Read
    from .observing import Observer

#: Signals that a worker hears; the master's others mean nothing to it.
HEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
IGNORED = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH, signal.SIGPIPE)


class Worker:
    """One process that serves. `given` are the descriptors of its first configuration."""

    def __init__(
        self,
        configuration: Configuration,
        sources: Sources,
        read: Read,
        given: Given,
        channel: tuple[socket.socket, socket.socket],
        observer: Observer,
    ) -> None:
        """`channel` is the worker's end, and the master's, which is closed here."""
        self._configuration = configuration
        self._sources = sources
        self._read = read
        self._given = given
        self._channel, self._not_mine = channel
        self._observer = observer

    def run(self, reactor: Any) -> None:
        """Serve until the end."""
        self._not_mine.close()
        signals.reset((*HEARD, *IGNORED, signal.SIGCHLD))
        for number in IGNORED:
            signal.signal(number, signal.SIG_IGN)
        give_up(self._configuration.main)
        loaded = Loaded.made(self._configuration, reactor, self._sources)
        self._adopt_logs(loaded.assembly.logs)
        polling.install(reactor)
        self._reactor = reactor
        self.serving = Serving(loaded.assembly, owns_names=False)
        # What the master had it hear is heard here.
        self._observer.error_log = lambda: self.serving.assembly.error_log
        self.serving.start(self._given.sockets)
        self._given = Given()
        signals.install(
            reactor,
            {
                signal.SIGTERM: reactor.stop,
                signal.SIGINT: reactor.stop,
                signal.SIGQUIT: self.quit,
            },
        )
        channel = _Adopted(Channel(self))
        reactor.adoptStreamConnection(self._channel.fileno(), socket.AF_UNIX, channel)
        self._channel.close()
        reactor.run(installSignalHandlers=False)
        self.serving.stop()
        self.serving.close()

    def quit(self) -> None:
        """Finish what is under way, then end."""
        self.serving.quit(self._reactor.stop)

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
        try:
            loaded = Loaded.of(self._read, self._reactor, sources, self.serving.assembly)
        except ConfigurationError as error:
            # The master has checked it: the world has changed since.
            return str(error)
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
    ) -> None:
        self.sockets = dict(sockets or {})
        self.logs = dict(logs or {})

    def take(self, kind: str, name: str, number: int) -> None:
        """Take one more."""
        os.set_inheritable(number, False)
        if kind == control.SOCKET:
            self.sockets[Address.parse(name)] = socket.socket(fileno=number)
        elif kind == control.LOG:
            old = self.logs.get(name)
            if old is not None:
                os.close(old)
            self.logs[name] = number

    def close(self) -> None:
        """Close what nobody took."""
        for number in self.logs.values():
            os.close(number)


class Channel(control.Channel):
    """The worker's end of the control channel."""

    def __init__(self, worker: Worker) -> None:
        super().__init__()
        self._worker = worker

    def connectionMade(self) -> None:
        super().connectionMade()
        self.callRemote(control.Ready)

    @control.Give.responder
    def _give(self, kind: str, name: str, file: int) -> dict[str, Any]:
        self._worker.give(kind, name, file)
        return {}

    @control.Adopt.responder
    def _adopt(self, sources: int) -> dict[str, Any]:
        with open(sources, "rb") as file:
            file.seek(0)
            return {"problem": self._worker.adopt(Sources.unpack(file.read()))}

    @control.Reopen.responder
    def _reopen(self) -> dict[str, Any]:
        self._worker.reopen()
        return {}

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The master is gone, or the worker ends."""
        super().connectionLost(reason)
        self._worker.orphaned()
