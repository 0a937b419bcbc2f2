"""`listen`: an address as it is written, read and compared."""

from __future__ import annotations

import ipaddress

import attrs

from reverseproxy.config import Args, BadValue, Origin, Word


@attrs.frozen
class Address:
    """Where to listen: a numeric `host` ("0.0.0.0", "::", "127.0.0.1") and a `port`."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@attrs.frozen
class Listen:
    """One `listen` directive. `backlog` is the length of the queue of accept(2)."""

    address: Address
    origin: Origin
    default_server: bool = False
    backlog: int = 511


def listen(args: Args) -> Listen:
    """`listen ADDRESS[:PORT] | PORT [default_server] [backlog=N]`."""
    address = parse_address(args.words[0])
    default, backlog = False, 511
    for word in args.words[1:]:
        name, equals, value = word.text.partition("=")
        if word.text in ("default_server", "default"):
            default = True
        elif name == "backlog" and equals:
            if not value.isdigit() or not int(value):
                raise BadValue(f'backlog takes a number such as 511, not "{value}"', word)
            backlog = int(value)
        elif word.text in ("ssl", "http2", "quic") or name == "proxy_protocol":
            raise BadValue(f'nginx has "{word.text}" for listen, reverseproxy has not yet', word)
        else:
            raise BadValue(
                f'listen does not take "{word.text}"',
                word,
                "default_server and backlog=N are there",
            )
    return Listen(address, args.name.origin, default, backlog)


def parse_address(word: Word) -> Address:
    """Read "80", "127.0.0.1:80", "*:80", "localhost:80", "[::1]:80" or an address alone."""
    text = word.text
    if text.startswith("unix:"):
        raise BadValue("listening on unix sockets is not there yet", word)
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
