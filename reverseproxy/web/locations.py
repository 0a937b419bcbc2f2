"""Choosing a location by path, as nginx does it, and what a location holds.

nginx's order: an exact match ends the search; then the longest prefix is taken; unless that prefix
says `^~`, the regular expressions inside it and then those of the level itself are tried in the
order they were written; the first that matches wins over the prefix.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import attrs
from twisted.web.resource import IResource

from .errorpages import Detour
from .response import Response
from .settings import ClientSettings
from .spool import SpoolDirectory

if TYPE_CHECKING:
    from reverseproxy.config import Level, Regex
    from reverseproxy.content.documents import Documents
    from reverseproxy.logs.errors import ErrorLog

    from .request import Request

HeaderFilter = Callable[["Request", Response], None]


@attrs.define(eq=False)
class Location:
    """A `location` block (or a `server` block, for what happens before a location is chosen).

    `resource` is the head of its chain: guards around content. `filters` change an answer on its
    way out, in order. `prefix` is the part of the path that the location itself names.
    """

    level: Level
    resource: IResource
    filters: tuple[HeaderFilter, ...]
    log: Callable[[Request], None]
    error_log: ErrorLog
    client: ClientSettings
    spool: SpoolDirectory
    server_line: bytes
    media_type: Callable[[bytes], bytes]
    documents: Documents
    detours: Mapping[int, Detour]
    prefix: bytes = b""
    cork: bool = False
    keep_alive_line: bytes = b"Connection: keep-alive\r\n\r\n"

    def where(self, directive: str) -> str:
        """FILE:LINE of the directive that decided, for the error log."""
        origin = self.level.origin_of(directive)
        return "default" if origin is None else f"{origin.file}:{origin.line}"


@attrs.frozen
class Rule:
    """How a location is matched: `kind` is "=", "prefix", "^~", "~" or "~*"."""

    kind: str
    text: bytes
    location: Location
    inner: LocationTable | None = None
    regex: Regex | None = None


class LocationTable:
    """The locations of one level.

    `find(path, request)` takes a decoded, normalised path, and gives the request the groups of the
    regular expression that matched.
    """

    find: Callable[[bytes, Request], Location]

    def __init__(self, rules: Sequence[Rule], fallback: Location) -> None:
        self._fallback = fallback
        self._exact = {rule.text: rule for rule in rules if rule.kind == "="}
        self._prefixes = {rule.text: rule for rule in rules if rule.kind in ("prefix", "^~")}
        self._lengths = sorted({len(text) for text in self._prefixes}, reverse=True)
        self._regexes = [(rule.regex, rule) for rule in rules if rule.regex is not None]
        only = self._prefixes.get(b"/")
        if only is not None and len(rules) == 1 and only.inner is None:
            # The commonest server has one location: nothing to choose.
            location = only.location
            self.find = lambda _path, _request: location
        elif self._regexes or any(rule.inner for rule in rules):
            self.find = self._find
        else:
            self.find = self._find_prefix

    def _find_prefix(self, path: bytes, _request: Request) -> Location:
        """Exact matches and prefixes only."""
        rule = self._exact.get(path) or self._longest(path)
        return self._fallback if rule is None else rule.location

    def _longest(self, path: bytes) -> Rule | None:
        size = len(path)
        prefixes = self._prefixes
        for length in self._lengths:
            if length <= size:
                rule = prefixes.get(path[:length])
                if rule is not None:
                    return rule
        return None

    def _find(self, path: bytes, request: Request) -> Location:
        rule = self._search(path, request)
        return self._fallback if rule is None else rule.location

    def _search(self, path: bytes, request: Request) -> Rule | None:
        rule = self._exact.get(path)
        if rule is not None:
            return rule
        outer = rule = self._longest(path)
        if outer is not None:
            if outer.inner is not None:
                inner = outer.inner._search(path, request)
                if inner is not None:
                    if inner.kind not in ("prefix", "^~"):
                        return inner
                    rule = inner
            # An inner ^~ speaks for its own level only, as in nginx.
            if outer.kind == "^~":
                return rule
        for regex, candidate in self._regexes:
            match = regex.pattern.search(path)
            if match is not None:
                request.captured(match, regex.names)
                if candidate.inner is not None:
                    return candidate.inner._search(path, request) or candidate
                return candidate
        return rule
