"""Directives of listening, choosing a server and talking to the client (ngx_http_core_module)."""

from __future__ import annotations

import socket

import attrs

from reverseproxy.config import (
    HTTP_SERVER_LOCATION,
    HTTP_SERVER_LOCATION_IF,
    Args,
    BadValue,
    Buffers,
    Context,
    Regex,
    Template,
    buffers,
    directive,
    enum,
    expected,
    flag,
    number,
    one,
    seconds,
    settings,
    size,
    template,
)

from .listen import Listen, listen
from .spool import SpoolDirectory

HTTP_SERVER = Context.HTTP | Context.SERVER


@attrs.frozen
class KeepAlive:
    """`server` seconds a connection may idle; `field` seconds named in `Keep-Alive`, or None."""

    server: float
    field: float | None = None


def keep_alive(args: Args) -> KeepAlive:
    """`keepalive_timeout TIME [TIME]`."""
    times = [seconds(word) for word in args.words]
    return KeepAlive(times[0], times[1] if len(times) > 1 else None)


def keepalive_disable(args: Args) -> frozenset[str]:
    """`keepalive_disable none | BROWSER…`."""
    for word in args.words:
        if word.text not in ("none", "msie6", "safari"):
            raise BadValue(
                f'keepalive_disable takes none, msie6 or safari, not "{word.text}"', word
            )
    return frozenset(word.text for word in args.words) - {"none"}


def post_action(args: Args) -> bytes:
    """`post_action URI | @NAME | off`; nothing for off."""
    word = args.words[0]
    if word.text == "off":
        return b""
    if not word.text.startswith(("/", "@")):
        raise expected("a path, @name or off", word)
    return word.text.encode()


def spool_directory(args: Args) -> SpoolDirectory:
    """`client_body_temp_path DIR [level1 [level2 [level3]]]`."""
    levels = []
    for word in args.words[1:]:
        if word.text not in ("1", "2", "3"):
            raise BadValue(f'"{args.name.text}" takes levels from 1 to 3, not "{word.text}"', word)
        levels.append(int(word.text))
    if sum(levels) >= 10:
        raise BadValue("the levels take more digits than a file's name has", args.words[1])
    return SpoolDirectory(args.paths.in_prefix(args.words[0].text), tuple(levels))


@attrs.frozen
class ServerName:
    """One name of `server_name`, in lower case, as it is in Host; `regex` where it is one."""

    text: str
    regex: Regex | None = None


def server_name(args: Args) -> tuple[ServerName, ...]:
    """`server_name NAME…`."""
    names = []
    for word in args.words:
        text = word.text.lower()
        if text.startswith("~"):
            shorter = attrs.evolve(word, text=word.text[1:])
            names.append(ServerName(word.text, args.regex(shorter, ignore_case=True)))
            continue
        if text == "$hostname":
            text = socket.gethostname().lower()
        if "*" in text.removeprefix("*.").removesuffix(".*") or "/" in text or "$" in text:
            raise BadValue(
                f'"{word.text}" is no name: an asterisk stands at one end, beside a dot', word
            )
        names.append(ServerName(text if text.isascii() else text.encode("idna").decode()))
    return tuple(names)


