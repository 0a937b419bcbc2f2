"""The package is pure: bytes in, values out."""

from __future__ import annotations

import ast
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import reverseproxy.wire

PACKAGE = Path(reverseproxy.wire.__file__).parent


class PurityTests(SynchronousTestCase):
    def test_imports(self) -> None:
        """No module imports Twisted, a socket, or a part of the house that does I/O."""
        allowed = {"reverseproxy.errors", "reverseproxy.wire"}
        modules = sorted(PACKAGE.glob("*.py"))
        self.assertIn("heads.py", [module.name for module in modules])
        for module in modules:
            for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
                names = []
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom):
                    names = [node.module or ""]
                for name in names:
                    self.assertNotIn(name.split(".")[0], {"twisted", "socket", "os", "select"})
                    if name.startswith("reverseproxy"):
                        self.assertIn(".".join(name.split(".")[:2]), allowed, module.name)

    def test_described(self) -> None:
        """The package's docstring walks through every module."""
        text = reverseproxy.wire.__doc__ or ""
        for module in PACKAGE.glob("[!_]*.py"):
            self.assertIn(f"`{module.stem}`", text)
