"""Every feature there is, in the order in which a request meets it.

A feature is a module with a settings class (its directives) and one function that makes its piece
of a location's chain when the configuration is loaded, or None where it isn't configured:

    guards    guard(level, assembly, inner) -> IResource     decides, or renders `inner`
    contents  content(level, assembly, prefix) -> IResource  answers; the first that is there wins
    filters   header_filter(level, assembly) -> HeaderFilter  changes the answer on its way out

Nothing here is asked per request: what is not configured is not in the chain.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from twisted.web.resource import IResource

from reverseproxy.content import mount, proxy, static
from reverseproxy.content.proxysettings import ProxySettings
from reverseproxy.filters import gzip, ranges
from reverseproxy.logs.access import AccessLogSettings
from reverseproxy.logs.errors import ErrorLogSettings
from reverseproxy.process.settings import EventsSettings, MainSettings
from reverseproxy.web.locations import HeaderFilter
from reverseproxy.web.settings import ClientSettings, ServerSettings

if TYPE_CHECKING:
    from reverseproxy.config import Level
    from reverseproxy.web.assembly import Assembly

#: The classes whose rows are the directives, in the order of the reference.
SETTINGS: tuple[type, ...] = (
    MainSettings,
    EventsSettings,
    ErrorLogSettings,
    ServerSettings,
    ClientSettings,
    static.StaticSettings,
    ProxySettings,
    mount.MountSettings,
    gzip.GzipSettings,
    AccessLogSettings,
)

#: In nginx's order of phases, outermost first.
GUARDS: tuple[Callable[[Level, Assembly, IResource], IResource | None], ...] = ()

CONTENTS: tuple[Callable[[Level, Assembly, bytes], IResource | None], ...] = (
    mount.content,
    proxy.content,
    static.content,
)

#: gzip comes before ranges: of an answer that is compressed on its way no part can be asked for.
FILTERS: tuple[Callable[[Level, Assembly], HeaderFilter | None], ...] = (
    gzip.header_filter,
    ranges.header_filter,
)
