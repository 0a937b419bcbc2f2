"""`twistd reverseproxy`: its options, and the service they make."""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn

from twisted.application.service import IService
from twisted.python import usage

from reverseproxy import features
from reverseproxy.config import Configuration, ConfigurationError, Diagnostic, find, load
from reverseproxy.guards.zones import IN_PROCESS
from reverseproxy.process.daemon import Daemon
from reverseproxy.process.inheriting import inherited
from reverseproxy.process.loaded import Loaded
from reverseproxy.process.master import Master
from reverseproxy.process.preparing import prepare
from reverseproxy.process.settings import MainSettings
from reverseproxy.process.sharing import Shared
from reverseproxy.process.sources import Sources
from reverseproxy.web import variables

DEFAULT_CONFIG = "/etc/reverseproxy"


class Options(usage.Options):
    """What `twistd reverseproxy` takes."""

    synopsis = "[options]"
    longdesc = "Serves what a configuration in nginx's language says."
    optParameters = [  # noqa: RUF012 - usage.Options wants a list on the class
        [
            "config",
            "c",
            DEFAULT_CONFIG,
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
        path = find(options["config"])
        prefix = options["prefix"] or os.path.dirname(path)

        def read(sources: Sources) -> Configuration:
            return load(
                path,
                prefix=prefix,
                classes=features.SETTINGS,
                variables=variables.known,
                read=sources.read,
                glob=sources.glob,
            )

        sources = Sources()
        configuration = read(sources)
        shared = None
        if configuration.main[MainSettings].master_process:
            shared = Shared(configuration.main)
        maker = IN_PROCESS if shared is None else shared.zone_maker(configuration)
        loaded = Loaded.made(configuration, reactor, sources, maker)
        sockets = prepare(loaded.configuration, loaded.assembly, inherited=inherited())
    except ConfigurationError as error:
        _refuse(error)
    for warning in loaded.warnings:
        _say("warn", warning)
        loaded.assembly.error_log.log("warn", str(warning))
    if shared is not None:
        return Master(reactor, loaded, sockets, read, shared)
    return Daemon(loaded, sockets, read)


def _say(level: str, diagnostic: Diagnostic) -> None:
    print(f"reverseproxy: [{level}] {diagnostic}", file=sys.stderr)


def _refuse(error: ConfigurationError) -> NoReturn:
    for diagnostic in error.diagnostics:
        _say("emerg", diagnostic)
    raise SystemExit(1)
