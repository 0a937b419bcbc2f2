"""`proxy_redirect` and `proxy_cookie_…`: fields of an answer that name the upstream.

Of the rules of one directive the first that matches is used, as in nginx.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from reverseproxy.config import Regex
from reverseproxy.wire.fields import safe_field_value

from .fieldsettings import DEFAULT, FLAGS, OFF, FieldSettings, FlagsRule, ValueRule

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reverseproxy.config import Template
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request
    from reverseproxy.web.variables import Rendered

    from .target import Target

#: What becomes of a value; None where a rule does not match.
Rule = Callable[["Request", bytes], bytes | None]
#: How a text matches a value: from where to where, or None.
Matches = Callable[[bytes, bytes], tuple[int, int] | None]
#: A cookie's name and attributes, each with its value or None.
Attributes = list[tuple[bytes, bytes | None]]


def _beginning(value: bytes, text: bytes) -> tuple[int, int] | None:
    return (0, len(text)) if value.startswith(text) else None


def _domain(value: bytes, text: bytes) -> tuple[int, int] | None:
    start = 1 if value.startswith(b".") else 0
    return (start, len(value)) if value[start:].lower() == text.lower() else None


def _rule(place: Place, rule: ValueRule, matches: Matches) -> Rule:
    render, pattern = place.compile(rule.replacement), rule.pattern
    if isinstance(pattern, Regex):
        return _regex_rule(pattern, render)
    return _text_rule(place.compile(pattern), render, matches)


def _text_rule(text_of: Rendered, render: Rendered, matches: Matches) -> Rule:
    def rewrite(request: Request, value: bytes) -> bytes | None:
        span = matches(value, text_of(request))
        if span is None:
            return None
        return value[: span[0]] + render(request) + value[span[1] :]

    return rewrite


def _regex_rule(regex: Regex, render: Rendered) -> Rule:
    def rewrite(request: Request, value: bytes) -> bytes | None:
        match = regex.pattern.search(value)
        if match is None:
            return None
        request.captured(match, regex.names)
        return render(request)

    return rewrite


def _rules(
    place: Place, rules: Iterable[str | ValueRule], matches: Matches, default: Rule | None = None
) -> tuple[Rule, ...]:
    made: list[Rule] = []
    for rule in rules:
        if isinstance(rule, ValueRule):
            made.append(_rule(place, rule, matches))
        elif rule == OFF:
            return ()
        elif rule == DEFAULT and default is not None:
            made.append(default)
    return tuple(made)


def _first(rules: tuple[Rule, ...], request: Request, value: bytes) -> bytes | None:
    for rule in rules:
        changed = rule(request, value)
        if changed is not None:
            return changed if safe_field_value(changed) else None
    return None


def _default(place: Place, target: Target) -> Rule:
    """`proxy_redirect default`: where the upstream is for it, the location is for the client."""
    start, replacement = target.url.encode(), place.prefix
    if target.uri is None:
        start, replacement = start + b"/", b"/"

    def rewrite(_request: Request, value: bytes) -> bytes | None:
        return replacement + value[len(start) :] if value.startswith(start) else None

    return rewrite


_REDIRECTS, _COOKIES = frozenset((b"location", b"refresh")), frozenset((b"set-cookie",))
#: The names of fields by whether there is something to rewrite in redirects, and in cookies.
_NAMES = {
    (False, False): frozenset[bytes](),
    (True, False): _REDIRECTS,
    (False, True): _COOKIES,
    (True, True): _REDIRECTS | _COOKIES,
}


class AnswerFields:
    """What a location rewrites in the fields of answers."""

    def __init__(self, place: Place, target: Target | None) -> None:
        """`target` is None where it is another for each request: then there is no default."""
        settings = place[FieldSettings]
        default = None if target is None else _default(place, target)
        for setting in place.level.own if default is None else ():
            if setting.name == "proxy_redirect" and setting.value == DEFAULT:
                what = '"proxy_redirect default" can\'t be where "proxy_pass" has variables'
                place.complain(setting.origin, what, "proxy_redirect http://app:8080/ /;")
        self._redirects = _rules(place, settings.proxy_redirect, _beginning, default)
        self._domains = _rules(place, settings.proxy_cookie_domain, _domain)
        self._paths = _rules(place, settings.proxy_cookie_path, _beginning)
        self._flags = _flags(place, settings.proxy_cookie_flags)
        #: names of the fields that may have to be rewritten, in lower case
        self.names = _NAMES[
            bool(self._redirects), bool(self._domains or self._paths or self._flags)
        ]

    def rewritten(self, request: Request, name: bytes, value: bytes) -> bytes:
        """The value of a field as it goes on."""
        lower = name.lower()
        if lower not in self.names:
            return value
        if lower == b"set-cookie":
            return self._cookie(request, value)
        at = 0
        if lower == b"refresh":
            at = value.lower().find(b"url=") + 4
            if at < 4:
                return value
        changed = _first(self._redirects, request, value[at:])
        if changed is None:
            return value
        if not at and changed.startswith(b"/") and request.location.client.absolute_redirect:
            # As nginx: what was rewritten to a path is made absolute again.
            return request.absolute(changed)
        return value[:at] + changed

    def _cookie(self, request: Request, value: bytes) -> bytes:
        attributes = _attributes(value)
        changed = False
        for at, (key, old) in enumerate(attributes):
            rules = {b"domain": self._domains, b"path": self._paths}.get(key.lower(), ())
            new = _first(rules, request, old) if at and old is not None else None
            if new is not None:
                attributes[at] = key, new
                changed = True
        for named, flags in self._flags:
            if named(request, attributes[0][0]):
                for flag in flags:
                    _set_flag(attributes, flag(request))
                changed = True
                break
        if not changed:
            return value
        return b"; ".join(key if old is None else b"%b=%b" % (key, old) for key, old in attributes)


def _attributes(cookie: bytes) -> Attributes:
    """A cookie's name and value, then its attributes (RFC 6265 section 5.2)."""
    found: Attributes = []
    for part in cookie.split(b";"):
        key, equals, value = part.strip(b" \t").partition(b"=")
        found.append((key, value if equals else None))
    return found


def _flags(
    place: Place, rules: Iterable[str | FlagsRule]
) -> tuple[tuple[Callable[[Request, bytes], bool], tuple[Rendered, ...]], ...]:
    made = []
    for rule in rules:
        if not isinstance(rule, FlagsRule):
            return ()
        made.append((_named(place, rule.cookie), tuple(map(place.compile, rule.flags))))
    return tuple(made)


def _named(place: Place, cookie: Template | Regex) -> Callable[[Request, bytes], bool]:
    if isinstance(cookie, Regex):
        pattern = cookie.pattern
        return lambda _request, name: pattern.search(name) is not None
    render = place.compile(cookie)
    return lambda request, name: name.lower() == render(request).lower()


def _set_flag(attributes: Attributes, flag: bytes) -> None:
    """Give a cookie a flag, or take one from it; a variable may name none."""
    known = FLAGS.get(flag.decode("latin-1").lower())
    if known is None:
        return
    name, value, is_set = known
    there = [at for at, (key, _) in enumerate(attributes) if at and key.lower() == name.lower()]
    if not is_set:
        for at in reversed(there):
            del attributes[at]
    elif not there:
        attributes.append((name, value))
    elif value is not None and (attributes[there[0]][1] or b"").lower() != value.lower():
        # As nginx: only the first of several.
        attributes[there[0]] = name, value
