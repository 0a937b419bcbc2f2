"""The comparison as a picture: a group of bars for each workload, the dearest of it full length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from bench.comparing import Row

_WIDTH, _LEFT, _BAR, _GAP = 860, 250, 13, 16
_COLOURS = {
    "reverseproxy": "#0a7d5a",
    "nginx, article": "#4b74b9",
    "nginx, keepalive": "#8aa9d6",
    "HAProxy": "#b98a3c",
    "Caddy": "#a45fa0",
    "stock Twisted": "#b5534d",
}
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#222}.n{font-size:11px;fill:#555}"
    "@media(prefers-color-scheme:dark){text{fill:#eee}.n{fill:#bbb}}"
)


def chart(rows: Mapping[str, Row]) -> str:
    """An SVG of CPU per request or gigabyte."""
    parts, y = [], 34
    for row in rows.values():
        unit = "µs" if row.workload.unit == "request" else "ms/GB"
        most = max(row.cost(name) for name in row.costs)
        parts.append(f'<text x="8" y="{y + 11}">{escape(row.workload.title)}</text>')
        for name in row.costs:
            cost = row.cost(name)
            width = max(1.0, (_WIDTH - _LEFT - 190) * cost / most)
            parts.append(
                f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR - 2}" '
                f'fill="{_COLOURS[name]}"/>'
                f'<text class="n" x="{_LEFT + width + 6:.1f}" y="{y + 10}">'
                f"{cost:,.0f} {unit} · {escape(name)}</text>"
            )
            y += _BAR
        y += _GAP
    title = "CPU time per request (µs) or per gigabyte (ms); shorter is better"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" role="img">'
        f"<title>{title}</title><style>{_STYLE}</style>"
        f'<text x="8" y="18">{title}</text>{"".join(parts)}</svg>\n'
    )
