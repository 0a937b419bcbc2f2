"""A resource that ends each process that it is made in, other than the one that imported it."""

from __future__ import annotations

import os

from twisted.web.resource import Resource

_WELL = os.getpid()


def resource() -> Resource:
    """A resource, in the master; the end of a worker."""
    if os.getpid() != _WELL:
        os._exit(3)
    return Resource()
