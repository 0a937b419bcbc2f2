"""Levels and their settings: lookup, inheritance, origins, warnings, finding the file."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterable

from twisted.trial.unittest import SynchronousTestCase

from reverseproxy.config import (
    HTTP_SERVER_LOCATION,
    Configuration,
    ConfigurationError,
    Context,
    Diagnostic,
    Level,
    Template,
    directive,
    find,
    flag,
    load,
    one,
    rows,
    settings,
    text,
)
from tests.config.sample import (
    CLASSES,
    MAIN_FILE,
    Core,
    Daemon,
    Proxy,
    Rewrite,
    Upstream,
    errors_of,
    load_files,
)


def only(level: Level, *kinds: str) -> Level:
    """The one level down this path of kinds."""
    for kind in kinds:
        (level,) = level.of_kind(kind)
    return level


def headers(level: Level) -> list[str]:
    return [name for name, _ in level[Proxy].proxy_set_header]


class LevelTests(SynchronousTestCase):
    """Which levels there are."""

    def test_levels(self) -> None:
        """Every block is a level with its arguments, its place, its parent and its children."""
        main = load_files(
            "events {}\nhttp {\n upstream a { server b; }\n server {\n"
            "  location ~ \\.gif$ { limit_except GET POST { auth_basic_user_file x; } }\n"
            "  if ($host = a) { return 200; }\n } server {} }"
        ).main
        http = only(main, "http")
        first, second = http.of_kind("server")
        location = only(first, "location")
        self.assertEqual([each.kind for each in main.children], ["events", "http"])
        self.assertEqual([each.kind for each in http.children], ["upstream", "server", "server"])
        self.assertEqual([word.text for word in location.args], ["~", r"\.gif$"])
        self.assertEqual(str(location.origin), f"{MAIN_FILE}:5:3")
        self.assertIs(location.parent, first)
        self.assertIs(only(location, "limit_except").parent, location)
        self.assertEqual([word.text for word in only(first, "if").args], ["($host", "=", "a)"])
        self.assertEqual(only(http, "upstream")[Upstream].server, ("b",))
        self.assertEqual(second.children, ())
        self.assertIsNone(main.parent)

    def test_own(self) -> None:
        """`own` keeps a level's settings in the order written, whatever their class."""
        server = only(
            load_files("http { server { set $a 1; gzip on; return 200; set $b 2; } }").main,
            "http",
            "server",
        )
        self.assertEqual([each.name for each in server.own], ["set", "gzip", "return", "set"])
        self.assertEqual(server.own[0].value[0], "a")
        self.assertIs(server.own[1].value, True)
        self.assertEqual(server.own[3].origin.column, 48)

    def test_same_name_elsewhere(self) -> None:
        """A name may be a block in one context and a directive in another: `server`."""
        main = load_files("http { upstream u { server a; server b:1 down; } server {} }").main
        self.assertEqual(only(main, "http", "upstream")[Upstream].server, ("a", "b:1"))
        self.assertEqual(len(only(main, "http").of_kind("server")), 1)


