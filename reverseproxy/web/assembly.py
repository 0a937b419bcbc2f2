"""From settings to the objects that serve: once, when a configuration is loaded.

`Assembly` walks the merged levels and makes a `Site` for each listening address, a `VirtualHost`
for each server and a `Location` for each location, and holds what they share: the sweep, the log
files, the upstream pools. What can be decided for all requests is decided here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import attrs
from twisted.web.resource import IResource

from reverseproxy import __version__, features
from reverseproxy.config import (
    BadValue,
    Configuration,
    ConfigurationError,
    Diagnostic,
    Level,
    Word,
)
from reverseproxy.config.regex import compile_regex
from reverseproxy.content.slash import AddsSlash, SlashResource
from reverseproxy.logs.access import AccessLogSettings, Line, compile_format, compose, formats
from reverseproxy.logs.errors import ErrorLog, ErrorLogSettings, ErrorLogTarget
from reverseproxy.logs.files import LogFiles
from reverseproxy.process.settings import EventsSettings
from reverseproxy.upstream.pool import Pools

from .dates import Dates
from .listen import Address, Listen
from .locations import HeaderFilter, Location, LocationTable, Rule
from .settings import ClientSettings, ServerSettings
from .site import Connections, HeadLimits, Site
from .sweep import Sweep
from .variables import Variables
from .vhosts import NameVirtualHost, VirtualHost

_SERVER_LINES = {
    "on": b"Server: reverseproxy/%b\r\n" % __version__.encode(),
    "build": b"Server: reverseproxy/%b\r\n" % __version__.encode(),
    "off": b"Server: reverseproxy\r\n",
}
#: Where a server without a `listen` listens (nginx: 80, or 8000 without root's rights).
DEFAULT_LISTEN = Address("0.0.0.0", 80)  # noqa: S104 - nginx's meaning


class Assembly:
    """What a configuration becomes. `sites` maps each `Listen` to its Site.

    `seconds` is monotonic time, `clock` seconds since the epoch. Raises ConfigurationError for
    what only shows when the pieces are put together.
    """

    def __init__(
        self,
        configuration: Configuration,
        reactor: Any,
        *,
        seconds: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
        stderr: Callable[[bytes], None] = lambda _line: None,
    ) -> None:
        self.reactor = reactor
        self.seconds = seconds
        self.dates = Dates(clock)
        self.log_files = LogFiles()
        self.variables = Variables()
        self.errors: list[Diagnostic] = []
        #: what was found and removed at start, for the error log
        self.swept: list[str] = []
        self._stderr = stderr
        self._error_logs: dict[tuple[ErrorLogTarget, ...], ErrorLog] = {}
        main = configuration.main
        self.error_log = self.error_log_of(main)
        self.log_files.complain = self.error_log.complain
        events = main.of_kind("events")
        limit = (events[0] if events else main)[EventsSettings].worker_connections
        self.connections = Connections(limit)
        self.sweep = Sweep(reactor, seconds, interval=_shortest(main) / 4)
        self.pools = Pools(self)
        self.sites: dict[Listen, Site] = {}
        for http in main.of_kind("http"):
            self._build(http)
        if self.errors:
            raise ConfigurationError(self.errors)

    def error_log_of(self, level: Level) -> ErrorLog:
        """The error log of a level; places with the same targets share one."""
        targets = level[ErrorLogSettings].error_log
        if targets not in self._error_logs:
            writers: list[tuple[Callable[[bytes], None], str]] = []
            for target in targets:
                if target.path == "stderr":
                    writers.append((self._stderr, target.level))
                elif target.path is not None:
                    file = self.log_files.at(target.path)
                    self._named(file.path, level, "error_log")
                    writers.append((file.write, target.level))
            self._error_logs[targets] = ErrorLog(tuple(writers), self.dates.clock)
        return self._error_logs[targets]

    def _named(self, path: str, level: Level, directive: str) -> None:
        origin = level.origin_of(directive)
        self.log_files.origins.setdefault(path, origin)

    # --- servers ---

    def _build(self, http: Level) -> None:
        by_address: dict[Address, list[tuple[Listen, VirtualHost, Level]]] = {}
        for server in http.of_kind("server"):
            host = self._virtual_host(server)
            settings = server[ServerSettings]
            listens = settings.listen or (Listen(DEFAULT_LISTEN, server.origin),)
            for listen in listens:
                entries = by_address.setdefault(listen.address, [])
                if any(level is server for _, _, level in entries):
                    self._complain(listen.origin, f"{listen.address} is listened on twice here")
                    continue
                entries.append((listen, host, server))
        for entries in by_address.values():
            self._site(entries)

    def _site(self, entries: list[tuple[Listen, VirtualHost, Level]]) -> None:
        """One address: which server is the default, and who has which name."""
        declared = [entry for entry in entries if entry[0].default_server]
        for listen, _, _ in declared[1:]:
            self._complain(
                listen.origin,
                f"a duplicate default_server for {listen.address}: "
                f"the first is at {declared[0][0].origin}",
            )
        listen, default, level = (declared or entries)[0]
        vhosts = NameVirtualHost(default)
        for entry, host, server in entries:
            for name in host.names or ("",):
                try:
                    vhosts.addHost(_host_name(name), host)
                except ValueError:
                    origin = server.origin_of("server_name") or entry.origin
                    self.error_log.log(
                        "warn",
                        f'{origin}: conflicting server name "{name}" on {entry.address}, ignored',
                    )
        self.sites[listen] = Site(
            vhosts,
            reactor=self.reactor,
            sweep=self.sweep,
            dates=self.dates,
            seconds=self.seconds,
            connections=self.connections,
            settings=level[ClientSettings],
            head_limits=HeadLimits.of(level[ServerSettings].large_client_header_buffers),
            error_log=self.error_log_of(level),
        )

    def _virtual_host(self, server: Level) -> VirtualHost:
        settings = server[ServerSettings]
        location = self._location(server, b"")
        table = LocationTable(self._rules(server), location)
        return VirtualHost(settings.server_name or (), location, table, settings.merge_slashes)

    # --- locations ---

    def _rules(self, parent: Level) -> list[Rule]:
        rules: list[Rule] = []
        seen: dict[tuple[str, bytes], Level] = {}
        for level in parent.of_kind("location"):
            try:
                kind, word = _matcher(level)
                text = word.text.encode()
                if kind in ("~", "~*"):
                    text = compile_regex(word).pattern.pattern
            except BadValue as error:
                self._complain((error.word or level.args[0]).origin, str(error))
                continue
            key = ("prefix" if kind == "^~" else kind, text)
            if key in seen:
                self._complain(
                    level.origin,
                    f'location "{word.text}" is there twice: the first is at {seen[key].origin}',
                )
                continue
            seen[key] = level
            prefix = text if kind in ("=", "prefix", "^~") else b""
            location = self._location(level, prefix)
            inner = self._rules(level)
            rules.append(
                Rule(kind, text, location, LocationTable(inner, location) if inner else None)
            )
        return rules + self._slash_rules(rules)

    def _slash_rules(self, rules: list[Rule]) -> list[Rule]:
        """Nginx's 301 from `/app` to `/app/` where `location /app/` is passed on."""
        taken = {rule.text for rule in rules if rule.kind in ("=", "prefix", "^~")}
        made = []
        for rule in rules:
            bare = rule.text[:-1]
            if rule.kind not in ("prefix", "^~") or not rule.text.endswith(b"/") or not bare:
                continue
            if bare not in taken and isinstance(rule.location.resource, AddsSlash):
                location = attrs.evolve(rule.location, resource=SlashResource(), prefix=bare)
                made.append(Rule("=", bare, location))
        return made

    def _location(self, level: Level, prefix: bytes) -> Location:
        client = level[ClientSettings]
        return Location(
            level=level,
            resource=self._chain(level, prefix),
            filters=self._filters(level),
            log=self._access_log(level),
            error_log=self.error_log_of(level),
            client=client,
            spool=client.client_body_temp_path,
            server_line=_SERVER_LINES[client.server_tokens],
            prefix=prefix,
            cork=client.tcp_nopush,
        )

    def _chain(self, level: Level, prefix: bytes) -> IResource:
        resource: IResource | None = None
        for content in features.CONTENTS:
            resource = content(level, self, prefix)
            if resource is not None:
                break
        if resource is None:
            raise AssertionError("the last of CONTENTS answers everything")
        for guard in reversed(features.GUARDS):
            resource = guard(level, self, resource) or resource
        return resource

    def _filters(self, level: Level) -> tuple[HeaderFilter, ...]:
        made = [header_filter(level, self) for header_filter in features.FILTERS]
        return tuple(one for one in made if one is not None)

    def _access_log(self, level: Level) -> Callable[[Any], None]:
        logs: list[tuple[Line, Callable[[bytes], None]]] = []
        known = formats(level)
        for target in level[AccessLogSettings].access_log:
            if target.path is None:
                return compose([])
            name = target.format.text if target.format is not None else "combined"
            file = self.log_files.at(target.path)
            self._named(file.path, level, "access_log")
            logs.append((compile_format(known[name], self.variables), file.write))
        return compose(logs)

    def _complain(self, origin: Any, message: str) -> None:
        self.errors.append(Diagnostic(origin, message))