@settings
class ServerSettings:
    """Listening and choosing a server (ngx_http_core_module)."""

    listen: tuple[Listen, ...] = directive(
        listen,
        None,
        Context.SERVER,
        args="1+",
        many=True,
        doc="The address and port, or port alone, on which the server takes requests.",
    )
    server_name: tuple[ServerName, ...] = directive(
        server_name,
        None,
        Context.SERVER,
        args="1+",
        doc="The names that choose this server: exact, *.wildcard, wildcard.* or ~regex.",
    )
    server_names_hash_bucket_size: int | None = directive(
        one(size), None, Context.HTTP, no_effect=True, doc="Names are looked up in a dictionary."
    )
    server_names_hash_max_size: int | None = directive(
        one(size), None, Context.HTTP, no_effect=True, doc="Names are looked up in a dictionary."
    )
    merge_slashes: bool = directive(
        one(flag), "on", HTTP_SERVER, doc="Reads two or more slashes in a path as one."
    )
    client_header_buffer_size: int = directive(
        one(size),
        "1k",
        HTTP_SERVER,
        no_effect=True,
        doc="Buffers grow as needed, up to large_client_header_buffers.",
    )
    max_headers: int = directive(
        one(number(1)), "1000", HTTP_SERVER, doc="How many fields a request may have."
    )
    ignore_invalid_headers: bool = directive(
        one(flag),
        "on",
        HTTP_SERVER,
        doc="Drops fields whose names have other than letters, digits and hyphens.",
    )
    underscores_in_headers: bool = directive(
        one(flag), "off", HTTP_SERVER, doc="Takes underscores in the names of fields."
    )
    variables_hash_bucket_size: int | None = directive(
        one(size), None, Context.HTTP, no_effect=True, doc="Variables are in a dictionary."
    )
    variables_hash_max_size: int | None = directive(
        one(size), None, Context.HTTP, no_effect=True, doc="Variables are in a dictionary."
    )
    connection_pool_size: int | None = directive(
        one(size), None, HTTP_SERVER, no_effect=True, doc="Python manages memory."
    )
    request_pool_size: int | None = directive(
        one(size), None, HTTP_SERVER, no_effect=True, doc="Python manages memory."
    )
    large_client_header_buffers: Buffers = directive(
        buffers,
        "4 8k",
        HTTP_SERVER,
        args=2,
        doc="The size of a request's head: no line over one buffer, no head over all of them.",
    )


