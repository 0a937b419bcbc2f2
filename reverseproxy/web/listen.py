"""`listen`: an address as it is written, read and compared, with the options of its socket."""

from __future__ import annotations

import ipaddress
import os
from typing import Any

import attrs

from reverseproxy.config import Args, BadValue, Origin, Word, flag, size


@attrs.frozen
class Address:
    """Where to listen: a numeric `host` ("0.0.0.0", "::", "127.0.0.1") and `port`, or a `path`."""

    host: str
    port: int
    path: str = ""

    @property
    def wildcard(self) -> bool:
        """Whether connections to any of this machine's addresses arrive here."""
        return not self.path and self.host in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound

    @classmethod
    def parse(cls, text: str) -> Address:
        """The address that `str` gave."""
        if text.startswith("unix:"):
            return cls("unix:", 0, text[5:])
        host, _, port = text.rpartition(":")
        return cls(host.strip("[]"), int(port))

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@attrs.frozen
class KeepAliveProbes:
    """`so_keepalive`: on or off, and in seconds and numbers what differs from the system's."""

    on: bool
    idle: int | None = None
    interval: int | None = None
    count: int | None = None


@attrs.frozen
class SocketOptions:
    """What a listening socket is told before it is bound. None leaves the system's choice."""

    backlog: int = 511
    rcvbuf: int | None = None
    sndbuf: int | None = None
    reuseport: bool = False
    ipv6only: bool = True
    deferred: bool = False
    fastopen: int | None = None
    so_keepalive: KeepAliveProbes | None = None


@attrs.frozen
class Listen:
    """One `listen` directive. `explicit` says that it has options of the socket."""

    address: Address
    origin: Origin
    default_server: bool = False
    options: SocketOptions = SocketOptions()
    explicit: bool = False
    ssl: bool = False


#: What nginx has for listen and this daemon has not.
_NOT_YET = frozenset({"http2", "quic", "proxy_protocol", "multipath"})
_OTHER_SYSTEMS = frozenset({"setfib", "accept_filter"})


def listen(args: Args) -> Listen:
    """`listen ADDRESS[:PORT] | PORT | unix:PATH [default_server] [OPTION…]`."""
    address = parse_address(args.words[0], args)
    default = ssl = False
    changes: dict[str, Any] = {}
    for word in args.words[1:]:
        name, _, value = word.text.partition("=")
        if word.text in ("default_server", "default"):
            default = True
        elif word.text == "ssl":
            ssl = True
        elif word.text == "bind":
            # Every address has a socket of its own here, unless a wildcard takes it along.
            continue
        elif name in _NOT_YET:
            raise BadValue(f'nginx has "{word.text}" for listen, reverseproxy has not yet', word)
        elif name in _OTHER_SYSTEMS:
            raise BadValue(f'"{name}" is for systems other than Linux', word)
        else:
            changes[name] = _option(name, attrs.evolve(word, text=value), word)
    options = attrs.evolve(SocketOptions(), **changes)
    return Listen(address, args.name.origin, default, options, bool(changes), ssl)


def _option(name: str, value: Word, word: Word) -> object:
    """The value of one option of the socket."""
    if word.text in ("reuseport", "deferred"):
        return True
    if name == "ipv6only":
        return flag(value)
    if name in ("backlog", "fastopen"):
        if not value.text.isdigit() or not int(value.text):
            raise BadValue(f'{name} takes a number such as 511, not "{value.text}"', word)
        return int(value.text)
    if name in ("rcvbuf", "sndbuf"):
        return size(value)
    if name == "so_keepalive":
        return _probes(value, word)
    raise BadValue(
        f'listen does not take "{word.text}"',
        word,
        "default_server, ssl, backlog=, rcvbuf=, sndbuf=, reuseport, deferred, fastopen=, "
        "ipv6only= and so_keepalive= are there",
    )


def _probes(value: Word, word: Word) -> KeepAliveProbes:
    if value.text in ("on", "off"):
        return KeepAliveProbes(value.text == "on")
    parts = value.text.split(":")
    if len(parts) != 3 or not all(part == "" or part.rstrip("smh").isdigit() for part in parts):
        raise BadValue(
            f'so_keepalive takes on, off or [idle]:[interval]:[count], not "{value.text}"', word
        )
    unit = {"s": 1, "m": 60, "h": 3600}

    def seconds(text: str) -> int | None:
        if not text:
            return None
        return int(text.rstrip("smh")) * unit.get(text[-1], 1)

    return KeepAliveProbes(True, seconds(parts[0]), seconds(parts[1]), seconds(parts[2]))


def parse_address(word: Word, args: Args) -> Address:
    """Read "80", "127.0.0.1:80", "*:80", "localhost:80", "[::1]:80", "unix:/path" or a host."""
    text = word.text
    if text.startswith("unix:"):
        path = text.removeprefix("unix:")
        if not path:
            raise BadValue("unix: needs a path", word, "listen unix:/run/reverseproxy.sock;")
        path = os.path.normpath(args.paths.in_prefix(path))
        if len(path.encode()) > 107:
            raise BadValue("the path of a unix socket has at most 107 bytes", word)
        return Address("unix:", 0, path)
    if text.isdigit():
        return Address("0.0.0.0", _port(text, word))  # noqa: S104 - `listen 80` means everywhere
    host, colon, port = text.rpartition(":")
    if (text.startswith("[") and text.endswith("]")) or not colon:
        host, port = text, "80"
    number = _port(port, word)
    if host == "*":
        return Address("0.0.0.0", number)  # noqa: S104 - as above
    if host == "localhost":
        return Address("127.0.0.1", number)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    try:
        return Address(str(ipaddress.ip_address(host)), number)
    except ValueError:
        raise BadValue(
            f'listen takes an address and a port such as 127.0.0.1:80 or 80, not "{text}"', word
        ) from None


def _port(text: str, word: Word) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise BadValue(f'"{text}" is not a port: they go from 1 to 65535', word)
    return int(text)
