"""`error_page`: what is shown instead of the house's own page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from reverseproxy.config import (
    HTTP_SERVER_LOCATION,
    HTTP_SERVER_LOCATION_IF,
    Args,
    BadValue,
    Template,
    Word,
    directive,
    flag,
    one,
    settings,
)

if TYPE_CHECKING:
    from .place import Place
    from .variables import Rendered


@attrs.frozen
class ErrorPage:
    """One `error_page`: for `codes`, go to `target`.

    `status` is the answer's: None keeps the error's, 0 takes that of whatever answers.
    """

    codes: tuple[int, ...]
    target: Template
    word: Word
    status: int | None = None


def error_page(args: Args) -> ErrorPage:
    """`error_page CODE… [=[STATUS]] URI`."""
    *words, target = args.words
    status: int | None = None
    if words[-1].text.startswith("="):
        answer = words.pop()
        if answer.text == "=":
            status = 0
        elif answer.text[1:].isdigit():
            status = int(answer.text[1:])
        else:
            raise BadValue(f'"{answer.text}" is no status such as =200', answer)
    if not words:
        raise BadValue("error_page takes at least one status code and a URI", target)
    codes = []
    for word in words:
        if not word.text.isdigit() or not 300 <= int(word.text) <= 599 or word.text == "499":
            raise BadValue(
                f'error_page takes codes from 300 to 599 but 499, not "{word.text}"', word
            )
        codes.append(int(word.text))
    return ErrorPage(tuple(codes), args.template(target), target, status)


@settings
class ErrorPageSettings:
    """Error pages (ngx_http_core_module)."""

    error_page: tuple[ErrorPage, ...] = directive(
        error_page,
        None,
        HTTP_SERVER_LOCATION_IF,
        args="2+",
        many=True,
        doc="Shows a page of your own, or another location, for errors.",
        syntax="code ... [=[response]] uri",
    )
    recursive_error_pages: bool = directive(
        one(flag),
        "off",
        HTTP_SERVER_LOCATION,
        doc="Lets the answer of an error page have an error page.",
    )


@attrs.frozen
class Detour:
    """An `error_page` ready to be taken: the answer's status as in ErrorPage, and where to go.

    `uri` renders a path, the name of a named location, or else a URL to redirect to.
    """

    status: int | None
    uri: Rendered


def detours(place: Place) -> dict[int, Detour]:
    """The error pages of a place, by status; of several for one the first is taken."""
    made: dict[int, Detour] = {}
    for page in place[ErrorPageSettings].error_page:
        detour = Detour(page.status, place.compile(page.target))
        for code in page.codes:
            made.setdefault(code, detour)
    return made
