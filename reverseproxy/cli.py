"""The `reverseproxy` command, which takes nginx's options.

Little is imported before it is needed: `-v`, `-V` and `-h` answer at once, and Twisted must not be
there before the daemon is in the background.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from reverseproxy import about
from reverseproxy.process.background import open_standard
from reverseproxy.process.telling import say, tell

if TYPE_CHECKING:
    from reverseproxy.process.loading import Given

#: Options with an argument, and what that is called when it is missing.
_TAKES = {
    "p": "directory name",
    "e": "file name",
    "c": "file name",
    "g": "parameter",
    "s": "parameter",
}
_SWITCHES = "?hvVtTq"
_SIGNALS = ("stop", "quit", "reopen", "reload")


class UsageError(Exception):
    """The options can't be read."""


class Options:
    """The options: `switches` are those without an argument, `given` the others."""

    def __init__(self, arguments: Sequence[str]) -> None:
        """Raises UsageError."""
        self.switches: set[str] = set()
        self.given: dict[str, str] = {}
        rest = iter(arguments)
        for argument in rest:
            letters = argument.removeprefix("-")
            if letters == argument or not letters or letters.startswith("-"):
                raise UsageError(f'invalid option: "{argument}"')
            self._read(letters, rest)

    def _read(self, letters: str, rest: Iterator[str]) -> None:
        """One argument: switches, and at its end perhaps an option whose argument is apart."""
        for place, letter in enumerate(letters, 1):
            if letter in _SWITCHES:
                self.switches.add(letter)
                continue
            if letter not in _TAKES:
                raise UsageError(f'invalid option: "-{letter}"')
            value = letters[place:] or next(rest, "")
            if not value:
                raise UsageError(f'option "-{letter}" requires {_TAKES[letter]}')
            if letter == "s" and value not in _SIGNALS:
                raise UsageError(f'invalid option: "-s {value}"')
            self.given[letter] = value
            return

    def __contains__(self, letters: str) -> bool:
        """Whether one of some switches is there."""
        return not self.switches.isdisjoint(letters)


def given(options: Options) -> Given:
    """What the options say of the configuration."""
    from reverseproxy.process.loading import Given

    prefix = options.given.get("p")
    base = os.path.abspath(prefix or ".")
    path = os.path.join(base, options.given.get("c", about.CONFIGURATION))
    error_log = options.given.get("e")
    if error_log is not None and error_log != "stderr":
        error_log = os.path.join(base, error_log)
    return Given(path, prefix and base, options.given.get("g", ""), error_log, about.PID_FILE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the arguments say; the exit status."""
    open_standard()
    try:
        options = Options(sys.argv[1:] if arguments is None else arguments)
    except UsageError as error:
        say(str(error))
        return 1
    if "?hvV" in options:
        sys.stderr.write(_answer(options))
        if "tT" not in options:
            return 0
    if "tT" in options:
        return test(options)
    if "s" in options.given:
        return signal(options)
    from reverseproxy.process import starting

    return starting.start(given(options))


def _answer(options: Options) -> str:
    text = about.version()
    if "?h" in options:
        text += about.USAGE + "\n"
    return text + about.build() if "V" in options else text


def test(options: Options) -> int:
    """`-t` and `-T`."""
    from reverseproxy.config import ConfigurationError
    from reverseproxy.config.load import read_file
    from reverseproxy.process import starting

    asked = given(options)
    path = asked.path
    contents: dict[str, bytes] = {}

    def read(path: str) -> bytes:
        contents[path] = read_file(path)
        return contents[path]

    try:
        path, _ = asked.find()
        checked = starting.check(asked, read)
    except ConfigurationError as error:
        tell("emerg", error.diagnostics)
        say(f"configuration file {path} test failed")
        return 1
    tell("warn", checked.warnings)
    if "q" not in options:
        say(f"the configuration file {path} syntax is ok")
        say(f"configuration file {path} test is successful")
    if "T" in options:
        _dump({name: contents[name] for name in checked.configuration.files})
    return 0


def _dump(contents: dict[str, bytes]) -> None:
    """The files as they are, in the order in which they were read."""
    # Whoever reads it may have seen enough.
    with contextlib.suppress(BrokenPipeError), open(1, "wb", closefd=False) as out:
        for name, content in contents.items():
            out.write(b"# configuration file %b:\n%b\n" % (os.fsencode(name), content))


def signal(options: Options) -> int:
    """`-s`."""
    from reverseproxy.config import ConfigurationError
    from reverseproxy.process import signalling

    name = options.given["s"]
    try:
        signalling.send(name, _pid_file(given(options), whole=name == "reload"))
    except ConfigurationError as error:
        tell("emerg", error.diagnostics)
        return 1
    except signalling.NotSignalled as error:
        say(str(error), error.level)
        return 1
    return 0


def _pid_file(asked: Given, *, whole: bool) -> str:
    """The pid file; `whole`: of a configuration that is right in all its parts.

    Who wants to stop a daemon can, whatever became of its configuration. ConfigurationError.
    """
    if whole:
        from reverseproxy.process import starting
        from reverseproxy.process.settings import MainSettings

        checked = starting.check(asked)
        tell("warn", checked.warnings)
        found = checked.configuration.main[MainSettings].pid
    else:
        from reverseproxy.process import loading

        found = loading.outlined(asked, ("pid",)).pid
    if found is None:
        raise AssertionError("the default is given")
    return found
