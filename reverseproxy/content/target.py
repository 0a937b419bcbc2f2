"""What a URL of `proxy_pass` names, be it written in the configuration or made for a request."""

from __future__ import annotations

import re

import attrs

from reverseproxy.upstream.groupsettings import ServerAddress


class BadURL(ValueError):
    """A URL that can't be passed to; the text says why."""


@attrs.frozen
class Target:
    """Where to connect, and the URI part, None where there is none.

    A unix socket's `host` is `unix:PATH`, its port 0; `has_port` says whether one was written.
    """

    host: str
    port: int
    uri: str | None
    url: str
    has_port: bool = False
    secure: bool = False

    @property
    def scheme(self) -> str:
        """`http` or `https`."""
        return "https" if self.secure else "http"

    @property
    def host_name(self) -> str:
        """Who is asked: what a certificate should be for."""
        return "localhost" if self.host.startswith("unix:") else self.host

    @property
    def address(self) -> ServerAddress:
        """Where that is, unless it is a group's name."""
        return ServerAddress(self.host, self.port)

    @property
    def name(self) -> str:
        """Nginx's $proxy_host: the host, with the port unless it is the scheme's."""
        if self.host.startswith("unix:"):
            return "localhost"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


#: RFC 3986 section 3.2 as far as proxy_pass has it: host [ ":" port ] [ uri ].
_URL = re.compile(
    r"(\[[0-9A-Fa-f:.]+\]|[^\x00-\x20\x7f/:@\[\]?#]+)(?::([0-9]+))?([/?].*)?", re.DOTALL
)


def read_target(url: str) -> Target:
    """Read `http[s]://HOST[:PORT][URI]` or `http[s]://unix:PATH[:URI]`. Raises BadURL."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.lower() not in ("http", "https"):
        raise BadURL(f'proxy_pass takes a URL such as http://127.0.0.1:8080, not "{url}"')
    secure = scheme.lower() == "https"
    if rest.startswith("unix:"):
        path, colon, uri = rest[5:].partition(":")
        if not path or "\0" in path:
            raise BadURL(f'no path in the unix socket "{url}"')
        return Target(f"unix:{path}", 0, uri if colon and uri else None, url, False, secure)
    match = _URL.fullmatch(rest)
    if match is None:
        raise BadURL(f'no host in the URL "{url}"')
    host, port, uri = match.groups()
    default = 443 if secure else 80
    number = int(port) if port and len(port) < 6 else default if not port else 0
    if not 1 <= number <= 65535:
        raise BadURL(f'"{port}" is not a port: they go from 1 to 65535')
    return Target(host.strip("[]"), number, uri, url, bool(port), secure)
