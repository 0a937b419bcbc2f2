"""The directives of proxying (ngx_http_proxy_module)."""

from __future__ import annotations

import re

import attrs

from reverseproxy.config import (
    HTTP_SERVER_LOCATION,
    Args,
    BadValue,
    Buffers,
    Context,
    Diagnostic,
    Level,
    Template,
    Word,
    buffers,
    directive,
    flag,
    number,
    one,
    seconds,
    settings,
    size,
)
from reverseproxy.upstream import failover
from reverseproxy.web.settings import spool_directory
from reverseproxy.web.spool import SpoolDirectory

from .target import BadURL, Target, read_target

#: How the URL of a `proxy_pass` may begin.
_SCHEMES = ("http://", "https://")


@attrs.frozen
class WrittenTarget(Target):
    """A target as it stands in the configuration."""

    word: Word = attrs.field(kw_only=True)


def proxy_pass(args: Args) -> WrittenTarget | Template:
    """`proxy_pass http[s]://HOST[:PORT][URI]`; a URL with variables is read for each request."""
    word = args.words[0]
    if "$" not in word.text:
        try:
            return WrittenTarget(*attrs.astuple(read_target(word.text), recurse=False), word=word)
        except BadURL as error:
            raise BadValue(str(error), word) from None
    template = args.template(word)
    first = template.parts[0]
    if isinstance(first, str) and not any(
        first.startswith(scheme) or scheme.startswith(first) for scheme in _SCHEMES
    ):
        raise BadValue(f'proxy_pass takes a URL such as http://$name, not "{word.text}"', word)
    return template


@attrs.frozen
class HeaderRule:
    """One `proxy_set_header`: a field's name and the template of its value."""

    name: str
    value: Template


#: Fields that say how long the body is: this program frames each message anew.
_FRAMING = frozenset({"content-length", "transfer-encoding"})
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f]")


def proxy_set_header(args: Args) -> HeaderRule:
    """`proxy_set_header NAME VALUE`; an empty value sends no such field."""
    name, value = args.words
    if re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name.text) is None:
        raise BadValue(f'"{name.text}" is not a field name (RFC 9110 section 5.1)', name)
    # "Content-Length: none" is what people write beside proxy_pass_request_body off; it is true.
    if name.text.lower() in _FRAMING and value.text:
        raise BadValue(f"{name.text} is decided by the body that is sent, not by a directive", name)
    if _CONTROL.search(value.text):
        raise BadValue(f"the value of {name.text} has a control character", value)
    return HeaderRule(name.text, args.template(value))


@settings
class ProxySettings:
    """Proxying (ngx_http_proxy_module)."""

    proxy_pass: WrittenTarget | Template | None = directive(
        proxy_pass,
        None,
        Context.LOCATION | Context.LOCATION_IF | Context.LIMIT_EXCEPT,
        inherit=False,
        into_if=True,
        doc="The server that answers here; a URI in it replaces the location's part of the path.",
        syntax="URL",
    )
    proxy_pass_request_body: bool = directive(
        one(flag), "on", HTTP_SERVER_LOCATION, doc="Sends the body of a request to the upstream."
    )
    proxy_set_header: tuple[HeaderRule, ...] = directive(
        proxy_set_header,
        None,
        HTTP_SERVER_LOCATION,
        args=2,
        many=True,
        doc="Sets a field of the request to the upstream; a level with one has only its own.",
        syntax="field value",
    )
    proxy_connect_timeout: float = directive(
        one(seconds), "60s", HTTP_SERVER_LOCATION, doc="The time to connect; over it 504."
    )
    proxy_send_timeout: float = directive(
        one(seconds), "60s", HTTP_SERVER_LOCATION, doc="The time between two writes; over it 504."
    )
    proxy_read_timeout: float = directive(
        one(seconds), "60s", HTTP_SERVER_LOCATION, doc="The time between two reads; over it 504."
    )
    proxy_next_upstream: frozenset[str] = directive(
        failover.conditions,
        "error timeout",
        HTTP_SERVER_LOCATION,
        args="1+",
        doc="After which failures the next server of a group is tried.",
        syntax="error | timeout | invalid_header | http_500 | http_502 | http_503 | http_504 | "
        "http_403 | http_404 | http_429 | non_idempotent | off ...",
    )
    proxy_next_upstream_tries: int = directive(
        one(number()), "0", HTTP_SERVER_LOCATION, doc="How often a request is tried; 0 is no limit."
    )
    proxy_next_upstream_timeout: float = directive(
        one(seconds),
        "0",
        HTTP_SERVER_LOCATION,
        doc="How long after its beginning a request is tried again; 0 is no limit.",
    )
    proxy_buffer_size: int = directive(
        one(size), "4k", HTTP_SERVER_LOCATION, doc="The largest head of an answer; over it 502."
    )
    proxy_buffers: Buffers = directive(
        buffers,
        "8 4k",
        HTTP_SERVER_LOCATION,
        args=2,
        doc="How much of an answer waits in memory for a slow reader: number times size.",
    )
    proxy_busy_buffers_size: int | None = directive(
        one(size),
        None,
        HTTP_SERVER_LOCATION,
        doc="How much of it waits in memory while more waits in a temporary file.",
    )
    proxy_max_temp_file_size: int = directive(
        one(size),
        "1024m",
        HTTP_SERVER_LOCATION,
        doc="How much of an answer waits in a temporary file; 0 is no file.",
    )
    proxy_temp_file_write_size: int | None = directive(
        one(size), None, HTTP_SERVER_LOCATION, doc="The size of the pieces read from that file."
    )
    proxy_temp_path: SpoolDirectory = directive(
        spool_directory,
        "proxy_temp",
        HTTP_SERVER_LOCATION,
        args="1-4",
        doc="The directory of the temporary files, with the lengths of its folders' names.",
    )
    proxy_headers_hash_bucket_size: int | None = directive(
        one(size), None, HTTP_SERVER_LOCATION, no_effect=True, doc="Fields are in a dictionary."
    )
    proxy_headers_hash_max_size: int | None = directive(
        one(size), None, HTTP_SERVER_LOCATION, no_effect=True, doc="Fields are in a dictionary."
    )

    def check(self, level: Level) -> list[Diagnostic]:
        """The buffers' sizes must fit each other, as nginx has it."""
        memory = self.proxy_buffers.count * self.proxy_buffers.size
        busy = self.proxy_busy_buffers_size
        origin = level.origin_of("proxy_busy_buffers_size")
        least = max(self.proxy_buffers.size, self.proxy_buffer_size)
        if busy is None or origin is None:
            return []
        if busy < least:
            message = (
                '"proxy_busy_buffers_size" must not be less than "proxy_buffer_size" '
                f'and one of "proxy_buffers": {least} bytes'
            )
            return [Diagnostic(origin, message)]
        if busy > memory - self.proxy_buffers.size:
            message = (
                '"proxy_busy_buffers_size" must be less than all "proxy_buffers" minus one: '
                f"{memory - self.proxy_buffers.size} bytes"
            )
            return [Diagnostic(origin, message)]
        return []
