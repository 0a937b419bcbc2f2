"""A small table of directives, and loads from memory, for the tests of the configuration."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from typing import Any

from reverseproxy.config import (
    HTTP_SERVER_LOCATION,
    Args,
    BadValue,
    Buffers,
    Configuration,
    ConfigurationError,
    Context,
    Diagnostic,
    Level,
    Regex,
    Template,
    buffers,
    conf_path,
    directive,
    enum,
    flag,
    load,
    number,
    one,
    prefix_path,
    present,
    regex,
    seconds,
    settings,
    size,
    template,
    text,
    words,
)

VARIABLES = frozenset(("host", "uri", "remote_addr", "proxy_add_x_forwarded_for", "request"))


def header(args: Args) -> tuple[str, Template]:
    name, value = args.words
    return name.text, args.template(value)


def assignment(args: Args) -> tuple[str, Template]:
    variable, value = args.words
    return args.declare(variable), args.template(value)


def types(args: Args) -> dict[str, str]:
    """The block of `types` as a mapping from a suffix to its type."""
    found = {}
    for statement in args.block or ():
        if not statement.args:
            raise BadValue(f'"{statement.name.text}" has no suffix', statement.name)
        for word in statement.args:
            if word.text in found:
                args.warn(f'"{word.text}" has a type already', word)
            found[word.text] = statement.name.text
    return found


@settings
class Daemon:
    """The daemon."""

    user: str | None = directive(one(text), None, Context.MAIN, args="1-2", doc="Whom to be.")
    worker_processes: int = directive(one(number(min=1)), "1", Context.MAIN, doc="How many.")
    worker_connections: int = directive(one(number()), "512", Context.EVENTS, doc="Each.")


@settings
class Core:
    """The core (ngx_http_core_module).

    More about it.
    """

    listen: tuple[str, ...] = directive(
        one(text), None, Context.SERVER, many=True, inherit=False, doc="Where to listen."
    )
    server_name: tuple[str, ...] = directive(
        words, '""', Context.SERVER, args="1+", inherit=False, doc="The names."
    )
    root: str = directive(
        prefix_path, "html", HTTP_SERVER_LOCATION | Context.LOCATION_IF, doc="The files."
    )
    gzip: bool = directive(one(flag), "off", HTTP_SERVER_LOCATION, doc="Compress.")
    gzip_types: tuple[str, ...] = directive(
        words, "text/html", HTTP_SERVER_LOCATION, args="1+", doc="What to compress."
    )
    client_max_body_size: int = directive(one(size), "1m", HTTP_SERVER_LOCATION, doc="Limit.")
    satisfy: str = directive(one(enum("all", "any")), "all", HTTP_SERVER_LOCATION, doc="Who.")
    types: dict[str, str] | None = directive(
        types, None, HTTP_SERVER_LOCATION, args=0, block=True, doc="Suffixes."
    )
    internal: bool | None = directive(
        present, None, Context.LOCATION, args=0, inherit=False, doc="Not from outside."
    )
    auth_basic_user_file: str | None = directive(
        conf_path, None, HTTP_SERVER_LOCATION | Context.LIMIT_EXCEPT, doc="Passwords."
    )
    gzip_disable: Regex | None = directive(regex, None, HTTP_SERVER_LOCATION, doc="Not for them.")
    server_names_hash_bucket_size: int | None = directive(
        one(size), None, Context.HTTP, no_effect=True, doc="A size of nginx's."
    )


@settings
class Rewrite:
    """Rewriting."""

    set_: tuple[tuple[str, Template], ...] = directive(
        assignment, None, Context.SERVER | Context.LOCATION, args=2, many=True, doc="Set one."
    )
    return_: str | None = directive(
        one(text),
        None,
        Context.SERVER | Context.LOCATION | Context.SERVER_IF | Context.LOCATION_IF,
        args="1-2",
        inherit=False,
        doc="Answer at once.",
    )


@settings
class Proxy:
    """Proxying."""

    proxy_pass: Template | None = directive(
        template, None, Context.LOCATION, inherit=False, doc="Where to."
    )
    proxy_set_header: tuple[tuple[str, Template], ...] = directive(
        header, "Host $host", HTTP_SERVER_LOCATION, args=2, many=True, doc="A field."
    )
    proxy_read_timeout: float = directive(one(seconds), "60s", HTTP_SERVER_LOCATION, doc="Wait.")
    proxy_buffers: Buffers = directive(
        buffers, "8 4k", HTTP_SERVER_LOCATION, args=2, doc="For answers."
    )

    def check(self, level: Level) -> Iterable[Diagnostic]:
        if self.proxy_pass is not None and self.proxy_buffers.count < 2:
            yield Diagnostic(level.origin_of("proxy_buffers"), "one buffer is too few")


@settings
class Upstream:
    """Groups of servers."""

    server: tuple[str, ...] = directive(
        one(text), None, Context.UPSTREAM, args="1+", many=True, doc="A server."
    )


CLASSES = (Daemon, Core, Rewrite, Proxy, Upstream)
MAIN_FILE = "/etc/rp/reverseproxy.conf"


class Files:
    """Files in memory: paths are absolute, or lie beside the main file."""

    def __init__(self, files: Mapping[str, str | bytes]) -> None:
        self.files = {
            name if name.startswith("/") else f"/etc/rp/{name}": content
            for name, content in files.items()
        }
        self.reads: list[str] = []

    def read(self, path: str) -> bytes:
        self.reads.append(path)
        if path not in self.files:
            raise FileNotFoundError(2, "No such file or directory", path)
        content = self.files[path]
        return content.encode() if isinstance(content, str) else content

    def glob(self, pattern: str) -> list[str]:
        return [path for path in reversed(self.files) if fnmatch.fnmatch(path, pattern)]


def load_files(main: str | bytes, **more: Any) -> Configuration:
    """Load `main` as the main file, with other files by name in `files`."""
    classes = more.pop("classes", CLASSES)
    files = Files({MAIN_FILE: main, **more.pop("files", {})})
    return load(
        MAIN_FILE,
        prefix="/srv/rp",
        classes=classes,
        variables=more.pop("variables", VARIABLES.__contains__),
        read=files.read,
        glob=files.glob,
    )


def errors_of(main: str | bytes, **more: Any) -> list[str]:
    """The errors of a load that must fail, each as "LINE:COLUMN: …" if in the main file."""
    try:
        load_files(main, **more)
    except ConfigurationError as error:
        return [str(each).removeprefix(f"{MAIN_FILE}:") for each in error.diagnostics]
    raise AssertionError("the configuration was accepted")
