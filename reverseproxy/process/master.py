"""The master: it reads the configuration, opens what takes rights to open, and minds the workers.

It serves nobody itself. A reload is read and checked here as a whole; only when all is right do the
workers hear of it, and get the descriptors of what is new. Signals are nginx's.
"""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger, globalLogPublisher

from reverseproxy import __version__
from reverseproxy.config import ConfigurationError
from reverseproxy.guards.zones import IN_PROCESS, ZoneMaker

from . import signals
from .loaded import Loaded
from .observing import Observer
from .pidfile import PidFile
from .preparing import prepare
from .renewing import Renewing
from .rights import lasting
from .settings import MainSettings
from .sharing import Shared, number_of_workers
from .sources import Sources
from .systemd import Notifier
from .upgrading import Upgrade
from .workers import Workers

if TYPE_CHECKING:
    import socket
    from collections.abc import Container

    from reverseproxy.config import Level
    from reverseproxy.logs.errors import ErrorLog
    from reverseproxy.web.listen import Address

    from .loaded import Read


class Master(Service):
    """Reloads, reopens, stops; the workers are `Workers`."""

    name = "reverseproxy"
    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        loaded: Loaded,
        sockets: dict[Address, socket.socket],
        read: Read,
        shared: Shared,
        inherited: Container[Address] = (),
    ) -> None:
        """`inherited` are the addresses that whoever started this process listens on as well."""
        self.reactor = reactor
        self.loaded = loaded
        self.sockets = sockets
        self.read = read
        self.shared = shared
        shared.keep(loaded.zone_maker)
        self.observer = Observer(lambda: self.error_log)
        self.pid_file = PidFile(self._main[MainSettings].pid)
        self.workers = Workers(self)
        self._inherited = inherited
        self._parent = os.getppid()
        self._upgrade = Upgrade(self)
        self._notifier = Notifier(reactor)
        self._renewing = Renewing(reactor, lambda: self.loaded, self._renew)
        self._reloading = False
        self._reload_again = False

    @property
    def _main(self) -> Level:
        return self.loaded.configuration.main

    @property
    def error_log(self) -> ErrorLog:
        """The log of the configuration in force."""
        return self.loaded.assembly.error_log

    @property
    def number(self) -> int:
        """How many workers there are to be."""
        return number_of_workers(self._main)

    # --- the start ---

    def startService(self) -> None:
        """Start the workers; the pid file comes last, and where it can't be written OSError."""
        super().startService()
        globalLogPublisher.addObserver(self.observer)
        what = f"reverseproxy/{__version__} serves {len(self.sockets)} addresses"
        self.error_log.log("notice", what)
        for line in self.loaded.assembly.swept:
            self.error_log.log("notice", line)
        self._hear()
        self.workers.become(self.number)
        self.reactor.callWhenRunning(self._begin)
        self._renewing.start()
        self.pid_file.write()
        self._log.info("serving {addresses}", addresses=", ".join(map(str, self.sockets)))

    def _begin(self) -> None:
        # Twisted has set its own handlers just now.
        self._hear()
        self._reap()
        self._notifier.ready(self._status)

    def _hear(self) -> None:
        """Hear signals; who finds the pid file may send one at once."""
        signals.install(
            self.reactor,
            {
                signal.SIGHUP: self.reload,
                signal.SIGUSR1: self.reopen,
                signal.SIGQUIT: lambda: self.stop(signal.SIGQUIT),
                signal.SIGTERM: lambda: self.stop(signal.SIGTERM),
                signal.SIGINT: lambda: self.stop(signal.SIGTERM),
                signal.SIGWINCH: self.workers.drain,
                signal.SIGUSR2: self._upgrade.start,
                signal.SIGCHLD: self._reap,
            },
        )

    def _reap(self) -> None:
        if self._upgrade.reap():
            self._notifier.ready(self._status)
        self.workers.reap()

    def _status(self) -> str:
        active = self.shared.scoreboard.total().active
        return f"serving {active:,} connections, {self.workers.serving} workers"

    # --- reload ---

    def reload(self, renewed: Sources | None = None) -> None:
        """Read the configuration again; if anything is wrong nothing changes.

        `renewed` is what was read before, with certificates in it that are new.
        """
        if self._reloading:
            self._reload_again = True
            return
        if self._upgrade.under_way:
            # As nginx: what the file says now may be for the newer program.
            self.error_log.log("notice", "starting workers again, the configuration is as it was")
            self.workers.become(self.number)
            return
        self.error_log.log("notice", "reconfiguring")
        sources = renewed or Sources()
        maker: ZoneMaker = IN_PROCESS
        try:
            configuration = self.read(sources)
            maker = self.shared.zone_maker(configuration)
            loaded = Loaded.made(configuration, self.reactor, sources, maker)
            sockets = prepare(loaded.configuration, loaded.assembly, self.sockets)
        except ConfigurationError as error:
            self.shared.discard(maker)
            for diagnostic in error.diagnostics:
                self.error_log.log("emerg", str(diagnostic))
            self.error_log.log("error", "the configuration is as it was")
            return
        self._reloading = True
        self._notifier.reloading()
        self._change(loaded, sockets).addBoth(self._reloaded)

    def _renew(self, sources: Sources) -> bool:
        if self._reloading:
            return False
        self.reload(sources)
        return True

    def _change(self, loaded: Loaded, new: dict[Address, socket.socket]) -> Deferred[Any]:
        before, self.loaded = self.loaded, loaded
        # Before any process is made: it would keep them open.
        before.assembly.logs.close()
        self.shared.keep(loaded.zone_maker)
        wanted = {listen.address for listen in loaded.assembly.sites}
        for address in self.sockets.keys() - wanted:
            # The workers let in who waits there, and close theirs.
            self._close(address)
        self.sockets |= new
        self.pid_file.move(self._main[MainSettings].pid, self.error_log)
        for warning in loaded.warnings:
            self.error_log.log("warn", str(warning))
        if lasting(before.configuration.main) != lasting(self._main):
            # Rights and limits are for life: these workers can't have others.
            done = self.workers.replace(self.number)
        else:
            done = self.workers.adopt(loaded.sources, new)
            self.workers.become(self.number)
        return done

    def _reloaded(self, _result: Any) -> None:
        self.error_log.log("notice", "reconfigured")
        self._reloading = False
        self._notifier.ready(self._status)
        if self._reload_again:
            self._reload_again = False
            self.reload()

    def reopen(self) -> None:
        """Open the log files anew, after a rotation, and give them to the workers."""
        self.error_log.log("notice", "reopening logs")
        self.loaded.assembly.logs.reopen()
        self.workers.reopen()

    # --- the end ---

    def stop(self, number: int) -> None:
        """Tell the workers to end with a signal, and end with the last of them."""
        self._notifier.stopping(self._upgrade.successor)
        self.workers.stop(number)
        if self.workers.none:
            signals.stop(self.reactor)
        else:
            self.workers.when_none = lambda: signals.stop(self.reactor)

    def stopService(self) -> Deferred[None]:
        """End the workers that are left, and let go of everything."""
        super().stopService()
        self._renewing.stop()
        done: Deferred[None] = Deferred()
        if self.workers.none:
            done.callback(None)
        else:
            self.workers.when_none = lambda: done.callback(None)
            self.workers.stop(signal.SIGTERM)
        return done.addBoth(self._let_go)

    def _let_go(self, result: Any) -> Any:
        globalLogPublisher.removeObserver(self.observer)
        for address in tuple(self.sockets):
            self._close(address)
        self.pid_file.remove(self.error_log)
        self.error_log.log("notice", "stopped")
        self.loaded.assembly.logs.close()
        return result

    def _close(self, address: Address) -> None:
        """Listen there no more; the name of a unix socket stays where another program serves it."""
        self.sockets.pop(address).close()
        theirs = address in self._inherited and os.getppid() == self._parent
        if address.path and not theirs and not self._upgrade.under_way:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(address.path)
