"""A configuration that was read, and what it became."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any

import attrs

from reverseproxy.guards.zones import IN_PROCESS, ZoneMaker
from reverseproxy.web.assembly import Assembly

from .sources import Sources
from .telling import to_stderr

if TYPE_CHECKING:
    from reverseproxy.config import Configuration, Diagnostic

#: Reads the configuration from these sources. Raises ConfigurationError.
Read = Callable[[Sources], "Configuration"]


@attrs.frozen
class Loaded:
    """A configuration with what it was made from and what it was made into."""

    configuration: Configuration
    sources: Sources
    assembly: Assembly
    zone_maker: ZoneMaker

    @classmethod
    def made(
        cls,
        configuration: Configuration,
        reactor: Any,
        sources: Sources,
        zone_maker: ZoneMaker = IN_PROCESS,
        previous: Assembly | None = None,
    ) -> Loaded:
        """Put together what was read. Raises ConfigurationError."""
        assembly = Assembly(
            configuration,
            reactor,
            seconds=monotonic,
            stderr=to_stderr,
            system=sources.addresses,
            zone_maker=zone_maker,
            read=sources.read,
            previous=previous,
        )
        return cls(configuration, sources, assembly, zone_maker)

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What is odd and not wrong."""
        return (*self.configuration.warnings, *self.assembly.warnings)
