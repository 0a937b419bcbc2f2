"""Directives of the daemon itself (ngx_core_module, ngx_event_core_module)."""

from __future__ import annotations

import grp
import pwd

import attrs

from reverseproxy.config import (
    Args,
    BadValue,
    Context,
    Word,
    directive,
    flag,
    number,
    one,
    prefix_path,
    settings,
)


@attrs.frozen
class User:
    """Who the daemon becomes: names and numbers."""

    name: str
    uid: int
    gid: int


def user(args: Args) -> User:
    """`user NAME [GROUP]`; both must exist."""
    name = args.words[0]
    try:
        entry = pwd.getpwnam(name.text)
    except KeyError:
        raise BadValue(
            f'there is no user "{name.text}"', name, f"adduser --system --group {name.text}"
        ) from None
    if len(args.words) == 1:
        try:
            return User(name.text, entry.pw_uid, grp.getgrnam(name.text).gr_gid)
        except KeyError:
            raise BadValue(
                f'there is no group "{name.text}"', name, "name one after the user"
            ) from None
    group = args.words[1]
    try:
        return User(name.text, entry.pw_uid, grp.getgrnam(group.text).gr_gid)
    except KeyError:
        raise BadValue(
            f'there is no group "{group.text}"', group, f"addgroup --system {group.text}"
        ) from None


def processes(word: Word) -> int | None:
    """A number of processes, or "auto" (None): one for each processor."""
    if word.text == "auto":
        return None
    return number(1)(word)


def load_module(args: Args) -> str:
    """`load_module FILE`: nginx's modules are compiled for nginx."""
    args.warn(
        "nginx's modules can't be loaded here; a directive that one of them has is an error",
        args.words[0],
    )
    return args.words[0].text


def event_method(word: Word) -> str:
    """`use METHOD`: epoll is what this daemon uses on Linux."""
    if word.text not in ("epoll", "select", "poll"):
        raise BadValue(f'use takes epoll, poll or select on Linux, not "{word.text}"', word)
    return word.text


@settings
class MainSettings:
    """The daemon (ngx_core_module)."""

    user: User | None = directive(
        user, None, Context.MAIN, args="1-2", doc="The user and group that serve requests."
    )
    pid: str | None = directive(
        prefix_path,
        None,
        Context.MAIN,
        doc="The file that the process number is written to.",
    )
    load_module: tuple[str, ...] = directive(
        load_module,
        None,
        Context.MAIN,
        many=True,
        no_effect=True,
        doc="Warns: nginx's modules are for nginx.",
        syntax="file",
    )
    worker_processes: int | None = directive(
        one(processes), "1", Context.MAIN, doc="How many processes serve requests."
    )
    daemon: bool = directive(
        one(flag),
        "on",
        Context.MAIN,
        doc="Whether the command goes to the background. Under twistd its own -n decides.",
    )
    master_process: bool = directive(
        one(flag),
        "on",
        Context.MAIN,
        doc="Serves with workers; off is one process for all, to look at it from inside.",
    )


@settings
class EventsSettings:
    """Connections (ngx_event_core_module)."""

    worker_connections: int = directive(
        one(number(1)),
        "512",
        Context.EVENTS,
        doc="How many connections a process holds, to clients and upstreams together.",
    )
    use: str | None = directive(
        one(event_method),
        None,
        Context.EVENTS,
        no_effect=True,
        doc="The reactor chooses: epoll on Linux.",
    )
    multi_accept: bool = directive(
        one(flag),
        "off",
        Context.EVENTS,
        no_effect=True,
        doc="As many connections are accepted at once as there are.",
    )
    accept_mutex: bool = directive(
        one(flag), "off", Context.EVENTS, no_effect=True, doc="The kernel wakes one process."
    )
