"""One process that serves a configuration by itself: sockets adopted, signals heard, a pid file.

`master_process off`, and what tests drive. With a master it is `process/master.py`.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults
from twisted.logger import Logger, globalLogPublisher

from reverseproxy import __version__
from reverseproxy.config import ConfigurationError
from reverseproxy.process import allocating, polling, signals
from reverseproxy.process.loaded import Loaded
from reverseproxy.process.observing import Observer
from reverseproxy.process.pidfile import PidFile
from reverseproxy.process.preparing import prepare
from reverseproxy.process.renewing import Renewing
from reverseproxy.process.serving import Serving
from reverseproxy.process.settings import MainSettings
from reverseproxy.process.sources import Sources

if TYPE_CHECKING:
    import socket

    from reverseproxy.web.assembly import Assembly
    from reverseproxy.web.listen import Address

    from .loaded import Read


class Daemon(Service):
    """Serves; SIGHUP reloads, SIGUSR1 reopens the logs, SIGQUIT lets requests finish first."""

    name = "reverseproxy"
    _log = Logger()

    def __init__(self, loaded: Loaded, sockets: dict[Address, socket.socket], read: Read) -> None:
        self.loaded = loaded
        self._sockets = sockets
        self._read = read
        self.serving = Serving(loaded.assembly)
        self._observer = Observer(lambda: self.assembly.error_log)
        self._renewing = Renewing(loaded.assembly.reactor, lambda: self.loaded, self._renew)
        self._pid_file = PidFile(loaded.configuration.main[MainSettings].pid)

    @property
    def assembly(self) -> Assembly:
        """What is served."""
        return self.serving.assembly

    def startService(self) -> None:
        """Serve."""
        super().startService()
        reactor = self.assembly.reactor
        globalLogPublisher.addObserver(self._observer)
        polling.install(reactor)
        allocating.settle()
        self.serving.start(self._sockets)
        reactor.callWhenRunning(self._listen_to_signals)
        self._renewing.start()
        self._announce()
        self._pid_file.write()

    def _listen_to_signals(self) -> None:
        reactor = self.assembly.reactor
        signals.install(
            reactor,
            {
                signal.SIGHUP: self.reload,
                signal.SIGUSR1: self.reopen,
                signal.SIGQUIT: lambda: self.serving.quit(lambda: signals.stop(reactor)),
                signal.SIGTERM: lambda: signals.stop(reactor),
                signal.SIGINT: lambda: signals.stop(reactor),
            },
        )

    def _announce(self) -> None:
        error_log = self.assembly.error_log
        ports = self.serving.ports
        error_log.log("notice", f"reverseproxy/{__version__} serves {len(ports)} addresses")
        for line in self.assembly.swept:
            error_log.log("notice", line)
        self._log.info("serving {addresses}", addresses=", ".join(map(str, ports)))

    # --- signals ---

    def reload(self, renewed: Sources | None = None) -> None:
        """Read the configuration again and serve it; if anything is wrong nothing changes.

        `renewed` is what was read before, with certificates in it that are new.
        """
        before = self.assembly
        before.error_log.log("notice", "reconfiguring")
        try:
            sources = renewed or Sources()
            loaded = Loaded.made(self._read(sources), before.reactor, sources, previous=before)
            sockets = prepare(loaded.configuration, loaded.assembly, self.serving.ports)
        except ConfigurationError as error:
            for diagnostic in error.diagnostics:
                before.error_log.log("emerg", str(diagnostic))
            before.error_log.log("error", "the configuration is as it was")
            return
        self.loaded = loaded
        self.serving.change(loaded.assembly, sockets)
        for warning in loaded.warnings:
            self.assembly.error_log.log("warn", str(warning))
        self.assembly.error_log.log("notice", "reconfigured")

    def _renew(self, sources: Sources) -> bool:
        self.reload(sources)
        return True

    def reopen(self) -> None:
        """Open the log files anew, after a rotation."""
        self.assembly.error_log.log("notice", "reopening logs")
        self.assembly.logs.reopen()

    def stopService(self) -> Deferred[None]:
        """Stop listening, and let go of everything."""
        super().stopService()
        self._renewing.stop()
        return gatherResults(self.serving.stop()).addBoth(self._let_go)

    def _let_go(self, result: Any) -> Any:
        globalLogPublisher.removeObserver(self._observer)
        error_log = self.assembly.error_log
        self._pid_file.remove(error_log)
        error_log.log("notice", "stopped")
        self.serving.close()
        return result
