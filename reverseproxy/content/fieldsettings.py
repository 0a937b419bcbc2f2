"""The directives that rewrite fields of an upstream's answer (ngx_http_proxy_module)."""

from __future__ import annotations

import attrs

from reverseproxy.config import (
    HTTP_SERVER_LOCATION,
    Args,
    BadValue,
    Regex,
    Template,
    Word,
    directive,
    settings,
)

#: `off`, and `default`.
OFF = "off"
DEFAULT = "default"


@attrs.frozen
class ValueRule:
    """What a value (or its beginning) must be, and what is put there instead."""

    pattern: Template | Regex
    replacement: Template


def _pattern(args: Args, word: Word, ignore_case: bool) -> Template | Regex:
    """`~REGEX`, `~*REGEX` or a text with variables; `ignore_case` is for the former."""
    if not word.text.startswith("~"):
        return args.template(word)
    text = word.text[1:]
    if text.startswith("*") and not ignore_case:
        ignore_case, text = True, text[1:]
    return args.regex(attrs.evolve(word, text=text), ignore_case=ignore_case)


def _alone(args: Args, *known: str) -> str | None:
    """The one argument where there is only one; it must be known."""
    if len(args.words) > 1:
        return None
    word = args.words[0]
    if word.text not in known:
        raise BadValue(
            f'{args.name.text} takes {", ".join(known)} or two texts, not "{word.text}"', word
        )
    return word.text


def proxy_redirect(args: Args) -> str | ValueRule:
    """`proxy_redirect default | off | FROM TO`; FROM may be ~REGEX or ~*REGEX."""
    alone = _alone(args, DEFAULT, OFF)
    if alone is not None:
        return alone
    return ValueRule(_pattern(args, args.words[0], False), args.template(args.words[1]))


def proxy_cookie_path(args: Args) -> str | ValueRule:
    """`proxy_cookie_path off | PATH REPLACEMENT`; PATH may be ~REGEX or ~*REGEX."""
    alone = _alone(args, OFF)
    if alone is not None:
        return alone
    return ValueRule(_pattern(args, args.words[0], False), args.template(args.words[1]))


def proxy_cookie_domain(args: Args) -> str | ValueRule:
    """`proxy_cookie_domain off | DOMAIN REPLACEMENT`; a dot in front of either means nothing."""
    alone = _alone(args, OFF)
    if alone is not None:
        return alone
    first, second = args.words
    if not first.text.startswith("~"):
        first, second = (attrs.evolve(w, text=w.text.removeprefix(".")) for w in (first, second))
    return ValueRule(_pattern(args, first, True), args.template(second))


#: The flags of `proxy_cookie_flags`: the attribute that is set or removed, and its value.
FLAGS: dict[str, tuple[bytes, bytes | None, bool]] = {
    "secure": (b"Secure", None, True),
    "nosecure": (b"secure", None, False),
    "httponly": (b"HttpOnly", None, True),
    "nohttponly": (b"httponly", None, False),
    "samesite=strict": (b"SameSite", b"Strict", True),
    "samesite=lax": (b"SameSite", b"Lax", True),
    "samesite=none": (b"SameSite", b"None", True),
    "nosamesite": (b"samesite", None, False),
}


@attrs.frozen
class FlagsRule:
    """A cookie by name, and the flags it gets."""

    cookie: Template | Regex
    flags: tuple[Template, ...]


def proxy_cookie_flags(args: Args) -> str | FlagsRule:
    """`proxy_cookie_flags off | COOKIE FLAG …`; COOKIE may be ~REGEX."""
    first, *rest = args.words
    if not rest:
        if first.text != OFF:
            raise BadValue(
                f'proxy_cookie_flags takes off, or a cookie and flags, not "{first.text}"', first
            )
        return OFF
    for word in rest:
        if "$" not in word.text and word.text.lower() not in FLAGS:
            raise BadValue(f'proxy_cookie_flags takes {", ".join(FLAGS)}, not "{word.text}"', word)
    return FlagsRule(_pattern(args, first, True), tuple(args.template(word) for word in rest))


@settings
class FieldSettings:
    """Fields of answers that name the upstream (ngx_http_proxy_module)."""

    proxy_redirect: tuple[str | ValueRule, ...] = directive(
        proxy_redirect,
        DEFAULT,
        HTTP_SERVER_LOCATION,
        args="1-2",
        many=True,
        doc="Rewrites the beginning of Location and Refresh in answers.",
        syntax="default | off | from to",
    )
    proxy_cookie_domain: tuple[str | ValueRule, ...] = directive(
        proxy_cookie_domain,
        OFF,
        HTTP_SERVER_LOCATION,
        args="1-2",
        many=True,
        doc="Rewrites the domain of cookies that an upstream sets.",
        syntax="off | domain replacement",
    )
    proxy_cookie_path: tuple[str | ValueRule, ...] = directive(
        proxy_cookie_path,
        OFF,
        HTTP_SERVER_LOCATION,
        args="1-2",
        many=True,
        doc="Rewrites the path of cookies that an upstream sets.",
        syntax="off | path replacement",
    )
    proxy_cookie_flags: tuple[str | FlagsRule, ...] = directive(
        proxy_cookie_flags,
        OFF,
        HTTP_SERVER_LOCATION,
        args="1+",
        many=True,
        doc="Sets or removes secure, httponly and samesite of cookies that an upstream sets.",
        syntax="off | cookie flag …",
    )
