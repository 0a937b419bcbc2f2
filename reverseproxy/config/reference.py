"""What docs/directives.md and docs/not-supported.md hold, made from the rows."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterable, Sequence

from reverseproxy.config.directive import Row, rows
from reverseproxy.config.nginx_names import DIRECTIVES


def reference(classes: Sequence[type]) -> str:
    """Markdown: a section per settings class, with an anchor per directive."""
    parts = ["# Directives\n"]
    for cls in classes:
        title = (inspect.getdoc(cls) or cls.__name__).splitlines()[0].rstrip(".")
        parts.append(f"## {title}\n")
        parts += [_entry(row) for row in rows(cls)]
    return "\n".join(parts)


def _entry(row: Row) -> str:
    default = "none" if row.default is None else f"`{row.name} {row.default}".rstrip() + ";`"
    lines = [
        f'<a id="{row.name}"></a>',
        f"### {row.name}",
        "",
        f"- Syntax: `{syntax(row)}`",
        f"- Default: {default}",
        f"- Context: {', '.join(row.context.labels)}",
        "",
        row.doc,
    ]
    if row.many:
        lines.append("May be repeated.")
    if not row.inherit:
        lines.append("Inner levels don't inherit it.")
    if row.no_effect:
        lines.append("Accepted for the sake of existing configurations; it has no effect here.")
    return "\n".join(lines) + "\n"


#: What is left out of nginx, by the beginning of the names; the rest is listed under "Others".
_LEFT_OUT = (
    ("ssl_", "TLS in front"),
    ("proxy_ssl_", "TLS behind"),
    ("proxy_cache", "The cache"),
    ("proxy_", "Proxying"),
    ("fastcgi_", "FastCGI"),
    ("uwsgi_", "uwsgi"),
    ("scgi_", "SCGI"),
    ("grpc_", "gRPC"),
    ("memcached_", "memcached"),
    ("tunnel_", "Tunnels"),
    ("http2_", "HTTP/2"),
    ("http3_", "HTTP/3"),
    ("quic_", "HTTP/3"),
    ("auth_jwt", "The commercial edition"),
    ("otel_", "OpenTelemetry"),
    ("perl", "Perl"),
    ("js_", "njs"),
    ("mp4", "Media"),
    ("hls", "Media"),
    ("f4f", "Media"),
    ("image_filter", "Images"),
    ("xslt_", "XSLT"),
    ("xml_", "XSLT"),
    ("ssi", "Server-side includes"),
    ("dav_", "WebDAV"),
    ("imap_", "Mail"),
    ("pop3_", "Mail"),
    ("smtp_", "Mail"),
    ("zone_sync", "The commercial edition"),
)
#: Why, and what else is missing there.
_REASONS = {
    "TLS in front": """\
`ssl_early_data on` is an error: pyOpenSSL has nothing for it. Early data is read, and answered, by
functions of its own before the handshake is over; and whoever recorded it can send it again, which
OpenSSL finds out only where every worker has the same cache of sessions.

`$ssl_ciphers`, `$ssl_curves`, `$ssl_sigalg`, `$ssl_client_sigalg` and `$ssl_session_id` need a
cryptography that is linked to the system's OpenSSL, as Debian's is, or a current one of PyPI; with
others they are errors, as OpenSSL's functions for them can't be reached there.
""",
}
_INTRODUCTION = """\
# What nginx has and this has not

Each of these names is an error when a configuration is loaded, with its file, line and column; none
is ignored. nginx's `mail` and `stream` blocks are not here at all.
"""


def not_supported(classes: Sequence[type], blocks: Iterable[str]) -> str:
    """Markdown: every directive of nginx's that no row and no block has, by what it is for."""
    have = {row.name for cls in classes for row in rows(cls)} | set(blocks) | {"include"}
    groups: dict[str, list[str]] = {}
    for name in sorted(DIRECTIVES - have):
        title = next((title for start, title in _LEFT_OUT if name.startswith(start)), "Others")
        groups.setdefault(title, []).append(f"`{name}`")
    parts = [_INTRODUCTION]
    for title in sorted(groups, key=lambda title: (title == "Others", title)):
        text = textwrap.fill(", ".join(groups[title]) + ".", 100, break_on_hyphens=False)
        parts.append(f"## {title}\n\n{text}\n")
        if title in _REASONS:
            parts.append(_REASONS[title])
    return "\n".join(parts)


def syntax(row: Row) -> str:
    """The directive as one would write it: `proxy_buffers number size;`."""
    shown = row.syntax or _placeholders(row)
    end = " { … }" if row.block else ";"
    return f"{row.name} {shown}".rstrip() + end


def _placeholders(row: Row) -> str:
    parts = ["value"] * row.least
    if row.most is None:
        parts.append("…" if row.least else "[value …]")
    else:
        parts += ["[value]"] * (row.most - row.least)
    return " ".join(parts)
