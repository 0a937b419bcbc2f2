"""`config` and `wire` are pure: they know nothing of a reactor, a socket or the web."""

from __future__ import annotations

import ast
import os

from twisted.trial.unittest import SynchronousTestCase

import reverseproxy

PACKAGE = os.path.dirname(os.path.abspath(reverseproxy.__file__))
FORBIDDEN = ("twisted", "socket", "asyncio", "select", "threading", "OpenSSL", "ssl")
ALLOWED_WITHIN = ("reverseproxy.config", "reverseproxy.wire", "reverseproxy.errors")


def imports(source: str) -> list[str]:
    """The modules that a source imports, anywhere in it."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # A relative import would hide which part of the package is meant.
            found.append("." * node.level + (node.module or ""))
    return found


def impure(module: str) -> bool:
    top = module.partition(".")[0]
    if top in FORBIDDEN or module.startswith("."):
        return True
    within = any(module == name or module.startswith(f"{name}.") for name in ALLOWED_WITHIN)
    return top == "reverseproxy" and not within


class PurityTests(SynchronousTestCase):
    """What the pure packages import."""

    def test_imports(self) -> None:
        """No module of config/ or wire/ imports Twisted, sockets or another part of the house."""
        seen = 0
        for part in ("config", "wire"):
            for folder, _, names in os.walk(os.path.join(PACKAGE, part)):
                for name in sorted(names):
                    if not name.endswith(".py"):
                        continue
                    path = os.path.join(folder, name)
                    with open(path, encoding="utf-8") as file:
                        bad = [module for module in imports(file.read()) if impure(module)]
                    self.assertEqual(bad, [], path)
                    seen += 1
        self.assertGreater(seen, 10)

    def test_the_check_itself(self) -> None:
        """The check sees imports in functions, of parts, and relative ones."""
        source = (
            "def f():\n import twisted.web.http\nfrom reverseproxy.web import x\nfrom . import y"
        )
        self.assertEqual([impure(module) for module in imports(source)], [True, True, True])
        self.assertFalse(impure("reverseproxy.config.source"))
        self.assertTrue(impure("reverseproxy.configure"))
