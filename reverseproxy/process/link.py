"""The master's end of one worker's control channel."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.protocol import Factory, connectionDone

from . import control
from .forking import passed, passing

if TYPE_CHECKING:
    from twisted.protocols import amp
    from twisted.python.failure import Failure

    from .master import Master


class Link(Factory):
    """The master's end of one worker's control channel; it is its own factory."""

    noisy = False

    def __init__(self, pid: int, slot: int, master: Master) -> None:
        self.pid = pid
        #: its place in what all share
        self.slot = slot
        #: whether it checks upstream servers for all
        self.checks = False
        #: whether it said that it serves
        self.serves = False
        #: whether it was told to end
        self.leaving = False
        #: fired when it serves, or has ended
        self.ready: Deferred[None] = Deferred()
        self._master = master
        self._since = master.reactor.seconds()
        self._channel: Channel | None = None

    def buildProtocol(self, _addr: Any) -> Channel:
        channel = self._channel = Channel()
        channel.link = self
        return channel

    @property
    def age(self) -> float:
        """Seconds since its start."""
        return float(self._master.reactor.seconds() - self._since)

    def tell(self, command: type[amp.Command], **arguments: Any) -> Deferred[Any]:
        """Say something; what comes of it. A worker that is gone needs to be told nothing."""
        if self._channel is None or not self._channel.open:
            return succeed(None)
        told: Deferred[Any] | None = self._channel.callRemote(command, **arguments)
        # Some commands want no answer.
        return succeed(None) if told is None else told.addErrback(self._gone)

    def _gone(self, _why: Failure) -> None:
        """It died before it answered: whoever reaps it says so."""

    def give(self, kind: str, name: str, number: int) -> None:
        """Give a descriptor: a copy, as it is sent a moment later."""
        copy = os.dup(number)
        passing.add(copy)
        given = self.tell(control.Give, kind=kind, name=name, file=copy)
        given.addBoth(lambda _result: passed(copy))

    def give_logs(self) -> None:
        """Give the log files as they are open now."""
        for file in self._master.loaded.assembly.log_files:
            if file.fd >= 0:
                self.give(control.LOG, file.path, file.fd)

    def adopted(self, answer: dict[str, Any] | None) -> None:
        """It serves the new configuration, or says why it can't: then another takes its place."""
        problem = answer["problem"] if answer else ""
        if problem:
            self._master.error_log.log("alert", f"worker process {self.pid}: {problem}")
            self.leave()
            self._master.workers.become(self._master.number)

    def tell_what_is_known(self) -> None:
        """Begin where the others are: who checks, and what the checks know."""
        workers = self._master.workers
        workers.choose_checker()
        for news in workers.checked.values():
            self.tell(control.News, news=news)

    def pass_on(self, news: bytes) -> None:
        """Let the other workers know what this one found out."""
        self._master.workers.heard(self, news)

    def is_ready(self) -> None:
        """It serves, or has ended."""
        ready, self.ready = self.ready, Deferred()
        ready.callback(None)

    def leave(self, number: int = signal.SIGQUIT) -> None:
        """Tell it to end."""
        self.leaving = True
        self.signal(number)

    def signal(self, number: int) -> None:
        """Send it a signal."""
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return


class Channel(control.Channel):
    """The master's end of a control channel."""

    link: Link
    open = False

    def connectionMade(self) -> None:
        super().connectionMade()
        self.open = True

    @control.Ready.responder
    def _ready(self) -> dict[str, Any]:
        self.link.serves = True
        self.link.is_ready()
        self.link.tell_what_is_known()
        return {}

    @control.News.responder
    def _news(self, news: bytes) -> dict[str, Any]:
        self.link.pass_on(news)
        return {}

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The worker has ended, or ends."""
        self.open = False
        super().connectionLost(reason)
        self.link.is_ready()
