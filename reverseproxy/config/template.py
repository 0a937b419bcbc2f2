"""Text with variables in it: `http://$host:${server_port}$1`, as nginx's scripts read it."""

from __future__ import annotations

import re
from functools import lru_cache

import attrs

from reverseproxy.config.source import BadValue, Origin, Word


@attrs.frozen
class Variable:
    """A variable by name, in lower case as nginx compares them; captures are "1" to "9"."""

    name: str


@attrs.frozen
class Template:
    """Texts and variables in order; `text` is what was written."""

    parts: tuple[str | Variable, ...]
    origin: Origin
    text: str

    @property
    def constant(self) -> str | None:
        """The text, if no variable is in it; else None."""
        if not self.parts:
            return ""
        first = self.parts[0]
        return first if len(self.parts) == 1 and isinstance(first, str) else None

    @property
    def names(self) -> tuple[str, ...]:
        """The variables' names in order, captures included."""
        return tuple(part.name for part in self.parts if isinstance(part, Variable))


# ngx_http_script_compile(): $1 is one digit, a name is letters, digits and "_".
_VARIABLE = re.compile(r"\$(?:([1-9])|([A-Za-z0-9_]+)|\{([A-Za-z0-9_]+)\})")


#: One of each name: thousands of templates have the same.
_variable = lru_cache(maxsize=1024)(Variable)


def parse_template(word: Word) -> Template:
    """The template in `word`; BadValue for a `$` which no name follows."""
    text = word.text
    if "$" not in text:
        return Template((text,) if text else (), word.origin, text)
    parts: list[str | Variable] = []
    position = 0
    while (dollar := text.find("$", position)) >= 0:
        found = _VARIABLE.match(text, dollar)
        if found is None:
            raise _no_name(text[dollar:], word)
        if dollar > position:
            parts.append(text[position:dollar])
        parts.append(_variable(found[found.lastindex or 0].lower()))
        position = found.end()
    if position < len(text):
        parts.append(text[position:])
    return Template(tuple(parts), word.origin, text)


def _no_name(rest: str, word: Word) -> BadValue:
    if rest.startswith("${") and "}" not in rest:
        return BadValue(f'"}}" is missing after "{rest}"', word)
    return BadValue(f'no variable\'s name after the "$" in "{word.text}"', word)
