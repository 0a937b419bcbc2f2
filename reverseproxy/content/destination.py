"""Where a request goes: the group that answers it, and how that is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from reverseproxy.upstream.group import Group

    from .securing import Secure
    from .target import Target


@attrs.frozen
class Destination:
    """A target, its group, and its TLS if it has any.

    `host` is what the Host field says if nothing else is configured.
    """

    target: Target
    group: Group
    secure: Secure | None = None
    host: bytes = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "host", self.target.name.encode())
