"""`try_files`: the first of several files that is there, or else somewhere to go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from twisted.web.resource import IResource, Resource
from twisted.web.server import NOT_DONE_YET

from reverseproxy.config import Args, BadValue, Context, Template, directive, settings
from reverseproxy.content.documents import climbs, documents
from reverseproxy.content.opening import finder
from reverseproxy.errors import Refusal

from .passing import render

if TYPE_CHECKING:
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request


@attrs.frozen
class TryFiles:
    """`files` in order, and whether each is to be a directory; then `status`, or `target`.

    A target is a URI with arguments, or @name.
    """

    files: tuple[tuple[Template, bool], ...]
    target: Template
    status: int | None = None


def try_files(args: Args) -> TryFiles:
    """`try_files FILE… URI` or `try_files FILE… =CODE`."""
    *files, last = args.words
    status = None
    if last.text.startswith("="):
        if not last.text[1:].isdigit() or not 200 <= int(last.text[1:]) <= 599:
            raise BadValue(f'"{last.text}" is no status such as =404', last)
        status = int(last.text[1:])
    # The slash at a name's end asks for a directory, and is no part of the path.
    templates = [
        (
            args.template(attrs.evolve(word, text=word.text.removesuffix("/"))),
            word.text.endswith("/"),
        )
        for word in files
    ]
    return TryFiles(tuple(templates), args.template(last), status)


@settings
class TryFilesSettings:
    """Trying files (ngx_http_core_module)."""

    try_files: TryFiles | None = directive(
        try_files,
        None,
        Context.SERVER | Context.LOCATION,
        args="2+",
        inherit=False,
        doc="Serves the first file (or directory, with a slash) that is there, else the last.",
        syntax="file ... uri | file ... =code",
    )


class TriesFiles(Resource):
    """Looks for files below the root before the content answers."""

    isLeaf = True

    def __init__(self, rule: TryFiles, place: Place, inner: IResource) -> None:
        super().__init__()
        self.inner = inner
        self.documents = documents(place)
        self.found = finder(place)
        self.files = [
            (place.compile(file), file.constant is None, is_directory)
            for file, is_directory in rule.files
        ]
        self.target = place.compile(rule.target)
        self.status = rule.status

    def render(self, request: Request) -> int:
        """Take the first that is there."""
        for file, has_variables, is_directory in self.files:
            path, uri = self.documents.candidate(request, file(request), has_variables)
            if climbs(path):
                continue
            if self.found(request, path, is_directory):
                request.document_uri = uri
                request.below_alias = not is_directory
                request.unmoved = False
                return render(self.inner, request)
        if self.status is not None:
            raise Refusal(self.status, "RP-try-files", "try_files found no file", "info")
        request.detour(self.target(request))
        return NOT_DONE_YET


def guard(place: Place, inner: IResource) -> IResource | None:
    """The guard of a place with `try_files`."""
    rule = place[TryFilesSettings].try_files
    return None if rule is None else TriesFiles(rule, place, inner)
