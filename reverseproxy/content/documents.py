"""`root` and `alias`: from a request's path to a file's (ngx_http_map_uri_to_path).

A `root` is put before the whole path. An `alias` takes the place of the part of the path that its
location names; in a location that a regular expression chooses it is the file itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from reverseproxy.config import Args, BadValue, Level, Matcher, Template, Word
from reverseproxy.errors import Refusal

if TYPE_CHECKING:
    from reverseproxy.web.place import Place
    from reverseproxy.web.request import Request

#: Variables that are made of what these directives say.
_OWN = frozenset({"document_root", "realpath_root", "request_filename"})


@attrs.frozen
class Directory:
    """The argument of `root` or `alias`: `prefix` is where a relative path starts from."""

    template: Template
    prefix: str
    word: Word


def directory(args: Args) -> Directory:
    """`root PATH` and `alias PATH`, with variables; a constant path becomes absolute."""
    word = args.words[0]
    own = _OWN.intersection(args.template(word).names)
    if own:
        raise BadValue(f'${min(own)} can\'t stand in "{args.name.text}": it is made of it', word)
    return rooted(args)


def rooted(args: Args) -> Directory:
    """A path with variables; as far as it is constant it becomes absolute."""
    word = args.words[0]
    text = word.text
    if not text.startswith("$"):
        # As far as it is constant; `alias /a/b$1` must not lose what the slash at its end says.
        head, slash, tail = text.rpartition("/")
        dollar = text.find("$")
        if dollar >= 0:
            head, slash, tail = text[:dollar].rpartition("/")
            tail += text[dollar:]
        if tail in (".", ".."):
            head, tail = text, ""
        base = args.paths.in_prefix(head or slash or ".")
        text = f"{base.rstrip('/')}/{tail}"
    return Directory(args.template(attrs.evolve(word, text=text)), args.paths.prefix, word)


@attrs.frozen
class Documents:
    """Where the files of a place are.

    `base` is the directory (or the file, see above), without a slash at the end of a `root`;
    `cut` is how much of the path an `alias` stands for, -1 where it is the whole of it; `path` is
    the file for a request.
    """

    base: Callable[[Request], bytes]
    cut: int
    is_alias: bool
    path: Callable[[Request], bytes]

    def candidate(self, request: Request, name: bytes, has_variables: bool) -> tuple[bytes, bytes]:
        """For a name in `try_files`: the file, and the URI that the request has if it is taken."""
        base = self.base(request)
        if not self.is_alias:
            return base + name, name
        if self.cut < 0:
            return base + name, name
        uri = request.document_uri
        if has_variables and name[: self.cut] == uri[: self.cut]:
            name = name[self.cut :]
        return base + name, uri[: self.cut] + name


def documents(place: Place) -> Documents:
    """The `root` or `alias` in force in a place; the nearest of them counts."""
    level: Level | None = place.level
    while level is not None:
        own = {setting.name: setting for setting in level.own if setting.name in ("root", "alias")}
        if len(own) > 1:
            second = max(own.values(), key=lambda setting: setting.origin.line)
            place.complain(second.origin, '"root" and "alias" can\'t both stand in one location')
        if own:
            name, setting = next(iter(own.items()))
            if name == "alias":
                return _alias(place, level, setting.value)
            return _root(place, setting.value)
        level = level.parent
    from .filesettings import StaticSettings

    return _root(place, place[StaticSettings].root)


def _root(place: Place, value: Directory) -> Documents:
    return place.once((_root, value), lambda: _below_root(place, value))


def _below_root(place: Place, value: Directory) -> Documents:
    base = _base(place, value, is_root=True)
    if value.template.constant is not None:
        constant = base(None)  # type: ignore[arg-type]  # a constant looks at no request
        return Documents(base, 0, False, lambda request: constant + request.document_uri)

    def path(request: Request) -> bytes:
        return inside(base(request) + request.document_uri)

    return Documents(base, 0, False, path)


def _alias(place: Place, level: Level, value: Directory) -> Documents:
    matcher: Matcher = level.value
    base = _base(place, value, is_root=False)
    if matcher.kind == "@":
        place.complain(value.word.origin, "alias can't stand in a named location")
    if matcher.kind in ("~", "~*"):

        def whole(request: Request) -> bytes:
            # After `try_files` the name that was found is below the alias.
            tail = request.document_uri if request.below_alias else b""
            return inside(base(request) + tail)

        return Documents(base, -1, True, whole)
    if level is place.level:
        _check_slash(place, matcher, value)
    cut = len(matcher.word.text.encode())

    def below(request: Request) -> bytes:
        if request.misplaced:
            raise Refusal(
                500,
                "RP-500-alias",
                '"alias" can\'t be used in a location where the URI was rewritten',
                "alert",
            )
        return inside(base(request) + request.document_uri[cut:])

    return Documents(base, cut, True, below)


def _check_slash(place: Place, matcher: Matcher, value: Directory) -> None:
    """A slash at the end of only one of location and alias lets requests out of the directory."""
    last = value.template.parts[-1] if value.template.parts else ""
    if matcher.kind not in ("prefix", "^~") or not isinstance(last, str):
        return
    name, text = matcher.word.text, value.word.text
    if name.endswith("/") == last.endswith("/"):
        return
    if last.endswith("/"):
        place.complain(
            value.word.origin,
            f'with "location {name}" and this alias, "{name}../x" is the file "{text}../x", '
            "outside of the directory",
            f'write "location {name}/", or the alias without its last slash',
        )
    else:
        place.complain(
            value.word.origin,
            f'with "location {name}" and this alias, "{name}-x/y" is the file "{text}-x/y", '
            "outside of the directory",
            f'write "alias {text}/;"',
        )


def _base(place: Place, value: Directory, *, is_root: bool) -> Callable[[Request], bytes]:
    constant = value.template.constant
    if constant is not None:
        fixed = constant.encode()
        if is_root:
            fixed = fixed.rstrip(b"/")
        return lambda _request: fixed
    return based(place, value)


def based(place: Place, value: Directory) -> Callable[[Request], bytes]:
    """A path for a request, absolute."""
    render, prefix = place.compile(value.template), value.prefix.rstrip("/").encode() + b"/"

    def base(request: Request) -> bytes:
        made = render(request)
        return made if made.startswith(b"/") else prefix + made

    return base


def climbs(path: bytes) -> bool:
    """Whether a path that was put together from a request's parts leaves its directory, or ends."""
    return path.find(b"/../") >= 0 or path.endswith(b"/..") or 0 in path


def inside(path: bytes) -> bytes:
    """Such a path. Raises Refusal if it climbs."""
    if climbs(path):
        raise Refusal(404, "RP-404-file", f"{path!r} leaves its directory")
    return path


def document_root(request: Request) -> bytes:
    """`$document_root`: the root or alias in force for the request."""
    return request.location.documents.base(request)


def request_filename(request: Request) -> bytes:
    """`$request_filename`: the file that the request's path stands for."""
    return request.location.documents.path(request)


def realpath_root(request: Request) -> bytes | None:
    """`$realpath_root`: the root with every symbolic link resolved; nothing if it isn't there."""
    try:
        return os.path.realpath(document_root(request), strict=True)
    except OSError:
        return None
