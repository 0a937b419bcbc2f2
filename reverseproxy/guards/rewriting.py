"""`rewrite`, `return`, `set`, `if` and `break` (ngx_http_rewrite_module).

The directives of a level are compiled, in the order they are written, into a program: a tuple of
steps. A step is a function of the request that returns None to go on, STOP to end the program, or
DONE when the request is answered. When the program is over and the URI was changed, a location is
chosen anew; when an `if` was true, its block's location answers.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET

from reverseproxy.config import Condition, Level, Setting

from .passing import render
from .replacing import replacement
from .rewritesettings import Return, Rewrite, RewriteSettings, SetVariable

if TYPE_CHECKING:
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request
    from reverseproxy.web.variables import Rendered

STOP = "stop"
DONE = "done"
Step = Callable[["Request"], str | None]
Program = tuple[Step, ...]

#: Variables that `set` changes in the request itself.
_OWN = {"args": "query"}


def run(program: Program, request: Request) -> str | None:
    """Run a program to its end; STOP and DONE end it early."""
    for step in program:
        result = step(request)
        if result is not None:
            return result
    return None


def program(place: Place) -> Program:
    """Compile what a level says, in the order it says it."""
    steps: list[Step] = []
    for item in place.level.items:
        if isinstance(item, Level):
            if item.kind == "if" and isinstance(item.value, Condition):
                steps.append(_if(place, item, item.value))
        elif isinstance(item, Setting):
            step = _step(place, item)
            if step is not None:
                steps.append(step)
    return tuple(steps)


def _step(place: Place, setting: Setting) -> Step | None:
    value = setting.value
    if isinstance(value, Rewrite):
        return _rewrite(place, value)
    if isinstance(value, Return):
        return _return(place, value)
    if isinstance(value, SetVariable):
        return _set(place, value)
    if setting.name == "break":
        return lambda _request: STOP
    return None


def _set(place: Place, rule: SetVariable) -> Step:
    render, name = place.compile(rule.value), rule.name
    own = _OWN.get(name)

    def assign(request: Request) -> None:
        if own is not None:
            setattr(request, own, render(request))
        else:
            request.assign(name, render(request))

    return assign


def settable(level: Level) -> set[str]:
    """The names that there is a `set` for, in a level and inside of it."""
    names = {item.value.name for item in level.own if isinstance(item.value, SetVariable)}
    return names.union(*map(settable, level.children))


def uninitialized(request: Request, name: str) -> None:
    """Tell, if `uninitialized_variable_warn` says so, that `set` has not set what is used."""
    location = request.location
    if location.level[RewriteSettings].uninitialized_variable_warn:
        location.error_log.log("warn", f'using uninitialized "{name}" variable', request=request)


def _return(place: Place, rule: Return) -> Step:
    status = rule.status
    text = rule.text
    if text is not None and status >= 400 and text.constant == "":
        # Nothing to say is an error like any other, with its page.
        text = None
    render = place.compile(text) if text is not None else None

    def answer(request: Request) -> str:
        if status == 444:
            request.hang_up()
        elif render is not None and rule.is_url:
            request.redirect_to(status, render(request))
        elif render is not None or status < 400:
            request.code = status
            request.answer_text(status, b"" if render is None else render(request))
        else:
            request.answer(status, f"RP-{status}-return")
        return DONE

    return answer


def _rewrite(place: Place, rule: Rewrite) -> Step:
    pattern = rule.regex.pattern
    names = rule.regex.names
    render = replacement(place, rule.replacement, bool(rule.redirect))
    keep_args = rule.keep_args
    log = place[RewriteSettings].rewrite_log

    def rewrite(request: Request) -> str | None:
        match = pattern.search(request.document_uri)
        if match is None:
            return None
        request.captured(match, names)
        path, args = render(request)
        old = request.query if keep_args else None
        if args is not None and old:
            args += b"&" + old
        elif args is None:
            args = old
        if log:
            request.location.error_log.log(
                "notice", f'rewritten by "{rule.regex.text}" to {path!r} {args!r}', request=request
            )
        if rule.redirect:
            request.redirect_to(rule.redirect, b"%b?%b" % (path, args) if args else path)
            return DONE
        if not path:
            request.answer(500, "RP-500-rewrite")
            return DONE
        request.query = args or None
        request.document_uri = path
        request.unmoved = False
        request.internal = True
        request.uri_changed = rule.flag != "break"
        request.misplaced = not request.uri_changed
        return STOP if rule.flag else None

    return rewrite


def _if(place: Place, level: Level, condition: Condition) -> Step:
    holds = _test(place, condition)
    inner = attrs.evolve(place, level=level)
    steps = program(inner)
    # In a server, `if` holds only steps; in a location it is a location of its own.
    location = place.assembly.location(inner, rewrites=False) if place.kind != "server" else None

    def branch(request: Request) -> str | None:
        if not holds(request):
            return None
        if location is not None:
            request.branch = location
        return run(steps, request)

    return branch


def _test(place: Place, condition: Condition) -> Callable[[Request], bool]:
    """The condition as a function of the request."""
    subject = place.compile(condition.subject)
    wanted = not condition.negated
    if condition.test == "true":
        return lambda request: subject(request) not in (b"", b"0")
    if condition.test == "=" and condition.text is not None:
        text: Rendered = place.compile(condition.text)
        return lambda request: (subject(request) == text(request)) is wanted
    if condition.regex is not None:
        return _matches(subject, condition.regex.pattern, condition.regex.names, wanted)
    exists = _FILE_TESTS[condition.test]

    def test(request: Request) -> bool:
        path = subject(request)
        return (b"\0" not in path and exists(path)) is wanted

    return test


def _matches(
    subject: Rendered, pattern: re.Pattern[bytes], names: tuple[str, ...], wanted: bool
) -> Callable[[Request], bool]:
    def matches(request: Request) -> bool:
        match = pattern.search(subject(request))
        if match is not None:
            request.captured(match, names)
        return (match is not None) is wanted

    return matches


_FILE_TESTS: dict[str, Callable[[bytes], bool]] = {
    "-f": os.path.isfile,
    "-d": os.path.isdir,
    "-e": os.path.exists,
    "-x": lambda path: os.access(path, os.X_OK),
}


class Rewriting(Resource):
    """Runs a location's program before the rest of its chain."""

    isLeaf = True

    def __init__(self, steps: Program, inner: IResource) -> None:
        super().__init__()
        self.steps = steps
        self.inner = inner

    def render(self, request: Request) -> int:
        """Answer, choose a location anew, or go on."""
        if run(self.steps, request) is DONE:
            return NOT_DONE_YET
        if request.uri_changed:
            request.relocate()
            return NOT_DONE_YET
        branch, request.branch = request.branch, None
        if branch is not None:
            request.location = branch
            return render(branch.resource, request)
        return render(self.inner, request)


def guard(place: Place, inner: IResource) -> IResource | None:
    """The guard of a location with directives of this module."""
    if place.kind == "server":
        # A server's program runs before a location is chosen: see VirtualHost.program.
        return None
    steps = program(place)
    return Rewriting(steps, inner) if steps else None
