"""Text becomes settings.

`lexer` cuts a text into tokens as nginx does, `parser` makes a tree of them and puts included files
in place. Features declare their directives as rows of settings classes (`directive`, with the
converters of `values`); `load` looks each statement of the tree up in these rows and converts it,
and `level` merges http -> server -> location, so that `level[ProxySettings]` is a frozen object
with every value that is in force there. Whatever is wrong is collected, located by file, line and
column, and raised at once as a ConfigurationError.

Nothing here opens a socket or knows of a reactor; only `load` and `parser` read files, through
functions which may be replaced.
"""

from __future__ import annotations

from reverseproxy.config.blocks import Condition, Matcher
from reverseproxy.config.directive import (
    HTTP_SERVER_LOCATION,
    HTTP_SERVER_LOCATION_IF,
    Args,
    Context,
    Converter,
    Paths,
    Row,
    directive,
    rows,
    settings,
    shown_as,
)
from reverseproxy.config.level import Level, Setting
from reverseproxy.config.load import Configuration, find, load, read_file
from reverseproxy.config.reference import reference
from reverseproxy.config.regex import Regex
from reverseproxy.config.source import (
    BadValue,
    ConfigurationError,
    Diagnostic,
    Origin,
    Statement,
    Word,
    expected,
)
from reverseproxy.config.template import Template, Variable
from reverseproxy.config.values import (
    Buffers,
    buffers,
    conf_path,
    enum,
    flag,
    number,
    one,
    prefix_path,
    present,
    regex,
    seconds,
    size,
    template,
    text,
    words,
)

__all__ = [
    "HTTP_SERVER_LOCATION",
    "HTTP_SERVER_LOCATION_IF",
    "Args",
    "BadValue",
    "Buffers",
    "Condition",
    "Configuration",
    "ConfigurationError",
    "Context",
    "Converter",
    "Diagnostic",
    "Level",
    "Matcher",
    "Origin",
    "Paths",
    "Regex",
    "Row",
    "Setting",
    "Statement",
    "Template",
    "Variable",
    "Word",
    "buffers",
    "conf_path",
    "directive",
    "enum",
    "expected",
    "find",
    "flag",
    "load",
    "number",
    "one",
    "prefix_path",
    "present",
    "read_file",
    "reference",
    "regex",
    "rows",
    "seconds",
    "settings",
    "shown_as",
    "size",
    "template",
    "text",
    "words",
]
