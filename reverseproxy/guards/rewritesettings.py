"""The directives of rewriting (ngx_http_rewrite_module)."""

from __future__ import annotations

import attrs

from reverseproxy.config import (
    HTTP_SERVER_LOCATION_IF,
    Args,
    BadValue,
    Context,
    Regex,
    Template,
    directive,
    flag,
    one,
    present,
    settings,
)
from reverseproxy.web.variables import known

WHERE = Context.SERVER | Context.LOCATION | Context.SERVER_IF | Context.LOCATION_IF
REDIRECTS = (301, 302, 303, 307, 308)
_URLS = ("http://", "https://", "$scheme")


@attrs.frozen
class Rewrite:
    """One `rewrite`.

    `redirect` is the status of a redirect, or 0; `flag` is "last", "break" or ""; `keep_args` says
    that the request's arguments follow those of the replacement (it did not end in "?").
    """

    regex: Regex
    replacement: Template
    flag: str = ""
    redirect: int = 0
    keep_args: bool = True


def rewrite(args: Args) -> Rewrite:
    """`rewrite REGEX REPLACEMENT [last | break | redirect | permanent]`."""
    regex = args.regex(args.words[0])
    word = args.words[1]
    replacement = args.template(attrs.evolve(word, text=word.text.removesuffix("?")))
    flag = args.words[2].text if len(args.words) > 2 else ""
    if flag not in ("", "last", "break", "redirect", "permanent"):
        raise BadValue(
            f'rewrite takes last, break, redirect or permanent, not "{flag}"', args.words[2]
        )
    redirect = {"redirect": 302, "permanent": 301}.get(flag, 0)
    if not redirect and replacement.text.startswith(_URLS):
        redirect = 302
    return Rewrite(
        regex, replacement, "" if redirect else flag, redirect, not word.text.endswith("?")
    )


@attrs.frozen
class Return:
    """`return`: `text` is a URL to redirect to where `is_url`, else the body."""

    status: int
    text: Template | None = None
    is_url: bool = False


def return_directive(args: Args) -> Return:
    """`return CODE [TEXT]`, `return CODE URL` or `return URL`."""
    first = args.words[0]
    if len(args.words) == 1 and first.text.startswith(_URLS):
        return Return(302, args.template(first), is_url=True)
    if not first.text.isdigit() or int(first.text) > 999:
        raise BadValue(f'return takes a status code or a URL, not "{first.text}"', first)
    status = int(first.text)
    if len(args.words) == 1:
        return Return(status)
    return Return(status, args.template(args.words[1]), is_url=status in REDIRECTS)


@attrs.frozen
class SetVariable:
    """`set`: a name, in lower case, and its value."""

    name: str
    value: Template


#: Variables of nginx's own that may be set.
CHANGEABLE = frozenset({"args", "limit_rate"})


def set_directive(args: Args) -> SetVariable:
    """`set $VARIABLE VALUE`."""
    word = args.words[0]
    name = args.declare(word)
    if known(name) and name not in CHANGEABLE:
        raise BadValue(f'the variable "${name}" is built in and can\'t be set', word)
    return SetVariable(name, args.template(args.words[1]))


@settings
class RewriteSettings:
    """Rewriting (ngx_http_rewrite_module)."""

    rewrite: tuple[Rewrite, ...] = directive(
        rewrite,
        None,
        WHERE,
        args="2-3",
        many=True,
        inherit=False,
        doc="Changes the URI where it matches, or redirects.",
        syntax="regex replacement [flag]",
    )
    return_: tuple[Return, ...] = directive(
        return_directive,
        None,
        WHERE,
        args="1-2",
        many=True,
        inherit=False,
        doc="Answers at once: with a status, a text, or a redirect. 444 closes the connection.",
        syntax="code [text] | code URL | URL",
    )
    set: tuple[SetVariable, ...] = directive(
        set_directive,
        None,
        WHERE,
        args=2,
        many=True,
        inherit=False,
        doc="Gives a variable a value.",
        syntax="$variable value",
    )
    break_: tuple[bool, ...] = directive(
        present,
        None,
        WHERE,
        args=0,
        many=True,
        inherit=False,
        doc="Ends the directives of this module for this level.",
    )
    rewrite_log: bool = directive(
        one(flag), "off", HTTP_SERVER_LOCATION_IF, doc="Logs what rewrites did, at level notice."
    )
    uninitialized_variable_warn: bool = directive(
        one(flag),
        "on",
        HTTP_SERVER_LOCATION_IF,
        doc="Logs the use of variables that set has given no value; they are empty.",
    )
