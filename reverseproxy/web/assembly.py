"""From settings to the objects that serve: once, when a configuration is loaded.

`Assembly` walks the merged levels and makes a `Site` for each listening address, a `VirtualHost`
for each server and a `Location` for each location, and holds what they share: the sweep, the log
files, the upstream pools. What can be decided for all requests is decided here.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

import attrs
from twisted.web.resource import IResource

from reverseproxy import features
from reverseproxy.config import (
    Configuration,
    ConfigurationError,
    Diagnostic,
    Level,
    Matcher,
    Origin,
    read_file,
)
from reverseproxy.config.load import no_collection
from reverseproxy.config.parser import Read
from reverseproxy.content import healthchecks
from reverseproxy.content.documents import documents
from reverseproxy.content.filecache import CacheSize, FileCache
from reverseproxy.content.filesettings import media_types
from reverseproxy.content.slash import AddsSlash, SlashResource
from reverseproxy.filters import servertokens
from reverseproxy.guards import realip, rewriting
from reverseproxy.guards.zones import IN_PROCESS, ZoneMaker
from reverseproxy.logs.errors import ErrorLog
from reverseproxy.logs.logs import Logs
from reverseproxy.process.settings import EventsSettings
from reverseproxy.process.sharedring import SharedRing
from reverseproxy.process.workersettings import WorkerSettings
from reverseproxy.tls import overhearing, sessions
from reverseproxy.tls.clientstatus import ClientStatuses
from reverseproxy.tls.context import Contexts, SecureHost
from reverseproxy.tls.names import Secured
from reverseproxy.tls.responders import Responders
from reverseproxy.tls.settings import Trouble
from reverseproxy.tls.stapling import Stapling
from reverseproxy.tls.upstream import UpstreamContexts
from reverseproxy.upstream.groups import Groups
from reverseproxy.upstream.names import System, ask_system
from reverseproxy.upstream.pool import Pools

from . import addresses, pipes
from .dates import Dates
from .errorpages import detours
from .listen import Address, Listen
from .locations import HeaderFilter, Location, LocationTable, Rule
from .once import Once
from .place import Place
from .postaction import followed
from .settings import ClientSettings, KeepAlive, ServerSettings
from .site import Connections, HeadLimits, Site
from .sweep import Sweep
from .variables import Variables
from .vhosts import NameVirtualHost, VirtualHost, field_names

T = TypeVar("T")


@attrs.frozen
class Served:
    """A server at one of the addresses that it listens on."""

    site: Site
    host: VirtualHost
    address: Address


class Assembly:
    """What a configuration becomes. `sites` maps each `Listen` to its Site.

    `seconds` is monotonic time, `clock` seconds since the epoch, `system` tells the addresses of
    hosts, `zone_maker` makes the zones of limits, `read` gives a file's bytes (certificates, keys).
    `previous` is the assembly that is served until this one takes its place (`succeed`): it shares
    its clocks and counters, and gives its upstream connections, log files and zones where the new
    one has the same. Raises ConfigurationError for what only shows when the pieces are put
    together.
    """

    def __init__(
        self,
        configuration: Configuration,
        reactor: Any,
        *,
        seconds: Callable[[], float] = time.monotonic,
        clock: Callable[[], float] = time.time,
        stderr: Callable[[bytes], None] = lambda _line: None,
        system: System = ask_system,
        zone_maker: ZoneMaker = IN_PROCESS,
        read: Read = read_file,
        previous: Assembly | None = None,
    ) -> None:
        self.reactor = reactor
        self.seconds = seconds
        main = configuration.main
        interval = _shortest(main) / 4
        if previous is None:
            self.dates = Dates(clock)
            self.connections = Connections(0)
            self.sweep = Sweep(reactor, seconds, interval)
            self.sweep.add(pipes.KEPT)
        else:
            self.dates, self.sweep = previous.dates, previous.sweep
            self.connections = previous.connections
        self._before = previous
        #: what places share, while they are made
        self.once = Once()
        self.logs: Logs = Logs(self, stderr, None if previous is None else previous.logs)
        self.log_files = self.logs.files
        self.variables = Variables(rewriting.uninitialized)
        self._zone_maker = zone_maker
        #: what is counted for limits, by the name of its zone, with what the zone is like
        self._zones: dict[str, tuple[object, object]] = {}
        self.errors: list[Diagnostic] = []
        #: the `open_file_cache`s; places that say the same share one
        self.file_caches: dict[CacheSize, FileCache] = {}
        #: what is odd and not wrong; told when the log files are open
        self.warnings: list[Diagnostic] = []
        #: what was found and removed at start, for the error log
        self.swept: list[str] = []
        self.error_log = self.error_log_of(main)
        self.pools: Pools = Pools(self, None if previous is None else previous.pools)
        self.groups: Groups = Groups(self, system, None if previous is None else previous.groups)
        self.upstream_contexts: UpstreamContexts = UpstreamContexts(
            read, self.log_files, None if previous is None else previous.upstream_contexts
        )
        responders = Responders(self.pools, self.groups.names, self.dates.clock)
        self.stapling: Stapling = Stapling(
            responders,
            self.sweep,
            self.dates.clock,
            self.error_log_of,
            None if previous is None else previous.stapling,
        )
        self.statuses: ClientStatuses = ClientStatuses(
            responders,
            self.dates.clock,
            self.error_log_of,
            self.ring,
            None if previous is None else previous.statuses,
        )
        self._contexts: Contexts = Contexts(
            read, self.warnings.append, self.variables.compile, self.stapling, self.statuses
        )
        self._secure_hosts: dict[Level, SecureHost | None] = {}
        #: files that are looked at for being renewed; of certificates when they end (epoch)
        self.renewable = self._contexts.renewable
        self.sites: dict[Listen, Site] = {}
        #: where each server is listened for, first
        self.served: dict[Level, Served] = {}
        with no_collection():
            for http in main.of_kind("http"):
                self._build(http)
        self.once.forget()
        if self.errors:
            self.discard()
            raise ConfigurationError(self.errors)
        #: how long connections may last that are to end, in seconds; None is for ever
        self.shutdown_timeout = main[WorkerSettings].worker_shutdown_timeout
        self.sweep.every(interval)
        events = main.of_kind("events")
        self.connections.limit = (events[0] if events else main)[EventsSettings].worker_connections

    def succeed(self) -> None:
        """Serve instead of the assembly before: what only that one had is let go."""
        self._before = None
        self.groups.succeed()
        self.pools.succeed()
        self.upstream_contexts.succeed()
        self.stapling.succeed()
        self.logs.succeed()

    def discard(self) -> None:
        """Never be served: let go of what the assembly before has not."""
        self.logs.discard()

    def zone(self, name: str, definition: object, make: Callable[[ZoneMaker], T]) -> T:
        """The zone of a limit, one for all that use it.

        The one of the assembly before lives on where its definition did, and who makes zones.
        """
        definition = (definition, type(self._zone_maker))
        known = self._zones.get(name)
        if known is None:
            before = None if self._before is None else self._before._zones.get(name)
            if before is None or before[0] != definition:
                before = (definition, make(self._zone_maker))
            known = self._zones[name] = before
        return cast(T, known[1])

    def ring(self, name: str, size: int) -> SharedRing | None:
        """Memory for values that workers share, as of `zone`; None if this process is alone."""
        return self.zone(name, size, lambda maker: maker.ring(name, size, size))

    def error_log_of(self, level: Level) -> ErrorLog:
        """The error log of a level."""
        return self.logs.errors(level)

    # --- servers ---

    def _build(self, http: Level) -> None:
        self.variables.settable |= rewriting.settable(http)
        for declare in features.DECLARATIONS:
            declare(http, self.variables)
        self.groups.declare(http)
        servers = [(self._virtual_host(server), server) for server in http.of_kind("server")]
        sites: dict[Listen, Site] = {}
        root = os.geteuid() == 0
        for entries in addresses.by_address(servers, root=root, complain=self.complain):
            sites[addresses.bound(entries)] = self._site(entries)
        self.sites.update(addresses.under_wildcards(sites))

    def _site(self, entries: list[addresses.Entry]) -> Site:
        level = addresses.default_of(entries).level
        vhosts = addresses.virtual_hosts(entries, self.warnings)
        error_log = self.error_log_of(level)
        site = Site(
            vhosts,
            reactor=self.reactor,
            sweep=self.sweep,
            dates=self.dates,
            seconds=self.seconds,
            connections=self.connections,
            settings=level[ClientSettings],
            head_limits=HeadLimits.of(level[ServerSettings]),
            error_log=error_log,
            secured=self._secured(vhosts, entries, error_log),
        )
        for entry in entries:
            self.served.setdefault(entry.level, Served(site, entry.host, entry.listen.address))
        return site

    def _secured(
        self, vhosts: NameVirtualHost, entries: list[addresses.Entry], error_log: ErrorLog
    ) -> Secured | None:
        """TLS for an address, where one of its `listen`s says so: then it is for all servers."""
        if not any(entry.listen.ssl for entry in entries):
            return None
        hosts = {entry.host: self._secure_host(entry.level) for entry in entries}
        known = {host: secure for host, secure in hosts.items() if secure is not None}
        if len(known) < len(hosts):
            return None
        overhears = not self.variables.used.isdisjoint(overhearing.VARIABLES)
        zone, shared = None, known[vhosts.default].root.zone
        if shared is not None and sessions.can_share():
            zone = self.ring(f"ssl_session_cache {shared[0]}", shared[1])
        return Secured(vhosts, known, error_log, overhears, zone)

    def _secure_host(self, level: Level) -> SecureHost | None:
        """A server's TLS, made once; None and an error if it can't be."""
        if level not in self._secure_hosts:
            made = None
            try:
                made = self._contexts.host(level)
            except Trouble as trouble:
                self.errors.append(trouble.diagnostic)
            self._secure_hosts[level] = made
        return self._secure_hosts[level]

    def _virtual_host(self, server: Level) -> VirtualHost:
        settings = server[ServerSettings]
        place = Place(server, b"", "server", self)
        location = self.location(place)
        self._named_locations: dict[bytes, Location] = {}
        table = LocationTable(self._rules(server), location)
        return VirtualHost(
            settings.server_name or (),
            location,
            table,
            merge_slashes=settings.merge_slashes,
            field_names=field_names(settings),
            named=self._named_locations,
            program=rewriting.program(place),
            find_client=realip.finder(place),
        )

    # --- locations ---

    def _rules(self, parent: Level) -> list[Rule]:
        rules: list[Rule] = []
        seen: dict[tuple[str, bytes], Level] = {}
        for level in parent.of_kind("location"):
            matcher: Matcher = level.value
            kind, text = matcher.kind, matcher.word.text.encode()
            key = ("prefix" if kind == "^~" else kind, text)
            if key in seen:
                self.complain(
                    level.origin,
                    f'location "{text.decode()}" is there twice; the first: {seen[key].origin}',
                )
                continue
            seen[key] = level
            prefix = text if kind in ("=", "prefix", "^~") else b""
            location = self.location(Place(level, prefix, kind, self))
            if kind == "@":
                if parent.kind != "server":
                    self.complain(level.origin, "a named location stands in a server only")
                self._named_locations[text] = location
                continue
            inner = self._rules(level)
            table = LocationTable(inner, location) if inner else None
            rules.append(Rule(kind, text, location, table, matcher.regex))
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

    def location(self, place: Place, rewrites: bool = True) -> Location:
        """Make the location of a place; without `rewrites` its program is run by somebody else."""
        level, client = place.level, place[ClientSettings]
        location = Location(
            level=level,
            resource=self._chain(place, rewrites),
            filters=self._filters(place),
            log=followed(self.logs.accesses(level), client.post_action),
            error_log=self.error_log_of(level),
            client=client,
            spool=client.client_body_temp_path,
            server_line=servertokens.server_line(place),
            media_type=media_types(place),
            documents=documents(place),
            detours=detours(place),
            prefix=place.prefix,
            cork=client.tcp_nopush,
            keep_alive_line=_keep_alive_line(client.keepalive_timeout),
        )
        healthchecks.declare(place, location)
        return location

    def _chain(self, place: Place, rewrites: bool) -> IResource:
        resource: IResource | None = None
        for content in features.CONTENTS:
            resource = content(place)
            if resource is not None:
                break
        if resource is None:
            raise AssertionError("the last of CONTENTS answers everything")
        for guard in reversed(features.GUARDS):
            if rewrites or guard is not rewriting.guard:
                resource = guard(place, resource) or resource
        return resource

    def _filters(self, place: Place) -> tuple[HeaderFilter, ...]:
        made = [header_filter(place) for header_filter in features.FILTERS]
        return tuple(one for one in made if one is not None)

    def complain(self, origin: Origin, message: str, hint: str = "") -> None:
        """Add an error; the load fails when all are known. What several places inherit is one."""
        diagnostic = Diagnostic(origin, message, hint)
        if diagnostic not in self.errors:
            self.errors.append(diagnostic)


def _keep_alive_line(timeout: KeepAlive) -> bytes:
    """The end of a head that promises to keep the connection, and for how long if that is told."""
    line = b"Connection: keep-alive\r\n"
    if timeout.field is not None:
        line += b"Keep-Alive: timeout=%d\r\n" % timeout.field
    return line + b"\r\n"


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
