"""What docs/man/reverseproxy.conf.5 holds, made from the rows, in roff's man macros (man(7))."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

from reverseproxy.config.directive import Row, rows
from reverseproxy.config.reference import syntax

_HEAD = """\
.\\" Made from the directive table by `make docs`.
.TH REVERSEPROXY.CONF 5 "" "reverseproxy" "File formats"
.SH NAME
reverseproxy.conf \\- configuration of the reverse proxy daemon
.SH SYNOPSIS
.I /etc/reverseproxy/reverseproxy.conf
.SH DESCRIPTION
The language is nginx's: directives are words that end in a semicolon, blocks are in braces, a hash
begins a comment,
.B include
reads other files, and variables begin with a dollar sign. Levels inherit from those around them.
Whatever is wrong is told with its file, line and column, and nothing is started.
"""
_TAIL = """\
.SH FILES
.TP
.I /etc/reverseproxy/sites\\-available, sites\\-enabled
Sites, and the links that make them served; see
.BR rpensite (8).
.TP
.I /etc/reverseproxy/conf.d, snippets
Files that are included in http, and pieces to be included where they are wanted.
.SH SEE ALSO
.BR reverseproxy (8),
.BR rpensite (8)
"""


def manual(classes: Sequence[type]) -> str:
    """The page: a section for each settings class, an entry for each directive."""
    parts = [_HEAD]
    for cls in classes:
        title = (inspect.getdoc(cls) or cls.__name__).splitlines()[0].rstrip(".")
        parts.append(f".SH {escaped(title.partition(' (')[0].upper())}\n")
        parts += [_entry(row) for row in rows(cls)]
    parts.append(_TAIL)
    return "".join(parts)


def _entry(row: Row) -> str:
    default = "none" if row.default is None else f"{row.name} {row.default}".rstrip()
    more = " It has no effect here." if row.no_effect else ""
    return (
        f".TP\n.B {escaped(syntax(row))}\n{escaped(row.doc)}{more}\n"
        f"Default: {escaped(default)}. Context: {', '.join(row.context.labels)}.\n"
    )


def escaped(text: str) -> str:
    """Text that roff prints as it is."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...")
    text = text.replace("'", "\\(aq").replace("`", "\\(ga").replace("~", "\\(ti")
    return text.replace("^", "\\(ha")
