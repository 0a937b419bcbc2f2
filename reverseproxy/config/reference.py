"""The directive reference, made from the rows: what docs/directives.md holds."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

from reverseproxy.config.directive import Row, rows


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