class MergeTests(SynchronousTestCase):
    """nginx's rules of inheritance."""

    def test_defaults(self) -> None:
        """What nobody wrote has the default that the row names, or None, or ()."""
        main = load_files("").main
        self.assertEqual(main[Core].client_max_body_size, 1 << 20)
        self.assertEqual(main[Core].root, "/srv/rp/html")
        self.assertEqual(main[Core].server_name, ("",))
        self.assertEqual(main[Core].listen, ())
        self.assertIsNone(main[Core].types)
        self.assertEqual(headers(main), ["Host"])
        self.assertIsNone(main[Proxy].proxy_pass)

    def test_inner_wins(self) -> None:
        """A level takes its own value, else the nearest one outside."""
        server = only(
            load_files(
                "http { gzip on; root a; server { root b;"
                " location / { gzip off; location /x { root c; } } } }"
            ).main,
            "http",
            "server",
        )
        outer = only(server, "location")
        inner = only(outer, "location")
        self.assertEqual((server[Core].gzip, server[Core].root), (True, "/srv/rp/b"))
        self.assertEqual((outer[Core].gzip, outer[Core].root), (False, "/srv/rp/b"))
        self.assertEqual((inner[Core].gzip, inner[Core].root), (False, "/srv/rp/c"))

    def test_arrays(self) -> None:
        """An array is inherited whole, and only by a level that has none of its own."""
        server = only(
            load_files(
                "http { proxy_set_header A 1; proxy_set_header B 2; server {"
                " location / { proxy_set_header C 3; } location /x {} } }"
            ).main,
            "http",
            "server",
        )
        root, other = server.children
        self.assertEqual(headers(server), ["A", "B"])
        self.assertEqual(headers(root), ["C"])
        self.assertEqual(headers(other), ["A", "B"])

    def test_not_inherited(self) -> None:
        """What is not inherited is the default in every inner level, and comes back nowhere."""
        server = only(
            load_files(
                "http { server { listen 80; return 301 x; location / { proxy_pass a;"
                " proxy_read_timeout 5; location /x { location /x/y { } } } } }"
            ).main,
            "http",
            "server",
        )
        outer = only(server, "location")
        inner = only(outer, "location")
        self.assertEqual(server[Core].listen, ("80",))
        self.assertEqual((outer[Core].listen, outer[Rewrite].return_), ((), None))
        self.assertIsNone(inner[Proxy].proxy_pass)
        self.assertEqual(inner[Proxy].proxy_read_timeout, 5.0)
        self.assertIsNone(only(inner, "location")[Proxy].proxy_pass)

    def test_shared(self) -> None:
        """Levels without own rows of a class share one object with their parent."""
        http = only(
            load_files(
                "http { gzip on; server { listen 1;"
                " location / { proxy_pass a; } location /x { } } }"
            ).main,
            "http",
        )
        server = only(http, "server")
        first, second = server.children
        self.assertIs(server[Proxy], http[Proxy])
        self.assertIs(second[Proxy], http[Proxy])
        self.assertIsNot(first[Proxy], http[Proxy])
        self.assertIs(first[Core], second[Core])
        self.assertIs(first[Rewrite], http[Rewrite])

    def test_frozen(self) -> None:
        """Settings can't be changed once loaded."""
        main = load_files("").main
        self.assertRaises(AttributeError, setattr, main[Core], "gzip", True)
        self.assertRaises(AttributeError, setattr, main, "children", ())

    def test_origin(self) -> None:
        """`origin_of` is where the value in force was written; None for a default."""
        http = only(
            load_files(
                "http {\n gzip on;\n server {\n  listen 80;\n  listen 81;\n"
                "  location / {\n   proxy_pass a;\n   location /x {}\n } } }"
            ).main,
            "http",
        )
        server = only(http, "server")
        outer = only(server, "location")
        inner = only(outer, "location")

        def line(level: Level, name: str) -> int | None:
            origin = level.origin_of(name)
            return None if origin is None else origin.line

        self.assertEqual(line(inner, "gzip"), 2)
        self.assertEqual(line(server, "listen"), 4)
        self.assertIsNone(line(outer, "listen"))
        self.assertEqual(line(outer, "proxy_pass"), 7)
        self.assertIsNone(line(inner, "proxy_pass"))
        self.assertIsNone(line(inner, "root"))


class ConversionTests(SynchronousTestCase):
    """What converters see and may say."""

    def test_block(self) -> None:
        """A block directive's converter gets the raw statements, included ones among them."""
        main = load_files(
            "http { types { include t; text/plain txt; } }", files={"t": "text/html html htm;"}
        ).main
        self.assertEqual(
            only(main, "http")[Core].types,
            {"html": "text/html", "htm": "text/html", "txt": "text/plain"},
        )

    def test_warnings(self) -> None:
        """A warning is located and doesn't stop the load."""
        configuration = load_files("http {\n types { a x; b x; } }")
        self.assertEqual(
            [str(each) for each in configuration.warnings],
            [f'{MAIN_FILE}:2:17: "x" has a type already'],
        )

    def test_missing_end(self) -> None:
        """A statement that swallowed the next one is warned of where any count is allowed."""
        configuration = load_files(
            "http { server {\n server_name a\n root x;\n gzip_types b\n c; } }"
        )
        self.assertEqual(
            [str(each) for each in configuration.warnings],
            [
                f'{MAIN_FILE}:2:2: an argument of "server_name" is the name of a directive: '
                'is a ";" missing after "a" in line 2?'
            ],
        )

    def test_declared_variables(self) -> None:
        """A variable may be declared after it is used, by `set` or by a named group."""
        main = load_files(
            "http { server { location / { proxy_pass http://$mine$name$1; }"
            ' set $Mine 1; gzip_disable "(?<name>x)"; } }'
        ).main
        location = only(main, "http", "server", "location")
        target = location[Proxy].proxy_pass
        self.assertIsInstance(target, Template)
        self.assertEqual(target and target.names, ("mine", "name", "1"))

    def test_no_effect(self) -> None:
        """A directive without effect is accepted silently, and its arguments are counted."""
        self.assertEqual(load_files("http { server_names_hash_bucket_size 64; }").warnings, ())
        self.assertEqual(
            errors_of("http { server_names_hash_bucket_size; }"),
            [
                '1:8: "server_names_hash_bucket_size" takes 1 argument, not none '
                "(server_names_hash_bucket_size size;)"
            ],
        )

    def test_check(self) -> None:
        """`check` sees merged settings, in levels with rows of their own class only."""
        self.assertEqual(load_files("http { proxy_buffers 1 4k; }").main.kind, "main")
        self.assertEqual(
            errors_of("http {\n proxy_buffers 1 4k; server { location / { proxy_pass x; } } }"),
            ["2:2: one buffer is too few"],
        )