def _matcher(level: Level) -> tuple[str, Word]:
    """The kind and the text of `location [= | ^~ | ~ | ~*] TEXT`, attached or apart."""
    first = level.args[0]
    if len(level.args) == 2:
        if first.text not in ("=", "^~", "~", "~*"):
            raise BadValue(
                f'location takes =, ^~, ~ or ~* before the path, not "{first.text}"', first
            )
        return first.text, level.args[1]
    for kind in ("=", "^~", "~*", "~"):
        if first.text.startswith(kind) and len(first.text) > len(kind) and not first.quoted:
            return kind, Word(first.text[len(kind) :], first.origin, first.quoted)
    if first.text.startswith("@"):
        raise BadValue("named locations are not there yet", first)
    return "prefix", first


def _host_name(name: str) -> bytes:
    return name.encode("ascii" if name.isascii() or name.startswith("~") else "idna")


def _shortest(main: Level) -> float:
    """The shortest time-out in the configuration: the sweep must be finer than that."""
    shortest = 4.0
    levels = [main]
    while levels:
        level = levels.pop()
        levels.extend(level.children)
        for setting in level.own:
            if setting.name.endswith("_timeout"):
                value = getattr(setting.value, "server", setting.value)
                if isinstance(value, float) and value > 0:
                    shortest = min(shortest, value)
    return shortest
