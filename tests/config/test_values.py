"""The shared converters: what they take, what they make of it, and what they say otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import (
    Args,
    BadValue,
    Buffers,
    Origin,
    Paths,
    Word,
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


def word(value: str) -> Word:
    return Word(value, Origin("f", 1, 1))


def args(*values: str) -> Args:
    return Args(word("x"), tuple(map(word, values)), None, Paths("/etc/rp", "/srv"))


class WordTests(SynchronousTestCase):
    """Converters of one word."""

    def takes(self, convert: Callable[[Word], Any], **cases: Any) -> None:
        for value, meaning in cases.items():
            self.assertEqual(convert(word(value)), meaning, value)

    def refuses(self, convert: Callable[[Word], Any], wanted: str, values: Iterable[str]) -> None:
        for value in values:
            given = word(value)
            with self.assertRaises(BadValue, msg=value) as caught:
                convert(given)
            self.assertEqual(caught.exception.wanted, wanted)
            self.assertIs(caught.exception.word, given)

    def test_flag(self) -> None:
        """A flag is on or off in any case, and no other word."""
        self.takes(flag, on=True, off=False, ON=True, Off=False)
        self.refuses(flag, '"on" or "off"', ["", "yes", "1", "on ", "true"])

    def test_size(self) -> None:
        """Sizes are bytes, or k, m and g in either case; below 2**63."""
        self.takes(
            size,
            **{"0": 0, "1024": 1024, "8k": 8192, "8K": 8192, "10m": 10 << 20, "1G": 1 << 30},
        )
        self.takes(size, **{"8589934591g": 8589934591 << 30})
        bad = ["", "k", "-1", "1.5m", "10 m", "10mb", "0x10", "\u0661", "8589934592g", "9" * 30]
        self.refuses(size, "a size such as 10m", bad)

    def test_seconds(self) -> None:
        """Times are seconds, or units from years down to ms, each once and in order."""
        self.takes(
            seconds,
            **{
                "0": 0.0,
                "90": 90.0,
                "90s": 90.0,
                "500ms": 0.5,
                "1h30m": 5400.0,
                "1h 30m": 5400.0,
                "1h30": 3630.0,
                "1m 5s 250ms": 65.25,
                "1y": 31536000.0,
                "1M": 2592000.0,
                "2w": 1209600.0,
                "1d12h": 129600.0,
            },
        )
        bad = ["", "s", "-1", "1.5s", "30m1h", "1h1h", " 1", "5s 3", "1x", "1s1", "\u0661", "1ms2s"]
        self.refuses(seconds, "a time such as 90, 1h30m or 500ms", [*bad, "1" * 65])
        self.refuses(seconds, "a time of at most 300 years", ["301y", "9" * 64])

    def test_number(self) -> None:
        """Numbers are digits only, and lie between the bounds, both included."""
        self.takes(number(min=1, max=9), **{"1": 1, "9": 9, "07": 7})
        self.takes(number(), **{"0": 0, "1" * 18: int("1" * 18)})
        self.refuses(number(min=1, max=9), "a number from 1 to 9", ["0", "10", "", "x", "-1"])
        self.refuses(number(), "a number", ["-1", "+1", "1_0", " 1", "\u0661", "1" * 19])
        self.refuses(number(min=2), "a number of at least 2", ["1", ""])

    def test_enum(self) -> None:
        """A choice is one of those listed, in their case."""
        self.takes(enum("all", "any"), all="all", any="any")
        self.refuses(enum("a", "b", "c"), '"a", "b" or "c"', ["", "A", "ab"])
        self.refuses(enum("a"), '"a"', ["b"])

    def test_text(self) -> None:
        """Text is taken as it is."""
        self.takes(text, **{"": "", "a b": "a b"})


class ArgsTests(SynchronousTestCase):
    """Converters of a whole statement."""

    def test_one(self) -> None:
        """`one` converts the one argument there is."""
        self.assertEqual(one(size)(args("1k")), 1024)

    def test_words(self) -> None:
        """`words` keeps all texts in order; `present` is for none."""
        self.assertEqual(words(args("b", "a")), ("b", "a"))
        self.assertTrue(present(args()))

    def test_buffers(self) -> None:
        """Buffers are a number and a size, neither of them zero."""
        self.assertEqual(buffers(args("4", "32k")), Buffers(4, 32768))
        for bad in (("0", "4k"), ("4", "0"), ("4k", "4")):
            self.assertRaises(BadValue, buffers, args(*bad))

    def test_paths(self) -> None:
        """Relative paths start from their directory, absolute ones stay."""
        self.assertEqual(conf_path(args("a/../b")), "/etc/rp/b")
        self.assertEqual(prefix_path(args("html")), "/srv/html")
        self.assertEqual(prefix_path(args("/var/www/")), "/var/www")

    def test_template(self) -> None:
        """A template's variables are noted, to be checked when everything is read."""
        given = args("$a$1")
        self.assertEqual(template(given).names, ("a", "1"))
        self.assertEqual([name for name, _ in given.notes.used], ["a", "1"])

    def test_regex(self) -> None:
        """A regular expression's named groups become variables."""
        given = args("^(?<Name>a)")
        self.assertEqual(regex(given).names, ("name",))
        self.assertEqual(given.notes.declared, {"name"})

    def test_declare(self) -> None:
        """`declare` takes `$name` and nothing else."""
        given = args()
        self.assertEqual(given.declare(word("$Name_1")), "name_1")
        self.assertEqual(given.notes.declared, {"name_1"})
        for bad in ("name", "$", "$a-b", "$\u00e9", "$1", ""):
            self.assertRaises(BadValue, given.declare, word(bad))