class TableTests(SynchronousTestCase):
    """Mistakes of those who declare directives are found at once."""

    def test_rows(self) -> None:
        """A row knows its name, its field and how many arguments it takes."""
        by_name = {row.name: row for cls in CLASSES for row in rows(cls)}
        self.assertEqual(by_name["return"].field, "return_")
        self.assertEqual((by_name["return"].least, by_name["return"].most), (1, 2))
        self.assertEqual((by_name["server_name"].least, by_name["server_name"].most), (1, None))
        self.assertEqual((by_name["listen"].least, by_name["listen"].most), (1, 1))

    def test_other_name(self) -> None:
        """`name` stands for the field's name."""

        @settings
        class Other:
            enabled: bool = directive(one(flag), "off", Context.HTTP, name="other", doc="A switch.")

        main = load_files("http { other on; }", classes=[Other]).main
        self.assertTrue(only(main, "http")[Other].enabled)

    def test_clash(self) -> None:
        """Two rows may not claim one name in one context."""

        @settings
        class Again:
            gzip: bool = directive(one(flag), "off", HTTP_SERVER_LOCATION, doc="Twice.")

        self.assertRaises(ValueError, load_files, "", classes=[Core, Again])

    def test_bad_declarations(self) -> None:
        """A field without a row, a bad count and a default that is no value are refused."""

        class Plain:
            x: int

        @settings
        class BadDefault:
            x: bool = directive(one(flag), "maybe", Context.HTTP, doc="Wrong.")

        self.assertRaises(TypeError, settings, Plain)
        self.assertRaises(
            ValueError, directive, one(text), None, Context.HTTP, args="some", doc="Wrong."
        )
        error = self.assertRaises(ValueError, load_files, "", classes=[BadDefault])
        self.assertIn("the default of x", str(error))


class FileTests(SynchronousTestCase):
    """Which files are read."""

    def test_texts(self) -> None:
        """The configuration keeps the files' names and texts in reading order."""
        configuration: Configuration = load_files(
            "include b; include a;", files={"a": "", "b": "#"}
        )
        self.assertEqual(configuration.files, (MAIN_FILE, "/etc/rp/b", "/etc/rp/a"))
        self.assertEqual(configuration.texts["/etc/rp/b"], "#")

    def test_find(self) -> None:
        """A file is itself; a directory is its reverseproxy.conf, else its nginx.conf."""
        top = self.mktemp()
        os.makedirs(top)
        with self.assertRaises(ConfigurationError) as caught:
            find(top)
        self.assertEqual(
            str(caught.exception),
            f'no reverseproxy.conf or nginx.conf in the directory "{os.path.abspath(top)}"',
        )
        for name in ("nginx.conf", "reverseproxy.conf"):
            path = os.path.abspath(os.path.join(top, name))
            with open(path, "w", encoding="utf-8") as file:
                file.write("user www;")
            self.assertEqual(find(top), path)
            self.assertEqual(find(path), path)
        self.assertRaises(ConfigurationError, find, os.path.join(top, "none"))

    def test_from_disk(self) -> None:
        """Without `read` and `glob` the files are read from the disk, hidden ones not matched."""
        top = os.path.abspath(self.mktemp())
        os.makedirs(os.path.join(top, "conf.d"))
        for name, content in (
            ("nginx.conf", "user main; http { include conf.d/*; }"),
            ("conf.d/b", "gzip on;"),
            ("conf.d/.hidden", "nonsense;"),
        ):
            with open(os.path.join(top, name), "w", encoding="utf-8") as file:
                file.write(content)
        configuration = load(find(top), prefix=top, classes=CLASSES, variables=lambda name: True)
        self.assertEqual(configuration.main[Daemon].user, "main")
        self.assertTrue(only(configuration.main, "http")[Core].gzip)

    def test_unreadable(self) -> None:
        """A directory where a file should be is an error like any other."""
        top = os.path.abspath(self.mktemp())
        os.makedirs(top)
        with self.assertRaises(ConfigurationError) as caught:
            load(top, prefix=top, classes=CLASSES, variables=lambda name: True)
        self.assertEqual(str(caught.exception), f'can\'t read "{top}": Is a directory')

    def test_collector(self) -> None:
        """The garbage collector runs again after a load, also after one that failed."""
        load_files("")
        self.assertTrue(gc.isenabled())
        errors_of("x;")
        self.assertTrue(gc.isenabled())
        gc.disable()
        self.addCleanup(gc.enable)
        load_files("")
        self.assertFalse(gc.isenabled())


class CheckOrderTests(SynchronousTestCase):
    """When `check` is not called."""

    def test_incomplete(self) -> None:
        """With a syntax error settings are not checked: what is missing may be in the lost part."""
        calls: list[str] = []

        @settings
        class Checked:
            gzip: bool = directive(one(flag), "off", Context.HTTP, doc="A switch.")

            def check(self, level: Level) -> Iterable[Diagnostic]:
                calls.append(level.kind)
                return ()

        errors_of("http { gzip on; } }", classes=[Checked])
        self.assertEqual(calls, [])
        load_files("http { gzip on; }", classes=[Checked])
        self.assertEqual(calls, ["http"])
