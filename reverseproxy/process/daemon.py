"""The service: sockets adopted, the sweep running, the pid file written; and all of it undone."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.logger import LogEvent, Logger, LogLevel, globalLogPublisher

from reverseproxy import __version__
from reverseproxy.process import polling
from reverseproxy.process.settings import MainSettings
from reverseproxy.web.transport import Port

if TYPE_CHECKING:
    from reverseproxy.config import Configuration
    from reverseproxy.web.assembly import Assembly
    from reverseproxy.web.site import Site


class Daemon(Service):
    """One process that serves a configuration."""

    name = "reverseproxy"
    _log = Logger()

    def __init__(
        self,
        configuration: Configuration,
        assembly: Assembly,
        sockets: list[tuple[socket.socket, Site]],
    ) -> None:
        self.configuration = configuration
        self.assembly = assembly
        self._sockets = sockets
        self._ports: list[Port] = []
        self._pid_file: str | None = configuration.main[MainSettings].pid

    def startService(self) -> None:
        """Serve."""
        super().startService()
        assembly = self.assembly
        # A bound method is an ILogObserver in all but the declaration.
        globalLogPublisher.addObserver(self._observe)  # type: ignore[arg-type]
        polling.install(assembly.reactor)
        assembly.sweep.start()
        assembly.groups.start()
        for sock, site in self._sockets:
            port = Port(sock, site, assembly.reactor)
            port.startListening()
            self._ports.append(port)
        if self._pid_file is not None:
            with open(self._pid_file, "w") as file:
                file.write(f"{os.getpid()}\n")
        self._announce()

    def _announce(self) -> None:
        main = self.configuration.main
        settings = main[MainSettings]
        error_log = self.assembly.error_log
        error_log.log("notice", f"reverseproxy/{__version__} serves {len(self._ports)} addresses")
        for line in self.assembly.swept:
            error_log.log("notice", line)
        if settings.worker_processes != 1:
            origin = main.origin_of("worker_processes")
            error_log.log("warn", f"one process serves, whatever worker_processes says ({origin})")
        if os.geteuid() == 0:
            name = "no user is named" if settings.user is None else f"not as {settings.user.name}"
            error_log.log("warn", f"serving as root, {name}: rights are not dropped yet")
        self._log.info("serving {addresses}", addresses=", ".join(map(_address, self._ports)))

    def _observe(self, event: LogEvent) -> None:
        """Errors that nobody handled belong into the error log as well."""
        failure = event.get("log_failure")
        if failure is not None and event.get("log_level", LogLevel.info) >= LogLevel.error:
            self.assembly.error_log.failure("unhandled error", failure)

    def stopService(self) -> Deferred[None]:
        """Stop listening, and let go of everything."""
        super().stopService()
        stopped = [maybeDeferred(port.stopListening) for port in self._ports]
        self._ports = []
        return gatherResults(stopped).addBoth(self._let_go)

    def _let_go(self, result: Any) -> Any:
        assembly = self.assembly
        assembly.sweep.stop()
        assembly.groups.stop()
        assembly.pools.close()
        globalLogPublisher.removeObserver(self._observe)  # type: ignore[arg-type]
        if self._pid_file is not None:
            try:
                os.unlink(self._pid_file)
            except OSError as error:
                assembly.error_log.log("alert", f'"{self._pid_file}" stays: {error.strerror}')
        assembly.error_log.log("notice", "stopped")
        assembly.logs.close()
        return result


def _address(port: Port) -> str:
    host = port.getHost()
    if isinstance(host, UNIXAddress):
        return f"unix:{(host.name or b'').decode()}"
    return f"{host.host}:{host.port}"