@settings
class ClientSettings:
    """Talking to the client (ngx_http_core_module)."""

    client_max_body_size: int = directive(
        one(size),
        "1m",
        HTTP_SERVER_LOCATION,
        doc="The largest body of a request; over it the client gets 413. 0 is no limit.",
    )
    client_body_buffer_size: int = directive(
        one(size),
        "16k",
        HTTP_SERVER_LOCATION,
        doc="How much of a body stays in memory; what is longer goes to a file.",
    )
    client_body_in_file_only: str = directive(
        one(enum("on", "clean", "off")),
        "off",
        HTTP_SERVER_LOCATION,
        doc="Puts every body into a file with a name, which stays (on) or goes after use (clean).",
    )
    client_body_in_single_buffer: bool = directive(
        one(flag),
        "off",
        HTTP_SERVER_LOCATION,
        no_effect=True,
        doc="$request_body is whole wherever it is in memory.",
    )
    client_body_temp_path: SpoolDirectory = directive(
        spool_directory,
        "client_body_temp",
        HTTP_SERVER_LOCATION,
        args="1-4",
        doc="The directory for bodies on their way in, with the lengths of its folders' names.",
    )
    client_header_timeout: float = directive(
        one(seconds), "60s", HTTP_SERVER, doc="The time a client has to send a whole head."
    )
    client_body_timeout: float = directive(
        one(seconds),
        "60s",
        HTTP_SERVER_LOCATION,
        doc="The time between two pieces of a body; over it the connection is closed.",
    )
    client_body_min_rate: int = directive(
        one(size),
        "0",
        HTTP_SERVER_LOCATION,
        doc="How many bytes of a body a client must send in a second, on average and beyond "
        "client_body_timeout, this daemon's own; 0 is any.",
    )
    send_timeout: float = directive(
        one(seconds),
        "60s",
        HTTP_SERVER_LOCATION,
        doc="The time between two reads by the client; over it the connection is closed.",
    )
    keepalive_timeout: KeepAlive = directive(
        keep_alive,
        "75s",
        HTTP_SERVER_LOCATION,
        args="1-2",
        doc="How long an idle connection is kept; the second time is told in Keep-Alive.",
    )
    keepalive_requests: int = directive(
        one(number(1)),
        "1000",
        HTTP_SERVER_LOCATION,
        doc="How many requests one connection may carry.",
    )
    keepalive_time: float = directive(
        one(seconds),
        "1h",
        HTTP_SERVER_LOCATION,
        doc="How long one connection may go on taking requests.",
    )
    keepalive_min_timeout: float = directive(
        one(seconds),
        "0",
        HTTP_SERVER_LOCATION,
        doc="How long an idle connection is kept at least when the daemon is asked to quit.",
    )
    keepalive_disable: frozenset[str] = directive(
        keepalive_disable,
        "msie6",
        HTTP_SERVER_LOCATION,
        args="1+",
        doc="Browsers whose connections end with each request: msie6 after POST, safari; none.",
        syntax="none | msie6 | safari ...",
    )
    reset_timedout_connection: bool = directive(
        one(flag),
        "off",
        HTTP_SERVER_LOCATION,
        doc="Resets connections that time out (and those of return 444), to free their memory.",
    )
    postpone_output: int | None = directive(
        one(size), None, HTTP_SERVER_LOCATION, no_effect=True, doc="What is there is sent."
    )
    output_buffers: Buffers | None = directive(
        buffers,
        None,
        HTTP_SERVER_LOCATION,
        args=2,
        no_effect=True,
        doc="Files are read in pieces of 64k where they don't leave from the kernel.",
    )
    lingering_close: str = directive(
        one(enum("on", "off", "always")),
        "on",
        HTTP_SERVER_LOCATION,
        doc="Reads on for a while before closing, so that the client gets the answer.",
    )
    lingering_time: float = directive(
        one(seconds), "30s", HTTP_SERVER_LOCATION, doc="How long unread bytes are read in all."
    )
    lingering_timeout: float = directive(
        one(seconds), "5s", HTTP_SERVER_LOCATION, doc="How long to wait for more unread bytes."
    )
    tcp_nodelay: bool = directive(
        one(flag), "on", HTTP_SERVER_LOCATION, doc="Sets TCP_NODELAY on kept-alive connections."
    )
    tcp_nopush: bool = directive(
        one(flag),
        "off",
        HTTP_SERVER_LOCATION,
        doc="Sends the head in one packet with the beginning of the file (with sendfile).",
    )
    absolute_redirect: bool = directive(
        one(flag), "on", HTTP_SERVER_LOCATION, doc="Makes redirects of this server's absolute."
    )
    server_name_in_redirect: bool = directive(
        one(flag), "off", HTTP_SERVER_LOCATION, doc="Redirects to server_name, not to Host."
    )
    port_in_redirect: bool = directive(
        one(flag), "on", HTTP_SERVER_LOCATION, doc="Names the listening port in redirects."
    )
    server_tokens: Template = directive(
        template,
        "on",
        HTTP_SERVER_LOCATION,
        doc="Names the version in the Server field, or puts a text there; an empty one is none.",
        syntax="on | off | build | string",
    )
    msie_refresh: bool = directive(
        one(flag), "off", HTTP_SERVER_LOCATION, doc="Sends MSIE pages that refresh, not redirects."
    )
    msie_padding: bool = directive(
        one(flag),
        "on",
        HTTP_SERVER_LOCATION,
        no_effect=True,
        doc="Error pages for browsers are longer than the 512 bytes that MSIE wants.",
    )
    log_subrequest: bool = directive(
        one(flag), "off", HTTP_SERVER_LOCATION, doc="Gives subrequests lines in the access log."
    )
    post_action: bytes = directive(
        post_action,
        "off",
        HTTP_SERVER_LOCATION_IF,
        doc="What is asked, inside, when a request is over, whether or not it went well.",
        syntax="uri | @name | off",
    )
    chunked_transfer_encoding: bool = directive(
        one(flag),
        "on",
        HTTP_SERVER_LOCATION,
        doc="Sends bodies of unknown length in chunks; off ends them by closing.",
    )
