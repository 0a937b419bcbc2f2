"""The configuration of the article, taken from its text, and the proxy started with it."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from tests.integration.apache import application
from tests.integration.components import ARTICLE
from tests.integration.relay import Relay
from tests.integration.servers import Server, directory, free_port, once, start_proxy

MIME_TYPES = """\
types {
    text/html  html htm;
    text/css   css;
    text/plain txt;
    image/png  png;
}
"""

INDEX = b"<!DOCTYPE html><title>It works</title><p>The first server of the article.\n"
PICTURE = bytes(range(256)) * 1200  # 300 kB that no compression is asked for
STYLE = b"p { margin: 1em; color: #124 }\n" * 3000  # 90 kB that are worth it


def listings() -> list[str]:
    """The article's three files: nginx.conf, localhost.conf, testproject.conf."""
    text = ARTICLE.read_text(encoding="utf-8")
    blocks = re.findall(r"\{% highlight nginx %\}\n(.*?)\{% endhighlight %\}", text, re.DOTALL)
    files = [block for block in blocks if "{" in block]  # the fourth is a line for Apache
    if len(files) != 3:
        raise AssertionError(f"expected the article's three files, found {len(files)}")
    return files


def mapped(text: str, root: Path, port: int, backend_port: int) -> str:
    """The text with its absolute paths moved under `root` and its two ports changed."""
    text = re.sub(r"(?<=\s)/(?=etc/|var/)", f"{root}/", text)
    text = re.sub(r"(?m)^(\s*listen\s+)80;", rf"\g<1>{port};", text)
    return text.replace("http://127.0.0.1:8080/", f"http://127.0.0.1:{backend_port}/")


class Front:
    """The proxy under test with the article's configuration, in front of a port."""

    def __init__(self, backend_port: int) -> None:
        self.port = free_port()
        self.root = directory("front")
        self.access_log = self.root / "var/log/nginx/access.log"
        self.spool = self.root / "var/spool/nginx-client-body"
        etc = self.root / "etc/nginx"
        for path in (etc / "sites-enabled", self.access_log.parent, self.root / "var/run"):
            path.mkdir(parents=True)
        self.spool.mkdir(parents=True)
        if os.geteuid() == 0:
            shutil.chown(self.spool, "www-data", "www-data")
        names = ("nginx.conf", "sites-enabled/localhost.conf", "sites-enabled/testproject.conf")
        for name, text in zip(names, listings(), strict=True):
            (etc / name).write_text(mapped(text, self.root, self.port, backend_port))
        (etc / "mime.types").write_text(MIME_TYPES)
        self._write_pages(self.root / "html")
        self.server: Server = start_proxy(etc / "nginx.conf", self.root, self.port)

    @staticmethod
    def _write_pages(html: Path) -> None:
        html.mkdir()
        (html / "index.html").write_bytes(INDEX)
        (html / "picture.png").write_bytes(PICTURE)
        (html / "style.css").write_bytes(STYLE)


@once
def front() -> Front:
    """The article's proxy in front of the Django site."""
    return Front(application().port)


@once
def watched() -> tuple[Front, Relay]:
    """The same with a relay between, which sees every connection that the proxy opens."""
    relay = Relay(application().port)
    return Front(relay.port), relay
