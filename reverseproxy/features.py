"""Every feature there is, in the order in which a request meets it.

A feature is a module with a settings class (its directives) and one function that makes its piece
of a location's chain when the configuration is loaded, or None where it isn't configured:

    guards    guard(place, inner) -> IResource     decides, or renders `inner`
    contents  content(place) -> IResource          answers; the first that is there wins
    filters   header_filter(place) -> HeaderFilter changes the answer on its way out

Nothing here is asked per request: what is not configured is not in the chain.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.web.resource import IResource

from reverseproxy.config import Level
from reverseproxy.content import (
    autoindex,
    gzipstatic,
    mount,
    proxy,
    static,
    stubstatus,
    upstreamstatus,
)
from reverseproxy.content.askingsettings import AskingSettings
from reverseproxy.content.fieldsettings import FieldSettings
from reverseproxy.content.filecache import FileCacheSettings
from reverseproxy.content.filesettings import StaticSettings
from reverseproxy.content.passingsettings import PassingSettings
from reverseproxy.content.proxysettings import ProxySettings
from reverseproxy.content.storesettings import StoreSettings
from reverseproxy.content.symlinks import SymlinkSettings
from reverseproxy.filters import charset, gunzip, gzip, headers, limitrate, ranges, servertokens
from reverseproxy.filters.charsetsettings import CharsetSettings
from reverseproxy.filters.headersettings import HeaderSettings
from reverseproxy.guards import (
    access,
    addresses,
    authrequest,
    basic,
    internal,
    limitconn,
    limitexcept,
    limitreq,
    realip,
    referers,
    rewritesettings,
    rewriting,
    tryfiles,
)
from reverseproxy.logs.access import AccessLogSettings
from reverseproxy.logs.errors import ErrorLogSettings
from reverseproxy.maps import geo, mapping, splitting
from reverseproxy.process.settings import EventsSettings, MainSettings
from reverseproxy.process.workersettings import WorkerSettings
from reverseproxy.tls.ocspsettings import OCSPSettings
from reverseproxy.tls.settings import SecureSettings
from reverseproxy.tls.upstreamsettings import ProxySSLSettings
from reverseproxy.upstream.groupsettings import UpstreamSettings
from reverseproxy.upstream.healthsettings import HealthCheckSettings
from reverseproxy.upstream.matching import MatchSettings
from reverseproxy.upstream.resolving import ResolverSettings
from reverseproxy.web.errorpages import ErrorPageSettings
from reverseproxy.web.locations import HeaderFilter
from reverseproxy.web.place import Place
from reverseproxy.web.settings import ClientSettings, ServerSettings
from reverseproxy.web.variables import Variables

#: The classes whose rows are the directives, in the order of the reference.
SETTINGS: tuple[type, ...] = (
    MainSettings,
    WorkerSettings,
    EventsSettings,
    ErrorLogSettings,
    ServerSettings,
    ClientSettings,
    SecureSettings,
    OCSPSettings,
    internal.InternalSettings,
    rewritesettings.RewriteSettings,
    realip.RealIpSettings,
    referers.RefererSettings,
    limitreq.LimitReqSettings,
    limitconn.LimitConnSettings,
    addresses.AddressSettings,
    basic.BasicSettings,
    authrequest.AuthRequestSettings,
    access.AccessSettings,
    tryfiles.TryFilesSettings,
    ErrorPageSettings,
    StaticSettings,
    autoindex.AutoindexSettings,
    FileCacheSettings,
    SymlinkSettings,
    UpstreamSettings,
    ResolverSettings,
    HealthCheckSettings,
    MatchSettings,
    ProxySettings,
    ProxySSLSettings,
    AskingSettings,
    PassingSettings,
    StoreSettings,
    FieldSettings,
    mount.MountSettings,
    stubstatus.StubStatusSettings,
    upstreamstatus.UpstreamStatusSettings,
    gzip.GzipSettings,
    gzipstatic.GzipStaticSettings,
    gunzip.GunzipSettings,
    HeaderSettings,
    CharsetSettings,
    limitrate.LimitRateSettings,
    AccessLogSettings,
    mapping.MapSettings,
    geo.GeoSettings,
    splitting.SplitSettings,
)

#: What declares variables, before anything is compiled that may use them.
DECLARATIONS: tuple[Callable[[Level, Variables], None], ...] = (
    mapping.declare,
    geo.declare,
    splitting.declare,
)

#: In nginx's order of phases, outermost first.
GUARDS: tuple[Callable[[Place, IResource], IResource | None], ...] = (
    internal.guard,
    limitexcept.guard,
    rewriting.guard,
    realip.guard,
    limitreq.guard,
    limitconn.guard,
    access.guard,
    tryfiles.guard,
)

CONTENTS: tuple[Callable[[Place], IResource | None], ...] = (
    mount.content,
    stubstatus.content,
    upstreamstatus.content,
    proxy.content,
    static.content,
)

#: In nginx's order: fields that the configuration adds come before what the daemon does to a body.
#: gzip comes before ranges: of an answer that is compressed on its way no part can be asked for.
FILTERS: tuple[Callable[[Place], HeaderFilter | None], ...] = (
    headers.header_filter,
    gunzip.header_filter,
    charset.header_filter,
    gzip.header_filter,
    ranges.header_filter,
    headers.trailer_filter,
    servertokens.header_filter,
    limitrate.header_filter,
)
