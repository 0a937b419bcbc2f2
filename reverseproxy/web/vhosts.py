"""Choosing a virtual host by `Host`, as nginx's server_name does it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from twisted.web import vhost
from twisted.web.resource import IResource

from reverseproxy.wire.hostnames import HostNames
from reverseproxy.wire.hosts import parse_host

from .locations import Location, LocationTable

if TYPE_CHECKING:
    from reverseproxy.config import Regex
    from reverseproxy.guards.rewriting import Program

    from .request import Request
    from .settings import ServerName, ServerSettings

#: How many spellings of Host are remembered with their virtual host.
REMEMBERED = 4096


#: RFC 9110 section 5.6.2: tchar, in lower case.
_TOKEN = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
_ORDINARY = b"-0123456789abcdefghijklmnopqrstuvwxyz"


def field_names(settings: ServerSettings) -> bytes:
    """What names of fields may have (`ignore_invalid_headers`, `underscores_in_headers`).

    Applications of CGI's kind can't tell X_Real_IP from X-Real-IP: so underscores are not taken
    unless somebody says so.
    """
    if not settings.ignore_invalid_headers:
        return _TOKEN
    return _ORDINARY + b"_" if settings.underscores_in_headers else _ORDINARY


class VirtualHost:
    """A `server` block: its names and its locations; `location` stands for the block itself."""

    def __init__(
        self,
        names: tuple[ServerName, ...],
        location: Location,
        table: LocationTable,
        *,
        merge_slashes: bool,
        field_names: bytes,
        named: Mapping[bytes, Location],
        program: Program,
        find_client: Callable[[Request], None] | None = None,
    ) -> None:
        self.names = names
        #: the locations called @name
        self.named = named
        #: what the server's rewrite directives do, before a location is chosen
        self.program = program
        #: finds the client behind other proxies, if some are believed
        self.find_client = find_client
        #: the regular expressions among the names: their groups are variables
        self.regexes = tuple(name.regex for name in names if name.regex is not None)
        self.location = location
        self.locate: Callable[[bytes, Request], Location] = table.find
        self.merge_slashes = merge_slashes
        #: the bytes that names of fields may have, in lower case; other fields are dropped
        self.field_names = field_names
        #: the first name, nginx's $server_name
        self.name = names[0].text.removeprefix(".").encode() if names else b""

    def capture(self, request: Request) -> None:
        """Give the request the groups of the regular expression that chose this server."""
        name = parse_host(request.head.named.get(b"host") or b"")[0]
        for regex in self.regexes:
            match = regex.pattern.search(name)
            if match is not None:
                request.captured(match, regex.names)
                return


class NameVirtualHost(vhost.NameVirtualHost):
    """The virtual hosts of one listening address.

    nginx's order: the exact name, the longest name with a leading asterisk, the longest with a
    trailing one, the first matching regular expression, the default.
    """

    default: VirtualHost

    def __init__(self, default: VirtualHost) -> None:
        super().__init__()
        self.default = default
        self._names: HostNames[VirtualHost] = HostNames()
        self._regexes: list[tuple[re.Pattern[bytes], VirtualHost]] = []
        self._remembered: dict[bytes, VirtualHost] = {}

    def add_regex(self, regex: Regex, host: VirtualHost) -> None:
        """Add a name that is a regular expression."""
        self._regexes.append((regex.pattern, host))

    def addHost(self, name: bytes, resrc: VirtualHost) -> None:
        """Add a name or a wildcard of server_name; raises ValueError if it is there already."""
        name = name.lower()
        if self._names.add(name, resrc) is not resrc:
            raise ValueError(name)
        self.hosts[name] = resrc

    def choose(self, header: bytes) -> VirtualHost:
        """The virtual host for a Host field's value. Raises ClientError where it is invalid."""
        found = self._remembered.get(header)
        if found is None:
            found = self._find(parse_host(header)[0] if header else b"") or self.default
            if len(self._remembered) >= REMEMBERED:
                # Whoever invents names slows nobody down for longer than this.
                self._remembered.clear()
            self._remembered[header] = found
        return found

    def named(self, name: bytes) -> VirtualHost | None:
        """The virtual host that has a name (as it is in Host), None where it is nobody's.

        Raises ClientError where it is invalid.
        """
        return self._find(parse_host(name)[0])

    def _find(self, name: bytes) -> VirtualHost | None:
        found = self._names.find(name)
        if found is not None or not name:
            return found
        for pattern, host in self._regexes:
            if pattern.search(name):
                return host
        return None

    def _getResourceForRequest(self, request: Request) -> IResource:
        # For whoever looks resources up Twisted's way; `Request.begin` does it faster.
        host = self.choose(request.getHeader(b"host") or b"")
        return host.locate(request.path, request).resource
