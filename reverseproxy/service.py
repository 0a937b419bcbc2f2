"""`twistd reverseproxy`: its options, and the service they make."""

from __future__ import annotations

from typing import Any

from twisted.application.service import IService
from twisted.python import usage

from reverseproxy.about import CONFIGURATION
from reverseproxy.config import Configuration, ConfigurationError
from reverseproxy.guards.zones import IN_PROCESS
from reverseproxy.process import polling
from reverseproxy.process.daemon import Daemon
from reverseproxy.process.inheriting import inherited
from reverseproxy.process.loaded import Loaded
from reverseproxy.process.loading import Given, configuration
from reverseproxy.process.master import Master
from reverseproxy.process.preparing import prepare
from reverseproxy.process.settings import MainSettings
from reverseproxy.process.sharing import Shared
from reverseproxy.process.sources import Sources
from reverseproxy.process.telling import tell


class Options(usage.Options):
    """What `twistd reverseproxy` takes."""

    synopsis = "[options]"
    longdesc = "Serves what a configuration in nginx's language says."
    optParameters = [  # noqa: RUF012 - usage.Options wants a list on the class
        [
            "config",
            "c",
            CONFIGURATION,
            "The configuration: a file, or a directory with reverseproxy.conf or nginx.conf in it.",
        ],
        [
            "prefix",
            "p",
            None,
            "Where relative paths of root and logs start: by default where the configuration is.",
        ],
    ]


def makeService(options: Options, reactor: Any = None) -> IService:
    """Read the configuration, open files and sockets; the service that serves.

    Whatever is wrong is one line each on standard error, and SystemExit(1).
    """
    if reactor is None:
        from twisted.internet import reactor
    try:
        return build(Given(options["config"], options["prefix"]), reactor)
    except ConfigurationError as error:
        tell("emerg", error.diagnostics)
        raise SystemExit(1) from None


def build(given: Given, reactor: Any) -> Master | Daemon:
    """The same from what a command line says. Raises ConfigurationError."""

    def read(sources: Sources) -> Configuration:
        return configuration(given, sources.read, sources.glob)

    polling.steady(reactor)
    sources = Sources()
    first = read(sources)
    shared = Shared(first.main) if first.main[MainSettings].master_process else None
    maker = IN_PROCESS if shared is None else shared.zone_maker(first)
    found = inherited()
    try:
        loaded = Loaded.made(first, reactor, sources, maker)
        sockets = prepare(first, loaded.assembly, inherited=found)
    except ConfigurationError:
        if shared is not None:
            shared.discard(maker)
            shared.close()
        raise
    tell("warn", loaded.warnings)
    for warning in loaded.warnings:
        loaded.assembly.error_log.log("warn", str(warning))
    if shared is not None:
        return Master(reactor, loaded, sockets, read, shared, frozenset(found))
    return Daemon(loaded, sockets, read)
