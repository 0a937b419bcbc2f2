"""What a worker is allowed: its user, its limits, its processors. Only the master keeps root."""

from __future__ import annotations

import grp
import os
import pwd
import resource
from typing import TYPE_CHECKING

from .settings import MainSettings, User
from .workersettings import WorkerSettings, environment

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
    settings = main[WorkerSettings]
    return (
        serving_user(main),
        settings.worker_cpu_affinity,
        settings.worker_priority,
        settings.worker_rlimit_nofile,
        settings.worker_rlimit_core,
        settings.working_directory,
        settings.env,
    )


def give_up(main: Level, worker: int = 0) -> None:
    """Take what the configuration gives a worker, and become the user that serves, for good.

    `worker` counts from 0. Raises OSError.
    """
    settings = main[WorkerSettings]
    for kind, limit in (
        (resource.RLIMIT_NOFILE, settings.worker_rlimit_nofile),
        (resource.RLIMIT_CORE, settings.worker_rlimit_core),
    ):
        if limit is not None:
            resource.setrlimit(kind, (limit, limit))
    if settings.worker_priority:
        os.setpriority(os.PRIO_PROCESS, 0, settings.worker_priority)
    if settings.worker_cpu_affinity is not None:
        available = frozenset(os.sched_getaffinity(0))
        processors = settings.worker_cpu_affinity.of(worker, available)
        if processors:
            os.sched_setaffinity(0, processors)
    if settings.env:
        kept = environment(settings.env, os.environ)
        os.environ.clear()
        os.environ.update(kept)
    user = serving_user(main)
    if user is not None:
        os.initgroups(user.name, user.gid)
        os.setgid(user.gid)
        os.setuid(user.uid)
    if settings.working_directory is not None:
        os.chdir(settings.working_directory)
