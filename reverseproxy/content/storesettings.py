"""The directives of storing an upstream's answers (ngx_http_proxy_module)."""

from __future__ import annotations

from reverseproxy.config import (
    HTTP_SERVER_LOCATION,
    Args,
    BadValue,
    directive,
    settings,
)

from .documents import Directory, rooted

_SHIFTS = {"user": 6, "group": 3, "all": 0}
_RIGHTS = {"r": 4, "rw": 6}


def proxy_store(args: Args) -> Directory | bool:
    """`proxy_store on | off | PATH`, with variables in the path."""
    text = args.words[0].text
    if text in ("on", "off"):
        return text == "on"
    if not text:
        raise BadValue("proxy_store takes on, off or a file's path, not nothing", args.words[0])
    return rooted(args)


def proxy_store_access(args: Args) -> int:
    """`proxy_store_access WHO:RIGHTS …`: a file's mode; the user may read and write unless said."""
    mode, user = 0, 0o600
    for word in args.words:
        who, _, rights = word.text.partition(":")
        if who not in _SHIFTS or rights not in _RIGHTS:
            raise BadValue(
                "proxy_store_access takes user, group and all, each with :r or :rw, "
                f'not "{word.text}"',
                word,
            )
        mode |= _RIGHTS[rights] << _SHIFTS[who]
        if who == "user":
            user = 0
    return mode | user


@settings
class StoreSettings:
    """Storing answers (ngx_http_proxy_module)."""

    proxy_store: Directory | bool = directive(
        proxy_store,
        "off",
        HTTP_SERVER_LOCATION,
        doc="Keeps each complete answer of status 200 in a file: on is the one of root or alias.",
        syntax="on | off | path",
    )
    proxy_store_access: int = directive(
        proxy_store_access,
        "user:rw",
        HTTP_SERVER_LOCATION,
        args="1-3",
        doc="Who may read and write those files, and, with that, search new directories.",
        syntax="user:rights | group:rights | all:rights ...",
    )
