"""What a worker is allowed: its user, its limits, its processors. Only the master keeps root."""

from __future__ import annotations

import grp
import os
import pwd
from typing import TYPE_CHECKING

from .settings import MainSettings, User

if TYPE_CHECKING:
    from reverseproxy.config import Level

#: Who serves where root started the daemon and nobody was named, as in nginx.
NOBODY = "nobody"


def serving_user(main: Level) -> User | None:
    """Who the workers are; None where the master is not root, and can't be anybody else."""
    if os.geteuid() != 0:
        return None
    return main[MainSettings].user or _nobody()


def _nobody() -> User:
    entry = pwd.getpwnam(NOBODY)
    try:
        group = grp.getgrnam(NOBODY).gr_gid
    except KeyError:
        group = entry.pw_gid
    return User(NOBODY, entry.pw_uid, group)


def lasting(main: Level) -> object:
    """What a process has for life: where it changes, others must take the place of the workers."""
    return serving_user(main)


def give_up(main: Level) -> None:
    """Become the user that serves, for good. Raises OSError."""
    user = serving_user(main)
    if user is not None:
        os.initgroups(user.name, user.gid)
        os.setgid(user.gid)
        os.setuid(user.uid)
