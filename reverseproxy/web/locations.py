"""Choosing a location by path, as nginx does it, and what a location holds.

nginx's order: an exact match ends the search; then the longest prefix is taken; unless that prefix
says `^~`, the regular expressions inside it and then those of the level itself are tried in the
order they were written; the first that matches wins over the prefix.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import attrs
from twisted.web.resource import IResource

from .response import Response
from .settings import ClientSettings
from .spool import SpoolDirectory

if TYPE_CHECKING:
    from reverseproxy.config import Level
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
    prefix: bytes = b""
    cork: bool = False

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


class LocationTable:
    """The locations of one level. `find(path)` takes a decoded, normalised path."""

    find: Callable[[bytes], Location]

    def __init__(self, rules: Sequence[Rule], fallback: Location) -> None:
        self._fallback = fallback
        self._exact = {rule.text: rule for rule in rules if rule.kind == "="}
        self._prefixes = {rule.text: rule for rule in rules if rule.kind in ("prefix", "^~")}
        self._lengths = sorted({len(text) for text in self._prefixes}, reverse=True)
        self._regexes = [
            (re.compile(rule.text, re.IGNORECASE if rule.kind == "~*" else 0), rule)
            for rule in rules
            if rule.kind in ("~", "~*")
        ]
        only = self._prefixes.get(b"/")
        if only is not None and len(rules) == 1 and only.inner is None:
            # The commonest server has one location: nothing to choose.
            location = only.location
            self.find = lambda _path: location
        elif self._regexes or any(rule.inner for rule in rules):
            self.find = self._find
        else:
            self.find = self._find_prefix

    def _find_prefix(self, path: bytes) -> Location:
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

    def _find(self, path: bytes) -> Location:
        rule = self._search(path)
        return self._fallback if rule is None else rule.location

    def _search(self, path: bytes) -> Rule | None:
        rule = self._exact.get(path)
        if rule is not None:
            return rule
        rule = self._longest(path)
        if rule is not None:
            if rule.inner is not None:
                inner = rule.inner._search(path)
                if inner is not None:
                    if inner.kind not in ("prefix",):
                        return inner
                    rule = inner
            if rule.kind == "^~":
                return rule
        for pattern, candidate in self._regexes:
            if pattern.search(path):
                inner = candidate.inner._search(path) if candidate.inner is not None else None
                return inner or candidate
        return rule
