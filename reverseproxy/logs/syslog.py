"""Logging to syslog (RFC 3164 as nginx writes it), over UDP or a unix socket."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import attrs

from reverseproxy.config import BadValue, Word

FACILITIES: tuple[str, ...] = (
    *("kern", "user", "mail", "daemon", "auth", "intern", "lpr", "news", "uucp", "clock"),
    *("authpriv", "ftp", "ntp", "audit", "alert", "cron"),
    *(f"local{number}" for number in range(8)),
)
#: syslog's severities by nginx's names of levels; "warn" and "error" are "warning" and "err" there.
SEVERITIES = ("emerg", "alert", "crit", "error", "warn", "notice", "info", "debug")
_PORT = 514


@attrs.frozen
class SyslogTarget:
    """`syslog:server=…`: an address (host and port, or a unix socket's path) and what is said."""

    host: str
    port: int
    path: str = ""
    facility: int = FACILITIES.index("local7")
    severity: int = SEVERITIES.index("info")
    tag: str = "reverseproxy"
    hostname: bool = True

    def __str__(self) -> str:
        return f"unix:{self.path}" if self.path else f"{self.host}:{self.port}"


def syslog_target(word: Word) -> SyslogTarget:
    """Read `syslog:server=ADDRESS[,facility=…][,severity=…][,tag=…][,nohostname]`."""
    found: dict[str, object] = {}
    for part in word.text.removeprefix("syslog:").split(","):
        name, _, value = part.partition("=")
        if name == "server" and value:
            found.update(_server(value, word))
        elif name == "facility" and value in FACILITIES:
            found["facility"] = FACILITIES.index(value)
        elif name == "severity" and value in SEVERITIES:
            found["severity"] = SEVERITIES.index(value)
        elif name == "tag" and 0 < len(value) <= 32 and value.replace("_", "a").isalnum():
            found["tag"] = value
        elif part == "nohostname":
            found["hostname"] = False
        else:
            raise BadValue(f'"{part}" is nothing that syslog: takes', word, "server=, facility=, …")
    if "port" not in found:
        raise BadValue("syslog: needs server=", word, "syslog:server=127.0.0.1")
    return SyslogTarget(**found)  # type: ignore[arg-type]  # by name, each checked above


def _server(value: str, word: Word) -> dict[str, object]:
    if value.startswith("unix:"):
        return {"host": "", "port": 0, "path": value.removeprefix("unix:")}
    host, colon, port = value.rpartition(":")
    if not colon or value.endswith("]"):
        host, port = value, str(_PORT)
    if not port.isdigit() or not 1 <= int(port) <= 65535:
        raise BadValue(f'"{port}" is not a port: they go from 1 to 65535', word)
    return {"host": host.strip("[]"), "port": int(port)}


class Syslog:
    """Sends lines to one target. What can't be sent is lost and told, and never waits."""

    def __init__(
        self,
        target: SyslogTarget,
        clock: Callable[[], float],
        complain: Callable[[str], None],
    ) -> None:
        self._target = target
        self._clock = clock
        self.complain = complain
        self._socket: socket.socket | None = None
        self._host = socket.gethostname()

    def write(self, line: bytes, severity: int | None = None) -> None:
        """Send a line, less its line end; `severity` is a place in SEVERITIES."""
        target = self._target
        level = target.severity if severity is None else severity
        stamp = time.strftime("%b %e %H:%M:%S", time.localtime(self._clock()))
        name = f" {self._host}" if target.hostname else ""
        head = f"<{target.facility * 8 + level}>{stamp}{name} {target.tag}: "
        try:
            if self._socket is None:
                self._socket = self._connected()
            self._socket.send(head.encode() + line.removesuffix(b"\n"))
        except OSError as error:
            self.close()
            self.complain(f"sending to syslog at {target} failed: {error.strerror}")

    def _connected(self) -> socket.socket:
        target = self._target
        address: object
        if target.path:
            family, address = socket.AF_UNIX, target.path
        else:
            (family, _, _, _, address), *_ = socket.getaddrinfo(
                target.host, target.port, type=socket.SOCK_DGRAM
            )
        made = socket.socket(family, socket.SOCK_DGRAM)
        made.setblocking(False)
        made.connect(address)  # type: ignore[arg-type]  # of the family's kind
        return made

    def close(self) -> None:
        """Close the socket; the next line opens it again."""
        made, self._socket = self._socket, None
        if made is not None:
            made.close()
