"""`twistd reverseproxy`: its options, and the service they make."""

from __future__ import annotations

from typing import Any

from twisted.application.service import IService
from twisted.python import usage

from reverseproxy.about import CONFIGURATION
from reverseproxy.config import ConfigurationError
from reverseproxy.process.daemon import Daemon
from reverseproxy.process.loading import Given, configuration
from reverseproxy.process.preparing import prepare
from reverseproxy.process.telling import tell, to_stderr
from reverseproxy.web.assembly import Assembly


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


def build(given: Given, reactor: Any) -> Daemon:
    """The same from what a command line says. Raises ConfigurationError."""
    loaded = configuration(given)
    assembly = Assembly(loaded, reactor, stderr=to_stderr)
    sockets = prepare(loaded, assembly)
    warnings = (*loaded.warnings, *assembly.warnings)
    tell("warn", warnings)
    for warning in warnings:
        assembly.error_log.log("warn", str(warning))
    return Daemon(loaded, assembly, sockets)
